#pragma once
/// \file Sharded checkpoints: several files and an index such as model.safetensors.index.json.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/limits.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The tensors of all shards, and their files.
struct shard_list {
    tensor_list tensors;
    std::vector<std::shared_ptr<const byte_source>> files;
    std::vector<std::string> remarks{};  ///< warnings about harmless oddities
};

namespace detail {

/// Whether a file name is that of an index: model.safetensors.index.json, or model.safetensors.index.fp16.json.
inline bool names_index(std::string_view name) {
    return name.ends_with(".json") && name.find(".index.") != std::string_view::npos;
}

/// The shard of each tensor, as the index states it.
using shard_map = std::map<std::string, std::string, std::less<>>;

/// Whether a name is a file beside the index, and not a path on any system.
inline bool is_plain_file_name(std::string_view name) {
    constexpr std::string_view forbidden{"/\\:\0", 4};
    return !name.empty() && name != "." && name != ".." && name.find_first_of(forbidden) == std::string_view::npos;
}

inline shard_map read_shard_map(const json& index) {
    const json entries = index.at("weight_map");
    shard_map shards;
    for (const auto& [tensor, file] : entries.members()) {
        const std::string& name = file.as_string();
        if (!is_plain_file_name(name) || name.ends_with(".json")) {
            throw checkpoint_error(error_code::format, {file.where(), "the shard is " + quoted(name),
                                                        "the plain name of a file with weights beside the index"});
        }
        shards.emplace(tensor, name);
    }
    if (shards.empty()) throw checkpoint_error(error_code::format, {entries.where(), "no tensors"});
    return shards;
}

/// The names of the shards, after a check that all files exist.
inline std::set<std::string> shard_files(const shard_map& shards, const std::filesystem::path& index,
                                         const shard_limits& limits) {
    std::set<std::string> files;
    for (const auto& [tensor, file] : shards) files.insert(file);
    expect_at_most<checkpoint_error>(limits.shards, files.size(), "shards in the index", path_text(index));
    std::string missing;
    for (const std::string& file : files) {
        std::error_code ignored;  // opening the file reports it better
        const auto kind = std::filesystem::symlink_status(folder_of(index) / file, ignored).type();
        if (kind == std::filesystem::file_type::not_found) missing += (missing.empty() ? "" : ", ") + quoted(file);
        if (kind == std::filesystem::file_type::symlink && !limits.allow_links) {
            throw checkpoint_error(error_code::unsupported,
                                   {path_text(index), "the shard " + quoted(file) + " is a symbolic link", "a file"});
        }
    }
    if (missing.empty()) return files;
    throw file_error(error_code::io,
                     {path_text(index), "shards are missing: " + missing, "", "download them to the same folder"});
}

/// Appends the tensors of a shard, after a check that they are those of the index.
inline void join_shard(const shard_map& shards, const std::string& file, const std::string& place, tensor_list&& shard,
                       tensor_list& all) {
    const auto refuse = [&](std::string_view tensor, const char* what, const std::string& expected) {
        throw checkpoint_error(error_code::format, {place, "tensor " + quoted(tensor) + what, expected});
    };
    for (const auto& [tensor, shard_of_tensor] : shards) {
        if (shard_of_tensor == file && shard.find(tensor) == nullptr)
            refuse(tensor, " is missing", "it here: the index says so");
    }
    for (named_tensor& each : shard.tensors) {
        const auto at = shards.find(each.name);
        if (at == shards.end()) refuse(each.name, " is not in the index", "");
        if (at->second != file) refuse(each.name, " is in this shard too", "it in " + quoted(at->second) + " alone");
        all.tensors.push_back(std::move(each));
    }
    all.skipped.insert(all.skipped.end(), shard.skipped.begin(), shard.skipped.end());
    all.metadata.merge(shard.metadata);
}

/// A warning about a total_size that is not the size of the tensors; empty for none.
inline std::string total_size_warning(const json& index, const tensor_list& all) {
    std::size_t bytes = 0;
    for (const named_tensor& each : all.tensors) bytes += stored_size(each.tensor.type, each.tensor.shape).value_or(0);
    const std::optional<json> metadata = index.find("metadata");
    if (!metadata || !metadata->is_object()) return "";
    const std::optional<json> size = metadata->find("total_size");
    if (!size || size->is_null()) return "";
    if (size->is_number() && size->as_number() == static_cast<double>(bytes)) return "";
    return size->where() + ": it is not " + std::to_string(bytes) +
           ", the bytes of the tensors in the shards; is the index of another model?";
}

}  // namespace detail

/// Opens all shards of an index. A wrong total_size is a warning.
/// \param open called with each open file; returns its tensors, which keep the file alive
/// \throws file_error naming all missing shards; checkpoint_error FORMAT where a shard is not a plain file name or does
/// not hold exactly the tensors of the index; LIMIT
template <class Open>
shard_list open_shards(const std::filesystem::path& index, std::size_t file_bytes, const shard_limits& limits,
                       const Open& open) {
    constexpr std::size_t index_depth = 8;
    const json text = read_json(index, {limits.index_bytes, index_depth, limits.index_values});
    const detail::shard_map shards = detail::read_shard_map(text);
    shard_list all;
    for (const std::string& file : detail::shard_files(shards, index, limits)) {
        const auto source = std::make_shared<const open_file>(detail::folder_of(index) / file, file_bytes);
        detail::join_shard(shards, file, source->place(), open(source), all.tensors);
        all.files.push_back(source);
    }
    all.tensors.sort_names();
    std::string warning = detail::total_size_warning(text, all.tensors);
    if (!warning.empty()) all.remarks.push_back(std::move(warning));
    return all;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
