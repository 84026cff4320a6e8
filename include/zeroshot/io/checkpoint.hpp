#pragma once
/// \file A checkpoint: a model file, recognised and checked, whose tensors are read when they are asked for.

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

#include <zeroshot/error.hpp>
#include <zeroshot/io/file.hpp>
#include <zeroshot/io/safetensors.hpp>
#include <zeroshot/io/sha256.hpp>
#include <zeroshot/io/source.hpp>
#include <zeroshot/io/stored_tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

namespace detail {

/// How a file of another format begins, what it is, and what to do about it.
struct foreign_format {
    std::size_t offset;
    std::string_view magic;
    const char* what;
    const char* hint;
};

inline constexpr const char* convert_first = "convert it to safetensors first";
inline constexpr const char* download_again = "download the file itself, not the page about it";

inline constexpr std::array foreign_formats{
    foreign_format{0, "version https://git-lfs", "a Git LFS pointer, not the file it stands for", "run git lfs pull"},
    foreign_format{0, "<!DOCTYPE", "an HTML page", download_again},
    foreign_format{0, "<!doctype", "an HTML page", download_again},
    foreign_format{0, "<html", "an HTML page", download_again},
    foreign_format{0, "<HTML", "an HTML page", download_again},
    foreign_format{0, "<?xml", "an XML page", download_again},
    foreign_format{0, "{\"error\"", "an error message in JSON", "download the file again; is it behind a login?"},
    foreign_format{0, "{", "JSON text", "give the .safetensors file with the weights"},
    foreign_format{0, "PK\x03\x04", "a PyTorch zip", convert_first},
    foreign_format{0, "\x80\x02", "a Python pickle", convert_first},
    foreign_format{0, "\x80\x03", "a Python pickle", convert_first},
    foreign_format{0, "\x80\x04", "a Python pickle", convert_first},
    foreign_format{0, "\x80\x05", "a Python pickle", convert_first},
    foreign_format{0, "GGUF", "a GGUF file", convert_first},
    foreign_format{0, "FUGG", "a big-endian GGUF file", convert_first},
    foreign_format{0, "lmgg", "a GGML file", convert_first},
    foreign_format{0, "\x93NUMPY", "a NumPy array", convert_first},
    foreign_format{0, "\x89HDF", "an HDF5 file, as Keras writes", convert_first},
    foreign_format{0, "\x1f\x8b", "gzip data", "unpack it first"},
    foreign_format{0, "\x28\xb5\x2f\xfd", "zstd data", "unpack it first"},
    foreign_format{0, "7z\xbc\xaf", "a 7z archive", "unpack it first"},
    foreign_format{0, "\x89PNG", "a PNG picture", "give a checkpoint here"},
    foreign_format{0, "\xff\xd8\xff", "a JPEG picture", "give a checkpoint here"},
    foreign_format{4, "TFL3", "a TensorFlow Lite model", convert_first},
    foreign_format{257, "ustar", "a tar archive", "unpack it first"},
};

/// What the bytes are, where they are no safetensors but something well known. A safetensors file may begin with any
/// bytes (they are the length of its header), so one that goes on as such is never mistaken.
/// \param bytes the first ones of the file
/// \param size of the whole file
inline const foreign_format* recognise(std::span<const std::byte> bytes, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const bool plausible = text.size() > length_bytes && (text[length_bytes] == '{' || text[length_bytes] == ' ') &&
                           little_endian_64(bytes) <= size - length_bytes;
    if (plausible) return nullptr;
    static constexpr foreign_format numpy_archive{0, "PK", "a NumPy archive (npz)", convert_first};
    static constexpr foreign_format onnx{0, "\x08", "an ONNX model", "give the checkpoint it was exported from"};
    constexpr std::size_t zip_name = 30;      // where the name of a zip's first entry begins
    constexpr std::size_t onnx_producer = 2;  // where the second field of an ONNX model begins
    const std::string_view name = text.substr(std::min(text.size(), zip_name), 64);
    if (text.starts_with("PK\x03\x04") && name.find(".npy") != std::string_view::npos) return &numpy_archive;
    for (const foreign_format& format : foreign_formats) {
        if (text.size() > format.offset && text.substr(format.offset).starts_with(format.magic)) return &format;
    }
    const bool has_producer = text.size() > onnx_producer && text[0] == '\x08' && text[onnx_producer] == '\x12';
    return has_producer ? &onnx : nullptr;
}

inline void refuse_foreign(const byte_source& source) {
    constexpr std::size_t enough = 512;  // a tar archive says so at byte 257
    std::vector<std::byte> beginning(std::min(enough, source.size()));
    source.read(0, beginning);
    const foreign_format* format = recognise(beginning, source.size());
    if (format == nullptr) return;
    throw checkpoint_error(error_code::format, {source.place(), std::string("this is ") + format->what,
                                                "a safetensors file", format->hint});
}

}  // namespace detail

/// How much a checkpoint may ask for.
struct checkpoint_limits {
    std::size_t file_bytes = largest_file;
    safetensors_limits header{};
};

/// A model file, open or in memory. A cheap handle to immutable contents: copies share them.
class checkpoint {
   public:
    // Copies share, and moving copies: no handle is ever empty.
    checkpoint(const checkpoint&) = default;
    checkpoint& operator=(const checkpoint&) = default;

    /// Opens a file, and reads what it says of its tensors.
    /// \throws file_error where it cannot be read; checkpoint_error where it is no sound safetensors file, saying what
    /// it is where that can be seen
    static checkpoint open(const std::filesystem::path& path, const checkpoint_limits& limits = {}) {
        return from_source(std::make_shared<file_source>(path, limits.file_bytes), limits);
    }

    /// Takes bytes that are in memory already; `place` names them in the sentences.
    static checkpoint from_bytes(std::vector<std::byte> bytes, std::string place,
                                 const checkpoint_limits& limits = {}) {
        return from_source(std::make_shared<memory_source>(std::move(bytes), std::move(place)), limits);
    }

    /// Copies bytes that are in memory already.
    static checkpoint from_bytes(std::span<const std::byte> bytes, std::string place,
                                 const checkpoint_limits& limits = {}) {
        return from_bytes(std::vector<std::byte>(bytes.begin(), bytes.end()), std::move(place), limits);
    }

    /// Takes tensors from anywhere; `place` names them in the sentences.
    static checkpoint from_tensors(tensor_list tensors, std::string place) {
        auto nowhere = std::make_shared<memory_source>(std::vector<std::byte>(), std::move(place));
        return checkpoint(std::make_shared<const stored>(stored{std::move(nowhere), std::move(tensors)}));
    }

    /// The SHA-256 of the whole file.
    std::string sha256() const { return sha256_of(byte_range(contents_->source, 0, contents_->source->size())); }

    /// The file, as the sentences name it.
    const std::string& place() const noexcept { return contents_->source->place(); }

    /// \throws file_error where the file is no longer what it was when it was opened
    void expect_unchanged() const { contents_->source->expect_unchanged(); }

    /// The tensors in the order of the file's header.
    const std::deque<named_tensor>& tensors() const noexcept { return contents_->tensors.tensors; }

    /// The tensor of that name, or null.
    const stored_tensor* find(std::string_view name) const { return contents_->tensors.find(name); }

    /// The free text beside the tensors.
    const tensor_metadata& metadata() const noexcept { return contents_->tensors.metadata; }

   private:
    struct stored {
        std::shared_ptr<const byte_source> source;
        tensor_list tensors;
    };

    static checkpoint from_source(std::shared_ptr<const byte_source> source, const checkpoint_limits& limits) {
        detail::refuse_foreign(*source);
        auto tensors = parse_safetensors(source, limits.header);
        return checkpoint(std::make_shared<const stored>(stored{std::move(source), std::move(tensors)}));
    }

    explicit checkpoint(std::shared_ptr<const stored> contents) : contents_(std::move(contents)) {}

    std::shared_ptr<const stored> contents_;
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
