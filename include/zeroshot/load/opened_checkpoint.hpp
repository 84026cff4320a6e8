#pragma once
/// \file A path or a name becomes an open checkpoint, in a folder that of the names it is published under.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/load/model_hub.hpp>
#include <zeroshot/load/options.hpp>
#include <zeroshot/nn/packed_weight_cache.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/sha256.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

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

/// Where the packed weights of a checkpoint are kept: in one file for each way of packing each of them.
inline std::shared_ptr<packed_weight_cache> packed_weight_cache_of(const checkpoint& file,
                                                                   const std::filesystem::path& path,
                                                                   const load_options& options) {
    constexpr std::size_t digits = 16;  // enough for the models of one folder
    if (options.keep_weights.empty()) return nullptr;
    const std::string identity = file.identity();
    if (identity.empty()) return nullptr;
    const auto number_of = [](auto choice) { return std::to_string(static_cast<int>(choice)); };
    const std::string how = std::string(name_of(options.precision)) + " " + number_of(options.storage) + " " +
                            number_of(options.check) + "\n";
    std::error_code unknown;
    const std::string of_this = sha256().add(how + std::filesystem::absolute(path, unknown).string()).digits();
    return std::make_shared<packed_weight_cache>(
        options.keep_weights / (path.stem().string() + "-" + of_this.substr(0, digits) + ".weights"),
        std::string(version) + "\n" + how + identity);
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
    const checkpoint file = checkpoint::open(place.path, options.limits);
    weight_options reading = detail::reading(options);
    reading.cache = detail::packed_weight_cache_of(file, place.path, options);
    return {weights(file, reading), place};
}

}}  // namespace zeroshot::ZEROSHOT_ABI
