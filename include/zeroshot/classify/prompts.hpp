#pragma once
/// \file Prompt templates: "a photo of {}." with the label "a dog" is the prompt "a photo of a dog.".

#include <cstddef>
#include <string>
#include <string_view>

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

}}  // namespace zeroshot::ZEROSHOT_ABI
