#pragma once
/// \file HTML's character references (`&amp;`, `&#39;`, `&#x27;`), as Python's html module and the package ftfy read
/// them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include <zeroshot/text/unicode.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace text {

#include <zeroshot/text/tables/entities.inc>

inline constexpr std::uint32_t entity_bare = 1u << 31, entity_capital = 1u << 30, entity_character = entity_capital - 1;
inline constexpr std::size_t entity_count = std::size(entity_ends);
inline constexpr std::size_t longest_bare_entity = 6;  // "&otilde" and its like

inline bool is_ascii_digit(char32_t character) {
    return character >= U'0' && character <= U'9';
}
inline bool is_ascii_letter(char32_t character) {
    return (character | 0x20) >= U'a' && (character | 0x20) <= U'z';
}
inline bool is_hex_digit(char32_t character) {
    return is_ascii_digit(character) || ((character | 0x20) >= U'a' && (character | 0x20) <= U'f');
}

/// Index of a name (without & and ;) in the table, or entity_count.
inline std::size_t find_entity(std::u32string_view name) {
    const auto letters_of = [](std::size_t index) {
        const std::size_t begin = index == 0 ? 0 : entity_ends[index - 1];
        return std::string_view(entity_letters + begin, entity_ends[index] - begin);
    };
    const std::size_t at = first_index(entity_count, [&](std::size_t index) {
        const std::string_view letters = letters_of(index);
        return std::lexicographical_compare(letters.begin(), letters.end(), name.begin(), name.end());
    });
    return at < entity_count && std::ranges::equal(letters_of(at), name) ? at : entity_count;
}

inline std::u32string entity_value(std::size_t index) {
    std::u32string value(1, entity_values[2 * index] & entity_character);
    if (entity_values[2 * index + 1] != 0) value += entity_values[2 * index + 1];
    return value;
}

/// The value of digits, at most one above the last code point.
inline char32_t reference_number(std::u32string_view digits, char32_t base) {
    constexpr char32_t beyond = 0x110000;
    char32_t number = 0;
    for (const char32_t digit : digits) {
        number = number * base + (is_ascii_digit(digit) ? digit - U'0' : (digit | 0x20) - U'a' + 10);
        if (number > beyond) number = beyond;
    }
    return number;
}

/// The text of a numeric reference: empty for a character that HTML forbids. Mirrors html._replace_charref.
inline std::u32string numbered_character(char32_t number) {
    const auto text_of = [](char32_t character) { return std::u32string(1, character); };
    if (number >= 0x80 && number < 0xA0) return text_of(windows_1252[number - 0x80]);
    if (number == 0 || (number >= 0xD800 && number <= 0xDFFF) || number > 0x10FFFF) return text_of(0xFFFD);
    const bool control = number < 0x20 && number != U'\t' && number != U'\n' && number != U'\f' && number != U'\r';
    const bool never_a_character = (number >= 0xFDD0 && number <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE;
    if (control || number == 0x7F || never_a_character) return {};
    return text_of(number);
}

/// A reference at the beginning of a text: its length, 0 for none, and its replacement.
struct html_reference {
    std::size_t length = 0;
    std::u32string value{};
};

/// `&#39;` or `&#x27;`, with or without the semicolon; the text begins with "&#".
inline html_reference numeric_reference(std::u32string_view text) {
    const bool hexadecimal = text.size() > 2 && (text[2] | 0x20) == U'x';
    const std::size_t begin = hexadecimal ? 3 : 2;
    const std::size_t digits = prefix_length(text.substr(begin), hexadecimal ? is_hex_digit : is_ascii_digit);
    if (digits == 0) return {};
    const std::size_t end = begin + digits;
    const bool closed = end < text.size() && text[end] == U';';
    return {end + (closed ? 1 : 0),
            numbered_character(reference_number(text.substr(begin, digits), hexadecimal ? 16 : 10))};
}

/// `&amp;`, `&amp`, and the longest known prefix of `&ampersand`; the text begins with "&".
inline html_reference named_reference(std::u32string_view text) {
    constexpr std::u32string_view enders = U"\t\n\f <&#;";
    constexpr std::size_t longest = 32;  // of the pattern html._charref
    const auto in_name = [&](char32_t character) { return enders.find(character) == enders.npos; };
    const std::size_t size = prefix_length(text.substr(1), in_name, longest);
    if (size == 0) return {};
    const std::u32string_view name = text.substr(1, size);
    const bool closed = 1 + size < text.size() && text[1 + size] == U';';
    const std::u32string_view whole = text.substr(0, 1 + size + (closed ? 1 : 0));
    const auto bare = [](std::size_t index) {
        return index < entity_count && (entity_values[2 * index] & entity_bare) != 0;
    };
    const std::size_t exact = find_entity(name);
    if (closed ? exact < entity_count : bare(exact)) return {whole.size(), entity_value(exact)};
    for (std::size_t length = (std::min)(closed ? size : size - 1, longest_bare_entity); length > 1; --length) {
        const std::size_t index = find_entity(name.substr(0, length));
        if (bare(index)) return {whole.size(), entity_value(index) + std::u32string(whole.substr(1 + length))};
    }
    return {whole.size(), std::u32string(whole)};
}

/// Replaces the references that `reference_at` reads, from left to right.
template <class ReferenceAt>
std::u32string replace_references(std::u32string_view text, ReferenceAt reference_at) {
    std::u32string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const std::size_t plain = (std::min)(text.find(U'&'), text.size());
        result += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.empty()) break;
        const html_reference reference = reference_at(text);
        result += reference.length == 0 ? U"&" : reference.value;
        text.remove_prefix(reference.length == 0 ? 1 : reference.length);
    }
    return result;
}

/// A known reference with its semicolon, in capitals too (`EACUTE`). Mirrors _unescape_fixup in ftfy's fixes.py.
inline html_reference complete_reference(std::u32string_view text) {
    constexpr std::size_t longest = 24;  // of the pattern HTML_ENTITY_RE
    const auto in_name = [](char32_t character) { return is_ascii_digit(character) || is_ascii_letter(character); };
    const bool numeric = text.size() > 1 && text[1] == U'#';
    const std::size_t begin = numeric ? 2 : 1;
    const std::size_t size = text.size() < begin ? 0 : prefix_length(text.substr(begin), in_name, longest);
    if (size == 0 || begin + size == text.size() || text[begin + size] != U';') return {};
    const std::size_t length = begin + size + 1;
    if (numeric) {
        html_reference reference = numeric_reference(text.substr(0, length));
        return reference.length == length && reference.value != U";" ? reference : html_reference{};  // not &#59;
    }
    const std::u32string_view name = text.substr(begin, size);
    if (const std::size_t index = find_entity(name); index < entity_count) return {length, entity_value(index)};
    std::u32string lower(name);
    for (char32_t& letter : lower) {
        if (letter >= U'a') return {};
        if (letter >= U'A') letter += 0x20;
    }
    const std::size_t index = find_entity(lower);
    if (index == entity_count || (entity_values[2 * index] & entity_capital) == 0) return {};
    for (std::size_t row = 0; row < std::size(entity_capitals); row += 4) {
        if (entity_capitals[row] != index) continue;
        std::u32string value;
        for (std::size_t part = 1; part < 4 && entity_capitals[row + part] != 0; ++part) {
            value += entity_capitals[row + part];
        }
        return {length, value};
    }
    return {length, entity_value(index)};
}

/// Replaces all references. Mirrors html.unescape of Python 3.11, but for decimal references of more than 4,300
/// digits, which Python refuses; here they are U+FFFD, as every number beyond U+10FFFF.
inline std::u32string unescape_html(std::u32string_view text) {
    return replace_references(text, [](std::u32string_view rest) {
        return rest.size() > 1 && rest[1] == U'#' ? numeric_reference(rest) : named_reference(rest);
    });
}

/// Replaces references with a semicolon. Mirrors unescape_html in ftfy's fixes.py.
inline std::u32string unescape_complete_html(std::u32string_view text) {
    return replace_references(text, [](std::u32string_view rest) { return complete_reference(rest); });
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::text
