#pragma once
/// \file Layouts whose names are OpenAI's: openai/CLIP, open_clip's CLIP and CustomTextCLIP.

#include <array>

#include <zeroshot/checkpoint/layout_rules.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// OpenAI's names are the canonical ones. open_clip has the text projection as a matrix [width, embedding], or as a
/// Linear with the transposed weight.
inline constexpr auto openai_rules = std::to_array<layout_rule>({
    {"text_projection.weight", "text_projection", 0, 1, true},
    {"*", "*"},
});

/// open_clip's CustomTextCLIP: the text tower's names begin with "text.".
inline constexpr auto custom_text_rules = joined(std::to_array<layout_rule>({
                                                     {"text.text_projection.weight", "text_projection", 0, 1, true},
                                                     {"text.*", "*"},
                                                 }),
                                                 openai_rules);

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
