#pragma once
/// \file Who decided what a checkpoint's tensors leave open: for people who wonder why a model is what it is.

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/model/config.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// The first source that says it, or what holds where none does.
template <class Says>
std::string decided_by(std::span<const settings> sources, const Says& says, std::string_view otherwise) {
    for (const settings& source : sources) {
        if (says(source)) return source.source;
    }
    return std::string(otherwise);
}

inline bool says_heads(const tower_settings& tower) {
    return tower.heads || tower.head_width;
}

}  // namespace detail

/// Heads, activations, preprocessing and tokenizer, each with who said so.
/// \param sources what is said outside the tensors, the first one counts most
inline std::vector<decision> decisions_of(const clip_config& config, std::span<const settings> sources) {
    constexpr std::string_view rule = "nobody: OpenAI's rule";
    constexpr std::string_view usual = "nobody: as OpenAI's models";
    std::vector<decision> made;
    const auto add = [&](std::string what, std::string_view otherwise, const auto& says) {
        made.push_back({std::move(what), detail::decided_by(sources, says, otherwise)});
    };
    if (config.has_image()) {
        add("vision heads", rule, [](const settings& s) { return detail::says_heads(s.vision); });
        if (std::holds_alternative<vision_transformer_config>(config.image))
            add("vision activation", rule, [](const settings& s) { return s.vision.function.has_value(); });
    }
    if (config.has_text()) {
        add("text heads", rule, [](const settings& s) { return detail::says_heads(s.text); });
        add("text activation", rule, [](const settings& s) { return s.text.function.has_value(); });
    }
    if (config.has_image()) {
        add("mean", usual, [](const settings& s) { return s.mean.has_value(); });
        add("std", usual, [](const settings& s) { return s.std.has_value(); });
        add("order", usual, [](const settings& s) { return s.order.has_value(); });
        add("interpolation", usual, [](const settings& s) { return s.filter.has_value(); });
    }
    if (config.has_text())
        add("tokenizer", usual, [](const settings& s) { return s.merges.has_value() || s.tokenizer.has_value(); });
    return made;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
