#pragma once
/// \file Prompt templates: "a photo of {}." with the label "a dog" is the prompt "a photo of a dog.". OpenAI's
/// templates, and the names of ImageNet's classes.

#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// A sentence with one placeholder, {}, for the label; all else is literal.
class prompt_template {
   public:
    static constexpr std::string_view placeholder = "{}";

    /// \throws argument_error unless {} is in the sentence exactly once
    explicit prompt_template(std::string_view sentence) {
        const std::size_t at = sentence.find(placeholder);
        if (at == std::string_view::npos) {
            throw argument_error(error_code::argument, {"template " + quoted(sentence), "no placeholder for the label",
                                                        "{} once", "as in 'a photo of a {}.'"});
        }
        if (sentence.find(placeholder, at + 1) != std::string_view::npos) {
            throw argument_error(error_code::argument,
                                 {"template " + quoted(sentence), "two placeholders for the label", "{} once", ""});
        }
        before_ = sentence.substr(0, at);
        after_ = sentence.substr(at + placeholder.size());
    }

    /// The sentence with its placeholder.
    std::string sentence() const { return (*this)(placeholder); }

    std::string operator()(std::string_view label) const { return before_ + std::string(label) + after_; }

   private:
    std::string before_;
    std::string after_;
};

/// The template that leaves labels as they are.
inline prompt_template verbatim() {
    return prompt_template(prompt_template::placeholder);
}

namespace detail {

#include <zeroshot/classify/tables/prompts.inc>

}  // namespace detail

/// The names of ImageNet's 1000 classes, by label, as OpenAI and open_clip prompt with them. "missile" and "sunglasses"
/// occur twice.
inline std::vector<std::string> imagenet_classes() {
    return {std::begin(detail::imagenet_classes), std::end(detail::imagenet_classes)};
}

/// The 80 templates of the CLIP paper's results on ImageNet.
inline std::vector<std::string> openai_templates() {
    return {std::begin(detail::openai_templates_80), std::end(detail::openai_templates_80)};
}

/// Seven of the 80 with nearly the same accuracy.
inline std::vector<std::string> short_openai_templates() {
    return {std::begin(detail::openai_templates_7), std::end(detail::openai_templates_7)};
}

}}  // namespace zeroshot::ZEROSHOT_ABI
