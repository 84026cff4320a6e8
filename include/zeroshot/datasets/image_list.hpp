#pragma once
/// \file Data sets in lists of images and labels: CSV with any usual separator, or JSON.

#include <algorithm>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/datasets/csv.hpp>
#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/datasets/list_columns.hpp>
#include <zeroshot/datasets/splits.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

namespace detail {

/// A label that is a number: "3", "3.0", "-1".
struct label_number {
    bool is_index = false;  // a class of at most six digits, or -1
    std::size_t index = 0;
    bool is_none = false;  // -1

    /// Nothing for a name.
    static std::optional<label_number> of(std::string_view label) {
        constexpr std::size_t most_digits = 6;
        std::string_view digits = label;
        if (digits.starts_with('-') || digits.starts_with('+')) digits.remove_prefix(1);
        const std::size_t point = (std::min)(digits.find('.'), digits.size());
        const std::string_view whole = digits.substr(0, point),
                               fraction = digits.substr((std::min)(point + 1, digits.size()));
        const auto is_digits = [](std::string_view text) {
            return text.find_first_not_of("0123456789") == std::string_view::npos;
        };
        if (whole.empty() || !is_digits(whole) || !is_digits(fraction)) return std::nullopt;
        label_number number;
        const bool is_whole = fraction.find_first_not_of('0') == std::string_view::npos && whole.size() <= most_digits;
        number.index = is_whole ? parse_number(whole).value_or(0) : 0;
        number.is_none = is_whole && label.starts_with('-') && number.index == 1;
        number.is_index = is_whole && (!label.starts_with('-') || number.is_none);
        return number;
    }
};

/// A decimal number: "3", "-0.5", "1e-3".
inline bool is_decimal(std::string_view text) {
    const std::size_t exponent = text.find_first_of("eE");
    return label_number::of(text.substr(0, exponent)) &&
           (exponent == std::string_view::npos || label_number::of(text.substr(exponent + 1)));
}

/// Whether a label is numbers and no class: "0 1 0", "[0 1 0]", "0;1", "1e-3".
inline bool are_numbers(std::string_view label) {
    constexpr std::string_view between = " \t,;|[]";
    std::size_t count = 0;
    const std::string_view whole = label;
    while (!label.empty()) {
        const std::string_view word = label.substr(0, label.find_first_of(between));
        label.remove_prefix((std::min)(word.size() + 1, label.size()));
        if (!word.empty() && !is_decimal(word)) return false;
        if (!word.empty()) ++count;
    }
    return count > 0 && !label_number::of(whole);
}

/// The values of a cell: the items of "['cat', 'dog']", or its text.
inline std::vector<std::string> cell_values(const std::string& text) {
    if (text.empty() || text == "nan" || text == "NaN" || text == "<NA>") return {};  // what pandas has for none
    if (text.size() < 2 || text.front() != '[' || text.back() != ']') return {text};
    std::vector<std::string> values;
    std::string_view rest = std::string_view(text).substr(1, text.size() - 2);
    while (!(rest = trimmed(rest)).empty()) {
        const bool is_quoted = rest.front() == '\'' || rest.front() == '"';
        const std::size_t end = is_quoted ? rest.find(rest.front(), 1) : rest.find(',');
        std::string_view value = rest.substr(is_quoted ? 1 : 0, end == std::string_view::npos ? end : end - is_quoted);
        if (!trimmed(value).empty()) values.emplace_back(trimmed(value));
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + (is_quoted ? 1 : 0));
        rest = trimmed(rest);
        if (rest.starts_with(',')) rest.remove_prefix(1);
    }
    return values;
}

}  // namespace detail

/// The images of a list, in its order. Paths are relative to the list, or to the only folder beside it that has the
/// first image.
///
/// Text: records of cells separated by commas, tabs, semicolons or bars (RFC 4180), or lines "image.png label". A
/// header names the columns; the usual names of columns of images ("path", "file_name", "image") and of labels
/// ("label", "class", "category", "caption") are recognised, or `list_columns` names them. Without a header, the column
/// of images is known by its cells, and the only other one, but for a count of the rows, holds the labels; several
/// labels of an image stand in several cells. JSON: an object on each line, or an array of them, or objects
/// {"image.png": label} and {label: ["image.png"]}, or splits {"test": [["image.png", 0, label]]}. Where it is in doubt
/// what the columns are, the list is refused.
///
/// If all labels are whole numbers, they are indices of classes that have no names; -1 stands for no class.
class image_list final : public data_set {
   public:
    static constexpr std::size_t largest_file = std::size_t{1} << 30;  // bytes; the list is held in memory

    /// \param columns that the caller names
    /// \param split that is taken where a column names splits; empty for test, else validation
    /// \throws file_error; data_set_error FORMAT or checkpoint_error FORMAT with the line's number
    explicit image_list(const std::filesystem::path& file, const list_columns& columns = {}, std::string split = "")
        : data_set(path_text(file)), folder_(file.parent_path()), requested_(columns), split_(std::move(split)) {
        const std::vector<std::byte> bytes = read_file(file, largest_file);
        const std::string_view text =
            detail::utf8_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, location_);
        const std::string_view content = detail::trimmed(text);
        if (content.starts_with('{') || content.starts_with('[')) {
            read_json(text);
        } else {
            read_text(text);
        }
        if (entries_.empty())
            detail::throw_format_error(location_, "no images in it", "a path and a label on each line");
        find_folder();
        name_classes();
    }

    std::optional<std::size_t> count() const noexcept override { return entries_.size(); }

    std::optional<example> next() override {
        if (index_ == entries_.size()) return std::nullopt;
        const entry& one = entries_[index_++];
        std::vector<std::size_t> labels;
        for (const std::string& label : one.labels) {
            if (!is_numeric_) {
                labels.push_back(label_of_.at(label));
            } else if (const auto number = *detail::label_number::of(label); !number.is_none) {
                labels.push_back(number.index);
            }
        }
        return example{one.path, folder_ / std::filesystem::path(one.path), std::move(labels)};
    }

   private:
    static constexpr std::size_t sample_rows = 200;  // by which the columns are recognised

    struct entry {
        std::string path;
        std::vector<std::string> labels;
    };

    static std::string separator_text(char separator) {
        return separator == ','    ? "commas"
               : separator == '\t' ? "tabs"
               : separator == ';'  ? "semicolons"
               : separator == ' '  ? "lines of an image and a label"
                                   : "bars";
    }

    static std::vector<detail::list_row> first_rows(detail::csv_reader reader) {
        std::vector<detail::list_row> rows;
        while (rows.size() < sample_rows) {
            std::optional<std::vector<std::string>> cells = reader.next();
            if (!cells) break;
            detail::list_row& row = rows.emplace_back();
            for (std::string& cell : *cells) row.push_back({std::move(cell)});
        }
        return rows;
    }

    void read_text(std::string_view text) {
        std::string separators = ",\t;| ";
        if (text.starts_with("sep=") && text.size() > 5 && (text[5] == '\r' || text[5] == '\n')) {  // Excel's
            separators = text[4];
            text.remove_prefix(text.find('\n') + 1);
        }
        std::exception_ptr fault;
        std::size_t widest = 0;
        for (const char separator : separators) {
            std::size_t width = 2;
            try {
                const std::vector<detail::list_row> rows = first_rows({text, separator, location_});
                if (rows.empty()) return;
                width = rows.front().size();
                if (width < 2) continue;
                const detail::understood_columns columns =
                    detail::column_finder(rows, {}, requested_, folder_, location_).find();
                has_spaces_ = separator == ' ';
                return read_records({text, separator, location_}, columns, separator_text(separator));
            } catch (const data_set_error&) {
                if (width > widest) fault = std::current_exception();
                widest = (std::max)(widest, width);
            }
        }
        if (fault) std::rethrow_exception(fault);
        detail::throw_format_error(location_ + ": line 1", "one cell", "a path and a label, separated by a comma");
    }

    void read_records(detail::csv_reader reader, const detail::understood_columns& columns, const std::string& layout) {
        describe(columns, layout);
        if (columns.has_header) reader.next();
        const std::size_t width = columns.names.empty() ? 0 : columns.width;
        while (std::optional<std::vector<std::string>> cells = reader.next()) {
            if (width > 0 && cells->size() > width && !has_more_labels(columns) &&
                std::any_of(cells->begin() + static_cast<std::ptrdiff_t>(width), cells->end(),
                            [](const std::string& cell) { return !cell.empty(); }))
                detail::throw_format_error(line_text(reader.line()), std::to_string(cells->size()) + " cells",
                                           std::to_string(width) + ", as in the header",
                                           "a label with a comma stands in quotation marks; a last column called "
                                           "\"labels\" makes each cell after it a label");
            if (cells->size() < 2)
                detail::throw_format_error(line_text(reader.line()), "one cell",
                                           "a path and a label, separated by a comma");
            detail::list_row row;
            for (std::string& cell : *cells) row.push_back(detail::cell_values(cell));
            add(row, columns, line_text(reader.line()));
        }
        choose_split();
    }

    /// Whether cells beyond the header are labels: its last column is called "labels".
    static bool has_more_labels(const detail::understood_columns& columns) {
        return !columns.labels.empty() && columns.labels.front() + 1 == columns.names.size() &&
               detail::plain_name(columns.names.back()) == "labels";
    }

    static bool has_cells_beyond(const detail::list_row& row, std::size_t width) {
        return row.size() > width && std::any_of(row.begin() + static_cast<std::ptrdiff_t>(width), row.end(),
                                                 [](const detail::list_cell& cell) { return !cell.empty(); });
    }

    /// Whether a column has a name in the plural, as one of several labels in a cell has.
    static bool holds_several(const std::string& column) {
        const std::string plain = detail::plain_name(column);
        return plain == "labels" || plain == "tags" || plain == "classes" || plain == "categories";
    }

    /// The labels in "dog|cat" or "dog;cat".
    static std::vector<std::string_view> parts_of(std::string_view value) {
        std::vector<std::string_view> parts;
        while (!value.empty()) {
            const std::string_view part = value.substr(0, value.find_first_of("|;"));
            if (!detail::trimmed(part).empty()) parts.push_back(detail::trimmed(part));
            value.remove_prefix((std::min)(part.size() + 1, value.size()));
        }
        return parts;
    }

    void add(const detail::list_row& row, const detail::understood_columns& columns, const std::string& where) {
        const auto cell = [&](std::size_t column) {
            return column < row.size() ? std::span(row[column]) : std::span<const std::string>();
        };
        if (cell(columns.image).empty()) detail::throw_format_error(where, "an empty path", "an image");
        if (cell(columns.image).size() > 1)
            detail::throw_format_error(where, std::to_string(cell(columns.image).size()) + " images", "one");
        entry one{cell(columns.image).front(), {}};
        const auto take = [&](std::size_t column) {
            const bool is_plural = column < columns.names.size() && holds_several(columns.names[column]);
            for (const std::string& value : cell(column)) {
                if (!is_plural) one.labels.push_back(value);
                for (const std::string_view part : is_plural ? parts_of(value) : std::vector<std::string_view>{})
                    one.labels.emplace_back(part);
            }
        };
        for (const std::size_t column : columns.labels) take(column);
        if (columns.rest_is_labels || (!columns.names.empty() && has_more_labels(columns))) {
            for (std::size_t column = columns.width; column < row.size(); ++column) take(column);
        } else if (columns.names.empty() && has_cells_beyond(row, columns.width)) {
            detail::throw_format_error(where, std::to_string(row.size()) + " cells",
                                       std::to_string(columns.width) + ", as on the lines before it",
                                       "a label with a comma stands in quotation marks");
        }
        std::ranges::sort(one.labels);
        const auto twice = std::ranges::adjacent_find(one.labels);
        if (twice != one.labels.end() && detail::label_number::of(*twice))
            detail::throw_format_error(where, "label " + quoted(*twice) + " twice", "indices of classes",
                                       "vectors of 0 and 1 are not read; several labels are names, as ['cat', 'dog']");
        one.labels.erase(std::unique(one.labels.begin(), one.labels.end()), one.labels.end());
        entries_.push_back(std::move(one));
        if (columns.split) splits_.push_back(cell(*columns.split).empty() ? "" : cell(*columns.split).front());
    }

    /// Keeps the images of one split, if a column names several.
    void choose_split() {
        std::set<std::string> names(splits_.begin(), splits_.end());
        names.erase("");
        if (names.empty() || (names.size() == 1 && split_.empty())) return;
        const std::vector<std::string> all(names.begin(), names.end());
        const std::string taken = all[detail::choose_split(location_, all, split_)];
        std::size_t kept = 0;
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            if (splits_[i] != taken) continue;
            if (kept != i) entries_[kept] = std::move(entries_[i]);
            ++kept;
        }
        entries_.resize(kept);
        notes_.push_back(detail::split_note(location_, all, taken));
    }

    void describe(const detail::understood_columns& columns, const std::string& layout) {
        std::string text = location_ + ": " + layout + (columns.names.empty() ? ", no header" : "");
        text += ", images in column " + columns.text(columns.image) + ", labels in column ";
        std::vector<std::string> others;
        for (std::size_t i = 0; i < columns.labels.size(); ++i)
            text += (i == 0 ? "" : ", ") + columns.text(columns.labels[i]);
        for (std::size_t i = 0; i < columns.names.size(); ++i) {
            const bool is_used = i == columns.image || std::ranges::find(columns.labels, i) != columns.labels.end();
            if (!is_used && i != columns.split) others.push_back(columns.names[i]);
        }
        notes_.push_back(text + (others.empty() ? "" : "; not read: " + detail::quoted_names(others)));
    }

    void read_json(std::string_view text) {
        json_limits limits;
        limits.max_bytes = largest_file;
        limits.max_values = 50'000'000;
        const std::string_view content = detail::trimmed(text);
        const std::size_t end = content.find('\n');
        const std::string_view first = detail::trimmed(content.substr(0, end));
        const bool are_lines = content.front() == '{' && end != std::string_view::npos && first.ends_with('}');
        if (!are_lines) return read_document(json::parse(content, location_, limits));
        std::vector<json> objects;
        std::vector<std::string> places;
        for (std::size_t line = 1; !text.empty(); ++line) {
            const std::string_view object = text.substr(0, text.find('\n'));
            text.remove_prefix((std::min)(object.size() + 1, text.size()));
            if (detail::trimmed(object).empty()) continue;
            places.push_back(line_text(line));
            objects.push_back(json::parse(object, places.back(), limits));
        }
        read_objects(objects, places, "JSON lines");
    }

    using json_members = std::vector<std::pair<std::string, json>>;

    static bool names_image(const json& value) {
        return value.is_string() && has_image_extension(std::filesystem::path(value.as_string()));
    }

    void read_document(const json& document) {
        if (document.is_array()) return read_items(document.items());
        const json_members members = document.members();
        const auto all = [&](const auto& accepts) { return !members.empty() && std::ranges::all_of(members, accepts); };
        if (all([](const auto& member) { return has_image_extension(std::filesystem::path(member.first)); }))
            return read_labels_by_image(members);
        const bool are_splits = all([](const auto& member) { return split_kind_of(member.first).has_value(); });
        if (all([](const auto& member) {
                return member.second.is_array() && std::ranges::all_of(member.second.items(), names_image);
            })) {
            if (are_splits)
                detail::throw_format_error(location_, "images in splits, without labels",
                                           "an image and its label each");
            return read_images_by_label(members);
        }
        if (std::ranges::any_of(members, [](const auto& member) { return names_image(member.second); }))
            return read_objects({document}, {location_}, "JSON");  // a single line
        if (const auto columns = document.find("columns"), data = document.find("data"); columns && data)
            return read_arrays(data->items(), columns->texts());  // pandas, orient="split"
        if (document.find("images") && document.find("annotations") && document.find("categories"))
            return read_coco(document);
        read_array_in(members);
    }

    /// Reads COCO's annotations: the labels of an image are the categories of its objects.
    void read_coco(const json& document) {
        const auto text_at = [](const json& object, std::string_view key) {
            detail::list_cell cell;
            add_values(cell, object.at(key));
            return cell.empty() ? std::string() : cell.front();
        };
        std::map<std::string, std::string> names;
        for (const json& category : document.at("categories").items())
            names.emplace(text_at(category, "id"), text_at(category, "name"));
        std::map<std::string, detail::list_cell> labels;
        for (const json& annotation : document.at("annotations").items()) {
            const auto name = names.find(text_at(annotation, "category_id"));
            if (name == names.end())
                detail::throw_format_error(annotation.where(), "no category has its category_id", "one of /categories");
            labels[text_at(annotation, "image_id")].push_back(name->second);
        }
        const std::vector<json> images = document.at("images").items();
        std::vector<detail::list_row> rows;
        for (const json& image : images) rows.push_back({{text_at(image, "file_name")}, labels[text_at(image, "id")]});
        read_rows(rows, {"file_name", "category"}, places_of(images), "annotations as COCO has them");
    }

    /// Reads the only array of objects, or else of arrays, among the members of an object, or that of a split.
    void read_array_in(const json_members& members) {
        std::vector<json> arrays;
        std::vector<std::string> names, keys;
        for (const auto& [key, value] : members) keys.push_back(key);
        const auto collect = [&](bool (json::*holds)() const) {
            for (const auto& [key, value] : members) {
                if (!value.is_array() || value.size() == 0 || !(value.at(std::size_t{0}).*holds)()) continue;
                arrays.push_back(value);
                names.push_back(key);
            }
        };
        collect(&json::is_object);
        if (arrays.empty()) collect(&json::is_array);
        if (arrays.size() == 1) return read_items(arrays.front().items());
        const auto is_split = [](const std::string& key) { return split_kind_of(key).has_value(); };
        if (arrays.empty() || !std::ranges::all_of(names, is_split))
            detail::throw_format_error(location_, detail::object_text(keys),
                                       "an array of objects with an image and a label each, or {\"image.png\": label}");
        const std::size_t taken = detail::choose_split(location_, names, split_);
        notes_.push_back(detail::split_note(location_, names, names[taken]));
        read_items(arrays[taken].items());
    }

    static std::vector<std::string> places_of(const std::vector<json>& items) {
        std::vector<std::string> places;
        for (const json& item : items) places.push_back(item.where());
        return places;
    }

    /// Whether items are an image, the number of its class and the name of its class each, as in splits of CoOp.
    static bool are_numbered_and_named(const std::vector<json>& items) {
        std::map<std::string, std::string> names;
        return std::ranges::all_of(items, [&](const json& item) {
            if (!item.is_array() || item.size() != 3 || !names_image(item.at(std::size_t{0}))) return false;
            const json number = item.at(std::size_t{1}), name = item.at(std::size_t{2});
            return number.is_number() && name.is_string() &&
                   names.emplace(number_text(number.as_number()), name.as_string()).first->second == name.as_string();
        });
    }

    void read_items(const std::vector<json>& items) {
        const bool are_arrays =
            !items.empty() && std::ranges::all_of(items, [](const json& item) { return item.is_array(); });
        if (!are_arrays) return read_objects(items, places_of(items), "JSON");
        using names = std::vector<std::string>;
        read_arrays(items, are_numbered_and_named(items) ? names{"path", "label", "classname"} : names{});
    }

    /// \param names of the columns; empty where the first array may be a header
    void read_arrays(const std::vector<json>& items, std::vector<std::string> names) {
        std::vector<detail::list_row> rows;
        for (const json& item : items) {
            detail::list_row& row = rows.emplace_back();
            for (const json& cell : item.items()) add_values(row.emplace_back(), cell);
        }
        read_rows(rows, std::move(names), places_of(items), "JSON arrays");
    }

    void read_objects(const std::vector<json>& objects, const std::vector<std::string>& places,
                      const std::string& layout) {
        std::vector<std::string> names;
        std::vector<detail::list_row> rows;
        std::map<std::string, std::size_t> columns;
        for (std::size_t i = 0; i < objects.size(); ++i) {
            if (!objects[i].is_object()) objects[i].members();  // throws, and names the item
            add_members(rows.emplace_back(), objects[i], "", names, columns);
        }
        read_rows(rows, std::move(names), places, layout);
    }

    void read_labels_by_image(const json_members& members) {
        std::vector<std::string> names{"image"}, places;
        std::map<std::string, std::size_t> columns{{"image", 0}};
        std::vector<detail::list_row> rows;
        const bool are_objects =
            std::ranges::all_of(members, [](const auto& member) { return member.second.is_object(); });
        for (const auto& [image, label] : members) {
            places.push_back(label.where());
            detail::list_row& row = rows.emplace_back();
            row.push_back({image});
            if (are_objects) {
                add_members(row, label, "", names, columns);
            } else {
                add_values(row.emplace_back(), label);
            }
        }
        if (!are_objects) names.push_back("label");
        read_rows(rows, std::move(names), places, "JSON, an object of images");
    }

    void read_images_by_label(const json_members& members) {
        std::vector<std::string> places;
        std::vector<detail::list_row> rows;
        for (const auto& [label, images] : members) {
            for (const json& image : images.items()) {
                rows.push_back({{image.as_string()}, {label}});
                places.push_back(image.where());
            }
        }
        read_rows(rows, {"image", "label"}, places, "JSON, an object of labels");
    }

    /// Appends the texts of a value, or of the items of an array.
    static void add_values(detail::list_cell& cell, const json& value) {
        if (value.is_array()) {
            for (const json& item : value.items()) add_values(cell, item);
        } else if (value.is_string()) {
            if (const std::string_view text = detail::trimmed(value.as_string()); !text.empty())
                cell.emplace_back(text);
        } else if (value.is_bool()) {
            cell.push_back(value.as_bool() ? "true" : "false");
        } else if (value.is_number()) {
            cell.push_back(number_text(value.as_number()));
        } else if (!value.is_null()) {
            value.as_string();  // throws: an object in an array of values
        }
    }

    /// Adds the members of an object as cells; those of objects in it as columns "outer.inner".
    static void add_members(detail::list_row& row, const json& object, const std::string& outer,
                            std::vector<std::string>& names, std::map<std::string, std::size_t>& columns) {
        for (const auto& [key, value] : object.members()) {
            const std::string name = outer + key;
            const bool has_objects = value.is_array() && value.size() > 0 && value.at(std::size_t{0}).is_object();
            if (value.is_object()) {
                add_members(row, value, name + ".", names, columns);
            } else if (has_objects) {
                for (const json& item : value.items()) add_members(row, item, name + ".", names, columns);
            } else {
                constexpr std::size_t most = 1000;
                const auto [column, is_new] = columns.emplace(name, names.size());
                if (names.size() == most && is_new)
                    detail::throw_format_error(object.where(), "more than 1,000 different keys in the objects so far",
                                               "the same keys in all of them");
                if (is_new) names.push_back(name);
                if (row.size() <= column->second) row.resize(column->second + 1);
                add_values(row[column->second], value);
            }
        }
    }

    void read_rows(const std::vector<detail::list_row>& rows, std::vector<std::string> names,
                   const std::vector<std::string>& places, const std::string& layout) {
        const std::vector<detail::list_row> sample(
            rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>((std::min)(rows.size(), sample_rows)));
        const detail::understood_columns columns =
            detail::column_finder(sample, std::move(names), requested_, folder_, location_).find();
        describe(columns, layout);
        for (std::size_t i = columns.has_header ? 1 : 0; i < rows.size(); ++i) add(rows[i], columns, places[i]);
        choose_split();
    }

    /// Takes paths as relative to the only folder beside the list that has the first image, where the list's has not.
    void find_folder() {
        std::error_code unknown;
        const std::filesystem::path first(entries_.front().path), home = folder_.empty() ? "." : folder_;
        if (std::filesystem::exists(home / first, unknown)) return;
        const std::vector<std::filesystem::path> found =
            detail::list_folder(home, [&](const std::filesystem::directory_entry& each) {
                return std::filesystem::exists(each.path() / first, unknown);
            });
        if (found.size() != 1) return;
        folder_ = found.front();
        notes_.push_back(location_ + ": paths are relative to " + path_text(folder_));
    }

    void name_classes() {
        std::set<std::string> names;
        for (const entry& one : entries_) names.insert(one.labels.begin(), one.labels.end());
        std::string name, number;
        for (const std::string& label : names) {
            if (detail::are_numbers(label))
                detail::throw_format_error(location_, "label " + quoted(label) + " is numbers and no name",
                                           "names of classes, or their indices from 0",
                                           "vectors of 0 and 1 are not read; several labels are names, as dog|cat in a "
                                           "column \"labels\"");
            const std::optional<detail::label_number> as_number = detail::label_number::of(label);
            if (as_number && !as_number->is_index) {
                detail::throw_format_error(location_, "label " + quoted(label),
                                           "names of classes, or their indices from 0; -1 stands for none");
            }
            if (label.starts_with('{') && label.ends_with('}'))
                detail::throw_format_error(location_, "label " + quoted(label) + " is an object", "names of classes");
            if (!as_number && has_image_extension(std::filesystem::path(label)))
                detail::throw_format_error(location_, "label " + quoted(label) + " is the name of a file",
                                           "names of classes", "--label-column names the column of labels");
            (as_number ? number : name) = label;
        }
        if (!name.empty() && !number.empty()) {
            detail::throw_format_error(location_,
                                       "labels are names, as " + quoted(name) + ", and numbers, as " + quoted(number),
                                       "either", "--label-column names the column of labels");
        }
        is_numeric_ = !number.empty();
        if (is_numeric_) return;
        if (detail::end_in_indices(names)) {
            const std::string first = quoted(*names.begin());
            if (has_spaces_)
                detail::throw_format_error(location_, "labels are names with their indices, as " + first, "either",
                                           "write them in columns: path,label or path,label,index");
            notes_.push_back(location_ + ": warning: labels end with numbers that count them, as " + first +
                             ", and are read as they are");
        }
        classes_.assign(names.begin(), names.end());
        for (std::size_t label = 0; label < classes_.size(); ++label) label_of_.emplace(classes_[label], label);
    }

    std::string line_text(std::size_t line) const { return location_ + ": line " + std::to_string(line); }

    std::filesystem::path folder_;
    list_columns requested_;
    std::string split_;
    std::vector<entry> entries_;
    std::vector<std::string> splits_;              // of the entries, where a column names them
    std::map<std::string, std::size_t> label_of_;  // by name
    bool is_numeric_ = false;
    bool has_spaces_ = false;  // between an image and its label
    std::size_t index_ = 0;
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
