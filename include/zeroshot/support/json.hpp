#pragma once
/// \file A JSON document, read with checks.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json_grammar.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// What a JSON value is. Numbers keep how they were written: 3 is unsigned, -3 is signed, 3.0 and 3e0 are real.
enum class json_kind { null, boolean, unsigned_number, signed_number, real_number, string, array, object };

/// How much a JSON text may ask for.
struct json_limits {
    std::size_t max_bytes = std::size_t{64} << 20;
    std::size_t max_depth = 64;
    std::size_t max_values = 4'000'000;
};

namespace detail {

/// A value in the one array that holds a whole document: no value owns another, so nothing recurses.
struct json_node {
    json_kind kind = json_kind::null;
    std::uint32_t parent = 0;  // the root is its own parent
    std::uint32_t key = 0;     // in texts; for the items of an array, the index
    std::uint32_t first = 0;   // of the children in order, or of the text in texts
    std::uint32_t count = 0;   // of the children
    std::uint64_t bits = 0;    // of the number or truth value
    std::size_t position = 0;  // just behind the key
};

struct json_document {
    std::string place;
    std::vector<json_node> nodes;
    std::vector<std::uint32_t> order;  // children: of an array as written, of an object sorted by key
    std::deque<std::string> texts;
};

/// Builds a document from events.
class json_builder final : public json_events {
   public:
    json_builder(const json_text& text, const json_limits& limits, json_document& document)
        : text_(text), limits_(limits), document_(document) {}

    void null() override { add(json_kind::null, 0); }
    void boolean(bool value) override { add(json_kind::boolean, value ? 1 : 0); }
    void unsigned_number(std::uint64_t value) override { add(json_kind::unsigned_number, value); }
    void signed_number(std::int64_t value) override {
        add(json_kind::signed_number, std::bit_cast<std::uint64_t>(value));
    }
    void real_number(double value) override { add(json_kind::real_number, std::bit_cast<std::uint64_t>(value)); }
    void string(std::string&& value) override {
        document_.nodes[add(json_kind::string, 0)].first = keep(std::move(value));
    }
    void key(std::string&& name) override {
        key_ = keep(std::move(name));
        key_position_ = position;
    }
    void begin_object() override { open(json_kind::object); }
    void begin_array() override { open(json_kind::array); }
    void end_array() override { close(); }
    void end_object() override {
        const json_node& object = close();
        const std::span<std::uint32_t> members = std::span(document_.order).subspan(object.first);
        const auto name = [&](std::uint32_t node) -> const std::string& {
            return document_.texts[document_.nodes[node].key];
        };
        std::ranges::sort(members, [&](std::uint32_t a, std::uint32_t b) {
            const int order = name(a).compare(name(b));
            return order != 0 ? order < 0 : a < b;
        });
        for (std::uint32_t i = 1; i < object.count; ++i) {
            if (name(members[i - 1]) == name(members[i])) refuse_duplicate(members[i - 1], members[i]);
        }
    }

   private:
    std::uint32_t add(json_kind kind, std::uint64_t bits) {
        if (document_.nodes.size() == limits_.max_values) {
            throw checkpoint_error(error_code::limit, {text_.where(position), "too many values",
                                                       "at most " + std::to_string(limits_.max_values), ""});
        }
        const auto index = static_cast<std::uint32_t>(document_.nodes.size());
        json_node node{kind, index, 0, 0, 0, bits, 0};
        if (!open_.empty()) {
            node.parent = open_.back().node;
            const bool in_object = document_.nodes[node.parent].kind == json_kind::object;
            node.key = in_object ? key_ : static_cast<std::uint32_t>(children_.size() - open_.back().children);
            node.position = key_position_;
            children_.push_back(index);
        }
        document_.nodes.push_back(node);
        return index;
    }

    void open(json_kind kind) {
        const std::uint32_t node = add(kind, 0);
        open_.push_back({node, children_.size()});
    }

    const json_node& close() {
        const opened last = open_.back();
        open_.pop_back();
        json_node& node = document_.nodes[last.node];
        node.first = static_cast<std::uint32_t>(document_.order.size());
        node.count = static_cast<std::uint32_t>(children_.size() - last.children);
        document_.order.insert(document_.order.end(), children_.begin() + static_cast<std::ptrdiff_t>(last.children),
                               children_.end());
        children_.resize(last.children);
        return node;
    }

    std::uint32_t keep(std::string&& text) {
        document_.texts.push_back(std::move(text));
        return static_cast<std::uint32_t>(document_.texts.size() - 1);
    }

    [[noreturn]] void refuse_duplicate(std::uint32_t first, std::uint32_t second) const {
        const json_node &a = document_.nodes[first], &b = document_.nodes[second];
        const auto byte_of = [this](const json_node& node) {
            return std::to_string(text_.offset + text_.key_begin(node.position));
        };
        throw checkpoint_error(error_code::format, {text_.place,
                                                    "duplicate key " + quoted(document_.texts[a.key]) + " at bytes " +
                                                        byte_of(a) + " and " + byte_of(b),
                                                    "", ""});
    }

    struct opened {
        std::uint32_t node;
        std::size_t children;  // how many of children_ belong to the containers around it
    };

    const json_text& text_;
    const json_limits& limits_;
    json_document& document_;
    std::vector<opened> open_;
    std::vector<std::uint32_t> children_;  // of the open containers, the innermost last
    std::uint32_t key_ = 0;
    std::size_t key_position_ = 0;
};

}  // namespace detail

/// A value of a JSON document, read with checks: what is missing or of another kind is an error that names its place.
/// A cheap handle: it shares the document and keeps it alive.
///
///     const json config = read_json("config.json");
///     const std::size_t width = config.at("vision_config").at("hidden_size").as_size();
class json {
   public:
    // Copies share, and moving copies: no handle is ever empty.
    json(const json&) = default;
    json& operator=(const json&) = default;

    /// Reads a text whole; `place` names it in the sentences.
    /// \throws checkpoint_error FORMAT where it is not JSON or an object has a key twice; LIMIT
    static json parse(std::string_view text, std::string place, const json_limits& limits = {}) {
        if (text.size() > limits.max_bytes) {
            throw checkpoint_error(error_code::limit,
                                   {place, "the JSON text has " + std::to_string(text.size()) + " bytes",
                                    "at most " + std::to_string(limits.max_bytes), ""});
        }
        auto document = std::make_shared<detail::json_document>();
        document->place = std::move(place);
        const detail::json_text source{text, document->place, 0, true, limits.max_depth, error_code::limit};
        detail::json_builder builder(source, limits, *document);
        detail::walk_json(source, builder);
        return json(std::move(document), 0);
    }

    json_kind kind() const { return node().kind; }
    bool is_null() const { return kind() == json_kind::null; }
    bool is_string() const { return kind() == json_kind::string; }
    bool is_array() const { return kind() == json_kind::array; }
    bool is_object() const { return kind() == json_kind::object; }
    bool is_number() const {
        return kind() == json_kind::unsigned_number || kind() == json_kind::signed_number ||
               kind() == json_kind::real_number;
    }

    /// The member of that name, if there is one.
    /// \throws checkpoint_error FORMAT where this is no object
    std::optional<json> find(std::string_view key) const {
        expect(json_kind::object);
        const auto name = [this](std::uint32_t child) -> const std::string& {
            return document_->texts[document_->nodes[child].key];
        };
        const auto less = [&](std::uint32_t child, std::string_view wanted) { return name(child) < wanted; };
        const auto begin = document_->order.begin() + static_cast<std::ptrdiff_t>(node().first);
        const auto end = begin + static_cast<std::ptrdiff_t>(node().count);
        const auto at = std::lower_bound(begin, end, key, less);
        if (at == end || name(*at) != key) return std::nullopt;
        return json(document_, *at);
    }

    /// The member of that name.
    /// \throws checkpoint_error FORMAT where there is none: "config.json: /vision_config/width is missing"
    json at(std::string_view key) const {
        std::optional<json> found = find(key);
        if (!found) {
            throw checkpoint_error(
                error_code::format,
                {document_->place, printable(pointer() + "/" + escaped(key)) + " is missing", "", ""});
        }
        return *std::move(found);
    }

    /// How many items or members there are.
    /// \throws checkpoint_error FORMAT where this is neither an array nor an object
    std::size_t size() const {
        if (!is_object()) expect(json_kind::array);
        return node().count;
    }

    /// The item at that place.
    /// \throws checkpoint_error FORMAT where this is no array, or a shorter one
    json at(std::size_t index) const {
        expect(json_kind::array);
        if (index >= node().count) {
            throw checkpoint_error(
                error_code::format,
                {document_->place, printable(pointer() + "/" + std::to_string(index)) + " is missing", "", ""});
        }
        return json(document_, document_->order[node().first + index]);
    }

    /// The items of an array.
    /// \throws checkpoint_error FORMAT where this is none
    std::vector<json> items() const {
        expect(json_kind::array);
        return children();
    }

    /// The items of an array of strings.
    /// \throws checkpoint_error FORMAT where this is no array, or one of its items no string
    std::vector<std::string> texts() const {
        expect(json_kind::array);
        std::vector<std::string> found;
        found.reserve(node().count);
        for (std::uint32_t i = 0; i < node().count; ++i) {
            const std::uint32_t item = document_->order[node().first + i];
            const detail::json_node& text = document_->nodes[item];
            if (text.kind != json_kind::string) throw json(document_, item).wrong_kind(kind_text(json_kind::string));
            found.push_back(document_->texts[text.first]);
        }
        return found;
    }

    /// The members of an object, as written.
    /// \throws checkpoint_error FORMAT where this is none
    std::vector<std::pair<std::string, json>> members() const {
        expect(json_kind::object);
        std::vector<json> values = children();
        std::ranges::sort(values, [](const json& a, const json& b) { return a.index_ < b.index_; });
        std::vector<std::pair<std::string, json>> found;
        found.reserve(values.size());
        for (json& value : values) found.emplace_back(document_->texts[value.node().key], std::move(value));
        return found;
    }

    /// \throws checkpoint_error FORMAT where this is anything but an integer written without sign, point and exponent
    std::size_t as_size() const {
        if (kind() != json_kind::unsigned_number || node().bits > std::numeric_limits<std::size_t>::max()) {
            throw wrong_kind("an unsigned integer");
        }
        return static_cast<std::size_t>(node().bits);
    }

    /// \throws checkpoint_error FORMAT where this is no number
    double as_number() const {
        if (kind() == json_kind::unsigned_number) return static_cast<double>(node().bits);
        if (kind() == json_kind::signed_number) return static_cast<double>(std::bit_cast<std::int64_t>(node().bits));
        if (kind() != json_kind::real_number) throw wrong_kind("a number");
        return std::bit_cast<double>(node().bits);
    }

    /// \throws checkpoint_error FORMAT where this is no string
    const std::string& as_string() const {
        expect(json_kind::string);
        return document_->texts[node().first];
    }

    /// \throws checkpoint_error FORMAT where this is neither true nor false
    bool as_bool() const {
        expect(json_kind::boolean);
        return node().bits != 0;
    }

    /// Where in the document this is: "/vision_config/hidden_size"; empty at the root.
    std::string pointer() const {
        std::vector<std::string> steps;
        for (std::uint32_t at = index_; document_->nodes[at].parent != at; at = document_->nodes[at].parent) {
            const detail::json_node& step = document_->nodes[at];
            const bool in_object = document_->nodes[step.parent].kind == json_kind::object;
            steps.push_back(in_object ? escaped(document_->texts[step.key]) : std::to_string(step.key));
        }
        std::string text;
        for (; !steps.empty(); steps.pop_back()) text += "/" + steps.back();
        return text;
    }

    /// The document and the pointer, as the sentences name them: "config.json: /vision_config/hidden_size".
    std::string where() const {
        const std::string path = pointer();
        return document_->place + (path.empty() ? "" : ": " + printable(path));
    }

   private:
    json(std::shared_ptr<const detail::json_document> document, std::uint32_t index)
        : document_(std::move(document)), index_(index) {}

    const detail::json_node& node() const { return document_->nodes[index_]; }

    std::vector<json> children() const {
        std::vector<json> found;
        found.reserve(node().count);
        for (std::uint32_t i = 0; i < node().count; ++i)
            found.push_back(json(document_, document_->order[node().first + i]));
        return found;
    }

    static std::string_view kind_text(json_kind kind) {
        constexpr std::array<std::string_view, 8> names{
            "null",     "true or false", "an unsigned integer", "a negative integer", "a number", "a string",
            "an array", "an object"};
        return names[static_cast<std::size_t>(kind)];
    }

    void expect(json_kind kind) const {
        if (node().kind != kind) throw wrong_kind(kind_text(kind));
    }

    checkpoint_error wrong_kind(std::string_view expected) const {
        const std::string path = pointer();
        return checkpoint_error(error_code::format, {document_->place,
                                                     (path.empty() ? "the text" : printable(path)) + " is " +
                                                         std::string(kind_text(node().kind)),
                                                     std::string(expected), ""});
    }

    /// A key as a JSON pointer writes it (RFC 6901).
    static std::string escaped(std::string_view key) {
        std::string text;
        for (const char character : key) {
            if (character == '~')
                text += "~0";
            else if (character == '/')
                text += "~1";
            else
                text += character;
        }
        return text;
    }

    static std::string printable(const std::string& pointer) {
        const std::string safe = quoted(pointer);
        return safe.ends_with('\'') ? safe.substr(1, safe.size() - 2) : safe;
    }

    std::shared_ptr<const detail::json_document> document_;
    std::uint32_t index_;
};

/// Reads a JSON file.
/// \throws file_error; checkpoint_error as json::parse
inline json read_json(const std::filesystem::path& path, const json_limits& limits = {}) {
    const std::vector<std::byte> bytes = read_file(path, limits.max_bytes);
    return json::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path_text(path), limits);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
