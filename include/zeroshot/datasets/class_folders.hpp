#pragma once
/// \file Data sets of images in folders that are named after their classes (torchvision's ImageFolder).

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/datasets/folder_walk.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

/// Images in folders that are named after their classes. The file names of one folder are in memory at a time.
class class_folders final : public data_set {
   public:
    /// \throws file_error for a folder that cannot be listed; data_set_error FORMAT for one without folders or images.
    /// Folders below it that cannot be listed are among failures().
    explicit class_folders(std::filesystem::path folder) : data_set(path_text(folder)), folder_(std::move(folder)) {
        std::vector<std::filesystem::path> roots;
        std::size_t loose = 0;
        detail::list_folder(folder_, [&](const std::filesystem::directory_entry& entry) {
            std::error_code unknown;
            if (!entry.is_directory(unknown)) {
                loose += has_image_extension(entry.path()) ? 1 : 0;
            } else if (!folder_walk::is_left_out(entry.path()) && !leads_above(entry)) {
                roots.push_back(entry.path());
            }
            return false;
        });
        std::ranges::sort(roots);
        for (const std::filesystem::path& root : roots) classes_.push_back(root.filename().string());
        if (classes_.empty()) detail::throw_format_error(location_, "contains no folders", "a folder for each class");
        walk(roots);
        if (count_ == 0 && !failures_.empty()) throw failures_.front();
        if (count_ == 0)
            detail::throw_format_error(location_, "no images in its " + std::to_string(classes_.size()) + " folders");
        if (loose > 0)
            notes_.push_back(location_ + ": " + std::to_string(loose) +
                             " images beside the class folders belong to no class and are not read");
    }

    std::optional<std::size_t> count() const noexcept override { return count_; }

    std::optional<example> next() override {
        while (index_ == files_.size()) {
            if (opened_ == folders_.size()) return std::nullopt;
            files_ = detail::list_folder(folders_[opened_++].path, [](const std::filesystem::directory_entry& entry) {
                std::error_code unknown;
                return !entry.is_directory(unknown) && has_image_extension(entry.path());
            });
            index_ = 0;
        }
        std::filesystem::path file = std::move(files_[index_++]);
        std::string name = file.lexically_relative(folder_).generic_string();
        return example{std::move(name), std::move(file), {folders_[opened_ - 1].label}};
    }

   private:
    struct image_folder {
        std::size_t label;
        std::filesystem::path path;
    };

    /// Whether a class folder is a link to the folder of the classes, or one above it.
    bool leads_above(const std::filesystem::directory_entry& entry) {
        std::error_code failed;
        const std::filesystem::path inner = std::filesystem::canonical(folder_, failed),
                                    outer = std::filesystem::canonical(entry.path(), failed);
        if (failed || !folder_walk::contains(outer, inner)) return false;
        notes_.push_back(folder_walk::link_above(entry.path()));
        return true;
    }

    /// Finds the folders with images, in torchvision's order: by class, then by path.
    void walk(const std::vector<std::filesystem::path>& roots) {
        folder_walk find([&](std::size_t root, const std::filesystem::path& folder, const auto& images) {
            folders_.push_back({root, folder});
            count_ += images.size();
        });
        walk_report report = find(roots);
        std::ranges::sort(folders_, {},
                          [](const auto& folder) { return std::pair(folder.label, folder.path.string()); });
        failures_ = std::move(report.failures);
        std::ranges::move(report.notes, std::back_inserter(notes_));
    }

    std::filesystem::path folder_;
    std::vector<image_folder> folders_;  // with images
    std::size_t count_ = 0;
    std::size_t opened_ = 0;                    // number of folders opened so far
    std::vector<std::filesystem::path> files_;  // of the last of them
    std::size_t index_ = 0;                     // of the next file
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
