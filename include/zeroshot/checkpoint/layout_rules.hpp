#pragma once
/// \file Rules of a checkpoint layout: from the names of its tensors to canonical names.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// One line of a layout's table.
///
///     {"text_model.encoder.layers.#.self_attn.k_proj.*", "transformer.resblocks.#.attn.in_proj_*", 1, 3}
///
/// maps text_model.encoder.layers.7.self_attn.k_proj.bias to the second third of
/// transformer.resblocks.7.attn.in_proj_bias.
struct layout_rule {
    std::string_view pattern;  ///< name in the file: # stands for the number of a block, * at its end for any rest
    std::string_view name;     ///< canonical name, with the same number and rest
    std::size_t part = 0;      ///< index among the parts of the canonical tensor
    std::size_t parts = 1;     ///< of the canonical tensor, joined along the first axis
    bool transposed = false;   ///< the file holds the transpose
};

/// The rules of both tables, those of the first before those of the second.
template <std::size_t First, std::size_t Second>
constexpr std::array<layout_rule, First + Second> joined(const std::array<layout_rule, First>& first,
                                                         const std::array<layout_rule, Second>& second) {
    std::array<layout_rule, First + Second> rules{};
    std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), rules.begin()));
    return rules;
}

/// The canonical name of a tensor of the file, and its index among the parts.
struct canonical_place {
    std::string name;
    std::size_t part = 0;
    std::size_t parts = 1;
    bool transposed = false;

    bool operator==(const canonical_place&) const = default;
};

/// The place of a tensor by one rule; empty where the name is another.
inline std::optional<canonical_place> place_of(const layout_rule& rule, std::string_view name) {
    std::string_view pattern = rule.pattern, number;
    if (const std::size_t before = pattern.find('#'); before != std::string_view::npos) {
        if (name.substr(0, before) != pattern.substr(0, before)) return std::nullopt;
        name.remove_prefix(before);
        pattern.remove_prefix(before + 1);
        number = name.substr(0, name.find_first_not_of("0123456789"));
        if (number.empty()) return std::nullopt;
        name.remove_prefix(number.size());
    }
    const bool is_open = pattern.ends_with('*');
    if (is_open) pattern.remove_suffix(1);
    if (!name.starts_with(pattern) || (!is_open && name.size() != pattern.size())) return std::nullopt;
    canonical_place place{{}, rule.part, rule.parts, rule.transposed};
    for (const char letter : rule.name) {
        if (letter == '#')
            place.name += number;
        else if (letter == '*')
            place.name += name.substr(pattern.size());
        else
            place.name += letter;
    }
    return place;
}

/// The place of a tensor by the first rule that fits its name; empty where none does.
inline std::optional<canonical_place> place_of(std::span<const layout_rule> rules, std::string_view name) {
    for (const layout_rule& rule : rules)
        if (std::optional<canonical_place> place = place_of(rule, name)) return place;
    return std::nullopt;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
