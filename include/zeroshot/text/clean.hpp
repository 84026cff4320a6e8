#pragma once
/// \file Cleaning of text for CLIP's tokenizer: ftfy's repairs, HTML references, white space, lower case.

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include <zeroshot/error.hpp>
#include <zeroshot/support/utf8.hpp>
#include <zeroshot/text/html.hpp>
#include <zeroshot/text/unicode.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace text {

#include <zeroshot/text/tables/repairs.inc>

/// Replaces single characters: control characters meant as Windows-1252, Latin ligatures, full and half width, curly
/// quotes, line breaks. Mirrors fix_c1_controls to fix_line_breaks in ftfy's fixes.py; CR LF becomes
/// two line breaks instead of one, which the whitespace rule then makes the same.
inline std::u32string repair_characters(std::u32string_view text) {
    constexpr std::size_t count = std::size(repairs) / 4;
    std::u32string result;
    result.reserve(text.size());
    for (const char32_t character : text) {
        const std::size_t row = character >= U' ' && character < 0x80 ? count : first_row(repairs, count, 4, character);
        if (row == count || repairs[4 * row] != character) {
            result += character;
            continue;
        }
        for (std::size_t part = 1; part < 4 && repairs[4 * row + part] != 0; ++part) result += repairs[4 * row + part];
    }
    return result;
}

/// Length of the terminal escape (`ESC [ 1 ; 31 m`) at the beginning of a text, or 0.
inline std::size_t terminal_escape(std::u32string_view text) {
    if (text.size() < 3 || text[0] != 0x1B || text[1] != U'[') return 0;
    const auto parameter = [](char32_t character) {
        return character == U';' || within(decimal_boundaries, character);
    };
    const std::size_t end = 2 + prefix_length(text.substr(2), parameter);
    return end < text.size() && is_ascii_letter(text[end]) ? end + 1 : 0;
}

/// Removes terminal escapes and control characters. Mirrors remove_terminal_escapes and remove_control_chars in ftfy's
/// fixes.py.
inline std::u32string remove_controls(std::u32string_view text) {
    std::u32string result;
    result.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t escape = terminal_escape(text.substr(at));
        if (escape == 0 && !within(control_boundaries, text[at])) result += text[at];
        at += (std::max<std::size_t>)(escape, 1);
    }
    return result;
}

/// Whether a text needs no repair, as almost every prompt.
inline bool is_plain(std::u32string_view text) {
    return std::all_of(text.begin(), text.end(), [](char32_t character) {
        return (character >= U' ' && character < 0x7F && character != U'&') || character == U'\n' || character == U'\t';
    });
}

/// Repeats all repairs until the text no longer changes.
/// Mirrors fix_and_explain in ftfy's __init__.py with fix_encoding=False.
/// \throws text_error (LIMIT) for HTML references nested more than 16 deep: each level takes a pass over the whole
/// text, so that hostile text would take quadratic time
inline std::u32string repair_segment(std::u32string text, bool unescape) {
    constexpr int most_rounds = 16;
    for (int round = 0; round < most_rounds; ++round) {
        if (is_plain(text)) return text;
        std::u32string repaired = unescape ? unescape_complete_html(text) : text;
        repaired = normalize_nfc(remove_controls(repair_characters(repaired)));
        if (repaired == text) return repaired;
        text = std::move(repaired);
    }
    throw text_error(error_code::limit,
                     {"text", "HTML references are nested more than " + std::to_string(most_rounds) + " deep", "",
                      "unescape the text first"});
}

/// Repairs a text line by line; from the first line with a `<` on, HTML references stay.
/// Mirrors fix_text in ftfy's __init__.py with fix_encoding=False.
inline std::u32string repair(std::u32string_view text) {
    constexpr std::size_t longest_segment = 1'000'000;  // code points; max_decode_length in ftfy
    std::u32string result;
    result.reserve(text.size());
    bool unescape = true;
    while (!text.empty()) {
        const std::size_t line = text.find(U'\n');
        const std::size_t size = (std::min)(line == text.npos ? text.size() : line + 1, longest_segment);
        const std::u32string_view segment = text.substr(0, size);
        unescape = unescape && segment.find(U'<') == segment.npos;
        result += repair_segment(std::u32string(segment), unescape);
        text.remove_prefix(size);
    }
    return result;
}

/// Collapses white space to single spaces, none at the ends. Mirrors whitespace_clean in openai/CLIP
/// clip/simple_tokenizer.py, and the strip() before it. open_clip's " ".join(text.split()) does the same, since
/// characters that Python counts as space beyond \\s have been removed.
inline std::u32string collapse_spaces(std::u32string_view text) {
    std::u32string result;
    result.reserve(text.size());
    bool pending = false;
    for (const char32_t character : text) {
        if (is_space(character)) {
            pending = !result.empty();
            continue;
        }
        if (pending) result += U' ';
        pending = false;
        result += character;
    }
    return result;
}

/// The code points of a text of at most 256 MiB.
inline std::u32string limited_code_points(std::string_view text, invalid_utf8 policy) {
    constexpr std::size_t longest = std::size_t{1} << 28;  // bytes; a label is shorter, and positions fit 32 bits
    detail::expect_at_most<text_error>(longest, text.size(), "bytes", "text");
    return code_points(text, policy);
}

/// Cleans a text to code points.
inline std::u32string cleaned(std::string_view text, invalid_utf8 policy) {
    return lowercase(collapse_spaces(unescape_html(unescape_html(repair(limited_code_points(text, policy))))));
}

}  // namespace text

/// Cleans a text as CLIP's tokenizer does: repairs, HTML references, white space, lower case.
/// Mirrors basic_clean, whitespace_clean and lower in openai/CLIP clip/simple_tokenizer.py with ftfy's fix_text, but
/// for its fix_encoding: wrongly decoded text ("schÃ¶n") stays as it is.
/// \return UTF-8
/// \throws text_error (ARG) for bytes that are not UTF-8; (LIMIT) for more than 256 MiB, or HTML escaped more than 16
/// times over
inline std::string clean(std::string_view text, invalid_utf8 policy = invalid_utf8::refuse) {
    return to_utf8(text::cleaned(text, policy));
}

}}  // namespace zeroshot::ZEROSHOT_ABI
