#pragma once
/// \file UTF-8: decoding, checking, encoding.

#include <cstddef>
#include <string>
#include <string_view>

#include <zeroshot/error.hpp>
#include <zeroshot/utf8_unit.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// The length of the UTF-8 sequence at the beginning of a text; 0 where it is empty or not UTF-8.
inline std::size_t utf8_length(std::string_view text) {
    if (text.empty()) return 0;
    const utf8_unit unit = read_utf8(text);
    return unit.valid ? unit.size : 0;
}

inline bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

/// Whether a text has a byte order mark of UTF-16, or begins with two of its letters of ASCII.
inline bool is_utf16(std::string_view text) {
    const bool is_wide =
        text.size() >= 4 && ((text[1] == '\0' && text[3] == '\0') || (text[0] == '\0' && text[2] == '\0'));
    return text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff") || is_wide;
}

/// A text without the white space of ASCII around it.
inline std::string_view trimmed(std::string_view text) {
    constexpr std::string_view spaces = " \t\r\n\v\f";
    const std::size_t first = text.find_first_not_of(spaces);
    return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

}  // namespace detail

/// Appends one code point as UTF-8.
inline void append_utf8(std::string& text, char32_t code_point) {
    const auto append = [&](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (code_point < 0x80) return append(code_point);
    const unsigned continuations = code_point < 0x800 ? 1 : code_point < 0x10000 ? 2 : 3;
    append((0xF0u << (3 - continuations) & 0xFFu) | code_point >> 6 * continuations);
    for (unsigned rest = continuations; rest-- > 0;) append(0x80 | (code_point >> 6 * rest & 0x3F));
}

/// What to do with bytes that are not UTF-8.
enum class invalid_utf8 {
    refuse,   ///< throw, naming the byte
    replace,  ///< U+FFFD for each, as Python's errors="replace"
};

/// The code points of UTF-8 text.
/// \throws text_error (ARG) with the offset of the first byte that is not UTF-8, unless those are to be replaced
inline std::u32string code_points(std::string_view text, invalid_utf8 policy = invalid_utf8::refuse) {
    std::u32string characters;
    characters.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const detail::utf8_unit unit = detail::read_utf8(text.substr(at));
        if (!unit.valid && policy == invalid_utf8::refuse) {
            throw text_error(error_code::argument,
                             {"text, byte " + std::to_string(at), quoted(text.substr(at, unit.size)) + " is not UTF-8",
                              "UTF-8", "convert the text, or ask for invalid_utf8::replace"});
        }
        characters += unit.code_point;
        at += unit.size;
    }
    return characters;
}

/// Code points as UTF-8.
inline std::string to_utf8(std::u32string_view characters) {
    std::string text;
    text.reserve(characters.size());
    for (const char32_t character : characters) append_utf8(text, character);
    return text;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
