#pragma once
/// \file A data set by its path: which kind it is, and its reader.

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
#include <zeroshot/datasets/cifar_pickle.hpp>
#include <zeroshot/datasets/class_folders.hpp>
#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/datasets/idx.hpp>
#include <zeroshot/datasets/manifest.hpp>
#include <zeroshot/datasets/webdataset.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// How a data set lies on disk.
enum class data_format { folders, manifest, idx, cifar10, cifar100, webdataset, parquet };

/// The format as scripts name it.
constexpr std::string_view name_of(data_format format) noexcept {
    constexpr std::array<std::string_view, 7> names{"folders",  "manifest",   "idx",    "cifar10",
                                                    "cifar100", "webdataset", "parquet"};
    return names[static_cast<std::size_t>(format)];
}

/// The format of that name, if there is one.
constexpr std::optional<data_format> data_format_of(std::string_view name) noexcept {
    for (const auto format : {data_format::folders, data_format::manifest, data_format::idx, data_format::cifar10,
                              data_format::cifar100, data_format::webdataset, data_format::parquet}) {
        if (name_of(format) == name) return format;
    }
    return std::nullopt;
}

namespace detail {

inline bool has_file(const std::filesystem::path& folder, const char* name) {
    std::error_code unknown;
    return std::filesystem::is_regular_file(folder / name, unknown);
}

/// The files of a folder of which the test says yes, sorted.
template <class Test>
std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder, const Test& test) {
    std::vector<std::filesystem::path> found;
    std::error_code failed;
    std::filesystem::directory_iterator at(folder, failed), end;
    for (; !failed && at != end; at.increment(failed)) {
        if (test(at->path().filename().string())) found.push_back(at->path());
    }
    if (failed) throw_listing_error(folder, failed);
    std::ranges::sort(found);
    return found;
}

inline bool is_idx_name(std::string_view name) {
    return name.find("images") != std::string_view::npos && name.find("idx3") != std::string_view::npos;
}

/// The image files of a split: MNIST calls its test set t10k.
inline std::vector<std::filesystem::path> idx_images(const std::filesystem::path& folder, const std::string& split) {
    return files_in(folder, [&](const std::string& name) {
        const bool of_split = name.find(split) != std::string::npos || (split == "test" && name.starts_with("t10k"));
        return is_idx_name(name) && of_split;
    });
}

inline data_format format_of_file(const std::filesystem::path& file) {
    const std::string name = file.filename().string(), extension = file.extension().string();
    const std::filesystem::path folder = folder_of(file);
    if (is_idx_name(name)) return data_format::idx;
    if (extension == ".parquet") return data_format::parquet;
    for (const char* list : {".csv", ".jsonl", ".json", ".ndjson", ".txt"}) {
        if (extension == list) return data_format::manifest;
    }
    if (has_file(folder, "batches.meta") || has_file(folder, "batches.meta.txt")) return data_format::cifar10;
    if (has_file(folder, "meta") || has_file(folder, "fine_label_names.txt")) return data_format::cifar100;
    throw data_set_error(
        error_code::unsupported,
        {path_text(file), "no kind of data set is known by this name",
         "a folder, a list (.csv, .jsonl), an IDX file of images, a batch of CIFAR", "name one with --format"});
}

/// The batches of a split, or the one that is meant.
inline std::vector<std::filesystem::path> cifar_files(cifar which, const std::filesystem::path& place,
                                                      const std::string& split) {
    std::error_code unknown;
    if (!std::filesystem::is_directory(place, unknown)) return {place};
    const bool binary = has_file(place, which == cifar::ten ? "batches.meta.txt" : "fine_label_names.txt");
    const std::string end = binary ? ".bin" : "";
    std::vector<std::filesystem::path> files;
    if (which == cifar::hundred) {
        files = {place / (split + end)};
    } else if (split != "train") {
        files = {place / (split + "_batch" + end)};
    } else {
        files = files_in(place, [&](const std::string& name) {
            return name.starts_with("data_batch_") &&
                   name.size() == std::string_view("data_batch_1").size() + end.size();
        });
    }
    if (files.empty() || !std::filesystem::exists(files.front(), unknown)) {
        throw data_set_error(error_code::argument, {path_text(place), "there is no batch of the split " + quoted(split),
                                                    "train or test", ""});
    }
    return files;
}

inline std::unique_ptr<data_set> open_cifar(cifar which, const std::filesystem::path& place, const std::string& split) {
    std::vector<std::filesystem::path> files = cifar_files(which, place, split);
    if (files.front().extension() == ".bin") return std::make_unique<cifar_batches>(which, std::move(files));
    return std::make_unique<cifar_pickles>(which, std::move(files));
}

inline std::filesystem::path idx_file(const std::filesystem::path& place, const std::string& split) {
    std::error_code unknown;
    if (!std::filesystem::is_directory(place, unknown)) return place;
    const std::vector<std::filesystem::path> found = idx_images(place, split);
    if (found.size() == 1) return found.front();
    throw data_set_error(
        error_code::argument,
        {path_text(place), std::to_string(found.size()) + " files of images for the split " + quoted(split), "one",
         found.empty() ? "" : "name the file: " + path_text(found.front())});
}

}  // namespace detail

/// What lies there, by the names of its files.
/// \throws file_error where nothing does; data_set_error UNSUPPORTED for a file of no known kind
inline data_format recognised(const std::filesystem::path& place, const std::string& split = "test") {
    std::error_code unknown;
    if (!std::filesystem::exists(place, unknown)) {
        throw file_error(error_code::io, {path_text(place), "there is no such file or folder", "", ""});
    }
    if (!std::filesystem::is_directory(place, unknown)) return detail::format_of_file(place);
    if (detail::has_file(place, "batches.meta") || detail::has_file(place, "batches.meta.txt"))
        return data_format::cifar10;
    if (detail::has_file(place, "meta") || detail::has_file(place, "fine_label_names.txt"))
        return data_format::cifar100;
    if (!detail::files_in(place, detail::is_idx_name).empty()) return data_format::idx;
    const auto has_parquet = [&](const std::filesystem::path& folder) {
        const auto is_parquet = [](const std::string& name) { return name.ends_with(".parquet"); };
        return std::filesystem::is_directory(folder, unknown) && !detail::files_in(folder, is_parquet).empty();
    };
    if (has_parquet(place) || has_parquet(place / "data")) return data_format::parquet;
    const bool has_shards =
        !detail::shards_in(place).empty() ||
        (std::filesystem::is_directory(place / split, unknown) && !detail::shards_in(place / split).empty());
    return has_shards ? data_format::webdataset : data_format::folders;
}

/// Opens a data set.
/// \param format else it is recognised
/// \param split "train" or "test", where both lie together: CIFAR, MNIST, WebDataset
/// \param open how files are unpacked; open_unpacked of gzip.hpp reads .gz too
/// \throws file_error; data_set_error, UNSUPPORTED for Parquet, whose reader needs more; checkpoint_error for a pickle
/// that is none, or wants to call something
inline std::unique_ptr<data_set> open_data_set(const std::filesystem::path& place,
                                               std::optional<data_format> format = std::nullopt,
                                               const std::string& split = "test",
                                               const stream_opener& open = open_plain) {
    switch (format ? *format : recognised(place, split)) {
        case data_format::manifest:
            return std::make_unique<manifest>(place);
        case data_format::idx:
            return std::make_unique<idx_pair>(detail::idx_file(place, split), open);
        case data_format::cifar10:
            return detail::open_cifar(cifar::ten, place, split);
        case data_format::cifar100:
            return detail::open_cifar(cifar::hundred, place, split);
        case data_format::webdataset:
            return std::make_unique<web_shards>(place, split, open);
        case data_format::parquet:
            throw data_set_error(error_code::unsupported,
                                 {path_text(place), "Parquet is not read here", "",
                                  "parquet_files of evaluate/parquet.hpp reads it, with Apache Arrow"});
        default:
            return std::make_unique<class_folders>(place);
    }
}

}}  // namespace zeroshot::ZEROSHOT_ABI
