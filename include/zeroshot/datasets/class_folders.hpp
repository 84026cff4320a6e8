#pragma once
/// \file Images in folders named after their classes: torchvision's ImageFolder.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

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

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
