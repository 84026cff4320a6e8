#pragma once
/// \file The first code point of a text in UTF-8, and text that is safe to print.

#include <cstddef>
#include <string>
#include <string_view>

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

inline constexpr char32_t replacement_character = 0xFFFD;

/// The beginning of a text: a code point of `size` bytes, or `size` bytes of an incomplete one.
struct utf8_unit {
    char32_t code_point;
    std::size_t size;
    bool valid;
};

/// Decodes the first code point of a text that is not empty, strictly (Unicode, table 3-7): overlong forms, surrogates
/// and values above U+10FFFF are invalid.
inline utf8_unit read_utf8(std::string_view bytes) {
    const auto at = [&](std::size_t index) { return static_cast<unsigned char>(bytes[index]); };
    const unsigned lead = at(0);
    if (lead < 0x80) return {lead, 1, true};
    if (lead < 0xC2 || lead > 0xF4) return {replacement_character, 1, false};
    const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const unsigned lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    char32_t code_point = lead & (0x7Fu >> size);
    for (std::size_t index = 1; index < size; ++index) {
        const bool ends = index >= bytes.size();
        if (ends || at(index) < (index == 1 ? lowest : 0x80u) || at(index) > (index == 1 ? highest : 0xBFu)) {
            return {replacement_character, index, false};
        }
        code_point = code_point << 6 | (at(index) & 0x3Fu);
    }
    return {code_point, size, true};
}

/// Appends a byte as two hexadecimal digits.
inline void append_hex(std::string& text, unsigned byte) {
    constexpr std::string_view digits = "0123456789abcdef";
    text += digits[byte >> 4 & 15];
    text += digits[byte & 15];
}

/// Whether a terminal would interpret a character: control characters, and Unicode's explicit bidirectional formatting
/// (UAX #9), with which a name can look like another one.
constexpr bool is_unsafe(char32_t character) {
    return character < 0x20 || (character >= 0x7F && character <= 0x9F) ||
           (character >= 0x202A && character <= 0x202E) || (character >= 0x2066 && character <= 0x2069);
}

/// A text as it is, but for unsafe characters and bytes that are not UTF-8, which are written as \x1b.
inline std::string printable(std::string_view text) {
    std::string safe;
    while (!text.empty()) {
        const utf8_unit unit = read_utf8(text);
        for (const char byte : text.substr(0, unit.size)) {
            if (unit.valid && !is_unsafe(unit.code_point)) {
                safe += byte;
            } else {
                safe += "\\x";
                append_hex(safe, static_cast<unsigned char>(byte));
            }
        }
        text.remove_prefix(unit.size);
    }
    return safe;
}

/// The beginning of a text, of at most so many bytes, that does not end within a character.
inline std::string_view cut_text(std::string_view text, std::size_t longest) {
    if (text.size() <= longest) return text;
    std::size_t size = 0;
    for (std::size_t next = 0; next <= longest; next += read_utf8(text.substr(next)).size) size = next;
    return text.substr(0, size);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
