#pragma once
/// \file JSON to be written: one line of text, valid whatever is put in.

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <zeroshot/error.hpp>
#include <zeroshot/support/utf8.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Builds a JSON text from left to right:
///
///     json_writer writer;
///     writer.begin_object().key("labels").begin_array().value("a dog").end_array().end_object();
///     writer.text();  // {"labels":["a dog"]}
class json_writer {
   public:
    json_writer& begin_object() { return open('{'); }
    json_writer& end_object() { return close('}'); }
    json_writer& begin_array() { return open('['); }
    json_writer& end_array() { return close(']'); }

    json_writer& key(std::string_view name) {
        separate();
        string(name);
        text_ += ':';
        first_ = true;
        return *this;
    }

    /// A string; what is not UTF-8 in it becomes U+FFFD.
    json_writer& value(std::string_view text) {
        separate();
        string(text);
        return *this;
    }
    json_writer& value(const char* text) { return value(std::string_view(text)); }
    template <std::same_as<bool> Boolean>
    json_writer& value(Boolean truth) {
        return raw(truth ? "true" : "false");
    }
    template <std::integral Integer>
    requires(!std::same_as<Integer, bool> && !std::same_as<Integer, char>) json_writer& value(Integer number) {
        return raw(std::to_string(number));
    }
    /// The shortest digits that give the same number back; what is no number becomes null.
    template <std::floating_point Real>
    json_writer& value(Real number) {
        char digits[64];
        const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
        if (end[-1] > '9') return null();  // "inf", "nan"; why not std::isfinite? -ffast-math takes it for true
        return raw({digits, static_cast<std::size_t>(end - digits)});
    }
    json_writer& null() { return raw("null"); }

    /// Text that is JSON already.
    json_writer& raw(std::string_view json) {
        separate();
        text_ += json;
        return *this;
    }

    const std::string& text() const& noexcept { return text_; }
    std::string text() && noexcept { return std::move(text_); }

   private:
    json_writer& open(char bracket) {
        separate();
        text_ += bracket;
        first_ = true;
        return *this;
    }
    json_writer& close(char bracket) {
        text_ += bracket;
        first_ = false;
        return *this;
    }
    void separate() {
        if (!first_) text_ += ',';
        first_ = false;
    }
    void string(std::string_view text) {
        constexpr std::string_view digits = "0123456789abcdef";
        text_ += '"';
        while (!text.empty()) {
            const std::size_t length = detail::utf8_length(text);
            const char first = text.front();
            if (length == 0) {
                text_ += "\xef\xbf\xbd";
            } else if (first == '"' || first == '\\') {
                text_ += '\\';
                text_ += first;
            } else if (first == '\n') {
                text_ += "\\n";
            } else if (first == '\t') {
                text_ += "\\t";
            } else if (static_cast<unsigned char>(first) < 0x20) {
                text_ += "\\u00";
                text_ += digits[static_cast<unsigned char>(first) >> 4];
                text_ += digits[static_cast<unsigned char>(first) & 15];
            } else {
                text_ += text.substr(0, length);
            }
            text.remove_prefix(length == 0 ? 1 : length);
        }
        text_ += '"';
    }

    std::string text_;
    bool first_ = true;  // nothing stands before the next value that a comma would have to part it from
};

}}  // namespace zeroshot::ZEROSHOT_ABI
