#pragma once
/// \file Detection of a data set's format, and creation of its reader.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/datasets/byte_stream.hpp>
#include <zeroshot/datasets/cifar.hpp>
#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/datasets/idx.hpp>
#include <zeroshot/datasets/image_list.hpp>
#include <zeroshot/datasets/webdataset.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

/// File formats of data sets.
enum class data_format { folders, manifest, idx, cifar10, cifar100, webdataset, parquet };

namespace detail {
inline constexpr std::array<std::string_view, 7> data_format_names{"folders",  "manifest",   "idx",    "cifar10",
                                                                   "cifar100", "webdataset", "parquet"};
}  // namespace detail

/// The name of a format on the command line and in JSON.
constexpr std::string_view name_of(data_format format) noexcept {
    return detail::data_format_names[static_cast<std::size_t>(format)];
}

/// The format with a name; nothing for an unknown name.
constexpr std::optional<data_format> data_format_of(std::string_view name) noexcept {
    const auto position = std::ranges::find(detail::data_format_names, name);
    if (position == detail::data_format_names.end()) return std::nullopt;
    return static_cast<data_format>(position - detail::data_format_names.begin());
}

namespace detail {

inline bool has_file(const std::filesystem::path& folder, const char* name) {
    std::error_code unknown;
    return std::filesystem::is_regular_file(folder / name, unknown);
}

/// The version of CIFAR whose metadata lies in a folder, if any.
inline std::optional<data_format> cifar_format(const std::filesystem::path& folder) {
    if (has_file(folder, "batches.meta") || has_file(folder, "batches.meta.txt")) return data_format::cifar10;
    if (has_file(folder, "meta") || has_file(folder, "fine_label_names.txt")) return data_format::cifar100;
    return std::nullopt;
}

inline bool is_idx_name(std::string_view name) {
    return name.find("images") != std::string_view::npos && name.find("idx3") != std::string_view::npos;
}

/// The files of a folder whose names a predicate accepts, sorted.
template <class Predicate>
std::vector<std::filesystem::path> list_named(const std::filesystem::path& folder, const Predicate& accepts) {
    return list_folder(folder, [&](const auto& entry) { return accepts(entry.path().filename().string()); });
}

inline data_format format_of_file(const std::filesystem::path& file) {
    constexpr std::array<std::string_view, 5> lists{".csv", ".jsonl", ".json", ".ndjson", ".txt"};
    const std::string extension = file.extension().string();
    if (is_idx_name(file.filename().string())) return data_format::idx;
    if (extension == ".parquet") return data_format::parquet;
    if (std::ranges::find(lists, extension) != lists.end()) return data_format::manifest;
    if (const std::optional<data_format> cifar = cifar_format(file.parent_path())) return *cifar;
    throw data_set_error(
        error_code::unsupported,
        {path_text(file), "the name fits no known format of data sets",
         "a folder, a list (.csv, .jsonl), an IDX file of images, a batch of CIFAR", "name a format with --format"});
}

/// The batches of a split, or the batch that a path names.
inline std::unique_ptr<data_set> open_cifar(cifar_version version, const std::filesystem::path& path,
                                            const std::string& split) {
    std::error_code unknown;
    if (!std::filesystem::is_directory(path, unknown)) return std::make_unique<cifar>(version, std::vector{path});
    const bool is_ten = version == cifar_version::cifar10;
    const std::string extension = has_file(path, is_ten ? "batches.meta.txt" : "fine_label_names.txt") ? ".bin" : "";
    std::vector<std::filesystem::path> files;
    if (!is_ten) {
        files = {path / (split + extension)};
    } else if (split != "train") {
        files = {path / (split + "_batch" + extension)};
    } else {
        files = list_named(path, [&](const std::string& name) {
            return name.starts_with("data_batch_") &&
                   name.size() == std::string_view("data_batch_1").size() + extension.size();
        });
    }
    if (files.empty() || !std::filesystem::exists(files.front(), unknown)) {
        throw data_set_error(error_code::argument,
                             {path_text(path), "no batch of the split " + quoted(split), "train or test", ""});
    }
    return std::make_unique<cifar>(version, std::move(files));
}

/// The file of images of a split, or the file that a path names. MNIST's test set is named t10k.
inline std::filesystem::path idx_file(const std::filesystem::path& path, const std::string& split) {
    std::error_code unknown;
    if (!std::filesystem::is_directory(path, unknown)) return path;
    const std::vector<std::filesystem::path> files = list_named(path, [&](const std::string& name) {
        const bool in_split = name.find(split) != std::string::npos || (split == "test" && name.starts_with("t10k"));
        return is_idx_name(name) && in_split;
    });
    if (files.size() == 1) return files.front();
    throw data_set_error(
        error_code::argument,
        {path_text(path), std::to_string(files.size()) + " files of images for the split " + quoted(split), "one",
         files.empty() ? "" : "name the file: " + path_text(files.front())});
}

}  // namespace detail

/// Detects the format of a data set from the names of its files.
/// \throws file_error for a path that does not exist; data_set_error UNSUPPORTED for a file of unknown format
inline data_format detect_format(const std::filesystem::path& path, const std::string& split = "test") {
    std::error_code unknown;
    if (!std::filesystem::exists(path, unknown))
        throw file_error(error_code::io, {path_text(path), "no such file or folder", "", ""});
    if (!std::filesystem::is_directory(path, unknown)) return detail::format_of_file(path);
    if (const std::optional<data_format> cifar = detail::cifar_format(path)) return *cifar;
    if (!detail::list_named(path, detail::is_idx_name).empty()) return data_format::idx;
    const auto has_parquet = [&](const std::filesystem::path& folder) {
        const auto is_parquet = [](const std::string& name) { return name.ends_with(".parquet"); };
        return std::filesystem::is_directory(folder, unknown) && !detail::list_named(folder, is_parquet).empty();
    };
    if (has_parquet(path) || has_parquet(path / "data")) return data_format::parquet;
    const bool has_shards =
        !detail::list_shards(path).empty() ||
        (std::filesystem::is_directory(path / split, unknown) && !detail::list_shards(path / split).empty());
    return has_shards ? data_format::webdataset : data_format::folders;
}

/// Opens a data set.
/// \param format detected if not given
/// \param split "train" or "test", for formats whose splits lie together: CIFAR, MNIST, WebDataset
/// \param open opens the files of IDX and WebDataset; open_gzip() of gzip.hpp reads .gz too
/// \throws file_error; data_set_error, UNSUPPORTED for Parquet, which parquet.hpp reads; checkpoint_error for a pickle
/// that is damaged or would call a function
inline std::unique_ptr<data_set> open_data_set(const std::filesystem::path& path,
                                               std::optional<data_format> format = std::nullopt,
                                               const std::string& split = "test",
                                               const stream_opener& open = open_plain) {
    switch (format ? *format : detect_format(path, split)) {
        case data_format::manifest:
            return std::make_unique<image_list>(path);
        case data_format::idx:
            return std::make_unique<idx>(detail::idx_file(path, split), open);
        case data_format::cifar10:
            return detail::open_cifar(cifar_version::cifar10, path, split);
        case data_format::cifar100:
            return detail::open_cifar(cifar_version::cifar100, path, split);
        case data_format::webdataset:
            return std::make_unique<webdataset>(path, split, open);
        case data_format::parquet:
            throw data_set_error(error_code::unsupported,
                                 {path_text(path), "Parquet needs Apache Arrow", "",
                                  "read it with zeroshot::datasets::parquet_files of zeroshot/datasets/parquet.hpp"});
        default:
            return std::make_unique<class_folders>(path);
    }
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
