#pragma once
/// \file Splitting of cleaned text into words, single digits, punctuation and contractions.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include <zeroshot/text/unicode.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace text {

inline constexpr std::u32string_view start_of_text = U"<|startoftext|>", end_of_text = U"<|endoftext|>";

/// Whether a text begins with a lower-case word, as IGNORECASE compares: the long s (U+017F) equals s.
inline bool begins_with(std::u32string_view text, std::u32string_view word) {
    constexpr char32_t long_s = 0x017F;
    const auto folded = [](char32_t character) {
        return character == long_s ? U's' : character >= U'A' && character <= U'Z' ? character + 0x20 : character;
    };
    return text.size() >= word.size() &&
           std::equal(word.begin(), word.end(), text.begin(), [&](char32_t a, char32_t b) { return a == folded(b); });
}

/// White space, and U+0345: with IGNORECASE it matches no class, being no letter, while its capital is one.
inline bool is_skipped(char32_t character) {
    return character == 0x0345 || is_space(character);
}

/// Length of the piece at the beginning of a text, in the order of the pattern's alternatives; 0 for a skipped
/// character.
inline std::size_t piece_length(std::u32string_view text) {
    for (const std::u32string_view whole : {start_of_text, end_of_text}) {
        if (text[0] == U'<' && begins_with(text, whole)) return whole.size();
    }
    for (const std::u32string_view ending : {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"}) {
        if (text[0] == U'\'' && begins_with(text, ending)) return ending.size();
    }
    const auto length_of = [&](auto matches) {
        return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), matches) - text.begin());
    };
    if (is_letter(text[0])) return length_of(is_letter);
    if (is_number(text[0])) return 1;
    return length_of([](char32_t c) { return !is_letter(c) && !is_number(c) && !is_skipped(c); });
}

/// Calls visit(piece) for each piece of cleaned text, in order.
/// Mirrors SimpleTokenizer.pat and findall in openai/CLIP clip/simple_tokenizer.py (module regex, IGNORECASE):
///
///     <\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
template <class Visit>
void for_each_piece(std::u32string_view text, Visit visit) {
    while (!text.empty()) {
        const std::size_t length = piece_length(text);
        if (length > 0) visit(text.substr(0, length));
        text.remove_prefix((std::max<std::size_t>)(length, 1));
    }
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::text
