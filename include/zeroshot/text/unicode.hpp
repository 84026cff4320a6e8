#pragma once
/// \file Unicode character classes, lower case and normal form C, as Python 3.11 and its module regex define them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace text {

#include <zeroshot/text/tables/unicode.inc>

/// Whether a character is in a class, given by the characters at which membership changes.
inline bool within(std::span<const char32_t> boundaries, char32_t character) {
    const auto above = std::upper_bound(boundaries.begin(), boundaries.end(), character);
    return (above - boundaries.begin()) % 2 == 1;
}

/// The number of characters at the beginning of a text that match, at most `limit`.
template <class Matches>
std::size_t prefix_length(std::u32string_view text, const Matches& matches,
                          std::size_t limit = std::u32string_view::npos) {
    const std::u32string_view prefix = text.substr(0, limit);
    return static_cast<std::size_t>(std::find_if_not(prefix.begin(), prefix.end(), matches) - prefix.begin());
}

/// Lower bound in a sorted table: the first of `count` indices that is not before the key.
template <class IsBefore>
std::size_t first_index(std::size_t count, const IsBefore& is_before) {
    std::size_t low = 0;
    for (std::size_t high = count; low < high;) {
        const std::size_t middle = (low + high) / 2;
        if (is_before(middle)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/// Lower bound of a key among `count` rows of `width` numbers, sorted by their first.
inline std::size_t first_row(const char32_t* table, std::size_t count, std::size_t width, char32_t key) {
    return first_index(count, [&](std::size_t row) { return table[row * width] < key; });
}

/// Unicode's general category L: \\p{L} of the module regex.
inline bool is_letter(char32_t character) {
    if (character < 0x80) return (character | 0x20) >= U'a' && (character | 0x20) <= U'z';
    return within(letter_boundaries, character);
}

/// Unicode's general category N: \\p{N} of the module regex.
inline bool is_number(char32_t character) {
    if (character < 0x80) return character >= U'0' && character <= U'9';
    return within(number_boundaries, character);
}

/// White space: \\s of the module regex. Python's isspace() also has U+001C to U+001F, which cleaning removes before.
inline bool is_space(char32_t character) {
    return within(space_boundaries, character);
}

#include <zeroshot/text/tables/lowercase.inc>

/// The simple lower case of one character.
inline char32_t lower(char32_t character) {
    if (character < 0x80) return character >= U'A' && character <= U'Z' ? character + 0x20 : character;
    const std::size_t after = first_row(lower_runs, std::size(lower_runs) / 4, 4, character + 1);
    if (after == 0) return character;
    const char32_t* run = lower_runs + 4 * (after - 1);  // first, last, step, distance
    const bool inside = character <= run[1] && (character - run[0]) % run[2] == 0;
    return inside ? character + run[3] : character;  // the distance may be negative: modulo 2^32
}

/// Whether the capital sigma at that position is final: the next cased character is before it, not after it.
/// Mirrors handle_capital_sigma in CPython's Objects/unicodeobject.c.
inline bool is_final_sigma(std::u32string_view text, std::size_t at) {
    const auto ignorable = [](char32_t character) { return within(ignorable_boundaries, character); };
    const auto cased = [](char32_t character) { return within(cased_boundaries, character); };
    std::size_t before = at;
    while (before > 0 && ignorable(text[before - 1])) --before;
    if (before == 0 || !cased(text[before - 1])) return false;
    std::size_t after = at + 1;
    while (after < text.size() && ignorable(text[after])) ++after;
    return after == text.size() || !cased(text[after]);
}

/// Whether a capital sigma at the end of a word becomes a final one.
enum class final_sigma_rule { applied, ignored };

/// Lower case without a locale: final sigma by its position, U+0130 as i and a combining dot.
/// Mirrors str.lower() of Python 3.11; without the rule of the final sigma, Lowercase of Hugging Face tokenizers.
inline std::u32string lowercase(std::u32string_view text, final_sigma_rule rule = final_sigma_rule::applied) {
    constexpr char32_t capital_sigma = 0x03A3, sigma = 0x03C3, final_sigma = 0x03C2;
    constexpr char32_t capital_i_with_dot = 0x0130, dot_above = 0x0307;
    std::u32string lowered;
    lowered.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == capital_sigma) {
            const bool is_final = rule == final_sigma_rule::applied && is_final_sigma(text, at);
            lowered += is_final ? final_sigma : sigma;
        } else if (text[at] == capital_i_with_dot) {
            lowered += U'i';
            lowered += dot_above;
        } else {
            lowered += lower(text[at]);
        }
    }
    return lowered;
}

#include <zeroshot/text/tables/normalization.inc>

/// Arithmetic of Hangul syllables (The Unicode Standard, section 3.12).
namespace hangul {
inline constexpr char32_t syllables = 0xAC00, leads = 0x1100, vowels = 0x1161, tails = 0x11A7;
inline constexpr char32_t lead_count = 19, vowel_count = 21, tail_count = 28;
inline constexpr char32_t syllable_count = lead_count * vowel_count * tail_count;
}  // namespace hangul

/// The canonical combining class: 0 for a starter.
inline char32_t combining_class(char32_t character) {
    constexpr std::size_t count = std::size(combining_runs) / 3;
    if (character < combining_runs[0]) return 0;
    const std::size_t after = first_row(combining_runs, count, 3, character + 1);
    const char32_t* run = combining_runs + 3 * (after - 1);
    return character <= run[1] ? run[2] : 0;
}

/// Appends the full canonical decomposition of one character.
inline void append_decomposed(std::u32string& text, char32_t character) {
    constexpr std::size_t count = std::size(decompositions) / 3;
    if (character - hangul::syllables < hangul::syllable_count) {
        const char32_t index = character - hangul::syllables;
        text += hangul::leads + index / (hangul::vowel_count * hangul::tail_count);
        text += hangul::vowels + index / hangul::tail_count % hangul::vowel_count;
        if (index % hangul::tail_count != 0) text += hangul::tails + index % hangul::tail_count;
        return;
    }
    std::u32string seconds;  // only first parts decompose further, so the second parts follow in reverse
    for (std::size_t row;
         (row = first_row(decompositions, count, 3, character)) < count && decompositions[3 * row] == character;) {
        if (decompositions[3 * row + 2] != 0) seconds += decompositions[3 * row + 2];
        character = decompositions[3 * row + 1];
    }
    text += character;
    for (; !seconds.empty(); seconds.pop_back()) text += seconds.back();
}

/// The canonical composition of two characters, or 0.
inline char32_t composed(char32_t first, char32_t second) {
    if (first - hangul::leads < hangul::lead_count && second - hangul::vowels < hangul::vowel_count) {
        return hangul::syllables +
               ((first - hangul::leads) * hangul::vowel_count + (second - hangul::vowels)) * hangul::tail_count;
    }
    if (first - hangul::syllables < hangul::syllable_count && (first - hangul::syllables) % hangul::tail_count == 0 &&
        second - hangul::tails - 1 < hangul::tail_count - 1) {
        return first + (second - hangul::tails);
    }
    const auto parts_before = [&](std::uint16_t row, int) {
        const char32_t* parts = decompositions + 3 * std::size_t{row} + 1;
        return parts[0] != first ? parts[0] < first : parts[1] < second;
    };
    const auto* row = std::lower_bound(std::begin(compositions), std::end(compositions), 0, parts_before);
    if (row == std::end(compositions)) return 0;
    const char32_t* whole = decompositions + 3 * std::size_t{*row};
    return whole[1] == first && whole[2] == second ? whole[0] : 0;
}

/// Sorts each run of combining marks by their classes; equal ones keep their order.
inline void order_marks(std::u32string& text) {
    const auto is_mark = [](char32_t character) { return combining_class(character) != 0; };
    for (auto at = text.begin(); at != text.end();) {
        at = std::find_if(at, text.end(), is_mark);
        const auto end = std::find_if_not(at, text.end(), is_mark);
        if (end - at > 1) std::ranges::stable_sort(at, end, {}, combining_class);
        at = end;
    }
}

/// Composes a decomposed text with ordered marks, in place.
inline void compose(std::u32string& text) {
    std::size_t starter = std::u32string::npos, size = 0;
    char32_t previous = 0;  // combining class of the last character that did not compose
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char32_t character = text[at], rank = combining_class(character);
        const bool adjacent = starter != std::u32string::npos && size == starter + 1;
        const bool reachable = starter != std::u32string::npos && (adjacent || (rank != 0 && previous < rank));
        if (const char32_t whole = reachable ? composed(text[starter], character) : 0) {
            text[starter] = whole;
            continue;
        }
        if (rank == 0) starter = size;
        previous = rank;
        text[size++] = character;
    }
    text.resize(size);
}

/// Unicode's normal form C: a letter and its accents as one character where there is one.
/// Mirrors unicodedata.normalize("NFC", text) of Python 3.11.
inline std::u32string normalize_nfc(std::u32string_view text) {
    constexpr char32_t first_that_changes = 0x0300;  // all characters before the first combining mark stay as they are
    if (std::all_of(text.begin(), text.end(), [](char32_t character) { return character < first_that_changes; })) {
        return std::u32string(text);
    }
    std::u32string result;
    result.reserve(text.size());
    for (const char32_t character : text) append_decomposed(result, character);
    order_marks(result);
    compose(result);
    return result;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::text
