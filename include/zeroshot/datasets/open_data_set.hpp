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
#include <zeroshot/datasets/class_folders.hpp>
#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/datasets/idx.hpp>
#include <zeroshot/datasets/image_list.hpp>
#include <zeroshot/datasets/list_columns.hpp>
#include <zeroshot/datasets/splits.hpp>
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
    constexpr std::array<std::string_view, 8> lists{".csv",  ".tsv",    ".tab", ".jsonl",
                                                    ".json", ".ndjson", ".txt", ".lst"};
    const std::string extension = lower_case(file.extension().string());
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

/// The list with which a folder of images says their labels, as Hugging Face's "imagefolder" has it.
inline std::optional<std::filesystem::path> metadata_list(const std::filesystem::path& folder) {
    for (const char* name : {"metadata.csv", "metadata.jsonl"}) {
        if (has_file(folder, name)) return folder / name;
    }
    return std::nullopt;
}

/// Names of the folders that are called like splits and that a predicate accepts.
template <class Predicate>
std::vector<std::string> splits_in(const std::filesystem::path& folder, const Predicate& accepts) {
    const auto is_split = [&](const std::filesystem::directory_entry& entry) {
        std::error_code unknown;
        return entry.is_directory(unknown) && split_kind_of(entry.path().filename().string()) && accepts(entry.path());
    };
    std::vector<std::string> names;
    for (const std::filesystem::path& each : list_folder(folder, is_split)) names.push_back(each.filename().string());
    return names;
}

/// The folder of a split, of those in a folder of which a predicate accepts the contents.
template <class Predicate>
std::optional<chosen_folder> find_split(const std::filesystem::path& folder, const std::string& split,
                                        const Predicate& accepts) {
    const std::vector<std::string> names = splits_in(folder, accepts);
    if (names.empty()) return std::nullopt;
    const std::string taken = names[choose_split(path_text(folder), names, split)];
    chosen_folder chosen{folder / taken};
    if (names.size() > 1) chosen.notes.push_back(split_note(path_text(folder), names, taken));
    return chosen;
}

inline bool has_shards(const std::filesystem::path& folder) {
    return !list_shards(folder).empty();
}

/// The folder of shards in the folder of a data set: the folder itself, or that of a split.
inline std::optional<chosen_folder> find_shards(const std::filesystem::path& folder, const std::string& split) {
    if (has_shards(folder)) return chosen_folder{folder};
    return find_split(folder, split, has_shards);
}

/// The list in a folder; where it is none of images and labels, and there are class folders, these are named.
inline std::unique_ptr<data_set> open_list_in(const std::filesystem::path& folder, const std::filesystem::path& list,
                                              const list_columns& columns, const std::string& split) {
    try {
        return std::make_unique<image_list>(list, columns, split);
    } catch (const data_set_error& fault) {
        if (contents_of(folder).folders.size() < 2 || !fault.diagnostic().hint.starts_with("--")) throw;
        diagnostic about = fault.diagnostic();
        about.hint += "; --format folders reads the class folders";
        throw data_set_error(fault.code(), std::move(about));
    }
}

/// Refuses a folder of images without class folders beside a list, which is what holds the labels.
inline void refuse_list_beside(const std::filesystem::path& folder) {
    constexpr std::array<std::string_view, 4> lists{".csv", ".tsv", ".jsonl", ".json"};
    const folder_contents contents = contents_of(folder);
    const bool has_classes =
        contents.folders.size() > 1 ||
        (contents.folders.size() == 1 && contents_of(folder / contents.folders.front()).has_classes());
    if (has_classes) return;
    std::vector<std::string> names;
    for (const std::filesystem::path& file : list_named(folder, [&](const std::string& name) {
             return std::ranges::find(lists, lower_case(std::filesystem::path(name).extension().string())) !=
                    lists.end();
         }))
        names.push_back(file.filename().string());
    if (names.empty()) return;
    throw data_set_error(error_code::argument,
                         {path_text(folder), "images without class folders, and beside them " + listed(names), "",
                          "name the list: " + path_text(folder / names.front())});
}

/// Images in class folders, or in folders with a list beside them; the folder of a split, if there are any.
inline std::unique_ptr<data_set> open_folders(const std::filesystem::path& path, const std::string& split,
                                              const list_columns& columns) {
    const auto open = [&](const std::filesystem::path& folder) -> std::unique_ptr<data_set> {
        if (const auto list = metadata_list(folder)) return open_list_in(folder, *list, columns, split);
        return nullptr;
    };
    if (std::unique_ptr<data_set> list = open(path)) return list;
    const auto has_list = [](const std::filesystem::path& each) { return metadata_list(each).has_value(); };
    std::optional<chosen_folder> with_list = find_split(path, split, has_list);
    if (!with_list) refuse_list_beside(path);
    chosen_folder chosen = with_list ? *std::move(with_list) : find_class_folders(path, split);
    std::unique_ptr<data_set> images = open(chosen.path);
    if (images == nullptr) images = std::make_unique<class_folders>(chosen.path);
    for (std::string& note : chosen.notes) images->add_note(std::move(note));
    return images;
}

}  // namespace detail

/// Detects the format of a data set from the names of its files.
/// \throws file_error for a path that does not exist; data_set_error UNSUPPORTED for a file of unknown format
inline data_format detect_format(const std::filesystem::path& path) {
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
    const bool has_shards = detail::has_shards(path) || !detail::splits_in(path, detail::has_shards).empty();
    return has_shards                    ? data_format::webdataset
           : detail::metadata_list(path) ? data_format::manifest
                                         : data_format::folders;
}

/// Opens a data set. data_set::notes() says what was chosen.
/// \param format detected if not given; data_format::folders takes every folder in `path` as a class
/// \param split "train", "val", "test", ..., for data sets that have several; by default test, else validation
/// \param open opens the files of IDX and WebDataset; open_gzip() of gzip.hpp reads .gz too
/// \param columns of a list, where their names and cells do not say which they are
/// \throws file_error; data_set_error, UNSUPPORTED for Parquet, which parquet.hpp reads; checkpoint_error for a pickle
/// that is damaged or would call a function
inline std::unique_ptr<data_set> open_data_set(const std::filesystem::path& path,
                                               std::optional<data_format> format = std::nullopt,
                                               const std::string& split = "", const stream_opener& open = open_plain,
                                               const list_columns& columns = {}) {
    const std::string test_or = split.empty() ? "test" : split;  // for the formats that have only train and test
    switch (format ? *format : detect_format(path)) {
        case data_format::manifest: {
            std::error_code unknown;
            const bool is_folder = std::filesystem::is_directory(path, unknown);
            const auto list = is_folder ? detail::metadata_list(path) : std::nullopt;
            if (list) return detail::open_list_in(path, *list, columns, split);
            return std::make_unique<image_list>(path, columns, split);
        }
        case data_format::idx:
            return std::make_unique<idx>(detail::idx_file(path, test_or), open);
        case data_format::cifar10:
            return detail::open_cifar(cifar_version::cifar10, path, test_or);
        case data_format::cifar100:
            return detail::open_cifar(cifar_version::cifar100, path, test_or);
        case data_format::webdataset: {
            const auto shards = detail::find_shards(path, split);
            auto images = std::make_unique<webdataset>(path, shards ? shards->path.filename().string() : test_or, open);
            if (shards) {
                for (const std::string& note : shards->notes) images->add_note(note);
            }
            return images;
        }
        case data_format::parquet:
            throw data_set_error(error_code::unsupported,
                                 {path_text(path), "Parquet needs Apache Arrow", "",
                                  "read it with zeroshot::datasets::parquet_files of zeroshot/datasets/parquet.hpp"});
        default:
            if (format && split.empty()) return std::make_unique<class_folders>(path);
            return detail::open_folders(path, split, columns);
    }
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
