#pragma once
/// \file Formats of files that hold no checkpoint: their names, and what to get instead.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/checkpoint/safetensors.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/placeholder.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

inline constexpr const char* convert_first = "convert it to safetensors with the tool that wrote it";
inline constexpr const char* save_again =
    "save it again with a recent PyTorch: torch.save(torch.load(\"old.pt\", map_location=\"cpu\"), \"new.pt\")";
inline constexpr const char* from_numpy =
    "in Python: safetensors.numpy.save_file(dict(numpy.load(\"model.npz\")), \"model.safetensors\")";
inline constexpr const char* get_original = "give the checkpoint it was exported from";
inline constexpr const char* from_tensorflow =
    "in Python, with transformers 4: CLIPModel.from_pretrained(FOLDER, from_tf=True).save_pretrained(NEW)";
inline constexpr const char* from_flax =
    "in Python, with transformers 4: CLIPModel.from_pretrained(FOLDER, from_flax=True).save_pretrained(NEW)";

inline constexpr std::array foreign_formats{
    foreign_format{0, "<?xml", "an XML page", download_again},
    foreign_format{0, "{", "JSON text", "give the file with the weights, or an index that ends in .index.json"},
    foreign_format{0, "\x80\x02\x8a\x0a", "a checkpoint of PyTorch before 1.6", save_again},
    foreign_format{0, "\x80\x02", "a bare Python pickle", save_again},
    foreign_format{0, "\x80\x03", "a bare Python pickle", save_again},
    foreign_format{0, "\x80\x04", "a bare Python pickle", save_again},
    foreign_format{0, "\x80\x05", "a bare Python pickle", save_again},
    foreign_format{0, "GGUF", "a GGUF file", get_original},
    foreign_format{0, "FUGG", "a big-endian GGUF file", get_original},
    foreign_format{0, "lmgg", "a GGML file", get_original},
    foreign_format{0, "\x93NUMPY", "a NumPy array", from_numpy},
    foreign_format{0, "\x89HDF", "an HDF5 file, as TensorFlow and Keras write", from_tensorflow},
    foreign_format{0, "\x1f\x8b", "gzip data", "unpack it first"},
    foreign_format{0, "\x28\xb5\x2f\xfd", "zstd data", "unpack it first"},
    foreign_format{0, "7z\xbc\xaf", "a 7z archive", "unpack it first"},
    foreign_format{0, "\x89PNG", "a PNG image", "give a checkpoint here"},
    foreign_format{0, "\xff\xd8\xff", "a JPEG image", "give a checkpoint here"},
    foreign_format{4, "TFL3", "a TensorFlow Lite model", get_original},
    foreign_format{257, "ustar", "a tar archive",
                   "unpack it first; a .pt of PyTorch 0.1 must be saved again with a recent one"},
};

/// Formats whose first bytes do not tell, by the ending of the name.
inline constexpr std::array foreign_endings{
    foreign_format{0, ".onnx", "an ONNX model", get_original},
    foreign_format{0, ".distcp", "a part of a distributed checkpoint of PyTorch, as FSDP saves",
                   "join the parts: python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER model.pt"},
    foreign_format{0, ".msgpack", "a checkpoint of Flax", from_flax},
    foreign_format{0, ".pb", "a TensorFlow model", from_tensorflow},
    foreign_format{0, "openvino_model.bin", "the weights of an OpenVINO model", get_original},
};

/// Formats of checkpoints by "format" in the metadata of safetensors.
inline constexpr std::array foreign_writers{
    foreign_format{0, "tf", "a checkpoint of TensorFlow", from_tensorflow},
    foreign_format{0, "flax", "a checkpoint of Flax", from_flax},
    foreign_format{0, "mlx", "a checkpoint of MLX, whose convolutions have their channels last", get_original},
};

inline constexpr foreign_format numpy_archive{0, ".npy", "a NumPy archive (npz)", from_numpy};
inline constexpr foreign_format onnx_model{0, "\x08", "an ONNX model", get_original};
inline constexpr foreign_format keras_archive{0, "model.weights.h5", "a model of Keras", get_original};
inline constexpr foreign_format exported_program{0, "archive_format", "a program of torch.export", get_original};
inline constexpr foreign_format openvino_model{0, "<net name=", "an OpenVINO model", get_original};

[[noreturn]] inline void refuse_format(const foreign_format& format, const std::string& place) {
    throw checkpoint_error(error_code::format, {place, std::string("this is ") + format.what,
                                                "a safetensors file or a PyTorch checkpoint", format.hint});
}

/// The first bytes of a file, enough to recognise its format.
inline std::vector<std::byte> first_bytes_of(const byte_source& source) {
    constexpr std::size_t enough = 512;  // a tar archive says so at byte 257
    std::vector<std::byte> beginning((std::min)(enough, source.size()));
    source.read(0, beginning);
    return beginning;
}

/// Whether a file may be safetensors: its first eight bytes are the length of a JSON header, so they can equal the
/// magic bytes of another format. \param bytes the beginning of the file \param size of the whole file
inline bool may_be_safetensors(std::span<const std::byte> bytes, std::size_t size) {
    if (bytes.size() <= length_bytes) return false;
    const auto next = std::to_integer<char>(bytes[length_bytes]);
    return (next == '{' || next == ' ') && little_endian<std::uint64_t>(bytes) <= size - length_bytes;
}

/// The well-known format of a file that is not a checkpoint, by its name and its first bytes; null for none.
/// \param bytes the beginning of the file
inline const foreign_format* foreign_format_of(std::span<const std::byte> bytes, const byte_source& source) {
    if (may_be_safetensors(bytes, source.size())) return nullptr;
    const auto named =
        std::ranges::find_if(foreign_endings, [&](auto& each) { return source.place().ends_with(each.mark); });
    if (named != foreign_endings.end()) return &*named;
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    constexpr std::size_t zip_name = 30;  // where the name of a zip's first entry begins
    const auto holds = [](std::string_view part, const foreign_format& format) {
        return part.find(format.mark) != std::string_view::npos;
    };
    if (text.starts_with("PK\x03\x04") && holds(text.substr((std::min)(text.size(), zip_name), 64), numpy_archive))
        return &numpy_archive;
    if (text.starts_with("<?xml") && holds(text, openvino_model)) return &openvino_model;
    if (const foreign_format* placeholder = placeholder_of(text)) return placeholder;
    for (const foreign_format& format : foreign_formats) {
        if (text.size() > format.offset && text.substr(format.offset).starts_with(format.mark)) return &format;
    }
    // The version of ONNX, then one of the fields 2 to 8 and 14 of its ModelProto.
    constexpr std::string_view fields{"\x12\x1a\x22\x28\x32\x3a\x42\x72"};
    const bool is_onnx = text.size() > 2 && text.starts_with(onnx_model.mark) && text[1] > 0 && text[1] < 32 &&
                         fields.find(text[2]) != std::string_view::npos;
    return is_onnx ? &onnx_model : nullptr;
}

/// Refuses a file of a well-known format. \param bytes as above
inline void refuse_foreign(std::span<const std::byte> bytes, const byte_source& source) {
    if (const foreign_format* format = foreign_format_of(bytes, source)) refuse_format(*format, source.place());
}

/// Refuses tensors of safetensors that another framework has written in its own order of axes.
inline void refuse_foreign_writer(const tensor_list& list, const byte_source& source) {
    const auto writer = list.metadata.find("format");
    if (writer == list.metadata.end()) return;
    const auto format = std::ranges::find(foreign_writers, writer->second, &foreign_format::mark);
    if (format != foreign_writers.end()) refuse_format(*format, source.place());
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
