#pragma once
/// \file Rules of a tokenizer beside its merges: normalisation, added tokens, and the ids of its symbols.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/support/utf8.hpp>
#include <zeroshot/text/clean.hpp>
#include <zeroshot/text/unicode.hpp>
#include <zeroshot/text/vocabulary.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// How a text is normalised before it is cut into words.
enum class text_normalizer {
    openai,        ///< ftfy's repairs, HTML references, white space, lower case: clean()
    hugging_face,  ///< the steps of a Hugging Face tokenizer.json that tokenizer_rules names
};

/// A token that is found in a text before words are.
struct added_token {
    std::string text{};
    token_id id = 0;
    bool normalized = false;  ///< found in the normalised text instead of the text as it is

    bool operator==(const added_token&) const = default;
};

/// Rules of a tokenizer beside its merges; by default OpenAI's.
struct tokenizer_rules {
    text_normalizer normalizer = text_normalizer::openai;
    bool nfc = true;                   ///< hugging_face: Unicode's canonical composition
    bool single_spaces = true;         ///< hugging_face: a space for each run of white space
    bool lowercase = true;             ///< hugging_face: each character alone, without the final sigma
    bool finds_names = true;           ///< hugging_face: the names of the start and end token are words of their own
    std::vector<added_token> added{};  ///< hugging_face; the start and end tokens among them
    std::vector<token_id> ids{};       ///< of each symbol of the vocabulary, -1 to leave it out; empty: its number

    bool operator==(const tokenizer_rules&) const = default;
};

namespace text {

/// A space for each run of white space. Mirrors Replace of \\s+ in Hugging Face tokenizers.
inline std::u32string with_single_spaces(std::u32string_view text) {
    std::u32string result;
    for (const char32_t character : text)
        if (!is_space(character) || result.empty() || result.back() != U' ')
            result += is_space(character) ? U' ' : character;
    return result;
}

/// Normalises by the steps of a tokenizer.json. Mirrors NFC and Lowercase of Hugging Face tokenizers.
inline std::u32string hugging_face_normalised(std::u32string_view text, const tokenizer_rules& rules) {
    std::u32string result = rules.nfc ? normalize_nfc(text) : std::u32string(text);
    if (rules.single_spaces) result = with_single_spaces(result);
    return rules.lowercase ? lowercase(result, final_sigma_rule::ignored) : result;
}

/// Texts to find, and their ids: the longest one at the earliest position.
class token_finder {
   public:
    /// \param normalized which of the added tokens; the others are left out
    token_finder(const tokenizer_rules& rules, bool normalized) {
        for (const added_token& each : rules.added) {
            if (each.normalized != normalized || each.text.empty()) continue;
            std::u32string text = code_points(each.text, invalid_utf8::replace);
            if (normalized) text = hugging_face_normalised(text, rules);
            first_letters_.insert(text.front());
            lengths_.insert(text.size());
            tokens_.try_emplace(std::move(text), each.id);
        }
    }

    /// Cuts a text at the tokens: calls between(text) and token(id) in order.
    template <class Between, class Token>
    void cut(std::u32string_view text, const Between& between, const Token& token) const {
        std::size_t begin = 0;
        for (std::size_t at = 0; at < text.size();) {
            const auto* const found = longest(text.substr(at));
            if (found == nullptr) {
                ++at;
                continue;
            }
            if (at > begin) between(text.substr(begin, at - begin));
            token(found->second);
            begin = at += found->first.size();
        }
        if (begin < text.size()) between(text.substr(begin));
    }

   private:
    using tokens = std::map<std::u32string, token_id, std::less<>>;

    const tokens::value_type* longest(std::u32string_view text) const {
        if (!first_letters_.contains(text.front())) return nullptr;
        for (const std::size_t length : lengths_) {
            if (length > text.size()) continue;
            const auto found = tokens_.find(text.substr(0, length));
            if (found != tokens_.end()) return &*found;
        }
        return nullptr;
    }

    tokens tokens_;
    std::set<std::size_t, std::greater<>> lengths_;
    std::set<char32_t> first_letters_;
};

}  // namespace text

}}  // namespace zeroshot::ZEROSHOT_ABI
