#pragma once
/// \file Labels into sentences: "a dog" and "a photo of {}." make a prompt.

#include <cstddef>
#include <string>
#include <string_view>

#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// A sentence with one place, {}, for the label. Nothing else in it has a meaning.
class prompt_template {
   public:
    static constexpr std::string_view place = "{}";

    /// \throws argument_error unless {} stands in it exactly once
    explicit prompt_template(std::string_view sentence) {
        const std::size_t at = sentence.find(place);
        if (at == std::string_view::npos) {
            throw argument_error(error_code::argument, {"template " + quoted(sentence), "no place for the label",
                                                        "{} once", "as in 'a photo of a {}.'"});
        }
        if (sentence.find(place, at + 1) != std::string_view::npos) {
            throw argument_error(error_code::argument,
                                 {"template " + quoted(sentence), "two places for the label", "{} once", ""});
        }
        before_ = sentence.substr(0, at);
        after_ = sentence.substr(at + place.size());
    }

    /// The sentence as it was given.
    std::string sentence() const { return (*this)(place); }

    std::string operator()(std::string_view label) const { return before_ + std::string(label) + after_; }

   private:
    std::string before_;
    std::string after_;
};

/// The template that leaves labels as they are.
inline prompt_template verbatim() {
    return prompt_template(prompt_template::place);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
