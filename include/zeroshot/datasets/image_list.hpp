#pragma once
/// \file Data sets of image files: folders named after their classes (torchvision's ImageFolder), and lists of images
/// and labels: CSV (RFC 4180), or a JSON object on each line.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

/// Whether a file of a folder counts as an image, by its name. Formats without a decoder are included, so that they are
/// reported and not silently left out.
inline bool has_image_extension(const std::filesystem::path& file) {
    constexpr std::array<std::string_view, 15> extensions{".png",  ".jpg",  ".jpeg", ".jpe",  ".jfif",
                                                          ".webp", ".gif",  ".bmp",  ".ppm",  ".pgm",
                                                          ".tif",  ".tiff", ".heic", ".avif", ".apng"};
    const std::string extension = detail::lower_case(file.extension().string());
    return !file.filename().string().starts_with('.') && std::ranges::find(extensions, extension) != extensions.end();
}

/// Images in folders that are named after their classes. The file names of one class are in memory at a time.
class class_folders final : public data_set {
   public:
    /// \throws file_error for a folder that cannot be listed; data_set_error FORMAT for one without folders or images
    explicit class_folders(std::filesystem::path folder) : data_set(path_text(folder)), folder_(std::move(folder)) {
        for (const std::filesystem::path& path : detail::list_folder(folder_, is_visible_folder))
            classes_.push_back(path.filename().string());
        if (classes_.empty()) detail::throw_format_error(location_, "contains no folders", "a folder for each class");
        for (const std::string& name : classes_) count_ += images_below(folder_ / name).size();
        if (count_ == 0)
            detail::throw_format_error(location_, "no images in its " + std::to_string(classes_.size()) + " folders");
    }

    std::optional<std::size_t> count() const noexcept override { return count_; }

    std::optional<example> next() override {
        while (index_ == files_.size()) {
            if (opened_ == classes_.size()) return std::nullopt;
            files_ = images_below(folder_ / classes_[opened_++]);
            index_ = 0;
        }
        std::filesystem::path file = std::move(files_[index_++]);
        std::string name = file.lexically_relative(folder_).generic_string();
        return example{std::move(name), std::move(file), {opened_ - 1}};
    }

   private:
    static bool is_visible_folder(const std::filesystem::directory_entry& entry) {
        std::error_code unknown;
        return entry.is_directory(unknown) && !entry.path().filename().string().starts_with('.');
    }

    /// The images in a folder and its descendants, in torchvision's order: by folder, then by name.
    static std::vector<std::filesystem::path> images_below(const std::filesystem::path& folder) {
        const auto is_image = [](const std::filesystem::directory_entry& entry) {
            std::error_code unknown;
            return !entry.is_directory(unknown) && has_image_extension(entry.path());
        };
        auto images = detail::list_folder<std::filesystem::recursive_directory_iterator>(folder, is_image);
        std::ranges::stable_sort(images, {}, [](const auto& file) { return file.parent_path().string(); });
        return images;
    }

    std::filesystem::path folder_;
    std::size_t count_ = 0;
    std::size_t opened_ = 0;                    // number of classes opened so far
    std::vector<std::filesystem::path> files_;  // of the last of them
    std::size_t index_ = 0;                     // of the next file
};

namespace detail {

struct image_list_entry {
    std::string path;
    std::vector<std::string> labels;
};

/// Reads the records of CSV text (RFC 4180).
class csv_reader {
   public:
    csv_reader(std::string_view text, std::string location) : rest_(text), location_(std::move(location)) {}

    /// Number of the last line read, from 1.
    std::size_t line() const noexcept { return line_; }

    /// The cells of the next line that is not empty; nothing at the end.
    std::optional<std::vector<std::string>> next() {
        while (!rest_.empty()) {
            ++line_;
            std::vector<std::string> cells{cell()};
            while (skip(',')) cells.push_back(cell());
            skip('\r');
            skip('\n');
            if (cells.size() > 1 || !cells.front().empty()) return cells;
        }
        return std::nullopt;
    }

   private:
    bool skip(char expected) {
        if (!rest_.starts_with(expected)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    std::string cell() {
        if (skip('"')) return quoted_cell();
        std::string text(rest_.substr(0, rest_.find_first_of(",\r\n")));
        rest_.remove_prefix(text.size());
        return text;
    }

    std::string quoted_cell() {
        const std::string first_line = location_ + ": line " + std::to_string(line_);
        std::string text;
        while (true) {
            const std::size_t end = rest_.find('"');
            if (end == std::string_view::npos) throw_format_error(first_line, "a quotation mark is not closed");
            line_ += static_cast<std::size_t>(std::ranges::count(rest_.substr(0, end), '\n'));
            text += rest_.substr(0, end);
            rest_.remove_prefix(end + 1);
            if (!skip('"')) break;
            text += '"';
        }
        if (!rest_.empty() && rest_.find_first_of(",\r\n") != 0)
            throw_format_error(first_line, "text follows a closing quotation mark");
        return text;
    }

    std::string_view rest_;
    std::string location_;
    std::size_t line_ = 0;
};

/// The value of a label that is a number of at most six digits; other labels are names.
inline std::optional<std::size_t> numeric_label(std::string_view label) {
    constexpr std::size_t most_digits = 6;
    return label.size() <= most_digits ? parse_number(label) : std::nullopt;
}

}  // namespace detail

/// The images of a list, in its order.
///
/// CSV: a path, then any number of labels; a first line "path,label" is a header. JSON: {"path": "a.png", "label":
/// "cat"}, or "labels": ["cat", "dog"]. Paths are relative to the list. If all labels are whole numbers, they are
/// indices of classes; otherwise the classes are the labels in sorted order.
class image_list final : public data_set {
   public:
    static constexpr std::size_t largest_file = std::size_t{1} << 30;  // bytes; the list is held in memory

    /// \throws file_error; data_set_error FORMAT or checkpoint_error FORMAT with the line's number
    explicit image_list(const std::filesystem::path& file) : data_set(path_text(file)), folder_(file.parent_path()) {
        const std::vector<std::byte> bytes = read_file(file, largest_file);
        std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
        const std::size_t first = text.find_first_not_of(" \t\r\n");
        if (first != std::string_view::npos && text[first] == '{') {
            read_json_lines(text);
        } else {
            read_csv(text);
        }
        if (entries_.empty())
            detail::throw_format_error(location_, "no images in it", "a path and a label on each line");
        name_classes();
    }

    std::optional<std::size_t> count() const noexcept override { return entries_.size(); }

    std::optional<example> next() override {
        if (index_ == entries_.size()) return std::nullopt;
        const detail::image_list_entry& entry = entries_[index_++];
        std::vector<std::size_t> labels;
        for (const std::string& label : entry.labels)
            labels.push_back(is_numeric_ ? *detail::numeric_label(label) : label_of_.at(label));
        return example{entry.path, folder_ / std::filesystem::path(entry.path), std::move(labels)};
    }

   private:
    void read_csv(std::string_view text) {
        detail::csv_reader lines(text, location_);
        bool is_first = true;
        while (std::optional<std::vector<std::string>> cells = lines.next()) {
            if (std::exchange(is_first, false) && cells->size() > 1 && is_column_name(cells->front())) continue;
            if (cells->size() < 2)
                detail::throw_format_error(line_text(lines.line()), "one cell",
                                           "a path and a label, separated by a comma");
            detail::image_list_entry entry{std::move(cells->front()), {}};
            std::copy_if(cells->begin() + 1, cells->end(), std::back_inserter(entry.labels),
                         [](const std::string& label) { return !label.empty(); });
            add(std::move(entry), lines.line());
        }
    }

    static bool is_column_name(std::string_view cell) {
        constexpr std::array<std::string_view, 8> names{"path",     "Path",  "file",    "filename",
                                                        "filepath", "image", "picture", "name"};
        return std::ranges::find(names, cell) != names.end();
    }

    void read_json_lines(std::string_view text) {
        for (std::size_t line = 1; !text.empty(); ++line) {
            const std::string_view object_text = text.substr(0, text.find('\n'));
            text.remove_prefix((std::min)(object_text.size() + 1, text.size()));
            if (object_text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
            const json object = json::parse(object_text, line_text(line));
            detail::image_list_entry entry{object.at("path").as_string(), {}};
            if (const std::optional<json> several = object.find("labels")) {
                for (const json& label : several->items()) entry.labels.push_back(label_text(label));
            } else if (const json label = object.at("label"); !label.is_null()) {
                entry.labels.push_back(label_text(label));
            }
            add(std::move(entry), line);
        }
    }

    static std::string label_text(const json& label) {
        return label.is_string() ? label.as_string() : std::to_string(label.as_size());
    }

    void add(detail::image_list_entry entry, std::size_t line) {
        if (entry.path.empty()) detail::throw_format_error(line_text(line), "an empty path", "an image");
        std::ranges::sort(entry.labels);
        entry.labels.erase(std::unique(entry.labels.begin(), entry.labels.end()), entry.labels.end());
        entries_.push_back(std::move(entry));
    }

    void name_classes() {
        std::set<std::string> names;
        for (const detail::image_list_entry& entry : entries_) names.insert(entry.labels.begin(), entry.labels.end());
        is_numeric_ =
            std::ranges::all_of(names, [](const std::string& name) { return detail::numeric_label(name).has_value(); });
        if (!is_numeric_) {
            classes_.assign(names.begin(), names.end());
            for (std::size_t label = 0; label < classes_.size(); ++label) label_of_.emplace(classes_[label], label);
            return;
        }
        for (const std::string& name : names) {
            for (std::size_t label = classes_.size(); label <= *detail::numeric_label(name); ++label)
                classes_.push_back(std::to_string(label));
        }
    }

    std::string line_text(std::size_t line) const { return location_ + ": line " + std::to_string(line); }

    std::filesystem::path folder_;
    std::vector<detail::image_list_entry> entries_;
    std::map<std::string, std::size_t> label_of_;  // by name
    bool is_numeric_ = false;
    std::size_t index_ = 0;
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
