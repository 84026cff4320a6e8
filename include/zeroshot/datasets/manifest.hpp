#pragma once
/// \file Lists of images and their labels: lines with commas, or a JSON object on each.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// A line of a manifest.
struct manifest_entry {
    std::string path;
    std::vector<std::string> labels;
};

/// Cells and lines of comma-separated text (RFC 4180).
class csv_text {
   public:
    csv_text(std::string_view text, std::string place) : rest_(text), place_(std::move(place)) {}

    std::size_t line() const noexcept { return line_; }

    /// The next line's cells; nothing at the end. Empty lines are passed over.
    std::optional<std::vector<std::string>> next() {
        while (!rest_.empty()) {
            ++line_;
            std::vector<std::string> cells{cell()};
            while (rest_.starts_with(',')) {
                rest_.remove_prefix(1);
                cells.push_back(cell());
            }
            if (rest_.starts_with('\r')) rest_.remove_prefix(1);
            if (rest_.starts_with('\n')) rest_.remove_prefix(1);
            if (cells.size() > 1 || !cells.front().empty()) return cells;
        }
        return std::nullopt;
    }

   private:
    std::string cell() {
        if (rest_.starts_with('"')) return quoted_cell();
        const std::size_t end = std::min(rest_.find_first_of(",\r\n"), rest_.size());
        std::string text(rest_.substr(0, end));
        rest_.remove_prefix(end);
        return text;
    }

    std::string quoted_cell() {
        const std::size_t begun = line_;
        std::string text;
        rest_.remove_prefix(1);
        while (true) {
            const std::size_t end = rest_.find('"');
            if (end == std::string_view::npos) refuse(begun, "a quotation mark is not closed");
            line_ += static_cast<std::size_t>(std::ranges::count(rest_.substr(0, end), '\n'));
            text += rest_.substr(0, end);
            rest_.remove_prefix(end + 1);
            if (!rest_.starts_with('"')) break;
            text += '"';
            rest_.remove_prefix(1);
        }
        if (!rest_.empty() && rest_.find_first_of(",\r\n") != 0)
            refuse(begun, "text stands behind a closing quotation mark");
        return text;
    }

    [[noreturn]] void refuse(std::size_t line, std::string what) const {
        throw data_set_error(error_code::format, {place_ + ": line " + std::to_string(line), std::move(what), "", ""});
    }

    std::string_view rest_;
    std::string place_;
    std::size_t line_ = 0;
};

inline bool is_written_number(std::string_view text) {
    constexpr std::size_t most_digits = 6;
    return !text.empty() && text.size() <= most_digits &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
}

inline std::size_t number_of(std::string_view digits) {
    std::size_t number = 0;
    for (const char digit : digits) number = number * 10 + static_cast<std::size_t>(digit - '0');
    return number;
}

}  // namespace detail

/// The images of a list, in its order.
///
/// Lines with commas: a path, then a label, or several; an image without one is of no listed class. A first line
/// "path,label" is passed over. Lines of JSON: {"path": "a.png", "label": "cat"}, or "labels": ["cat", "dog"]. Paths
/// are relative to the list. Where all labels are whole numbers they are positions; else the classes are the labels,
/// sorted.
class manifest final : public data_set {
   public:
    static constexpr std::size_t largest = std::size_t{1}
                                           << 30;  // bytes; the list is kept in memory, the images are not

    /// \throws file_error; data_set_error FORMAT, checkpoint_error FORMAT naming the line
    explicit manifest(const std::filesystem::path& file) : folder_(detail::folder_of(file)), place_(path_text(file)) {
        const std::vector<std::byte> bytes = read_file(file, largest);
        std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
        const std::size_t first = text.find_first_not_of(" \t\r\n");
        if (first != std::string_view::npos && text[first] == '{') {
            read_json_lines(text);
        } else {
            read_lines_with_commas(text);
        }
        if (entries_.empty())
            throw data_set_error(error_code::format,
                                 {place_, "no images in it", "a path and a label on each line", ""});
        name_classes();
    }

    const std::string& place() const noexcept override { return place_; }
    const std::vector<std::string>& classes() const noexcept override { return classes_; }
    std::optional<std::size_t> count() const noexcept override { return entries_.size(); }

    std::optional<example> next() override {
        if (at_ == entries_.size()) return std::nullopt;
        const detail::manifest_entry& entry = entries_[at_++];
        std::vector<std::size_t> labels;
        for (const std::string& label : entry.labels)
            labels.push_back(are_numbers_ ? detail::number_of(label) : positions_.at(label));
        return example{entry.path, folder_ / std::filesystem::path(entry.path), std::move(labels)};
    }

   private:
    void read_lines_with_commas(std::string_view text) {
        detail::csv_text lines(text, place_);
        bool is_first = true;
        while (std::optional<std::vector<std::string>> cells = lines.next()) {
            const bool is_head = std::exchange(is_first, false) && cells->size() > 1 && is_head_cell(cells->front());
            if (is_head) continue;
            if (cells->size() < 2) refuse(lines.line(), "one cell", "a path and a label, with a comma between them");
            detail::manifest_entry entry{std::move(cells->front()), {}};
            for (std::string& label : std::span(*cells).subspan(1)) {
                if (!label.empty()) entry.labels.push_back(std::move(label));
            }
            add(std::move(entry), lines.line());
        }
    }

    static bool is_head_cell(std::string_view cell) {
        for (const std::string_view name :
             {"path", "Path", "file", "filename", "filepath", "image", "picture", "name"}) {
            if (cell == name) return true;
        }
        return false;
    }

    void read_json_lines(std::string_view text) {
        for (std::size_t line = 1; !text.empty(); ++line) {
            const std::size_t end = std::min(text.find('\n'), text.size());
            const std::string_view one = text.substr(0, end);
            text.remove_prefix(std::min(end + 1, text.size()));
            if (one.find_first_not_of(" \t\r") == std::string_view::npos) continue;
            const json object = json::parse(one, place_ + ": line " + std::to_string(line));
            detail::manifest_entry entry{object.at("path").as_string(), {}};
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

    void add(detail::manifest_entry entry, std::size_t line) {
        if (entry.path.empty()) refuse(line, "an empty path", "an image");
        std::ranges::sort(entry.labels);
        entry.labels.erase(std::unique(entry.labels.begin(), entry.labels.end()), entry.labels.end());
        entries_.push_back(std::move(entry));
    }

    void name_classes() {
        std::set<std::string> names;
        for (const detail::manifest_entry& entry : entries_) names.insert(entry.labels.begin(), entry.labels.end());
        are_numbers_ = std::ranges::all_of(names, detail::is_written_number);
        if (are_numbers_) {
            for (const std::string& name : names) {
                for (std::size_t label = classes_.size(); label <= detail::number_of(name); ++label)
                    classes_.push_back(std::to_string(label));
            }
            return;
        }
        classes_.assign(names.begin(), names.end());
        for (std::size_t label = 0; label < classes_.size(); ++label) positions_.emplace(classes_[label], label);
    }

    [[noreturn]] void refuse(std::size_t line, std::string what, std::string expected) const {
        throw data_set_error(error_code::format,
                             {place_ + ": line " + std::to_string(line), std::move(what), std::move(expected), ""});
    }

    std::filesystem::path folder_;
    std::string place_;
    std::vector<detail::manifest_entry> entries_;
    std::vector<std::string> classes_;
    std::map<std::string, std::size_t> positions_;
    bool are_numbers_ = false;
    std::size_t at_ = 0;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
