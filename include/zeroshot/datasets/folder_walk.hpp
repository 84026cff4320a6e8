#pragma once
/// \file The images in folders and their subfolders: each folder is entered once, and one that cannot be read is passed
/// over.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

namespace detail {

inline std::string lower_case(std::string text) {
    for (char& letter : text) letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    return text;
}

}  // namespace detail

/// Whether a file of a folder counts as an image, by its name.
inline bool has_image_extension(const std::filesystem::path& file) {
    return !file.filename().string().starts_with('.') && is_image_ending(detail::lower_case(file.extension().string()));
}

/// What a walk passed over.
struct walk_report {
    std::vector<file_error> failures{};  ///< folders that cannot be listed
    std::vector<std::string> notes{};    ///< links that were not followed, a sentence each
};

/// Visits the images in folders and their subfolders. Links to folders are followed, after all folders that are no
/// links; a folder is entered once whatever leads to it, and never by a link from within it. Hidden folders and
/// `__MACOSX` are left out, unless they are among the roots.
class folder_walk {
   public:
    /// Called with the position of a root, a folder in it, and the folder's images sorted by name, if it has any.
    using visitor = std::function<void(std::size_t, const std::filesystem::path&, std::vector<std::filesystem::path>)>;

    explicit folder_walk(visitor visit) : visit_(std::move(visit)) {}

    /// Whether a folder is passed over: a hidden one, or `__MACOSX`.
    static bool is_left_out(const std::filesystem::path& folder) {
        const std::string name = folder.filename().string();
        return name.starts_with('.') || name == "__MACOSX";
    }

    /// Whether a folder is another one or stands above it.
    static bool contains(const std::filesystem::path& outer, const std::filesystem::path& inner) {
        const auto [end, rest] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
        return end == outer.end();
    }

    /// What is said of a link to a folder that it stands in.
    static std::string link_above(const std::filesystem::path& link) {
        return path_text(link) + " is a link to a folder above it, and is not followed";
    }

    /// Walks through the roots. A root that is a link is as good as a folder, unless it leads to another root.
    walk_report operator()(std::span<const std::filesystem::path> roots) {
        std::vector<folder> pending;
        for (const bool are_links : {false, true}) {
            for (std::size_t root = 0; root < roots.size(); ++root) {
                std::error_code unknown;
                if (std::filesystem::is_symlink(roots[root], unknown) == are_links)
                    add(pending, {root, roots[root], canonical(roots[root])}, false);
            }
        }
        enter_all(std::move(pending));
        while (!links_.empty()) {  // those of a round, then those that they lead to
            std::vector<folder> links = std::exchange(links_, {});
            std::ranges::sort(links, {}, [](const folder& link) { return std::pair(link.root, link.path.string()); });
            for (folder& link : links) {
                std::vector<folder> one;
                add(one, std::move(link), true);
                enter_all(std::move(one));
            }
        }
        std::ranges::sort(report_.notes);
        std::ranges::sort(report_.failures, {}, [](const file_error& failure) { return std::string(failure.what()); });
        return std::move(report_);
    }

   private:
    struct folder {
        std::size_t root;  // position of the root it belongs to
        std::filesystem::path path;
        std::filesystem::path canonical;  // empty where the path leads nowhere
    };

    static std::filesystem::path canonical(const std::filesystem::path& path) {
        std::error_code failed;
        std::filesystem::path target = std::filesystem::canonical(path, failed);
        return failed ? std::filesystem::path() : target;
    }

    /// Adds a folder to those to be entered, unless it was added before.
    void add(std::vector<folder>& pending, folder one, bool is_link) {
        if (is_link && contains(one.canonical, canonical(one.path.parent_path()))) {
            report_.notes.push_back(link_above(one.path));
        } else if (one.canonical.empty() || entered_.insert(one.canonical).second) {
            pending.push_back(std::move(one));
        } else {
            report_.notes.push_back(path_text(one.path) + " leads to a folder that is read in another place");
        }
    }

    void enter_all(std::vector<folder> pending) {
        while (!pending.empty()) {
            const folder next = std::move(pending.back());
            pending.pop_back();
            enter(next, pending);
        }
    }

    void enter(const folder& one, std::vector<folder>& pending) {
        std::vector<std::filesystem::path> images;
        std::error_code failed;
        std::filesystem::directory_iterator entry(one.path, failed), end;
        for (; !failed && entry != end; entry.increment(failed)) {
            std::error_code unknown;
            const bool is_folder = entry->is_directory(unknown), is_link = entry->is_symlink(unknown);
            if (!is_folder) {
                if (has_image_extension(entry->path())) images.push_back(entry->path());
            } else if (!is_left_out(entry->path()) && is_link) {
                links_.push_back({one.root, entry->path(), canonical(entry->path())});
            } else if (!is_left_out(entry->path())) {
                add(pending, {one.root, entry->path(), one.canonical / entry->path().filename()}, false);
            }
        }
        if (failed)
            report_.failures.push_back(file_error(
                error_code::io, {path_text(one.path), "cannot list the folder: " + failed.message(), "", ""}));
        std::ranges::sort(images);
        if (!images.empty()) visit_(one.root, one.path, std::move(images));
    }

    visitor visit_;
    std::set<std::filesystem::path> entered_;  // canonical paths
    std::vector<folder> links_;                // found and not entered yet
    walk_report report_;
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
