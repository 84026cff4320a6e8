#pragma once
/// \file Text comes in as UTF-8 and is worked on as code points: the way in and the way out.

#include <cstddef>
#include <string>
#include <string_view>

#include <zeroshot/error.hpp>
#include <zeroshot/support/utf8.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// What to do with bytes that are not UTF-8.
enum class invalid_utf8 {
    refuse,   ///< throw, naming the byte
    replace,  ///< U+FFFD for each, as Python's errors="replace"
};

namespace detail {

inline constexpr char32_t replacement_character = 0xFFFD;

/// What stands at the beginning of some bytes: a code point of `size` bytes, or `size` bytes that belong together but
/// are none.
struct utf8_unit {
    char32_t code_point;
    std::size_t size;
    bool valid;
};

/// Reads one code point as Unicode's table 3-7 allows it: no overlong forms, no surrogates, nothing above U+10FFFF.
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

}  // namespace detail

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
