#pragma once
/// \file The names of ImageNet's classes and OpenAI's prompt templates, built in. Included by who wants them: no other
/// header of ours does.

#include <iterator>
#include <string>
#include <vector>

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

#include <zeroshot/classify/tables/prompts.inc>

}  // namespace detail

/// The 1000 names by label, as OpenAI and open_clip prompt with them. "missile" and "sunglasses" stand twice: labels
/// are positions, not names.
inline std::vector<std::string> imagenet_classes() {
    return {std::begin(detail::imagenet_classes), std::end(detail::imagenet_classes)};
}

/// The 80 templates of the paper's ImageNet figures.
inline std::vector<std::string> openai_templates() {
    return {std::begin(detail::openai_templates_80), std::end(detail::openai_templates_80)};
}

/// Seven of them that do nearly as well.
inline std::vector<std::string> short_openai_templates() {
    return {std::begin(detail::openai_templates_7), std::end(detail::openai_templates_7)};
}

}}  // namespace zeroshot::ZEROSHOT_ABI
