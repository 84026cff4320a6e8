#include "label_lists.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <set>
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
using zeroshot::datasets::detail::end_in_indices;
using zeroshot::datasets::detail::parse_number;
using zeroshot::detail::trimmed;

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

/// "an object with the keys 'a', 'b'"
std::string described(const json& object) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : object.members()) keys.push_back(key);
    return zeroshot::datasets::detail::object_text(keys);
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
        for (const char* key : {"name", "label", "class", "class_name", "title", "text"}) {
            if (const std::optional<json> member = value.find(key); member && member->is_string())
                return member->as_string();
        }
        refuse(value.where(), described(value), "a text, or a member \"name\" or \"label\"");
    }
    return value.as_string();
}

void add(label_list& list, const std::string& label) {
    list.labels.push_back({list.labels.size() + 1, std::string(trimmed(label))});
}

/// Adds the number of the class that an object is: under a name of labels, as "label" and "class_id", else under "id".
void add_number(label_list& list, const json& item) {
    if (!item.is_object()) return;
    std::optional<json> number = item.find("id");
    for (const auto& [key, member] : item.members()) {
        if (member.is_number() && zeroshot::datasets::detail::label_rank(key)) number = member;
    }
    if (number && number->is_number()) list.numbers.push_back(number->as_size());
}

label_list labels_in(const json& value);

label_list labels_in_object(const json& object) {
    const auto members = object.members();
    for (const char* key : {"id2label", "categories"}) {  // of a configuration of transformers, and of COCO
        const std::optional<json> names = object.find(key);
        if (names && (names->is_object() || names->is_array())) return labels_in(*names);
    }
    std::map<std::size_t, std::string> by_index;
    const auto all = [&](const auto& accepts) { return std::ranges::all_of(members, accepts); };
    if (all([](const auto& member) { return parse_number(member.first).has_value(); })) {
        for (const auto& [key, value] : members) by_index.emplace(parse_number(key).value(), label_in(value));
    } else if (all([](const auto& member) { return member.second.is_number(); })) {
        for (const auto& [key, value] : members) by_index.emplace(value.as_size(), key);
    }
    label_list list;
    if (!members.empty() && by_index.size() == members.size()) {
        for (const auto& [index, label] : by_index) {
            add(list, label);
            list.numbers.push_back(index);
        }
        return list;
    }
    if (!members.empty() && all([](const auto& member) { return is_wnid(member.first); })) {
        for (const auto& [key, value] : members) add(list, label_in(value));
        return list;
    }
    std::vector<json> lists;
    for (const auto& [key, value] : members) {
        if (value.is_array() || value.is_object()) lists.push_back(value);
    }
    if (lists.size() == 1) return labels_in(lists.front());
    refuse(object.where(), described(object), "labels by their numbers, as {\"0\": \"tench\"}, or {\"tench\": 0}");
}

/// The labels that a document of JSON holds, with the numbers of an array of objects.
label_list labels_in(const json& value) {
    if (value.is_object()) return labels_in_object(value);
    label_list list;
    for (const json& item : value.items()) {
        add(list, label_in(item));
        add_number(list, item);
    }
    return list;
}

/// The label of a line of JSON: a text, or the only text of an object under a usual name.
std::string label_on_line(const json& value) {
    if (!value.is_object()) return value.as_string();
    std::vector<std::string> labels;
    for (const auto& [key, member] : value.members()) {
        if (member.is_string() && zeroshot::datasets::detail::label_rank(key)) labels.push_back(member.as_string());
    }
    if (labels.size() != 1)
        refuse(value.where(), described(value), "one text under \"label\", \"name\", \"class\" or \"text\"");
    return labels.front();
}

/// The labels of lines that are JSON each, with the numbers of objects.
label_list labels_on_lines(const std::vector<text_line>& lines, const std::string& name) {
    label_list list;
    for (const text_line& line : lines) {
        const json value = parse(line.text, name + ": line " + std::to_string(line.number));
        list.labels.push_back({line.number, std::string(trimmed(label_on_line(value)))});
        add_number(list, value);
    }
    return list;
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
    const std::string_view inside = is_quoted ? text.substr(1, text.size() - 2) : text;
    return std::string(is_quoted && inside.find(text.front()) != std::string_view::npos ? text : inside);
}

using change = std::optional<std::string> (*)(const text_line&);

/// Applies a change to all lines, if all lines allow it.
bool change_all(std::vector<text_line>& lines, const change& each) {
    std::vector<text_line> changed;
    for (const text_line& line : lines) {
        std::optional<std::string> text = each(line);
        if (!text || text->empty()) return false;
        changed.push_back({line.number, *std::move(text)});
    }
    lines = std::move(changed);
    return true;
}

/// Whether numbers are 0, 1, 2, ... or 1, 2, 3, ... in any order.
bool are_counts(std::vector<std::size_t> numbers) {
    std::ranges::sort(numbers);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (numbers[i] != numbers.front() + i) return false;
    }
    return !numbers.empty() && numbers.front() < 2;
}

template <class Values>
bool are_distinct(const Values& values) {
    return std::set(values.begin(), values.end()).size() == values.size();
}

/// Takes the labels after numbers: "0: tench", "1,goldfish", "2<tab>shark"; after spaces only where they count lines.
bool take_numbers(label_list& list) {
    std::vector<text_line> labels;
    std::vector<std::size_t> numbers;
    std::vector<std::string> texts;
    bool has_spaces = false;
    for (const text_line& line : list.labels) {
        const std::string_view text = line.text;
        const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
        const std::optional<std::size_t> number = parse_number(text.substr(0, end));
        const std::string_view rest = trimmed(text.substr(end));
        if (!number || rest.empty()) return false;
        const bool is_mark = std::string_view(":,;.)").find(rest.front()) != std::string_view::npos;
        const std::string_view label = is_mark ? trimmed(rest.substr(1)) : rest;
        const bool is_tab = text[end] == '\t', is_space = text[end] == ' ' && !is_mark;
        const bool is_digit = label.find_first_of("0123456789") == 0;  // 0.5, 1,000, 12:30
        const bool is_table = rest.front() == ',' && label.find(',') != std::string_view::npos && label.front() != '"';
        if (label.empty() || !(is_mark || is_tab || is_space) || (is_mark && is_digit) || is_table) return false;
        has_spaces = has_spaces || is_space;
        numbers.push_back(*number);
        texts.push_back(unquoted(label));
        labels.push_back({line.number, texts.back()});
    }
    if (!are_distinct(texts) || !are_distinct(numbers) || (has_spaces && !are_counts(numbers))) return false;
    list.labels = std::move(labels);
    list.numbers = std::move(numbers);
    return true;
}

/// A table whose first line may be a header.
class table {
   public:
    /// \return nothing where the lines have one cell each, or different numbers of them
    static std::optional<table> of(const std::vector<text_line>& lines, char separator) {
        table result;
        for (const text_line& line : lines) {
            try {
                zeroshot::datasets::detail::csv_reader reader(line.text, separator, "");
                std::optional<std::vector<std::string>> row = reader.next();
                if (!row || row->size() < 2) return std::nullopt;
                result.rows_.push_back(*std::move(row));
            } catch (const zeroshot::error&) {
                return std::nullopt;
            }
            if (result.rows_.back().size() != result.rows_.front().size()) return std::nullopt;
        }
        return result.rows_.size() < 2 ? std::nullopt : std::optional(std::move(result));
    }

    const std::vector<std::string>& header() const { return rows_.front(); }

    /// The cells below the header.
    std::vector<std::string> column(std::size_t at) const {
        std::vector<std::string> cells;
        for (std::size_t i = 1; i < rows_.size(); ++i) cells.push_back(rows_[i][at]);
        return cells;
    }

    /// Different numbers below the header; empty for other cells.
    std::vector<std::size_t> numbers(std::size_t at) const {
        std::vector<std::size_t> result;
        for (const std::string& cell : column(at)) {
            const std::optional<std::size_t> number = parse_number(cell);
            if (!number) return {};
            result.push_back(*number);
        }
        return are_distinct(result) ? result : std::vector<std::size_t>{};
    }

    /// Whether a column numbers the classes, by its name or by its cells.
    bool numbers_classes(std::size_t at) const {
        const std::string& name = header()[at];
        const bool is_named =
            zeroshot::datasets::detail::label_rank(name) || zeroshot::datasets::detail::is_index_name(name);
        return !numbers(at).empty() && (is_named || are_counts(numbers(at)));
    }

    /// Whether a column counts the lines below the header or holds identifiers of ImageNet, and the header has neither.
    bool identifies_classes(std::size_t at) const {
        const std::vector<std::string> cells = column(at);
        if (std::ranges::all_of(cells, is_wnid)) return !is_wnid(header()[at]);
        return are_counts(numbers(at)) && !parse_number(header()[at]);
    }

    /// The column of labels that the header names.
    std::optional<std::size_t> named_column() const {
        for (std::size_t rank = 0; rank < header_ranks; ++rank) {
            for (std::size_t at = 0; at < header().size(); ++at) {
                const bool is_called = zeroshot::datasets::detail::label_rank(header()[at]) == rank;
                if (is_called && !parse_number(rows_[1][at])) return at;
            }
        }
        return std::nullopt;
    }

    static constexpr std::size_t header_ranks = 4;  // of label_rank(): names of columns of words

   private:
    std::vector<std::vector<std::string>> rows_;
};

/// Takes the column of labels of lines that are a table with a header: the one that it names, or the only one beside
/// those that number or identify the classes.
/// \throws zeroshot::text_error where there are several
bool take_column(label_list& list, const std::string& name) {
    for (const char separator : {'\t', ';', ','}) {
        const std::optional<table> cells = table::of(list.labels, separator);
        if (!cells) continue;
        std::vector<std::size_t> identifiers, others;
        for (std::size_t at = 0; at < cells->header().size(); ++at)
            (cells->identifies_classes(at) ? identifiers : others).push_back(at);
        std::optional<std::size_t> labels = cells->named_column();
        if (!labels && identifiers.empty()) continue;
        if (!labels && others.size() != 1) {
            std::vector<std::string> names;
            for (const std::size_t at : others) names.push_back(cells->header()[at]);
            refuse(name, "a table with the columns " + zeroshot::datasets::detail::quoted_names(names),
                   "one column of labels, or a header that calls it \"label\"");
        }
        if (!labels) labels = others.front();
        const std::vector<std::string> texts = cells->column(*labels);
        for (std::size_t at = 0; at < cells->header().size() && list.numbers.empty(); ++at) {
            if (at != *labels && cells->numbers_classes(at)) list.numbers = cells->numbers(at);
        }
        list.labels.erase(list.labels.begin());
        for (std::size_t i = 0; i < texts.size(); ++i) list.labels[i].text = texts[i];
        return true;
    }
    return false;
}

/// Whether lines begin with the name of a column, which is then left out.
bool leave_out_header(std::vector<text_line>& lines) {
    constexpr std::size_t sentences = 2;  // label_rank() of "title", "text", "caption", which may be labels
    const std::string& first = lines.front().text;
    const std::optional<std::size_t> rank = zeroshot::datasets::detail::label_rank(first);
    const bool is_name = first.find_first_of(".:=[({<") == std::string::npos;
    if (lines.size() < 3 || !is_name || !rank || *rank >= table::header_ranks || *rank == sentences) return false;
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
std::string understand(label_list& list, const std::string& name) {
    std::vector<text_line>& lines = list.labels;
    if (lines.size() == 1) {
        const std::size_t number = lines.front().number;
        const std::vector<std::string> cells = cells_of(lines.front().text);
        if (cells.size() == 1 && cells.front() != lines.front().text) {
            lines.front().text = cells.front();
            return "one label, without the marks around it";
        }
        if (cells.size() < 2) return "";
        lines.clear();
        for (const std::string& cell : cells) lines.push_back({number, cell});
        return "one line with " + std::to_string(cells.size()) + " labels";
    }
    if (take_column(list, name)) return "a table with a header, of which the column of labels is read";
    if (take_numbers(list)) return "the numbers before the labels are left out";
    const auto after_wnid = [](const text_line& line) -> std::optional<std::string> {
        const std::size_t end = line.text.find_first_of(" \t,:");
        if (end == std::string::npos || !is_wnid(std::string_view(line.text).substr(0, end))) return std::nullopt;
        return std::string(trimmed(line.text.substr(end + 1)));
    };
    if (change_all(lines, after_wnid)) {
        const bool has_numbers = take_numbers(list);
        return std::string("the identifiers ") + (has_numbers ? "and numbers " : "") + "before the labels are left out";
    }
    if (leave_out_header(lines)) {
        const bool has_numbers = take_numbers(list);
        return std::string("its first line is a header, and no label") +
               (has_numbers ? "; the numbers before the labels are left out" : "");
    }
    const auto dashed = [](const text_line& line) -> std::optional<std::string> {
        const bool is_item = line.text.starts_with("- ") || line.text.starts_with("* ");
        return is_item ? std::optional(unquoted(trimmed(line.text.substr(2)))) : std::nullopt;
    };
    if (change_all(lines, dashed)) return "the dashes before the labels are left out";
    const bool had_commas = leave_out_commas(lines);
    const auto quoted = [](const text_line& line) -> std::optional<std::string> {
        std::string inside = unquoted(line.text);
        return inside.size() == line.text.size() ? std::nullopt : std::optional(std::move(inside));
    };
    if (change_all(lines, quoted)) return "the quotation marks around the labels are left out";
    return had_commas ? "the commas after the labels are left out" : "";
}

/// Whether a label is a number of a class and no word: "class 1", "LABEL_0".
bool is_placeholder(const std::string& label) {
    const std::size_t word = label.find_last_not_of("0123456789") + 1;
    return word < label.size() && zeroshot::datasets::detail::label_rank(label.substr(0, word));
}

/// Refuses lines that are no labels but a table, or another format.
void check_lines(const std::vector<text_line>& lines, const std::filesystem::path& path) {
    const auto count_of = [](const text_line& line, char letter) { return std::ranges::count(line.text, letter); };
    const auto are_cells = [&](char separator) {
        const auto first = count_of(lines.front(), separator);
        return first > 0 && lines.size() > 1 &&
               std::ranges::all_of(lines, [&](const text_line& line) { return count_of(line, separator) == first; });
    };
    const auto is_row = [](const text_line& line) {  // 0,tench,Tinca
        const std::size_t end = line.text.find_first_not_of("0123456789");
        return end != std::string::npos && end > 0 && line.text[end] == ',';
    };
    const auto is_identified = [](const text_line& line) {
        return line.text.size() > 9 && is_wnid(std::string_view(line.text).substr(0, 9));
    };
    const auto is_mark = [](const text_line& line) {
        return std::ranges::none_of(line.text, [](char letter) {
            return zeroshot::detail::is_digit(letter) || zeroshot::detail::is_lower(letter) ||
                   zeroshot::detail::is_upper(letter) || static_cast<unsigned char>(letter) >= 0x80;
        });
    };
    const auto refuse_line = [&](const text_line& line, const std::string& what, const std::string& hint = "") {
        refuse(name_of(path) + ": line " + std::to_string(line.number), what,
               "one label on each line, a table with a header, or JSON", hint);
    };
    const std::string extension = zeroshot::datasets::detail::lower_case(path.extension().string());
    for (const char* other : {".yaml", ".yml", ".pbtxt", ".xml"}) {
        if (extension == other) refuse_line(lines.front(), "labels are not read from " + extension);
    }
    const char* const header = "a header that calls the column of labels \"label\" makes a table";
    if (are_cells('\t')) refuse_line(lines.front(), "cells separated by tabs, as on all lines", header);
    if (are_cells(';')) refuse_line(lines.front(), "cells separated by semicolons, as on all lines", header);
    if (end_in_indices(lines, ",:", &text_line::text))
        refuse_line(lines.front(), "an index after a name, as on all lines", header);
    const bool are_rows = lines.size() > 1 && std::all_of(lines.begin() + 1, lines.end(), is_row);
    for (const text_line& line : lines) {
        if (are_rows && is_row(line)) refuse_line(line, "a number before a comma", header);
        if (is_identified(line)) refuse_line(line, "an identifier before a label, and not on all lines");
        if (line.text.starts_with('"') && line.text.find("\",\"") != std::string::npos)
            refuse_line(line, "several quoted cells", header);
        if (is_mark(line)) refuse_line(line, zeroshot::quoted(line.text) + " is no label");
    }
}

/// Whether lines are JSON each: several objects, or those of a file called so which are no array over several lines.
bool are_json_lines(const std::vector<text_line>& lines, const std::filesystem::path& path) {
    const auto is_object = [](const text_line& line) { return line.text.starts_with('{') && line.text.ends_with('}'); };
    const std::string extension = zeroshot::datasets::detail::lower_case(path.extension().string());
    const bool is_called_so = extension == ".jsonl" || extension == ".ndjson";
    return (lines.size() > 1 && std::ranges::all_of(lines, is_object)) ||
           (is_called_so && !program::is_bracketed(lines.front().text, lines.back().text));
}

/// Sorts labels by their numbers; numbers that are not those of all labels, or not different, count for nothing.
void sort_by_number(label_list& list) {
    if (list.numbers.size() != list.labels.size() || !are_distinct(list.numbers)) return list.numbers.clear();
    std::map<std::size_t, text_line> sorted;
    for (std::size_t i = 0; i < list.labels.size(); ++i) sorted.emplace(list.numbers[i], std::move(list.labels[i]));
    list.labels.clear();
    list.numbers.clear();
    for (auto& [number, label] : sorted) {
        list.numbers.push_back(number);
        list.labels.push_back(std::move(label));
    }
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
    if (are_json_lines(list.labels, path)) {
        list = labels_on_lines(list.labels, name);
        list.note = name + ": read as JSON lines with " + std::to_string(list.labels.size()) + " " + items;
    } else if (is_bracketed(literal)) {
        list = labels_in(parse(literal, name));
        if (list.labels.empty()) refuse(name, "no " + items, "a list of texts");
        list.note = name + ": read as a list with " + std::to_string(list.labels.size()) + " " + items;
    } else {
        if (list.labels.size() == 1 && (literal.starts_with('[') || literal.starts_with('{')))
            refuse(name, "a list without its closing bracket", "JSON, or " + items + ", one per line");
        const std::string how = understand(list, name);
        if (how.empty()) check_lines(list.labels, path);
        if (!how.empty()) list.note = name + ": " + how;
    }
    sort_by_number(list);
    return list;
}

std::optional<std::vector<std::string>> labels_in_line(std::string_view text) {
    text = trimmed(text);
    if (is_bracketed(text)) {
        try {
            label_list list = labels_in(parse(text, "label"));
            sort_by_number(list);
            std::vector<std::string> labels;
            for (text_line& line : list.labels) labels.push_back(std::move(line.text));
            return labels;
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
    const auto first = labels.size() > 2 ? labels.begin() : labels.end();
    if (first != labels.end() && zeroshot::datasets::detail::label_rank(first->text) == 2U)
        warn(first, "may be a header, and is read as a label");
    if (find(contains(' ')) == labels.end()) warn(find(contains('_')), "has underscores, and is read as it is");
    warn(find(contains('\t')), "contains a tab, and is read as one label");
    const auto first_if = [&](bool condition) { return condition ? labels.begin() : labels.end(); };
    warn(first_if(end_in_indices(labels, " ", &text_line::text)),
         "ends with a number, and the numbers of all labels count them; if they are indices, leave them out");
    const bool are_placeholders = std::ranges::all_of(labels, is_placeholder, &text_line::text);
    warn(first_if(labels.size() > 1 && are_placeholders), "is the number of a class and no word, as are all others");
}

}  // namespace program
