#pragma once
/// \file What a caller may say about a checkpoint, and how it is read.

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/load/model_hub.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// What a caller may say about a checkpoint; what is left empty is found out.
struct load_options {
    std::optional<activation> function{};  ///< of both towers
    std::optional<std::size_t> vision_heads{};
    std::optional<std::size_t> text_heads{};
    std::optional<std::array<float, 3>> mean{};
    std::optional<std::array<float, 3>> std{};
    std::optional<crop_order> order{};
    std::optional<std::string> name{};  ///< what a bare file is: "ViT-B-32:laion2b_s34b_b79k"
    std::optional<std::size_t>
        image_size{};  ///< pixels, if not those the tower was trained with: positions are resampled
    std::optional<std::filesystem::path> config{};  ///< a JSON file: config.json, open_clip_config.json or our own form
    finite_check check = finite_check::checked;     ///< look for NaN and infinity among the weights
    bool verify = false;                            ///< replay the record that a converted checkpoint carries of itself
    weight_storage storage = weight_storage::full;  ///< compact: 16-bit matrices stay 16 bits wide in memory
    zeroshot::precision precision = zeroshot::precision::f32;  ///< what a float model multiplies its matrices in
    /// A folder for packed weights, as large as the model in memory: the next load of the same file maps them instead
    /// of reading and packing it. Not for a folder whose files others cut or overwrite: a mapped file must not change.
    std::filesystem::path keep_weights{};
    checkpoint_limits limits{};
    executor* threads = nullptr;             ///< those that read and pack the weights; null: the calling thread alone
    std::optional<model_folders> folders{};  ///< where names are looked up; the environment's unless said
};

namespace detail {

inline constexpr const char* options_source = "options";

inline settings settings_of(const load_options& options) {
    settings said;
    said.source = options_source;
    said.vision.function = said.text.function = options.function;
    said.vision.heads = options.vision_heads;
    said.text.heads = options.text_heads;
    said.mean = options.mean;
    said.std = options.std;
    said.order = options.order;
    said.wanted_size = options.image_size;
    return said;
}

/// How the weights are to be read.
inline weight_options reading(const load_options& options) {
    return {options.check, options.storage, options.threads, options.precision};
}

}  // namespace detail

}}  // namespace zeroshot::ZEROSHOT_ABI
