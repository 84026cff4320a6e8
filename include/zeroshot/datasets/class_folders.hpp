#pragma once
/// \file A folder for each class, named after it: torchvision's ImageFolder.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Is a file taken for an image, by its name? Formats that are not built in are among them, so that they are reported.
inline bool is_named_like_a_image(const std::filesystem::path& file) {
    constexpr std::array<std::string_view, 15> extensions{".png",  ".jpg",  ".jpeg", ".jpe",  ".jfif",
                                                          ".webp", ".gif",  ".bmp",  ".ppm",  ".pgm",
                                                          ".tif",  ".tiff", ".heic", ".avif", ".apng"};
    std::string extension = file.extension().string();
    for (char& letter : extension) {
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    }
    return !file.filename().string().starts_with('.') && std::ranges::find(extensions, extension) != extensions.end();
}

namespace detail {

[[noreturn]] inline void throw_listing_error(const std::filesystem::path& folder, const std::error_code& failed) {
    throw file_error(error_code::io, {path_text(folder), "cannot list the folder: " + failed.message(), "", ""});
}

/// The images in a folder and below it, in torchvision's order: by folder, then by name. Links are followed.
inline std::vector<std::filesystem::path> images_below(const std::filesystem::path& folder) {
    constexpr auto follow = std::filesystem::directory_options::follow_directory_symlink;
    std::vector<std::filesystem::path> found;
    std::error_code failed;
    std::filesystem::recursive_directory_iterator at(folder, follow, failed), end;
    for (; !failed && at != end; at.increment(failed)) {
        std::error_code unknown;
        if (!at->is_directory(unknown) && is_named_like_a_image(at->path())) found.push_back(at->path());
    }
    if (failed) throw_listing_error(folder, failed);
    const auto place = [](const std::filesystem::path& file) {
        return std::pair(file.parent_path().string(), file.filename().string());
    };
    std::ranges::sort(found, {}, place);
    return found;
}

/// The folders in a folder, sorted by name.
inline std::vector<std::string> folders_in(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    std::error_code failed;
    std::filesystem::directory_iterator at(folder, failed), end;
    for (; !failed && at != end; at.increment(failed)) {
        std::error_code unknown;
        const std::string name = at->path().filename().string();
        if (at->is_directory(unknown) && !name.starts_with('.')) names.push_back(name);
    }
    if (failed) throw_listing_error(folder, failed);
    std::ranges::sort(names);
    return names;
}

}  // namespace detail

/// Images in folders that are named after their classes; class by class, so that the names of one are in memory.
class class_folders final : public data_set {
   public:
    /// \throws file_error where the folder cannot be listed; data_set_error FORMAT where there are no folders in it, or
    /// no images in those
    explicit class_folders(std::filesystem::path folder)
        : folder_(std::move(folder)), place_(path_text(folder_)), classes_(detail::folders_in(folder_)) {
        if (classes_.empty()) {
            throw data_set_error(error_code::format, {place_, "no folders in it", "a folder for each class", ""});
        }
        for (const std::string& name : classes_) count_ += detail::images_below(folder_ / name).size();
        if (count_ == 0) {
            throw data_set_error(error_code::format,
                                 {place_, "no images in its " + std::to_string(classes_.size()) + " folders", "", ""});
        }
    }

    const std::string& place() const noexcept override { return place_; }
    const std::vector<std::string>& classes() const noexcept override { return classes_; }
    std::optional<std::size_t> count() const noexcept override { return count_; }

    std::optional<example> next() override {
        while (at_ == files_.size()) {
            if (opened_ == classes_.size()) return std::nullopt;
            files_ = detail::images_below(folder_ / classes_[opened_++]);
            at_ = 0;
        }
        std::filesystem::path file = std::move(files_[at_++]);
        std::string name = file.lexically_relative(folder_).generic_string();
        return example{std::move(name), std::move(file), {opened_ - 1}};
    }

   private:
    std::filesystem::path folder_;
    std::string place_;
    std::vector<std::string> classes_;
    std::size_t count_ = 0;
    std::size_t opened_ = 0;                    // how many classes were
    std::vector<std::filesystem::path> files_;  // of the last of them
    std::size_t at_ = 0;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
