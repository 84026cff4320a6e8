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

/// Magic bytes of another format, its name, and a remedy.
struct foreign_format {
    std::size_t offset;
    std::string_view magic;
    const char* what;
    const char* hint;
};

inline constexpr const char* convert_first = "convert it to safetensors with the tool that wrote it";
inline constexpr const char* save_again =
    "save it again with a recent PyTorch: torch.save(torch.load(\"old.pt\", map_location=\"cpu\"), \"new.pt\")";
inline constexpr const char* from_numpy =
    "in Python: safetensors.numpy.save_file(dict(numpy.load(\"model.npz\")), \"model.safetensors\")";
inline constexpr const char* download_again = "download the file itself, not the page about it";

inline constexpr std::array foreign_formats{
    foreign_format{0, "version https://git-lfs", "a Git LFS pointer, not the file it stands for", "run git lfs pull"},
    foreign_format{0, "<!DOCTYPE", "an HTML page", download_again},
    foreign_format{0, "<!doctype", "an HTML page", download_again},
    foreign_format{0, "<html", "an HTML page", download_again},
    foreign_format{0, "<HTML", "an HTML page", download_again},
    foreign_format{0, "<?xml", "an XML page", download_again},
    foreign_format{0, "{\"error\"", "an error message in JSON", "download the file again; is it behind a login?"},
    foreign_format{0, "{", "JSON text", "give the file with the weights, or an index that ends in .index.json"},
    foreign_format{0, "\x80\x02\x8a\x0a", "a checkpoint of PyTorch before 1.6", save_again},
    foreign_format{0, "\x80\x02", "a bare Python pickle", save_again},
    foreign_format{0, "\x80\x03", "a bare Python pickle", save_again},
    foreign_format{0, "\x80\x04", "a bare Python pickle", save_again},
    foreign_format{0, "\x80\x05", "a bare Python pickle", save_again},
    foreign_format{0, "GGUF", "a GGUF file", convert_first},
    foreign_format{0, "FUGG", "a big-endian GGUF file", convert_first},
    foreign_format{0, "lmgg", "a GGML file", convert_first},
    foreign_format{0, "\x93NUMPY", "a NumPy array", from_numpy},
    foreign_format{0, "\x89HDF", "an HDF5 file, as Keras writes", convert_first},
    foreign_format{0, "\x1f\x8b", "gzip data", "unpack it first"},
    foreign_format{0, "\x28\xb5\x2f\xfd", "zstd data", "unpack it first"},
    foreign_format{0, "7z\xbc\xaf", "a 7z archive", "unpack it first"},
    foreign_format{0, "\x89PNG", "a PNG image", "give a checkpoint here"},
    foreign_format{0, "\xff\xd8\xff", "a JPEG image", "give a checkpoint here"},
    foreign_format{4, "TFL3", "a TensorFlow Lite model", convert_first},
    foreign_format{257, "ustar", "a tar archive",
                   "unpack it first; a .pt of PyTorch 0.1 must be saved again with a recent one"},
};

/// Whether a file may be safetensors: its first eight bytes are the length of a JSON header, so they can equal the
/// magic bytes of another format. \param bytes the beginning of the file \param size of the whole file
inline bool may_be_safetensors(std::span<const std::byte> bytes, std::size_t size) {
    if (bytes.size() <= length_bytes) return false;
    const auto next = std::to_integer<char>(bytes[length_bytes]);
    return (next == '{' || next == ' ') && little_endian<std::uint64_t>(bytes) <= size - length_bytes;
}

/// The well-known format of a file that is not a checkpoint.
/// \param bytes, size as above
inline const foreign_format* foreign_format_of(std::span<const std::byte> bytes, std::size_t size) {
    if (may_be_safetensors(bytes, size)) return nullptr;
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    static constexpr foreign_format numpy_archive{0, "PK", "a NumPy archive (npz)", from_numpy};
    static constexpr foreign_format onnx{0, "\x08", "an ONNX model", "give the checkpoint it was exported from"};
    constexpr std::size_t zip_name = 30;      // where the name of a zip's first entry begins
    constexpr std::size_t onnx_producer = 2;  // where the second field of an ONNX model begins
    const std::string_view name = text.substr((std::min)(text.size(), zip_name), 64);
    if (text.starts_with("PK\x03\x04") && name.find(".npy") != std::string_view::npos) return &numpy_archive;
    for (const foreign_format& format : foreign_formats) {
        if (text.size() > format.offset && text.substr(format.offset).starts_with(format.magic)) return &format;
    }
    const bool has_producer = text.size() > onnx_producer && text[0] == '\x08' && text[onnx_producer] == '\x12';
    return has_producer ? &onnx : nullptr;
}

/// The first bytes of a file, enough to recognise its format.
inline std::vector<std::byte> first_bytes_of(const byte_source& source) {
    constexpr std::size_t enough = 512;  // a tar archive says so at byte 257
    std::vector<std::byte> beginning((std::min)(enough, source.size()));
    source.read(0, beginning);
    return beginning;
}

inline void refuse_foreign(std::span<const std::byte> beginning, const byte_source& source) {
    const foreign_format* format = foreign_format_of(beginning, source.size());
    if (format == nullptr) return;
    throw checkpoint_error(error_code::format, {source.place(), std::string("this is ") + format->what,
                                                "a safetensors file or a PyTorch checkpoint", format->hint});
}

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
        if (path.filename().string().ends_with(".index.json")) return from_index(path, limits);
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
        if (!detail::is_zip(beginning, source->size()))
            return {checkpoint_kind::safetensors, parse_safetensors(source, limits.header)};
        pytorch_file file = parse_pytorch(source, limits.pytorch);
        return {file.scripted ? checkpoint_kind::torchscript : checkpoint_kind::pytorch, std::move(file.tensors)};
    }

    static checkpoint make(stored contents) { return checkpoint(std::make_shared<const stored>(std::move(contents))); }

    explicit checkpoint(std::shared_ptr<const stored> contents) : contents_(std::move(contents)) {}

    std::shared_ptr<const stored> contents_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
