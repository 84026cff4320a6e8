#pragma once
/// \file Options of load().

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include <zeroshot/checkpoint/limits.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/nn/weight_options.hpp>
#include <zeroshot/parallel.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Options of load(): settings that go before those of the checkpoint, and how its weights are read.
struct load_options {
    std::optional<zeroshot::activation> activation{};  ///< of both towers
    std::optional<std::size_t> vision_heads{};
    std::optional<std::size_t> text_heads{};
    std::optional<std::array<float, 3>> mean{};
    std::optional<std::array<float, 3>> standard_deviation{};
    std::optional<preprocessing_order> order{};
    std::optional<zeroshot::transparency> transparency{};  ///< by default as the reference of the order has it
    std::optional<std::string> name{};              ///< of the known model in a bare file: "ViT-B-32:laion2b_s34b_b79k"
    std::optional<std::size_t> image_size{};        ///< in pixels; positions are resampled from those the tower has
    std::optional<std::filesystem::path> config{};  ///< a config.json, open_clip_config.json, or of our converted form
    finite_check check = finite_check::checked;     ///< refuses NaN and infinity among the weights
    bool verify = false;                            ///< repeats the self-check that a converted checkpoint carries
    weight_storage storage = weight_storage::full;  ///< compact: 16-bit matrices stay 16 bits wide in memory
    zeroshot::precision precision = zeroshot::precision::f32;  ///< of the matrix products of a float model
    /// A folder for packed weights, as large as the model in memory: the next load of the same file maps them instead
    /// of reading and packing it. No other process may truncate or overwrite files in this folder: they are mapped.
    std::filesystem::path weight_cache{};
    checkpoint_limits limits{};
    executor* threads = nullptr;  ///< read and pack the weights; null: the calling thread alone
};

}}  // namespace zeroshot::ZEROSHOT_ABI
