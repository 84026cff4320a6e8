#pragma once
/// \file What characters are, as the module that splits CLIP's text (Python's regex) sees them.

#include <algorithm>
#include <cstddef>
#include <span>

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {
namespace detail {

#include <zeroshot/text/tables/unicode.inc>

/// Whether a character is in a class that is written as the boundaries where membership changes.
inline bool within(std::span<const char32_t> boundaries, char32_t character) {
    const auto above = std::upper_bound(boundaries.begin(), boundaries.end(), character);
    return (above - boundaries.begin()) % 2 == 1;
}

/// The first of `count` rows, `width` numbers each and in order of their first, that does not come before the key.
inline std::size_t first_row(const char32_t* table, std::size_t count, std::size_t width, char32_t key) {
    std::size_t low = 0;
    for (std::size_t high = count; low < high;) {
        const std::size_t middle = (low + high) / 2;
        if (table[middle * width] < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

}  // namespace detail

/// \p{L}
inline bool is_letter(char32_t character) {
    if (character < 0x80) return (character | 0x20) >= U'a' && (character | 0x20) <= U'z';
    return detail::within(detail::letter_boundaries, character);
}

/// \p{N}
inline bool is_number(char32_t character) {
    if (character < 0x80) return character >= U'0' && character <= U'9';
    return detail::within(detail::number_boundaries, character);
}

/// \s. Python's own isspace() also has U+001C to U+001F, which never reach this question: cleaning removes them.
inline bool is_space(char32_t character) {
    return detail::within(detail::space_boundaries, character);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
