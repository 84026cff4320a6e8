#pragma once
/// \file Layout of transformers' CLIPModel, and the rules that its other models share.

#include <array>

#include <zeroshot/checkpoint/layout_rules.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// The two transformers and what surrounds them.
inline constexpr auto hugging_face_tower_rules = std::to_array<layout_rule>({
    {"logit_scale", "logit_scale"},
    {"logit_bias", "logit_bias"},

    {"vision_model.embeddings.patch_embedding.*", "visual.conv1.*"},
    {"vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"},
    {"vision_model.post_layernorm.*", "visual.ln_post.*"},
    {"text_model.embeddings.token_embedding.*", "token_embedding.*"},
    {"text_model.embeddings.position_embedding.weight", "positional_embedding"},
    {"text_model.final_layer_norm.*", "ln_final.*"},

    {"vision_model.encoder.layers.#.layer_norm1.*", "visual.transformer.resblocks.#.ln_1.*"},
    {"vision_model.encoder.layers.#.self_attn.q_proj.*", "visual.transformer.resblocks.#.attn.in_proj_*", 0, 3},
    {"vision_model.encoder.layers.#.self_attn.k_proj.*", "visual.transformer.resblocks.#.attn.in_proj_*", 1, 3},
    {"vision_model.encoder.layers.#.self_attn.v_proj.*", "visual.transformer.resblocks.#.attn.in_proj_*", 2, 3},
    {"vision_model.encoder.layers.#.self_attn.out_proj.*", "visual.transformer.resblocks.#.attn.out_proj.*"},
    {"vision_model.encoder.layers.#.layer_norm2.*", "visual.transformer.resblocks.#.ln_2.*"},
    {"vision_model.encoder.layers.#.mlp.fc1.*", "visual.transformer.resblocks.#.mlp.c_fc.*"},
    {"vision_model.encoder.layers.#.mlp.fc2.*", "visual.transformer.resblocks.#.mlp.c_proj.*"},

    {"text_model.encoder.layers.#.layer_norm1.*", "transformer.resblocks.#.ln_1.*"},
    {"text_model.encoder.layers.#.self_attn.q_proj.*", "transformer.resblocks.#.attn.in_proj_*", 0, 3},
    {"text_model.encoder.layers.#.self_attn.k_proj.*", "transformer.resblocks.#.attn.in_proj_*", 1, 3},
    {"text_model.encoder.layers.#.self_attn.v_proj.*", "transformer.resblocks.#.attn.in_proj_*", 2, 3},
    {"text_model.encoder.layers.#.self_attn.out_proj.*", "transformer.resblocks.#.attn.out_proj.*"},
    {"text_model.encoder.layers.#.layer_norm2.*", "transformer.resblocks.#.ln_2.*"},
    {"text_model.encoder.layers.#.mlp.fc1.*", "transformer.resblocks.#.mlp.c_fc.*"},
    {"text_model.encoder.layers.#.mlp.fc2.*", "transformer.resblocks.#.mlp.c_proj.*"},
});

/// CLIPModel: the inverse of convert_clip_original_pytorch_to_hf.py.
inline constexpr auto hugging_face_rules =
    joined(std::to_array<layout_rule>({
               {"visual_projection.weight", "visual.proj", 0, 1, true},
               {"text_projection.weight", "text_projection", 0, 1, true},
               {"vision_model.embeddings.class_embedding", "visual.class_embedding"},
               {"vision_model.pre_layrnorm.*", "visual.ln_pre.*"},  // the misspelling is in every published file
           }),
           hugging_face_tower_rules);

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
