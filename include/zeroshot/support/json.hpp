#pragma once
/// \file JSON by nlohmann/json: strict parsing within limits, checked access, and numbers that read back the same.

#include <algorithm>
#include <bit>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Limits for parsing untrusted JSON.
struct json_limits {
    std::size_t max_bytes = std::size_t{64} << 20;
    std::size_t max_depth = 64;
    std::size_t max_values = 4'000'000;
};

namespace detail {

/// A JSON text and its name in messages.
struct json_text {
    std::string_view text;
    std::string name;        // the file
    std::size_t offset = 0;  // of the text in the file; 0 for a text file, whose lines and columns are named as well

    /// "config.json: line 3, column 7 (byte 41)"
    std::string where(std::size_t byte) const {
        byte = (std::min)(byte, text.size());
        const std::string position = "byte " + std::to_string(offset + byte);
        if (offset != 0) return name + ": " + position;
        const std::string_view before = text.substr(0, byte);
        const auto line = 1 + std::count(before.begin(), before.end(), '\n');
        const std::size_t column = byte - (before.find_last_of('\n') + 1) + 1;  // npos + 1 is 0
        return name + ": line " + std::to_string(line) + ", column " + std::to_string(column) + " (" + position + ")";
    }
};

/// The type of a value in messages.
inline const char* type_name(const nlohmann::ordered_json& value) {
    return value.is_number_unsigned()  ? "an unsigned integer"
           : value.is_number_integer() ? "a negative integer"
           : value.is_number()         ? "a floating-point number"
           : value.is_string()         ? "a string"
           : value.is_array()          ? "an array"
           : value.is_object()         ? "an object"
           : value.is_boolean()        ? "true or false"
                                       : "null";
}

/// SAX handler that rejects syntax errors, deep nesting, and numbers that double cannot hold.
class json_handler : public nlohmann::json_sax<nlohmann::ordered_json> {
   public:
    json_handler(const json_text& text, std::size_t max_depth, error_code too_deep)
        : text_(text), max_depth_(max_depth), too_deep_(too_deep) {}

    /// A value that is no array and no object.
    virtual bool scalar(nlohmann::ordered_json value) = 0;

    bool null() final { return scalar(nullptr); }
    bool boolean(bool value) final { return scalar(value); }
    bool number_integer(std::int64_t value) final { return scalar(value); }
    bool number_unsigned(std::uint64_t value) final { return scalar(value); }
    bool string(std::string& value) final { return scalar(std::move(value)); }
    bool number_float(double value, const std::string& digits) final {
        constexpr std::size_t max_digits = 1000;
        constexpr std::uint64_t exponent_bits = 0x7ff0'0000'0000'0000;  // all set: infinite, also under -ffast-math
        const auto refuse = [&](const char* what) {
            throw checkpoint_error(error_code::format, {text_.name, what, "a number that float64 can hold"});
        };
        if (digits.size() > max_digits) refuse("a number has more than 1000 digits");
        if ((std::bit_cast<std::uint64_t>(value) & exponent_bits) == exponent_bits) refuse("a number is too large");
        const std::string_view mantissa = std::string_view(digits).substr(0, digits.find_first_of("eE"));
        if (value == 0 && mantissa.find_first_of("123456789") != std::string_view::npos) {
            refuse("a number is too small");
        }
        return scalar(value);
    }

    bool binary(nlohmann::ordered_json::binary_t&) final { return false; }  // only in other formats than JSON

    bool parse_error(std::size_t position, const std::string& token,
                     const nlohmann::ordered_json::exception& fault) final {
        constexpr int number_overflow = 406;
        if (fault.id == number_overflow) number_float(std::numeric_limits<double>::infinity(), token);
        const std::size_t byte = position == 0 ? 0 : position - 1;  // position counts the bytes that were read
        diagnostic about{text_.where(byte), "the JSON text ends too early", "", "is the file complete?"};
        if (byte < text_.text.size()) {
            const std::string_view reason = fault.what();
            const bool sound_utf8 = reason.find("ill-formed UTF-8") == std::string_view::npos;
            const std::size_t before = text_.text.substr(0, byte).find_last_not_of(" \t\r\n");
            const char last = text_.text[byte], previous = before == std::string_view::npos ? ' ' : text_.text[before];
            about.what =
                sound_utf8 ? "the text is not JSON: unexpected " + quoted({&last, 1}) : "the text is not UTF-8";
            about.hint = last == '/' || last == '#'                              ? "JSON has no comments"
                         : last == '\''                                          ? "JSON has double quotes"
                         : previous == ',' && (last == '}' || last == ']')       ? "remove the comma before it"
                         : reason.find("control char") != std::string_view::npos ? "escape control characters"
                                                                                 : "";
        }
        throw checkpoint_error(error_code::format, std::move(about));
    }

   protected:
    void enter() {
        if (++depth_ > max_depth_) {
            throw checkpoint_error(
                too_deep_, {text_.name, "nested too deeply", "a depth of at most " + std::to_string(max_depth_)});
        }
    }
    void leave() { --depth_; }
    std::size_t depth() const noexcept { return depth_; }

    const json_text& text_;

   private:
    std::size_t max_depth_;
    error_code too_deep_;
    std::size_t depth_ = 0;
};

/// Parses a JSON text (RFC 8259) without recursion.
/// \throws checkpoint_error FORMAT where it is not JSON; a byte order mark and NUL bytes, which nlohmann/json skips,
/// are not
inline void parse_json(const json_text& text, json_handler& handler) {
    if (text.text.starts_with("\xef\xbb\xbf")) {
        throw checkpoint_error(error_code::format,
                               {text.where(0), "the text begins with a byte order mark", "plain UTF-8"});
    }
    const std::size_t nul = text.text.find('\0');
    if (nul != std::string_view::npos) {
        throw checkpoint_error(error_code::format, {text.where(nul), "a NUL byte in the JSON text", "plain UTF-8",
                                                    nul < 4 ? "is this UTF-16?" : ""});
    }
    nlohmann::ordered_json::sax_parse(text.text, &handler);
}

/// SAX handler that builds a document and rejects duplicate keys.
class json_builder final : public json_handler {
   public:
    json_builder(const json_text& text, const json_limits& limits)
        : json_handler(text, limits.max_depth, error_code::limit), max_values_(limits.max_values) {}

    nlohmann::ordered_json root;

    bool scalar(nlohmann::ordered_json value) override {
        insert(std::move(value));
        return true;
    }
    bool start_object(std::size_t) override { return open(nlohmann::ordered_json::object()); }
    bool start_array(std::size_t) override { return open(nlohmann::ordered_json::array()); }
    bool end_array() override { return close(); }
    bool end_object() override {
        std::vector<std::string_view> keys;
        for (const auto& [key, value] : members()) keys.push_back(key);
        std::ranges::sort(keys);
        const auto duplicate = std::ranges::adjacent_find(keys);
        if (duplicate != keys.end()) {
            nlohmann::ordered_json::json_pointer path;
            for (std::size_t i = 0; i + 1 < open_.size(); ++i) {
                const nlohmann::ordered_json& outer = *open_[i];
                if (outer.is_object())
                    path /= outer.get_ref<const object&>().back().first;
                else
                    path /= outer.size() - 1;
            }
            path /= std::string(*duplicate);
            throw checkpoint_error(error_code::format, {text_.name, "duplicate key " + quoted(path.to_string())});
        }
        return close();
    }
    bool key(std::string& name) override {
        static_cast<object::Container&>(members()).emplace_back(std::move(name), nullptr);  // without comparing keys
        return true;
    }

   private:
    using object = nlohmann::ordered_json::object_t;

    object& members() { return open_.back()->get_ref<object&>(); }

    nlohmann::ordered_json& insert(nlohmann::ordered_json value) {
        if (values_++ == max_values_) {
            throw checkpoint_error(error_code::limit,
                                   {text_.name, "too many values", "at most " + std::to_string(max_values_)});
        }
        if (open_.empty()) return root = std::move(value);
        if (open_.back()->is_object()) return members().back().second = std::move(value);
        open_.back()->push_back(std::move(value));
        return open_.back()->back();
    }
    bool open(nlohmann::ordered_json container) {
        enter();
        open_.push_back(&insert(std::move(container)));
        return true;
    }
    bool close() {
        leave();
        open_.pop_back();
        return true;
    }

    std::size_t max_values_;
    std::size_t values_ = 0;
    std::vector<nlohmann::ordered_json*> open_;  // the containers around the next value, innermost last
};

}  // namespace detail

/// A value of a JSON document with checked access: a missing value or one of another type is an error that names the
/// file and the JSON pointer. A cheap handle that shares the document.
///
///     const json config = read_json("config.json");
///     const std::size_t width = config.at("vision_config").at("hidden_size").as_size();
class json {
   public:
    /// Parses a text.
    /// \param name names the text in messages
    /// \throws checkpoint_error FORMAT where it is not JSON or an object has a duplicate key; LIMIT
    static json parse(std::string_view text, std::string name, const json_limits& limits = {}) {
        detail::expect_at_most<checkpoint_error>(limits.max_bytes, text.size(), "bytes of JSON", name);
        const detail::json_text source{text, std::move(name)};
        detail::json_builder builder(source, limits);
        detail::parse_json(source, builder);
        const auto parsed = std::make_shared<const document>(document{source.name, std::move(builder.root)});
        return json(parsed, parsed->root, pointer_type());
    }

    bool is_null() const { return value_->is_null(); }
    bool is_bool() const { return value_->is_boolean(); }
    bool is_number() const { return value_->is_number(); }
    bool is_string() const { return value_->is_string(); }
    bool is_array() const { return value_->is_array(); }
    bool is_object() const { return value_->is_object(); }

    /// The member with a name, if any.
    /// \throws checkpoint_error FORMAT where this is not an object
    std::optional<json> find(std::string_view key) const {
        expect(is_object(), "an object");
        const auto member = value_->find(std::string(key));
        if (member == value_->end()) return std::nullopt;
        return json(document_, *member, pointer_ / member.key());
    }

    /// The member with a name.
    /// \throws checkpoint_error FORMAT where there is none: "config.json: /vision_config/width is missing"
    json at(std::string_view key) const {
        std::optional<json> member = find(key);
        if (!member) refuse_missing(pointer_ / std::string(key));
        return *std::move(member);
    }

    /// The number of items or members.
    /// \throws checkpoint_error FORMAT where this is neither an array nor an object
    std::size_t size() const {
        expect(is_array() || is_object(), "an array");
        return value_->size();
    }

    /// The item with an index.
    /// \throws checkpoint_error FORMAT where this is not an array, or a shorter one
    json at(std::size_t index) const {
        expect(is_array(), "an array");
        if (index >= value_->size()) refuse_missing(pointer_ / index);
        return json(document_, (*value_)[index], pointer_ / index);
    }

    /// The items of an array.
    /// \throws checkpoint_error FORMAT where this is not an array
    std::vector<json> items() const {
        expect(is_array(), "an array");
        std::vector<json> all;
        all.reserve(value_->size());
        for (std::size_t i = 0; i < value_->size(); ++i) all.push_back(json(document_, (*value_)[i], pointer_ / i));
        return all;
    }

    /// The items of an array of strings.
    /// \throws checkpoint_error FORMAT where this is not an array, or one of its items not a string
    std::vector<std::string> texts() const {
        expect(is_array(), "an array");
        std::vector<std::string> all;
        all.reserve(value_->size());
        for (std::size_t i = 0; i < value_->size(); ++i) {
            if (!(*value_)[i].is_string()) at(i).as_string();  // names the item
            all.push_back((*value_)[i].get_ref<const std::string&>());
        }
        return all;
    }

    /// The members of an object, in their order.
    /// \throws checkpoint_error FORMAT where this is not an object
    std::vector<std::pair<std::string, json>> members() const {
        expect(is_object(), "an object");
        std::vector<std::pair<std::string, json>> all;
        all.reserve(value_->size());
        for (const auto& member : value_->items()) {
            all.emplace_back(member.key(), json(document_, member.value(), pointer_ / member.key()));
        }
        return all;
    }

    /// \throws checkpoint_error FORMAT where this is not an integer written without sign, point and exponent
    std::size_t as_size() const {
        expect(
            value_->is_number_unsigned() && value_->get<std::uint64_t>() <= (std::numeric_limits<std::size_t>::max)(),
            "an unsigned integer");
        return value_->get<std::size_t>();
    }

    /// \throws checkpoint_error FORMAT where this is not a number
    double as_number() const {
        expect(is_number(), "a number");
        return value_->get<double>();
    }

    /// \throws checkpoint_error FORMAT where this is not a string
    const std::string& as_string() const {
        expect(is_string(), "a string");
        return value_->get_ref<const std::string&>();
    }

    /// \throws checkpoint_error FORMAT where this is neither true nor false
    bool as_bool() const {
        expect(is_bool(), "true or false");
        return value_->get<bool>();
    }

    /// The JSON pointer (RFC 6901) of this value: "/vision_config/hidden_size"; empty at the root.
    std::string pointer() const { return pointer_.to_string(); }

    /// The document and the pointer, as messages name them: "config.json: /vision_config/hidden_size".
    std::string where() const {
        return document_->name + (pointer_.empty() ? "" : ": " + detail::escaped(pointer_.to_string()));
    }

   private:
    using pointer_type = nlohmann::ordered_json::json_pointer;

    struct document {
        std::string name;
        nlohmann::ordered_json root;
    };

    json(std::shared_ptr<const document> source, const nlohmann::ordered_json& value, pointer_type pointer)
        : document_(std::move(source)), value_(&value), pointer_(std::move(pointer)) {}

    void expect(bool is_expected, const char* expected) const {
        if (is_expected) return;
        throw checkpoint_error(error_code::format,
                               {document_->name,
                                (pointer_.empty() ? "the text" : detail::escaped(pointer_.to_string())) + " is " +
                                    detail::type_name(*value_),
                                expected});
    }

    [[noreturn]] void refuse_missing(const pointer_type& pointer) const {
        throw checkpoint_error(error_code::format,
                               {document_->name, detail::escaped(pointer.to_string()) + " is missing"});
    }

    std::shared_ptr<const document> document_;
    const nlohmann::ordered_json* value_;
    pointer_type pointer_;
};

/// Reads a JSON file.
/// \throws file_error; checkpoint_error as json::parse
inline json read_json(const std::filesystem::path& path, const json_limits& limits = {}) {
    const std::vector<std::byte> bytes = read_file(path, limits.max_bytes);
    return json::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path_text(path), limits);
}

/// The shortest digits that read back as the same number; "nan", "inf".
template <std::floating_point Real>
std::string number_text(Real value) {
    char digits[64];
    return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

/// A number to write as JSON with the shortest digits that read back the same; null where it is not finite.
template <std::floating_point Real>
nlohmann::ordered_json json_number(Real value) {
    const std::string digits = number_text(value);
    if (digits.back() > '9') return nullptr;  // "inf", "nan"; -ffast-math takes std::isfinite for true
    const detail::json_text text{digits, "a number"};
    detail::json_builder builder(text, {});
    detail::parse_json(text, builder);  // what nlohmann/json parses with anyway: a second parser costs compile time
    return std::move(builder.root);
}
template <std::floating_point Real>
nlohmann::ordered_json json_number(const std::optional<Real>& value) {
    return value ? json_number(*value) : nlohmann::ordered_json();
}

template <std::ranges::input_range Range>
nlohmann::ordered_json json_numbers(const Range& values) {
    nlohmann::ordered_json numbers = nlohmann::ordered_json::array();
    for (const auto& value : values) numbers.push_back(json_number(value));
    return numbers;
}

/// A JSON value as one line of text; what is not UTF-8 in its strings becomes U+FFFD.
inline std::string json_text_of(const nlohmann::ordered_json& value) {
    return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
