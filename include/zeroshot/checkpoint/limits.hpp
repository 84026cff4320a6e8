#pragma once
/// \file Limits for untrusted checkpoints, in bytes and numbers of items, by file format.

#include <cstddef>

#include <zeroshot/support/file.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Limits for an untrusted safetensors file.
struct safetensors_limits {
    std::size_t header_bytes = 100'000'000;  ///< safetensors' own limit
    std::size_t name_bytes = 65'536;
    std::size_t rank = 8;
    std::size_t metadata_entries = 65'536;
    bool allow_trailing = false;  ///< accept bytes behind the last tensor; some old checkpoints have four
};

/// Limits for an untrusted zip archive.
struct zip_limits {
    std::size_t entries = 100'000;
    std::size_t directory_bytes = std::size_t{64} << 20;
};

/// Limits for an untrusted pickle.
struct pickle_limits {
    std::size_t bytes = std::size_t{64} << 20;
    std::size_t operations = 2'000'000;
    std::size_t depth = 256;
    std::size_t memo = 1'000'000;
    std::size_t stack = 1'000'000;
};

/// Limits for an untrusted PyTorch file.
struct pytorch_limits {
    zip_limits archive{};
    pickle_limits pickle{};
    std::size_t values = 100'000;  ///< tensors and others
    std::size_t name_bytes = 1'000;
    std::size_t rank = 8;
};

/// Limits for an untrusted index of shards.
struct shard_limits {
    std::size_t index_bytes = std::size_t{16} << 20;
    std::size_t index_values = 200'000;
    std::size_t shards = 256;  ///< open files
    bool allow_links = true;   ///< Hugging Face's cache is made of symbolic links
};

/// Limits for an untrusted checkpoint.
struct checkpoint_limits {
    std::size_t file_bytes = largest_file;
    safetensors_limits header{};
    pytorch_limits pytorch{};
    shard_limits shards{};
};

}}  // namespace zeroshot::ZEROSHOT_ABI
