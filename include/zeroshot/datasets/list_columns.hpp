#pragma once
/// \file Columns of a list of images: which one holds images and which one labels, by their names and by their cells.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <iterator>
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
#include <zeroshot/datasets/folder_walk.hpp>
#include <zeroshot/datasets/splits.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

/// Columns that the caller names: by their name, or by their number from 1. Empty: found by their names and cells.
struct list_columns {
    std::string image{};
    std::string label{};
};

namespace detail {

using list_cell = std::vector<std::string>;  // several values where JSON has an array
using list_row = std::vector<list_cell>;

/// "Image Path", "imagePath" and "image-path" as "image_path".
inline std::string plain_name(std::string_view name) {
    if (const std::size_t dot = name.rfind('.'); dot != std::string_view::npos) name.remove_prefix(dot + 1);
    std::string plain;
    char before = ' ';
    for (const char letter : name) {
        const bool is_upper = letter >= 'A' && letter <= 'Z', was_lower = before >= 'a' && before <= 'z';
        const bool is_word = is_upper || (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
                             static_cast<unsigned char>(letter) >= 0x80;
        if ((!is_word || (is_upper && was_lower)) && !plain.empty() && plain.back() != '_') plain += '_';
        if (is_word) plain += lower_case(std::string(1, letter));
        before = letter;
    }
    while (plain.ends_with('_')) plain.pop_back();
    return plain;
}

/// "'a', 'b', ..."
inline std::string quoted_names(std::span<const std::string> names) {
    constexpr std::size_t most = 8;
    std::string text;
    for (std::size_t i = 0; i < (std::min)(names.size(), most); ++i) text += (i == 0 ? "" : ", ") + quoted(names[i]);
    return names.size() > most ? text + ", ..." : text;
}

/// What an object of JSON is in a message, by its keys.
inline std::string object_text(std::span<const std::string> keys) {
    return keys.empty() ? "an empty object" : "an object with the keys " + quoted_names(keys);
}

/// Position of the first group of names that has a column's name; nothing if none has it.
using name_groups = std::initializer_list<std::initializer_list<std::string_view>>;
inline std::optional<std::size_t> group_of(std::string_view name, name_groups groups) {
    std::size_t position = 0;
    for (const auto& group : groups) {
        if (std::ranges::find(group, name) != group.end()) return position;
        ++position;
    }
    return std::nullopt;
}

/// How surely a name is that of a column of images, 0 for the surest: paths, names of files, and what may be others.
inline std::optional<std::size_t> image_rank(const std::string& column) {
    return group_of(
        plain_name(column),
        {{"image_path", "img_path", "imagepath", "imgpath", "file_path", "filepath", "path", "paths", "image_filepath",
          "image_file_path", "rel_path", "relative_path", "full_path", "picture_path", "photo_path"},
         {"file_name", "filename", "filenames", "file", "files", "image_file", "image_filename", "image_file_name",
          "image_name", "img_name", "img_file", "img_filename", "imagename", "fname"},
         {"image", "images", "img", "picture", "photo", "pic"},
         {"name", "id", "image_id", "img_id", "imageid", "key", "frame", "src", "source", "uri", "url", "image_url",
          "location"}});
}
constexpr std::size_t surely_images = 2;  // ranks up to this one need no extension in the cells

/// How surely a name is that of a column of labels: names of classes, labels, sentences, numbers of classes.
inline std::optional<std::size_t> label_rank(const std::string& column) {
    return group_of(plain_name(column),
                    {{"label_name", "labelname", "label_names", "label_text", "label_str", "text_label", "class_name",
                      "classname", "class_names", "class_label", "category_name", "target_name", "species_name"},
                     {"label", "labels", "class", "classes", "category", "categories", "target", "targets", "species",
                      "breed", "tag", "tags", "y", "gt", "ground_truth", "groundtruth"},
                     {"caption", "captions", "title", "text", "texts", "description", "sentence", "prompt"},
                     {"name", "names"},
                     {"label_id", "label_idx", "label_index", "class_id", "class_idx", "class_index", "classid",
                      "category_id", "target_id"}});
}

/// Whether a name is that of a column that counts rows.
inline bool is_index_name(const std::string& column) {
    const std::string plain = plain_name(column);
    return plain.starts_with("unnamed") ||
           group_of(plain, {{"", "index", "idx", "id", "no", "nr", "number", "row", "uid", "key"}});
}

/// Whether a name is that of a column of other things.
inline bool is_other_name(const std::string& column) {
    return group_of(
               plain_name(column),
               {{"split",    "subset", "set",       "partition",    "fold",       "usage",    "phase", "width",
                 "height",   "w",      "h",         "size",         "bytes",      "x",        "x1",    "x2",
                 "y1",       "y2",     "xmin",      "xmax",         "ymin",       "ymax",     "bbox",  "box",
                 "area",     "date",   "time",      "timestamp",    "year",       "md5",      "sha1",  "sha256",
                 "hash",     "phash",  "license",   "licence",      "author",     "url",      "score", "confidence",
                 "weight",   "mask",   "mask_path", "segmentation", "similarity", "language", "lang",  "id",
                 "image_id", "format", "mode",      "source"}})
        .has_value();
}

inline bool is_split_name(const std::string& column) {
    return group_of(plain_name(column), {{"split", "subset", "partition", "set", "usage", "phase", "stage", "dataset",
                                          "data_set", "data_split"}})
        .has_value();
}

/// How deep a member of nested objects is: 0 for "label", 1 for "image.label".
inline std::size_t depth_of(const std::string& column) {
    return static_cast<std::size_t>(std::ranges::count(column, '.'));
}

/// label_rank(), in which "label.name" is the name of a class, "image.name" none, and "meta.class_name" as good as a
/// label.
inline std::optional<std::size_t> nested_label_rank(const std::string& column) {
    constexpr std::size_t class_names = 0, labels = 1, names = 3;  // of label_rank()
    const std::optional<std::size_t> rank = label_rank(column);
    const std::size_t dot = column.rfind('.');
    if (!rank || dot == std::string::npos) return rank;
    const std::string outer = column.substr(0, dot);
    if (*rank == names && label_rank(outer).value_or(names) <= labels) return class_names;
    if (*rank == names && image_rank(outer).value_or(names) <= surely_images) return std::nullopt;
    return (std::max)(*rank, labels);
}

/// Whether labels are different names with numbers behind them that count the labels from 0 or 1: "red circle 0".
/// \param marks characters of which one stands between a name and its number
/// \param text from an element to its label
template <class Labels, class Text = std::identity>
bool end_in_indices(const Labels& labels, std::string_view marks = " ", Text text = {}) {
    std::set<std::string_view> names;
    std::set<std::size_t> numbers;
    for (const auto& each : labels) {
        const std::string_view label = std::invoke(text, each);
        const std::size_t mark = label.find_last_of(marks);
        if (mark == std::string_view::npos) return false;
        const std::optional<std::size_t> number = parse_number(trimmed(label.substr(mark + 1)));
        if (!number) return false;
        names.insert(label.substr(0, mark));
        numbers.insert(*number);
    }
    return labels.size() > 1 && names.size() == labels.size() && numbers.size() == labels.size() &&
           *numbers.begin() < 2 && *numbers.rbegin() == *numbers.begin() + labels.size() - 1;
}

/// The columns of a list.
struct understood_columns {
    bool has_header = false;
    std::vector<std::string> names{};  // of all columns; empty without a header
    std::size_t width = 0;             // number of columns
    std::size_t image = 0;
    std::vector<std::size_t> labels{};  // several only without a header
    std::optional<std::size_t> split{};
    bool rest_is_labels = false;  // every cell after the image is a label

    /// "'label'", or "2" without a header.
    std::string text(std::size_t column) const {
        return names.empty() ? std::to_string(column + 1) : quoted(names[column]);
    }
};

/// Finds the columns of images and labels among the first rows of a list.
class column_finder {
   public:
    /// \param names of the columns; empty where the first row may be a header
    column_finder(const std::vector<list_row>& rows, std::vector<std::string> names, const list_columns& requested,
                  const std::filesystem::path& folder, const std::string& location)
        : names_(std::move(names)), requested_(requested), folder_(folder), location_(location) {
        const bool has_header = names_.empty() && first_is_header(rows);
        if (has_header) {
            for (const list_cell& cell : rows.front()) names_.push_back(text_of(cell));
        }
        rows_ = std::span(rows).subspan(has_header ? 1 : 0);
        found_.has_header = has_header;
        found_.names = names_;
        for (const list_row& row : rows_) width_ = (std::max)(width_, row.size());
        if (!names_.empty()) width_ = names_.size();
        found_.width = width_;
    }

    /// \throws data_set_error FORMAT, naming the columns, where it is in doubt which they are
    understood_columns find() {
        found_.image = image_column();
        if (!requested_.label.empty()) found_.labels = {requested_column(requested_.label, "label")};
        found_.split = split_column();
        if (!found_.labels.empty()) return found_;
        if (names_.empty()) {
            find_labels_without_header();
        } else {
            found_.labels = {named_label_column()};
        }
        return found_;
    }

   private:
    static std::string text_of(const list_cell& cell) { return cell.empty() ? std::string() : cell.front(); }

    std::string cell(const list_row& row, std::size_t column) const {
        return column < row.size() ? text_of(row[column]) : std::string();
    }

    static bool is_image(const std::string& cell) { return has_image_extension(std::filesystem::path(cell)); }

    static bool is_integer(std::string_view cell) {
        if (cell.starts_with('-') || cell.starts_with('+')) cell.remove_prefix(1);
        if (cell.ends_with(".0")) cell.remove_suffix(2);
        return !cell.empty() && cell.find_first_not_of("0123456789") == std::string_view::npos;
    }

    template <class Predicate>
    bool all_cells(std::size_t column, const Predicate& accepts) const {
        bool is_filled = false;
        for (const list_row& row : rows_) {
            const std::string text = cell(row, column);
            if (text.empty()) continue;
            if (!accepts(text)) return false;
            is_filled = true;
        }
        return is_filled;
    }

    bool holds_images(std::size_t column) const { return all_cells(column, is_image); }

    /// Whether the cells of the first row that has one are files beside the list.
    bool holds_files(std::size_t column) const {
        for (const list_row& row : rows_) {
            std::error_code unknown;
            const std::string text = cell(row, column);
            if (!text.empty()) return std::filesystem::is_regular_file(folder_ / std::filesystem::path(text), unknown);
        }
        return false;
    }

    /// 0, 1, 2, ... or 1, 2, 3, ..., or any other numbers in steps of 1.
    bool counts_rows(std::size_t column) const {
        std::optional<std::size_t> before;
        for (const list_row& row : rows_) {
            const std::optional<std::size_t> number = parse_number(cell(row, column));
            if (!number || (before && *number != *before + 1)) return false;
            before = number;
        }
        return rows_.size() > 1;
    }

    bool first_is_header(const std::vector<list_row>& rows) const {
        if (rows.empty() || rows.front().size() < 2) return false;
        const list_row& first = rows.front();
        const auto any = [&](const auto& accepts) {
            return std::ranges::any_of(first, [&](const list_cell& each) { return accepts(text_of(each)); });
        };
        const auto is_path = [](const std::string& name) { return name.find_first_of("/\\") != std::string::npos; };
        if (any(is_image) || any(is_path)) return false;
        const auto is_known = [&](const std::string& name) {
            return image_rank(name) || label_rank(name) == 1 || name == requested_.image || name == requested_.label;
        };
        if (any(is_known)) return true;
        for (std::size_t column = 0; column < first.size(); ++column) {
            const bool below = std::all_of(rows.begin() + 1, rows.end(),
                                           [&](const list_row& row) { return is_image(cell(row, column)); });
            if (rows.size() > 1 && below && text_of(first[column]).find('.') == std::string::npos) return true;
        }
        return false;
    }

    std::size_t requested_column(const std::string& column, const std::string& kind) const {
        for (const bool plain : {false, true}) {
            for (std::size_t i = 0; i < names_.size(); ++i) {
                if (plain ? plain_name(names_[i]) == plain_name(column) : names_[i] == column) return i;
            }
        }
        if (const std::optional<std::size_t> number = parse_number(column); number && *number > 0 && *number <= width_)
            return *number - 1;
        refuse("no column " + quoted(column), "--" + kind + "-column takes the name of a column, or its number from 1");
    }

    std::size_t image_column() const {
        constexpr std::size_t no_rank = std::string::npos;
        if (!requested_.image.empty()) return requested_column(requested_.image, "image");
        std::vector<std::size_t> with_images, with_files;
        std::optional<std::size_t> best, sure;
        std::pair<std::size_t, std::size_t> best_place, sure_place;  // depth and rank
        for (std::size_t column = 0; column < width_; ++column) {
            const std::size_t rank = names_.empty() ? no_rank : image_rank(names_[column]).value_or(no_rank);
            const bool images = holds_images(column);
            if (images) with_images.push_back(column);
            if (holds_files(column)) with_files.push_back(column);
            if (rank == no_rank) continue;
            const std::pair place(depth_of(names_[column]), rank);
            if (images && (!best || place < best_place)) best = column, best_place = place;
            if (rank <= surely_images && (!sure || place < sure_place)) sure = column, sure_place = place;
        }
        if (best) return *best;
        if (with_images.size() == 1) return with_images.front();
        if (with_images.size() > 1) refuse("images in several columns", "--image-column names one");
        if (with_files.size() == 1) return with_files.front();
        if (sure && !all_cells(*sure, is_integer)) return *sure;
        refuse("no column is recognised as that of images", "--image-column names it");
    }

    /// The first column of splits: one that holds nothing else, or has such a name and holds some.
    std::optional<std::size_t> split_column() const {
        const auto is_split = [](const std::string& text) { return split_kind_of(text).has_value(); };
        for (std::size_t column = 0; column < names_.size(); ++column) {
            const bool is_label = label_rank(names_[column]) || std::ranges::count(found_.labels, column) > 0;
            const bool has_any =
                std::ranges::any_of(rows_, [&](const list_row& row) { return is_split(cell(row, column)); });
            if (column == found_.image || is_label || !has_any) continue;
            const bool are_splits = all_cells(column, is_split) && repeats(column);  // no identifiers "train_0001"
            if (is_split_name(names_[column]) || are_splits) return column;
        }
        return std::nullopt;
    }

    bool has_labels(std::size_t column) const {
        return column != found_.image && all_cells(column, [](const std::string&) { return true; });
    }

    std::size_t named_label_column() const {
        constexpr std::size_t ranks = 5;
        for (std::size_t rank = 0; rank < ranks; ++rank) {
            std::vector<std::size_t> columns;
            for (std::size_t i = 0; i < names_.size(); ++i) {
                if (nested_label_rank(names_[i]) != rank || !has_labels(i)) continue;
                if (!columns.empty() && depth_of(names_[i]) < depth_of(names_[columns.front()])) columns.clear();
                if (columns.empty() || depth_of(names_[i]) == depth_of(names_[columns.front()])) columns.push_back(i);
            }
            if (!columns.empty()) return one_of(std::move(columns));
        }
        for (std::size_t i = 0; i < names_.size(); ++i) {
            if (i != found_.image && nested_label_rank(names_[i])) return i;  // an empty column: no image has a label
        }
        return remaining_column();
    }

    /// The column of several with equally good names: the first of equal ones, and names rather than their numbers.
    std::size_t one_of(std::vector<std::size_t> columns) const {
        const auto is_number = [&](std::size_t column) { return all_cells(column, is_integer); };
        std::vector<std::size_t> words;
        std::ranges::copy_if(columns, std::back_inserter(words), [&](std::size_t each) { return !is_number(each); });
        const std::size_t first = words.empty() ? columns.front() : words.front();
        for (const std::size_t other : columns) {
            const bool are_names = other != first && !is_number(other) && !repeats(first);  // and may be anything
            if (are_names || !same_classes(first, other))
                refuse("labels in the columns " + quoted(names_[first]) + " and " + quoted(names_[other]),
                       "--label-column names one");
        }
        return first;
    }

    /// Whether two columns have the same classes under other names.
    bool same_classes(std::size_t first, std::size_t second) const {
        std::map<std::string, std::string> forth, back;
        return std::ranges::all_of(rows_, [&](const list_row& row) {
            const std::string a = cell(row, first), b = cell(row, second);
            return forth.emplace(a, b).first->second == b && back.emplace(b, a).first->second == a;
        });
    }

    /// The only column that may be one of labels, besides the images and a count of the rows.
    std::size_t remaining_column() const {
        std::vector<std::size_t> columns;
        for (std::size_t i = 0; i < names_.size(); ++i) {
            if (i != found_.image && !is_index_name(names_[i]) && i != found_.split) columns.push_back(i);
        }
        const bool is_one = columns.size() == 1 && !is_other_name(names_[columns.front()]) &&
                            !image_rank(names_[columns.front()]) && repeats(columns.front());
        if (!is_one) refuse("no column is recognised as that of labels", "--label-column names it");
        return columns.front();
    }

    /// Whether values of a column come again, as classes do, in a list of more than a few rows.
    bool repeats(std::size_t column) const {
        std::set<std::string> values;
        for (const list_row& row : rows_) values.insert(cell(row, column));
        return rows_.size() <= 2 || values.size() < rows_.size();
    }

    void find_labels_without_header() {
        std::vector<std::size_t> columns;
        while (width_ > 2 && !all_cells(width_ - 1, [](const std::string&) { return true; })) --width_;
        found_.width = width_;
        const bool is_ragged =
            std::ranges::any_of(rows_, [&](const list_row& row) { return row.size() != rows_.front().size(); });
        for (std::size_t column = 0; column < width_; ++column) {
            const bool is_count = width_ > 2 && !is_ragged && (counts_rows(column) || is_index_of_mxnet(column));
            if (column != found_.image && !is_count && (width_ == 2 || has_labels(column))) columns.push_back(column);
        }
        if (columns.size() == 1) {
            const auto is_split = [](const std::string& text) { return split_kind_of(text).has_value(); };
            if (all_cells(columns.front(), is_split))
                refuse("column " + std::to_string(columns.front() + 1) + " holds names of splits",
                       "--label-column names the column of labels");
        } else if (found_.image != 0 || !are_labels_of_several(columns)) {
            refuse("no header says which of the columns holds labels",
                   "--label-column names it by its number; or add a header, as path,label; or path,labels, by which "
                   "all cells after the image are labels");
        } else {
            found_.rest_is_labels = true;
        }
        found_.labels = std::move(columns);
    }

    /// Whether a column is the first one of a list of MXNet: the numbers of the images, in any order; paths are last.
    bool is_index_of_mxnet(std::size_t column) const {
        std::set<std::string> values;
        for (const list_row& row : rows_) values.insert(cell(row, column));
        return column == 0 && found_.image + 1 == width_ && location_.ends_with(".lst") &&
               values.size() == rows_.size() && all_cells(column, is_integer);
    }

    /// Whether columns hold several labels of each image: no numbers, and a label of one is in another as well.
    bool are_labels_of_several(const std::vector<std::size_t>& columns) const {
        std::set<std::string> before;
        bool is_shared = false;
        for (const std::size_t column : columns) {
            std::set<std::string> values;
            for (const list_row& row : rows_) {
                const std::string text = cell(row, column);
                if (text.empty()) continue;
                if (split_kind_of(text) || is_integer(text) || is_image(text)) return false;
                values.insert(text);
            }
            is_shared =
                is_shared || std::ranges::any_of(values, [&](const auto& text) { return before.contains(text); });
            before.merge(values);
        }
        return is_shared;
    }

    [[noreturn]] void refuse(const std::string& what, const std::string& hint) const {
        std::string columns = "the columns " + quoted_names(names_);
        if (names_.empty()) columns = std::to_string(width_) + " columns, without a header";
        throw_format_error(location_, what + " among " + columns, "", hint);
    }

    std::span<const list_row> rows_;
    std::vector<std::string> names_;
    std::size_t width_ = 0;
    const list_columns& requested_;
    const std::filesystem::path& folder_;
    const std::string& location_;
    understood_columns found_;
};

}  // namespace detail

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
