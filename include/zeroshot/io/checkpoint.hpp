#pragma once
/// \file A checkpoint: the bytes of a model file, recognised, checked, and owned.

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/io/file.hpp>
#include <zeroshot/io/safetensors.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// How much a checkpoint may ask for.
struct checkpoint_limits {
    std::size_t file_bytes = largest_file;
    safetensors_limits header{};
};

/// A model file in memory. A cheap handle to immutable contents: copies share them.
class checkpoint {
   public:
    /// Reads a file.
    /// \throws file_error where it cannot be read; checkpoint_error where it is no sound safetensors file
    static checkpoint open(const std::filesystem::path& path, const checkpoint_limits& limits = {}) {
        return from_bytes(read_file(path, limits.file_bytes), path_text(path), limits);
    }

    /// Takes bytes that are in memory already; `place` names them in the sentences.
    static checkpoint from_bytes(std::vector<std::byte> bytes, std::string place, const checkpoint_limits& limits = {}) {
        auto contents = std::make_shared<stored>(stored{std::move(bytes), std::move(place), {}});
        contents->tensors = parse_safetensors(contents->bytes, contents->place, limits.header);
        return checkpoint(std::move(contents));
    }

    /// Copies bytes that are in memory already.
    static checkpoint from_bytes(std::span<const std::byte> bytes, std::string place, const checkpoint_limits& limits = {}) {
        return from_bytes(std::vector<std::byte>(bytes.begin(), bytes.end()), std::move(place), limits);
    }

    /// The file, as the sentences name it.
    const std::string& place() const noexcept { return contents_->place; }

    /// The tensors in the order of the file's header.
    const std::deque<named_tensor>& tensors() const noexcept { return contents_->tensors.tensors; }

    /// The tensor of that name, or null.
    const stored_tensor* find(std::string_view name) const { return contents_->tensors.find(name); }

    /// The free text beside the tensors.
    const safetensors_metadata& metadata() const noexcept { return contents_->tensors.metadata; }

   private:
    struct stored {
        std::vector<std::byte> bytes;
        std::string place;
        safetensors tensors;  // points into bytes
    };

    explicit checkpoint(std::shared_ptr<const stored> contents) : contents_(std::move(contents)) {}

    std::shared_ptr<const stored> contents_;
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
