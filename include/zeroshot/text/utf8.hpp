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
