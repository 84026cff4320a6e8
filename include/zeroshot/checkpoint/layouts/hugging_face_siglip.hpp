#pragma once
/// \file Layout of transformers' SiglipModel: a pooling head for images, a Linear for texts.

#include <array>

#include <zeroshot/checkpoint/layout_rules.hpp>
#include <zeroshot/checkpoint/layouts/hugging_face.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// The names of modeling_siglip.py.
inline constexpr auto hugging_face_siglip_rules =
    joined(std::to_array<layout_rule>({
               {"text_model.head.weight", "text_projection", 0, 1, true},
               {"text_model.head.bias", "text_projection.bias"},
               {"vision_model.head.probe", "visual.attn_pool.probe"},
               {"vision_model.head.attention.*", "visual.attn_pool.attn.*"},
               {"vision_model.head.layernorm.*", "visual.attn_pool.ln.*"},
               {"vision_model.head.mlp.fc1.*", "visual.attn_pool.mlp.c_fc.*"},
               {"vision_model.head.mlp.fc2.*", "visual.attn_pool.mlp.c_proj.*"},
           }),
           hugging_face_tower_rules);

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
