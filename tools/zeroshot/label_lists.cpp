#include "label_lists.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <utility>

#include <zeroshot/classify/class_names.hpp>
#include <zeroshot/datasets/csv.hpp>
#include <zeroshot/datasets/list_columns.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

#include "console.hpp"

namespace program {

namespace {

using zeroshot::json;
using zeroshot::datasets::detail::parse_number;
using zeroshot::datasets::detail::trimmed;

std::string name_of(const std::filesystem::path& path) {
    return path == "-" ? "standard input" : zeroshot::path_text(path);
}

[[noreturn]] void refuse(const std::string& where, std::string what, std::string expected, std::string hint = "") {
    throw zeroshot::text_error(zeroshot::error_code::format,
                               {where, std::move(what), std::move(expected), std::move(hint)});
}

/// Reads a literal of Python, made of strings, numbers, lists, tuples and dicts, as JSON.
class python_literal {
   public:
    explicit python_literal(std::string_view text) : rest_(text) {}

    /// \return nothing where it is something else
    std::optional<std::string> as_json() {
        while (!rest_.empty()) {
            const char letter = rest_.front();
            if (letter == '\'' || letter == '"') {
                if (!add_string()) return std::nullopt;
            } else if (letter == '(' || letter == ')') {
                add(letter == '(' ? '[' : ']');
            } else if ((letter >= '0' && letter <= '9') || letter == '-') {
                add_number();
            } else if (std::string_view("[]{},: \t\r\n").find(letter) != std::string_view::npos) {
                add(letter);
            } else {
                return std::nullopt;
            }
        }
        return json_;
    }

   private:
    void add(char letter) {
        if (letter == ']' || letter == '}') {  // without a comma before it
            const std::size_t last = json_.find_last_not_of(" \t\r\n");
            if (last != std::string::npos && json_[last] == ',') json_.erase(last, 1);
        }
        json_ += letter;
        rest_.remove_prefix(1);
    }

    bool add_string() {
        const char quote = rest_.front();
        rest_.remove_prefix(1);
        json_ += '"';
        while (!rest_.empty() && rest_.front() != quote) {
            if (rest_.front() == '\\' && rest_.size() > 1) {
                if (rest_[1] != '\'') json_ += '\\';
                json_ += rest_[1];
                rest_.remove_prefix(2);
                continue;
            }
            if (rest_.front() == '"') json_ += '\\';
            json_ += rest_.front();
            rest_.remove_prefix(1);
        }
        if (rest_.empty()) return false;
        rest_.remove_prefix(1);
        json_ += '"';
        return true;
    }

    /// A number, in quotes where it is a key.
    void add_number() {
        const std::string_view digits = rest_.substr(0, rest_.find_first_not_of("-+.0123456789eE"));
        rest_.remove_prefix(digits.size());
        const bool is_key = trimmed(rest_).starts_with(':');
        json_ += is_key ? "\"" + std::string(digits) + "\"" : std::string(digits);
    }

    std::string_view rest_;
    std::string json_;
};

bool is_bracketed(std::string_view text) {
    return text.size() > 1 && program::is_bracketed(text, text);
}

/// A list after "labels = ", or the text.
std::string_view after_assignment(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view name = trimmed(text.substr(0, equals)),
                           rest = trimmed(text.substr(std::min(equals, text.size() - 1) + 1));
    const bool is_name = name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") ==
                         std::string_view::npos;
    return equals != std::string_view::npos && is_name && is_bracketed(rest) ? rest : text;
}

/// The JSON of a text, or of the Python that it is.
json parse(std::string_view text, const std::string& name) {
    try {
        return json::parse(text, name);
    } catch (const zeroshot::checkpoint_error&) {
        const std::optional<std::string> converted = python_literal(text).as_json();
        if (!converted) throw;
        return json::parse(*converted, name);
    }
}

bool is_wnid(std::string_view text) {
    return zeroshot::detail::wnid_number(text).has_value();
}

/// The label that a value is, or holds: the last text of ["n01440764", "tench"], a member called "name" or "label".
std::string label_in(const json& value) {
    if (value.is_array()) {
        for (std::size_t i = value.size(); i-- > 0;) {
            const json item = value.at(i);
            if (item.is_string() && (i == 0 || !is_wnid(item.as_string()))) return item.as_string();
        }
    }
    if (value.is_object()) {
        std::string keys;
        for (const char* key : {"name", "label", "class", "class_name", "title", "text"}) {
            if (const std::optional<json> member = value.find(key); member && member->is_string())
                return member->as_string();
        }
        for (const auto& [key, member] : value.members()) keys += (keys.empty() ? "" : ", ") + zeroshot::quoted(key);
        refuse(value.where(), "an object with the keys " + keys, "a text, or a member \"name\" or \"label\"");
    }
    return value.as_string();
}

std::vector<std::string> labels_in(const json& value);

std::vector<std::string> labels_in_object(const json& object) {
    const auto members = object.members();
    if (const std::optional<json> names = object.find("id2label")) return labels_in(*names);
    std::map<std::size_t, std::string> by_index;
    const auto all = [&](const auto& accepts) { return std::ranges::all_of(members, accepts); };
    if (all([](const auto& member) { return parse_number(member.first).has_value(); })) {
        for (const auto& [key, value] : members) by_index.emplace(parse_number(key).value(), label_in(value));
    } else if (all([](const auto& member) { return member.second.is_number(); })) {
        for (const auto& [key, value] : members) by_index.emplace(value.as_size(), key);
    }
    std::vector<std::string> labels;
    if (!members.empty() && by_index.size() == members.size()) {
        for (auto& [index, label] : by_index) labels.push_back(std::move(label));
        return labels;
    }
    if (!members.empty() && all([](const auto& member) { return is_wnid(member.first); })) {
        for (const auto& [key, value] : members) labels.push_back(label_in(value));
        return labels;
    }
    std::vector<json> lists;
    std::string keys;
    for (const auto& [key, value] : members) {
        keys += (keys.empty() ? "" : ", ") + zeroshot::quoted(key);
        if (value.is_array() || value.is_object()) lists.push_back(value);
    }
    if (lists.size() == 1) return labels_in(lists.front());
    refuse(object.where(), "an object with the keys " + keys,
           "labels by their numbers, as {\"0\": \"tench\"}, or {\"tench\": 0}");
}

/// The labels that a document of JSON holds.
std::vector<std::string> labels_in(const json& value) {
    if (value.is_object()) return labels_in_object(value);
    std::vector<std::string> labels;
    for (const json& item : value.items()) labels.push_back(label_in(item));
    return labels;
}

/// The cells of a line with commas, or with the first of other separators that is in it.
std::vector<std::string> cells_of(std::string_view line) {
    for (const char separator : {'\t', ';', ',', '|'}) {
        if (line.find(separator) == std::string_view::npos) continue;
        zeroshot::datasets::detail::csv_reader reader(line, separator, "");
        try {
            std::vector<std::string> cells = reader.next().value_or(std::vector<std::string>{});
            while (!cells.empty() && cells.back().empty()) cells.pop_back();  // after a comma at the end
            if (std::ranges::all_of(cells, [](const std::string& cell) { return !cell.empty(); })) return cells;
        } catch (const zeroshot::error&) {
            continue;
        }
    }
    return {std::string(line)};
}

/// The lines of a text that are not blank, as the shell gives those of a file: --labels "$(cat FILE)".
std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        if (!trimmed(line).empty()) lines.emplace_back(trimmed(line));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return lines;
}

std::string unquoted(std::string_view text) {
    const bool is_quoted =
        text.size() > 1 && text.front() == text.back() && (text.front() == '"' || text.front() == '\'');
    return std::string(is_quoted ? text.substr(1, text.size() - 2) : text);
}

using change = std::optional<std::string> (*)(const text_line&, std::size_t position);

/// Applies a change to all lines, if all lines allow it.
bool change_all(std::vector<text_line>& lines, const change& each) {
    std::vector<text_line> changed;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        std::optional<std::string> text = each(lines[i], i);
        if (!text || text->empty()) return false;
        changed.push_back({lines[i].number, *std::move(text)});
    }
    lines = std::move(changed);
    return true;
}

/// A label after a number that counts the lines: "0: tench", "1,goldfish", "2<tab>shark".
std::optional<std::string> after_count(std::string_view line, std::size_t position) {
    const std::size_t end = std::min(line.find_first_not_of("0123456789"), line.size());
    const std::optional<std::size_t> number = parse_number(line.substr(0, end));
    if (!number || *number != position || end == line.size()) return std::nullopt;
    const std::string_view rest = trimmed(line.substr(end));
    if (std::string_view(":,;.)\t").find(line[end]) == std::string_view::npos && line[end] != ' ') return std::nullopt;
    const std::size_t begin = rest.find_first_not_of(":,;.)");
    return begin == std::string_view::npos ? std::nullopt : std::optional(unquoted(trimmed(rest.substr(begin))));
}

/// The column of labels of lines that are a table with a header.
bool take_column(std::vector<text_line>& lines) {
    for (const char separator : {'\t', ';', ','}) {
        std::vector<std::vector<std::string>> rows;
        for (const text_line& line : lines) {
            try {
                rows.push_back(zeroshot::datasets::detail::csv_reader(line.text, separator, "").next().value());
            } catch (const zeroshot::error&) {
                break;
            }
            if (rows.back().size() < 2 || rows.back().size() != rows.front().size()) break;
        }
        if (rows.size() != lines.size() || rows.size() < 2 || rows.back().size() != rows.front().size()) continue;
        constexpr std::size_t ranks = 5;  // of label_rank()
        for (std::size_t rank = 0; rank < ranks; ++rank) {
            for (std::size_t column = 0; column < rows.front().size(); ++column) {
                const bool is_number = parse_number(rows[1][column]).has_value();
                if (is_number || zeroshot::datasets::detail::label_rank(rows.front()[column]) != rank) continue;
                std::vector<text_line> labels;
                for (std::size_t i = 1; i < rows.size(); ++i) labels.push_back({lines[i].number, rows[i][column]});
                lines = std::move(labels);
                return true;
            }
        }
    }
    return false;
}

/// Whether lines begin with the name of a column, which is then left out.
bool leave_out_header(std::vector<text_line>& lines) {
    constexpr std::array<std::string_view, 10> headers{"label",      "labels",      "class",     "classes",
                                                       "class_name", "class_names", "classname", "label_name",
                                                       "category",   "categories"};
    const std::string first = zeroshot::datasets::detail::plain_name(lines.front().text);
    if (lines.size() < 3 || std::ranges::find(headers, first) == headers.end()) return false;
    lines.erase(lines.begin());
    return true;
}

/// Leaves out the commas between lines, after each but the last.
bool leave_out_commas(std::vector<text_line>& lines) {
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
        if (!lines[i].text.ends_with(',')) return false;
    }
    for (text_line& line : lines) {
        if (line.text.ends_with(',')) line.text = std::string(trimmed(line.text.substr(0, line.text.size() - 1)));
    }
    return true;
}

/// Reads lines as what all of them look like.
/// \return what that is; empty for one label on each line
std::string understand(std::vector<text_line>& lines) {
    if (lines.size() == 1) {
        const std::size_t number = lines.front().number;
        const std::vector<std::string> cells = cells_of(lines.front().text);
        if (cells.size() < 2) return "";
        lines.clear();
        for (const std::string& cell : cells) lines.push_back({number, cell});
        return "one line with " + std::to_string(cells.size()) + " labels";
    }
    if (take_column(lines)) return "a table with a header, of which the column of labels is read";
    if (change_all(lines, [](const text_line& line, std::size_t at) { return after_count(line.text, at); }) ||
        change_all(lines, [](const text_line& line, std::size_t at) { return after_count(line.text, at + 1); }))
        return "the numbers before the labels are left out";
    const auto after_wnid = [](const text_line& line, std::size_t) -> std::optional<std::string> {
        const std::size_t end = line.text.find_first_of(" \t,:");
        if (end == std::string::npos || !is_wnid(std::string_view(line.text).substr(0, end))) return std::nullopt;
        return std::string(trimmed(line.text.substr(end + 1)));
    };
    if (change_all(lines, after_wnid)) return "the identifiers before the labels are left out";
    if (leave_out_header(lines)) return "its first line is a header, and no label";
    const auto dashed = [](const text_line& line, std::size_t) -> std::optional<std::string> {
        const bool is_item = line.text.starts_with("- ") || line.text.starts_with("* ");
        return is_item ? std::optional(unquoted(trimmed(line.text.substr(2)))) : std::nullopt;
    };
    if (change_all(lines, dashed)) return "the dashes before the labels are left out";
    const bool had_commas = leave_out_commas(lines);
    const auto quoted = [](const text_line& line, std::size_t) -> std::optional<std::string> {
        std::string inside = unquoted(line.text);
        return inside.size() == line.text.size() ? std::nullopt : std::optional(std::move(inside));
    };
    if (change_all(lines, quoted)) return "the quotation marks around the labels are left out";
    return had_commas ? "the commas after the labels are left out" : "";
}

}  // namespace

bool is_bracketed(std::string_view first, std::string_view last) {
    first = trimmed(first);
    last = trimmed(last);
    if (first.empty() || last.empty()) return false;
    return (first.front() == '[' && last.back() == ']') || (first.front() == '{' && last.back() == '}');
}

label_list read_label_list(const std::filesystem::path& path, const std::string& items) {
    const std::string name = name_of(path);
    label_list list{read_entries(path, items)};
    std::string text;
    for (const text_line& line : list.labels) text += line.text + "\n";
    const std::string_view literal = after_assignment(trimmed(text));
    if (is_bracketed(literal)) {
        const std::vector<std::string> labels = labels_in(parse(literal, name));
        if (labels.empty()) refuse(name, "no " + items, "a list of texts");
        list.labels.clear();
        for (const std::string& label : labels)
            list.labels.push_back({list.labels.size() + 1, std::string(trimmed(label))});
        list.note = name + ": read as a list with " + std::to_string(labels.size()) + " " + items;
        return list;
    }
    if (list.labels.size() == 1 && (literal.starts_with('[') || literal.starts_with('{')))
        refuse(name, "a list without its closing bracket", "JSON, or " + items + ", one per line");
    if (const std::string how = understand(list.labels); !how.empty()) list.note = name + ": " + how;
    return list;
}

std::optional<std::vector<std::string>> labels_in_line(std::string_view text) {
    text = trimmed(text);
    if (is_bracketed(text)) {
        try {
            return labels_in(parse(text, "label"));
        } catch (const zeroshot::error&) {
            return std::nullopt;
        }
    }
    if (text.find_first_of(",;\n") == std::string_view::npos) return std::nullopt;
    std::vector<std::string> cells = text.find('\n') == std::string_view::npos ? cells_of(text) : lines_of(text);
    return cells.size() < 2 ? std::nullopt : std::optional(std::move(cells));
}

void note_odd_labels(const std::vector<text_line>& labels, const std::string& file, console& out) {
    const auto find = [&](const auto& accepts) {
        return std::ranges::find_if(labels, [&](const text_line& label) { return accepts(label.text); });
    };
    const auto warn = [&](const auto& label, const std::string& finding) {
        if (label == labels.end()) return;
        const std::string where = file.empty() ? "" : name_of(file) + ": line " + std::to_string(label->number) + ": ";
        out.note("warning: " + where + "label " + zeroshot::quoted(label->text) + " " + finding);
    };
    const auto contains = [](char letter) {
        return [letter](const std::string& text) { return text.find(letter) != std::string::npos; };
    };
    warn(find([](const std::string& text) { return text.ends_with(','); }),
         "ends with a comma; labels are separated by spaces, and those of several words stand in quotation marks");
    warn(find(is_wnid), "is an identifier and no word");
    warn(find([](const std::string& text) { return is_bracketed(text); }),
         "looks like a list, and is read as one label");
    if (find(contains(' ')) == labels.end()) warn(find(contains('_')), "has underscores, and is read as it is");
    warn(find(contains('\t')), "contains a tab, and is read as one label");
}

}  // namespace program
