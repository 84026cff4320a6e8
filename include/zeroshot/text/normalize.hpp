#pragma once
/// \file Unicode's normal form C: a letter and its accents as one character where there is one.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/text/unicode.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {
namespace detail {

#include <zeroshot/text/tables/normalization.inc>

/// Hangul syllables are computed. Source: The Unicode Standard, section 3.12.
namespace hangul {
inline constexpr char32_t syllables = 0xAC00, leads = 0x1100, vowels = 0x1161, tails = 0x11A7;
inline constexpr char32_t lead_count = 19, vowel_count = 21, tail_count = 28;
inline constexpr char32_t syllable_count = lead_count * vowel_count * tail_count;
}  // namespace hangul

/// The canonical combining class: 0 for what stands on its own.
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

/// The character that two make, or 0.
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
    const char32_t* found = decompositions + 3 * std::size_t{*row};
    return found[1] == first && found[2] == second ? found[0] : 0;
}

/// Marks in the order of their combining classes.
inline void order_marks(std::u32string& text) {
    struct mark {
        char32_t character, rank;
        std::size_t place;
    };
    std::vector<mark> marks;
    for (std::size_t at = 0; at < text.size();) {
        marks.clear();
        std::size_t end = at;
        for (char32_t rank; end < text.size() && (rank = combining_class(text[end])) != 0; ++end) {
            marks.push_back({text[end], rank, end});
        }
        if (marks.size() > 1) {
            std::ranges::sort(marks, [](const mark& a, const mark& b) {
                return a.rank != b.rank ? a.rank < b.rank : a.place < b.place;
            });
            for (std::size_t index = 0; index < marks.size(); ++index) text[at + index] = marks[index].character;
        }
        at = end + (marks.empty() ? 1 : 0);
    }
}

/// Puts together what composes, in place; the text is decomposed and its marks are in order.
inline void compose(std::u32string& text) {
    std::size_t starter = std::u32string::npos, size = 0;
    char32_t previous = 0;  // the class of the character kept last after the starter
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

}  // namespace detail

/// Mirrors unicodedata.normalize("NFC", text) of Python 3.11.
inline std::u32string normalize_nfc(std::u32string_view text) {
    constexpr char32_t first_that_changes = 0x0300;  // all characters before the first combining mark stay as they are
    if (std::all_of(text.begin(), text.end(), [](char32_t character) { return character < first_that_changes; })) {
        return std::u32string(text);
    }
    std::u32string result;
    result.reserve(text.size());
    for (const char32_t character : text) detail::append_decomposed(result, character);
    detail::order_marks(result);
    detail::compose(result);
    return result;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
