#pragma once
/// \file JSON as strictly as its grammar says (RFC 8259): a text in, events out.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <zeroshot/error.hpp>
#include <zeroshot/support/utf8.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// What a JSON text says, piece by piece; an event may throw to end the walk.
class json_events {
   public:
    virtual ~json_events() = default;
    virtual void null() = 0;
    virtual void boolean(bool value) = 0;
    virtual void unsigned_number(std::uint64_t value) = 0;  // written without sign, point and exponent, below 2^64
    virtual void signed_number(std::int64_t value) = 0;     // written with a minus, without point and exponent
    virtual void real_number(double value) = 0;             // everything else
    virtual void string(std::string&& value) = 0;
    virtual void begin_object() = 0;
    virtual void key(std::string&& name) = 0;
    virtual void end_object() = 0;
    virtual void begin_array() = 0;
    virtual void end_array() = 0;

    /// How many bytes were read when the event came; after a key: just behind its closing quote.
    std::size_t position = 0;
};

/// A JSON text and where it stands, for the sentences about it.
struct json_text {
    std::string_view text;
    std::string place;       // the file
    std::size_t offset = 0;  // of the text's first byte in the file
    bool has_lines = true;   // written by people: name line and column as well
    std::size_t max_depth = 64;
    error_code too_deep = error_code::limit;

    /// "config.json: line 3, column 7 (byte 41)", for a byte of the text.
    std::string where(std::size_t byte) const {
        byte = std::min(byte, text.size());
        const std::string at = "byte " + std::to_string(offset + byte);
        if (!has_lines) return place + ": " + at;
        const std::string_view before = text.substr(0, byte);
        const auto line = 1 + std::count(before.begin(), before.end(), '\n');
        const std::size_t column = byte - (before.find_last_of('\n') + 1);  // npos + 1 is 0
        return place + ": line " + std::to_string(line) + ", column " + std::to_string(column + 1) + " (" + at + ")";
    }

    /// Where the key began that ended before this byte: its opening quote has no odd number of backslashes before it.
    std::size_t key_begin(std::size_t end) const {
        std::size_t quote = end - 1;
        while (quote > 0) {
            quote = text.rfind('"', quote - 1);
            std::size_t slashes = 0;
            while (slashes < quote && text[quote - 1 - slashes] == '\\') ++slashes;
            if (slashes % 2 == 0) break;
        }
        return quote;
    }
};

/// Refuses a text for the byte at that place.
[[noreturn]] inline void refuse_byte(const json_text& text, std::size_t byte) {
    if (byte >= text.text.size()) {
        throw checkpoint_error(error_code::format,
                               {text.where(byte), "the JSON text ends too early", "", "is the file complete?"});
    }
    const char found = text.text[byte];
    diagnostic fault{text.where(byte), "the text is not JSON: unexpected " + quoted({&found, 1}), "", ""};
    if (found == '/' || found == '#') fault.hint = "JSON has no comments";
    if (found == '\'') fault.hint = "JSON writes strings in double quotes";
    const std::size_t last = text.text.substr(0, byte).find_last_not_of(" \t\r\n");
    if ((found == '}' || found == ']') && last != std::string_view::npos && text.text[last] == ',') {
        fault.hint = "a comma may not stand before the closing bracket";
    }
    throw checkpoint_error(error_code::format, std::move(fault));
}

/// Walks a text from left to right. Why not a library? They build a tree, recurse, take the last of two equal keys, put
/// the whole of a bad token into a message, or do not say where they are; and the one we had took a quarter of the time
/// that a unit with this library needs to compile. The tests compare with it.
class json_walker {
   public:
    json_walker(const json_text& text, json_events& events) : text_(text), events_(events) {}

    void walk() {
        do {
            value();
            while (!open_.empty() && ends_container()) continue;
        } while (!open_.empty());
        skip_spaces();
        if (at_ < text_.text.size()) refuse_byte(text_, at_);
    }

   private:
    json_events& event() {
        events_.position = at_;
        return events_;
    }

    char current() const {
        if (at_ >= text_.text.size()) refuse_byte(text_, at_);
        return text_.text[at_];
    }

    bool is_next(std::string_view any_of) const {
        return at_ < text_.text.size() && any_of.find(text_.text[at_]) != std::string_view::npos;
    }

    [[noreturn]] void refuse(std::size_t byte, std::string what) const {
        throw checkpoint_error(error_code::format, {text_.where(byte), std::move(what), "", ""});
    }

    void skip_spaces() {
        while (is_next(" \t\r\n")) ++at_;
    }

    void expect(std::string_view word) {
        for (const char letter : word) {
            if (current() != letter) refuse_byte(text_, at_);
            ++at_;
        }
    }

    /// A value that holds no others, or all that opens before one: "[[{"a":" and then 1.
    void value() {
        for (skip_spaces(); is_next("{["); skip_spaces()) {
            const bool is_object = current() == '{';
            enter();
            if (is_object)
                event().begin_object();
            else
                event().begin_array();
            skip_spaces();
            if (current() == (is_object ? '}' : ']')) return;
            if (is_object) key();
        }
        scalar();
    }

    /// Behind a value: whether its container ends here. If not, a comma is taken, and the key behind it.
    bool ends_container() {
        skip_spaces();
        const bool in_object = open_.back() == '{';
        if (current() == (in_object ? '}' : ']')) {
            ++at_;
            open_.pop_back();
            if (in_object)
                event().end_object();
            else
                event().end_array();
            return true;
        }
        expect(",");
        skip_spaces();
        if (in_object) key();
        return false;
    }

    void enter() {
        if (open_.size() == text_.max_depth) {
            throw checkpoint_error(text_.too_deep, {text_.where(at_), "nested too deeply",
                                                    "a depth of at most " + std::to_string(text_.max_depth), ""});
        }
        open_ += current();
        ++at_;
    }

    void key() {
        std::string name = string();
        event().key(std::move(name));
        skip_spaces();
        expect(":");
    }

    void scalar() {
        const char first = current();
        if (first == '"') {
            std::string text = string();
            event().string(std::move(text));
        } else if (first == 't') {
            expect("true");
            event().boolean(true);
        } else if (first == 'f') {
            expect("false");
            event().boolean(false);
        } else if (first == 'n') {
            expect("null");
            event().null();
        } else {
            number();
        }
    }

    /// A string without its quotes and escapes.
    std::string string() {
        expect("\"");
        std::string text;
        while (current() != '"') {
            const std::size_t begin = at_;
            while (is_plain_next()) ++at_;
            text += text_.text.substr(begin, at_ - begin);
            if (current() == '\\')
                escape(text);
            else if (current() != '"')
                character(text);
        }
        ++at_;
        return text;
    }

    /// Whether a character follows that stands for itself and takes one byte: nearly all are such.
    bool is_plain_next() const noexcept {
        if (at_ == text_.text.size()) return false;
        const char byte = text_.text[at_];
        return byte >= ' ' && byte != '"' && byte != '\\' && static_cast<unsigned char>(byte) < 0x80;
    }

    void character(std::string& text) {
        const char byte = current();
        if (static_cast<unsigned char>(byte) < 0x20) {
            refuse(at_, "control character " + quoted({&byte, 1}) + " inside a string");
        }
        const std::size_t length = utf8_length(text_.text.substr(at_, 4));
        if (length == 0) refuse(at_, "the text is not UTF-8");
        text += text_.text.substr(at_, length);
        at_ += length;
    }

    void escape(std::string& text) {
        constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
        ++at_;
        const std::size_t which = letters.find(current());
        if (which != std::string_view::npos) {
            text += meanings[which];
            ++at_;
        } else {
            expect("u");
            append_utf8(text, code_point());
        }
    }

    /// What follows \u; two halves of a pair where it takes two.
    std::uint32_t code_point() {
        const std::size_t begin = at_;
        const std::uint32_t first = four_digits();
        if (first < 0xd800 || first > 0xdfff) return first;
        if (first >= 0xdc00 || !text_.text.substr(at_).starts_with("\\u"))
            refuse(begin, "the text is not JSON: half of a surrogate pair");
        at_ += 2;
        const std::uint32_t second = four_digits();
        if (second < 0xdc00 || second > 0xdfff) refuse(begin, "the text is not JSON: half of a surrogate pair");
        return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    }

    std::uint32_t four_digits() {
        std::uint32_t value = 0;
        for (int i = 0; i < 4; ++i, ++at_) {
            const char digit = current();
            const char lower = static_cast<char>(digit | 0x20);
            if (digit >= '0' && digit <= '9')
                value = value * 16 + static_cast<std::uint32_t>(digit - '0');
            else if (lower >= 'a' && lower <= 'f')
                value = value * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
            else
                refuse_byte(text_, at_);
        }
        return value;
    }

    std::size_t digits() {
        constexpr std::string_view any = "0123456789";
        const std::size_t begin = at_;
        if (!is_next(any)) refuse_byte(text_, at_);
        while (is_next(any)) ++at_;
        return at_ - begin;
    }

    void number() {
        constexpr std::size_t longest = 1000;
        const std::size_t begin = at_;
        if (is_next("-")) ++at_;
        if (is_next("0"))
            ++at_;
        else
            digits();
        const bool is_integer = !is_next(".eE");
        if (is_next(".")) {
            ++at_;
            digits();
        }
        if (is_next("eE")) {
            ++at_;
            if (is_next("+-")) ++at_;
            digits();
        }
        const std::string_view written = text_.text.substr(begin, at_ - begin);
        if (written.size() > longest) refuse(begin, "a number has more than " + std::to_string(longest) + " digits");
        if (!is_integer || !integer(written)) real(written);
    }

    /// Hands an integer on, unless it does not fit 64 bits.
    bool integer(std::string_view written) {
        const char* const end = written.data() + written.size();
        if (written.front() == '-') {
            std::int64_t value = 0;
            if (std::from_chars(written.data(), end, value).ec != std::errc()) return false;
            event().signed_number(value);
        } else {
            std::uint64_t value = 0;
            if (std::from_chars(written.data(), end, value).ec != std::errc()) return false;
            event().unsigned_number(value);
        }
        return true;
    }

    void real(std::string_view written) {
        double value = 0;
        const auto read = std::from_chars(written.data(), written.data() + written.size(), value);
        if (read.ec == std::errc::result_out_of_range && !is_small(written)) refuse(at_, "a number is too large");
        event().real_number(value);  // 0 for what is nearer to it than any double
    }

    /// Whether a number that no double can hold is so for being near to zero: its first digit other than 0 stands
    /// behind the point once the exponent has moved it.
    static bool is_small(std::string_view written) {
        const std::size_t e = std::min(written.find_first_of("eE"), written.size());
        std::int64_t exponent = 0;
        const std::size_t sign = e + 1 < written.size() && written[e + 1] == '+' ? 2 : 1;
        if (e < written.size()) {
            const auto read = std::from_chars(written.data() + e + sign, written.data() + written.size(), exponent);
            if (read.ec != std::errc()) return written[e + 1] == '-';
        }
        const std::string_view mantissa = written.substr(0, e);
        const auto point = static_cast<std::int64_t>(std::min(mantissa.find('.'), mantissa.size()));
        const auto first = static_cast<std::int64_t>(std::min(mantissa.find_first_of("123456789"), mantissa.size()));
        return point - first + exponent <= 0;
    }

    const json_text& text_;
    json_events& events_;
    std::size_t at_ = 0;
    std::string open_;  // the brackets around this place, the innermost last
};

/// Walks one JSON text from its first byte to its last. No recursion, whatever the text.
/// \throws checkpoint_error FORMAT where it is not JSON (a byte order mark and NUL bytes included) or too deep
inline void walk_json(const json_text& text, json_events& events) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text.text.starts_with(byte_order_mark)) {
        throw checkpoint_error(error_code::format,
                               {text.where(0), "the text begins with a byte order mark", "plain UTF-8", ""});
    }
    const std::size_t nul = text.text.find('\0');
    if (nul != std::string_view::npos) {
        throw checkpoint_error(error_code::format, {text.where(nul), "a NUL byte in the JSON text", "plain UTF-8",
                                                    nul < 4 ? "is this UTF-16?" : ""});
    }
    json_walker(text, events).walk();
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
