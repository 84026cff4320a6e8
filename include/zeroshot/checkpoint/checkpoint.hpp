#pragma once
/// \file Checkpoints in any container: safetensors, PyTorch, shards. Tensors are read on demand.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/foreign_formats.hpp>
#include <zeroshot/checkpoint/limits.hpp>
#include <zeroshot/checkpoint/pytorch.hpp>
#include <zeroshot/checkpoint/safetensors.hpp>
#include <zeroshot/checkpoint/shards.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/checksum.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// \param beginning, size as for may_be_safetensors
inline bool is_zip(std::span<const std::byte> beginning, std::size_t size) {
    if (beginning.size() <= length_bytes || may_be_safetensors(beginning, size)) return false;
    const auto signature = little_endian<std::uint32_t>(beginning);
    return signature == zip_local_signature || signature == zip_end_signature;
}

}  // namespace detail

/// The container of a checkpoint.
enum class checkpoint_kind { safetensors, pytorch, torchscript, shards };

/// The container's name in `inspect --json`.
inline std::string_view name_of(checkpoint_kind kind) {
    constexpr std::array<std::string_view, 4> names{"safetensors", "pytorch", "torchscript", "shards"};
    return names[static_cast<std::size_t>(kind)];
}

/// A model file, open or in memory. A cheap handle: copies share the immutable contents.
class checkpoint {
   public:
    // Copies share, and moving copies: no handle is ever empty.
    checkpoint(const checkpoint&) = default;
    checkpoint& operator=(const checkpoint&) = default;

    /// Opens a file and lists its tensors: safetensors, a file of torch.save or TorchScript, or an index of shards
    /// (*.index.json).
    /// \throws file_error where it cannot be read; checkpoint_error where it is none of these, or damaged
    static checkpoint open(const std::filesystem::path& path, const checkpoint_limits& limits = {}) {
        if (detail::names_index(path.filename().string())) return from_index(path, limits);
        return from_source(std::make_shared<open_file>(path, limits.file_bytes), limits);
    }

    /// Reads a checkpoint in memory; `place` names it in messages.
    static checkpoint from_bytes(std::vector<std::byte> bytes, std::string place,
                                 const checkpoint_limits& limits = {}) {
        return from_source(std::make_shared<memory_source>(std::move(bytes), std::move(place)), limits);
    }

    /// Copies a checkpoint in memory.
    static checkpoint from_bytes(std::span<const std::byte> bytes, std::string place,
                                 const checkpoint_limits& limits = {}) {
        return from_bytes(std::vector<std::byte>(bytes.begin(), bytes.end()), std::move(place), limits);
    }

    /// A checkpoint of given tensors; `place` names it in messages.
    static checkpoint from_tensors(tensor_list tensors, std::string place) {
        return make({std::move(place), checkpoint_kind::safetensors, std::move(tensors), {}});
    }

    /// The SHA-256 of the whole file; of shards, one after the other in the order of their names.
    std::string sha256() const {
        zeroshot::sha256 sum;
        for (const auto& source : contents_->sources) sum.add_all(byte_range(source, 0, source->size()));
        return sum.digits();
    }

    /// Identity and state of the files; empty for bytes in memory.
    std::string identity() const {
        std::string all;
        for (const auto& source : contents_->sources) {
            const std::string identity = source->identity();
            if (identity.empty()) return {};
            all += identity + "\n";
        }
        return all;
    }

    /// The file's name in messages.
    const std::string& place() const noexcept { return contents_->place; }

    /// The container.
    checkpoint_kind kind() const noexcept { return contents_->kind; }

    /// \throws file_error where a file changed since it was opened
    void expect_unchanged() const {
        for (const auto& source : contents_->sources) source->expect_unchanged();
    }

    /// The tensors in the order of the file's header.
    const std::deque<named_tensor>& tensors() const noexcept { return contents_->tensors.tensors; }

    /// The tensor with a name, or null.
    const stored_tensor* find(std::string_view name) const { return contents_->tensors.find(name); }

    /// The free text beside the tensors.
    const tensor_metadata& metadata() const noexcept { return contents_->tensors.metadata; }

    /// Names of values in a PyTorch file that are not tensors of the model.
    const std::vector<std::string>& skipped() const noexcept { return contents_->tensors.skipped; }

    /// Warnings about harmless oddities of the files.
    const std::vector<std::string>& remarks() const noexcept { return contents_->remarks; }

   private:
    struct stored {
        std::string place;
        checkpoint_kind kind;
        tensor_list tensors;
        std::vector<std::shared_ptr<const byte_source>> sources;
        std::vector<std::string> remarks{};
    };

    static checkpoint from_source(const std::shared_ptr<const byte_source>& source, const checkpoint_limits& limits) {
        auto [kind, tensors] = read(source, limits);
        return make({source->place(), kind, std::move(tensors), {source}});
    }

    static checkpoint from_index(const std::filesystem::path& path, const checkpoint_limits& limits) {
        const auto open_shard = [&](const std::shared_ptr<const byte_source>& shard) {
            return read(shard, limits).second;
        };
        shard_list all = open_shards(path, limits.file_bytes, limits.shards, open_shard);
        return make({path_text(path), checkpoint_kind::shards, std::move(all.tensors), std::move(all.files),
                     std::move(all.remarks)});
    }

    /// Lists the tensors of one file.
    static std::pair<checkpoint_kind, tensor_list> read(const std::shared_ptr<const byte_source>& source,
                                                        const checkpoint_limits& limits) {
        const std::vector<std::byte> beginning = detail::first_bytes_of(*source);
        detail::refuse_foreign(beginning, *source);
        if (!detail::is_zip(beginning, source->size())) {
            tensor_list tensors = parse_safetensors(source, limits.header);
            detail::refuse_foreign_writer(tensors, *source);
            return {checkpoint_kind::safetensors, std::move(tensors)};
        }
        pytorch_file file = parse_pytorch(source, limits.pytorch);
        return {file.scripted ? checkpoint_kind::torchscript : checkpoint_kind::pytorch, std::move(file.tensors)};
    }

    static checkpoint make(stored contents) { return checkpoint(std::make_shared<const stored>(std::move(contents))); }

    explicit checkpoint(std::shared_ptr<const stored> contents) : contents_(std::move(contents)) {}

    std::shared_ptr<const stored> contents_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
