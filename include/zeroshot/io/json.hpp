#pragma once
/// \file JSON as strictly as its grammar says: the only door to nlohmann/json.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <zeroshot/error.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

namespace detail {

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

    std::size_t position = 0;  ///< how many bytes were read when the event came; after a key: just behind its closing quote
};

/// A JSON text and where it stands, for the sentences about it.
struct json_text {
    std::string_view text;
    std::string place;         // the file
    std::size_t offset = 0;    // of the text's first byte in the file
    bool has_lines = true;     // written by people: name line and column as well
    std::size_t max_depth = 64;

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

/// The bytes as nlohmann reads them, with a note of how far it came.
class json_input {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    json_input(const char* at, const char** reached) : at_(at), reached_(reached) {}
    reference operator*() const { return *at_; }
    json_input& operator++() {
        *reached_ = ++at_;
        return *this;
    }
    json_input operator++(int) {
        const json_input before = *this;
        ++*this;
        return before;
    }
    bool operator==(const json_input& other) const { return at_ == other.at_; }
    bool operator!=(const json_input& other) const { return at_ != other.at_; }

   private:
    const char* at_;
    const char** reached_;
};

/// Hands nlohmann's events on, with positions and a bound on the depth.
class json_walker {
   public:
    json_walker(const json_text& text, json_events& events) : text_(text), events_(events), reached_(text.text.data()) {}

    void walk() {
        const char* const begin = text_.text.data();
        const char* const end = begin + text_.text.size();
        nlohmann::json::sax_parse(json_input(begin, &reached_), json_input(end, &reached_), this);
    }

    using number_integer_t = std::int64_t;
    using number_unsigned_t = std::uint64_t;
    using number_float_t = double;
    using string_t = std::string;
    using binary_t = nlohmann::json::binary_t;

    bool null() { return event().null(), true; }
    bool boolean(bool value) { return event().boolean(value), true; }
    bool number_integer(std::int64_t value) { return event().signed_number(value), true; }
    bool number_unsigned(std::uint64_t value) { return event().unsigned_number(value), true; }
    bool number_float(double value, const std::string&) { return event().real_number(value), true; }
    bool string(std::string& value) { return event().string(std::move(value)), true; }
    bool binary(binary_t&) { return false; }
    bool key(std::string& name) { return event().key(std::move(name)), true; }
    bool start_object(std::size_t) { return enter(), event().begin_object(), true; }
    bool end_object() { return --depth_, event().end_object(), true; }
    bool start_array(std::size_t) { return enter(), event().begin_array(), true; }
    bool end_array() { return --depth_, event().end_array(), true; }
    bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& fault) { refuse(fault.what()); }

   private:
    json_events& event() {
        events_.position = read();
        return events_;
    }
    std::size_t read() const { return static_cast<std::size_t>(reached_ - text_.text.data()); }

    void enter() {
        if (++depth_ > text_.max_depth) {
            throw checkpoint_error(error_code::format, {text_.where(read() - 1), "nested too deeply",
                                                        "a depth of at most " + std::to_string(text_.max_depth), ""});
        }
    }

    [[noreturn]] void refuse(std::string_view reason) const;

    const json_text& text_;
    json_events& events_;
    const char* reached_;
    std::size_t depth_ = 0;
};

[[noreturn]] inline void json_walker::refuse(std::string_view reason) const {
    const std::string_view text = text_.text;
    const std::size_t byte = read() == 0 ? 0 : read() - 1;
    const char found = byte < text.size() ? text[byte] : '\0';
    const auto has = [&](std::string_view part) { return reason.find(part) != std::string_view::npos; };
    finding fault{text_.where(byte), "", "", ""};
    if (has("UTF-8")) {
        fault.what = "the text is not UTF-8";
    } else if (has("number overflow")) {
        fault.what = "a number is too large";
    } else if (static_cast<unsigned char>(found) < 0x20 && has("control character")) {
        fault.what = "control character " + quoted({&found, 1}) + " inside a string";
    } else if (has("unexpected end of input") || has("missing closing quote")) {
        fault = {text_.where(text.size()), "the JSON text ends too early", "", "is the file complete?"};
    } else {
        const std::size_t last = text.substr(0, byte).find_last_not_of(" \t\r\n");
        fault.what = "the text is not JSON: unexpected " + quoted({&found, 1});
        if (found == '/' || found == '#') fault.hint = "JSON has no comments";
        if (found == '\'') fault.hint = "JSON writes strings in double quotes";
        if ((found == '}' || found == ']') && last != std::string_view::npos && text[last] == ',') {
            fault.hint = "a comma may not stand before the closing bracket";
        }
    }
    throw checkpoint_error(error_code::format, std::move(fault));
}

/// Walks one JSON text from its first byte to its last. No recursion, whatever the text.
/// \throws checkpoint_error FORMAT where it is not JSON (a byte order mark and NUL bytes included) or too deep
inline void walk_json(const json_text& text, json_events& events) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text.text.starts_with(byte_order_mark)) {
        throw checkpoint_error(error_code::format, {text.where(0), "the text begins with a byte order mark", "plain UTF-8", ""});
    }
    const std::size_t nul = text.text.find('\0');  // nlohmann takes it for the end of the text
    if (nul != std::string_view::npos) {
        throw checkpoint_error(error_code::format, {text.where(nul), "a NUL byte in the JSON text", "plain UTF-8",
                                                    nul < 4 ? "is this UTF-16?" : ""});
    }
    json_walker(text, events).walk();
}

}  // namespace detail

}  // namespace zeroshot::inline ZEROSHOT_ABI
