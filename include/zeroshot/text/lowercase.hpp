#pragma once
/// \file Lower case as Python's str.lower() has it, whatever the locale.

#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

#include <zeroshot/text/unicode.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {
namespace detail {

#include <zeroshot/text/tables/lowercase.inc>

/// The lower case of one character on its own.
inline char32_t lower(char32_t character) {
    if (character < 0x80) return character >= U'A' && character <= U'Z' ? character + 0x20 : character;
    const std::size_t after = first_row(lower_runs, std::size(lower_runs) / 4, 4, character + 1);
    if (after == 0) return character;
    const char32_t* run = lower_runs + 4 * (after - 1);  // first, last, step, distance
    const bool inside = character <= run[1] && (character - run[0]) % run[2] == 0;
    return inside ? character + run[3] : character;  // the distance may be negative: modulo 2^32
}

/// A capital sigma is final where a cased character stands before it and none after it, ignorable ones in between not
/// counted. Mirrors handle_capital_sigma in CPython's Objects/unicodeobject.c.
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

}  // namespace detail

/// Mirrors str.lower() of Python 3.11: no locale, final sigma by its place, U+0130 becomes i and a combining dot.
inline std::u32string lowercase(std::u32string_view text) {
    constexpr char32_t capital_sigma = 0x03A3, sigma = 0x03C3, final_sigma = 0x03C2;
    constexpr char32_t capital_i_with_dot = 0x0130, dot_above = 0x0307;
    std::u32string lowered;
    lowered.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == capital_sigma) {
            lowered += detail::is_final_sigma(text, at) ? final_sigma : sigma;
        } else if (text[at] == capital_i_with_dot) {
            lowered += U'i';
            lowered += dot_above;
        } else {
            lowered += detail::lower(text[at]);
        }
    }
    return lowered;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
