#pragma once
/// \file Interface of a data set: labelled images in a fixed order, and the names of the classes.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <zeroshot/datasets/folder_walk.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

/// An image that is not decoded yet: a file, the bytes of a file, or pixels. A caller decodes it on a thread of its
/// choice; labels can be read without a decoder.
using stored_image = std::variant<std::filesystem::path, std::vector<std::byte>, zeroshot::image>;

/// An image with its labels.
struct example {
    std::string name;  ///< unique in its data set: "cat/1.png", "000003.tar/s0000017"
    stored_image image;
    std::vector<std::size_t> labels{};  ///< indices into classes(); empty for an out-of-distribution image
};

/// Labelled images in an order that is always the same. One example is in memory at a time.
///
///     while (const std::optional<datasets::example> next = data.next()) ...
class data_set {
   public:
    data_set(const data_set&) = delete;
    data_set& operator=(const data_set&) = delete;
    virtual ~data_set() = default;

    /// The path, as messages show it.
    const std::string& location() const noexcept { return location_; }

    /// Names of the classes, by label. They need not be unique: two of ImageNet's are equal.
    const std::vector<std::string>& classes() const noexcept { return classes_; }

    /// Prompt templates that belong to the data set; empty for most.
    const std::vector<std::string>& templates() const noexcept { return templates_; }

    /// How the data set was understood, and what of it is not read, a sentence each: the split that was chosen, the
    /// columns of a list, links to folders that are read in another place.
    const std::vector<std::string>& notes() const noexcept { return notes_; }

    /// Folders that cannot be read; their images are missing.
    const std::vector<file_error>& failures() const noexcept { return failures_; }

    /// Adds a note, before the others.
    void add_note(std::string note) { notes_.insert(notes_.begin(), std::move(note)); }

    /// Number of images, if it is known before all of them are read.
    virtual std::optional<std::size_t> count() const noexcept { return std::nullopt; }

    /// Reads the next image; not to be called from several threads at a time.
    /// \return nothing after the last image
    /// \throws data_set_error for a damaged data set, file_error for a file that cannot be read; undecodable images
    /// are found when they are decoded
    virtual std::optional<example> next() = 0;

   protected:
    explicit data_set(std::string location, std::vector<std::string> classes = {})
        : location_(std::move(location)), classes_(std::move(classes)) {}

    std::string location_;
    std::vector<std::string> classes_;
    std::vector<std::string> templates_;
    std::vector<std::string> notes_;
    std::vector<file_error> failures_;
};

namespace detail {

[[noreturn]] inline void throw_format_error(std::string where, std::string what, std::string expected = "",
                                            std::string hint = "") {
    throw data_set_error(error_code::format, {std::move(where), std::move(what), std::move(expected), std::move(hint)});
}

inline void check_label(const std::string& where, std::size_t label, std::size_t classes) {
    if (label < classes) return;
    throw_format_error(where, "label " + std::to_string(label),
                       "below " + std::to_string(classes) + ", the number of classes");
}

/// A non-negative decimal number; nothing for any other text.
inline std::optional<std::size_t> parse_number(std::string_view text) {
    std::size_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// The lines of a text file that are not empty.
inline std::vector<std::string> read_lines(const std::filesystem::path& file) {
    constexpr std::size_t largest = std::size_t{1} << 24;  // bytes
    const std::vector<std::byte> bytes = read_file(file, largest);
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = (std::min)(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (!line.empty()) lines.emplace_back(line);
        text.remove_prefix((std::min)(end + 1, text.size()));
    }
    return lines;
}

/// The entries of a folder that a predicate accepts, sorted by name.
/// \tparam Iterator std::filesystem::directory_iterator, or its recursive relative
/// \param accepts called with a std::filesystem::directory_entry
/// \throws file_error for a folder that cannot be listed
template <class Iterator = std::filesystem::directory_iterator, class Predicate>
std::vector<std::filesystem::path> list_folder(const std::filesystem::path& folder, const Predicate& accepts) {
    std::vector<std::filesystem::path> paths;
    std::error_code failed;
    Iterator entry(folder, std::filesystem::directory_options::follow_directory_symlink, failed), end;
    for (; !failed && entry != end; entry.increment(failed)) {
        if (accepts(*entry)) paths.push_back(entry->path());
    }
    if (failed)
        throw file_error(error_code::io, {path_text(folder), "cannot list the folder: " + failed.message(), "", ""});
    std::ranges::sort(paths, {}, [](const std::filesystem::path& path) { return path.filename().string(); });
    return paths;
}

}  // namespace detail

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
