#pragma once
/// \file A path or a name becomes an open checkpoint, in a folder that of the names it is published under.

#include <filesystem>
#include <optional>
#include <system_error>

#include <zeroshot/error.hpp>
#include <zeroshot/io/checkpoint.hpp>
#include <zeroshot/io/file.hpp>
#include <zeroshot/io/weights.hpp>
#include <zeroshot/load/options.hpp>
#include <zeroshot/load/places.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

namespace detail {

/// The only file in a folder that ends in .pt, if there is one.
inline std::optional<std::filesystem::path> only_pt(const std::filesystem::path& folder) {
    std::optional<std::filesystem::path> found;
    std::error_code unreadable;
    for (const auto& each : std::filesystem::directory_iterator(folder, unreadable)) {
        if (each.path().extension() != ".pt") continue;
        if (found) return std::nullopt;
        found = each.path();
    }
    return found;
}

/// The checkpoint in a folder, by the names that Hugging Face and open_clip give it.
inline std::filesystem::path checkpoint_in(const std::filesystem::path& folder) {
    for (const char* name : {"model.safetensors", "model.safetensors.index.json", "open_clip_model.safetensors",
                             "open_clip_pytorch_model.safetensors", "pytorch_model.bin", "pytorch_model.bin.index.json",
                             "open_clip_pytorch_model.bin"}) {
        if (stands(folder / name)) return folder / name;
    }
    if (const auto single = only_pt(folder)) return *single;
    throw file_error(error_code::io,
                     {path_text(folder), "the folder holds no checkpoint",
                      "model.safetensors, open_clip_model.safetensors, pytorch_model.bin or one .pt file", ""});
}

}  // namespace detail

/// A checkpoint, opened, and its place: the files about it may lie beside it.
struct opened_checkpoint {
    weights tensors;
    model_place place;
};

/// Finds what the path or name leads to, and opens it: a file, or a folder as Hugging Face and open_clip publish it.
/// \throws file_error, checkpoint_error
inline opened_checkpoint open_checkpoint(const std::filesystem::path& path, const load_options& options) {
    model_place place = find_model(path, options.folders ? *options.folders : folders_of_environment());
    std::error_code unreadable;  // whatever is wrong with the path, opening it says it better
    if (std::filesystem::is_directory(place.path, unreadable)) place.path = detail::checkpoint_in(place.path);
    return {weights(checkpoint::open(place.path, options.limits), detail::reading(options)), place};
}

}  // namespace zeroshot::inline ZEROSHOT_ABI
