#pragma once
/// \file Recorded activations of tiny reference models, tests/golden/models, in double by record_models.py.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/tensor.hpp>

#include "tests/catch.hpp"

namespace zeroshot_tests {

inline std::string model_folder(const std::string& name) {
    return (std::filesystem::path(ZEROSHOT_SOURCE_DIR) / "tests/golden/models" / name).string();
}

/// The folders of tests/golden/models.
inline const std::vector<std::string> all_models{
    "openai_vit",          "openai_resnet",         "open_clip_gelu",      "open_clip_tanh",     "open_clip_tanh_f16",
    "open_clip_tanh_bf16", "open_clip_resnet",      "custom_text",         "hugging_face_mixed", "hugging_face_older",
    "open_clip_clipa",     "open_clip_layer_scale", "open_clip_worldwide", "hugging_face_siglip"};

/// Recorded inputs and activations of one model.
class reference_model {
   public:
    explicit reference_model(const std::string& name)
        : file_(zeroshot::checkpoint::open(model_folder(name) + "/expected.safetensors")) {}

    bool has(const std::string& name) const { return file_.find(name) != nullptr; }
    std::vector<std::size_t> shape(const std::string& name) const { return tensor(name).shape; }
    std::vector<double> numbers(const std::string& name) const { return copied<double>(name); }

    std::vector<std::vector<std::int32_t>> prompts() const {
        std::vector<std::vector<std::int32_t>> all;
        while (has("ids." + std::to_string(all.size()))) {
            const auto ids = copied<std::int64_t>("ids." + std::to_string(all.size()));
            all.emplace_back(ids.begin(), ids.end());
        }
        return all;
    }

    /// [images, 3, size, size]
    template <class Scalar>
    zeroshot::tensor<Scalar, 4> pixels() const {
        const auto extents = shape("pixels");
        zeroshot::tensor<Scalar, 4> batch(extents[0], extents[1], extents[2], extents[3]);
        std::ranges::transform(numbers("pixels"), batch.data(), [](double x) { return static_cast<Scalar>(x); });
        return batch;
    }

   private:
    const zeroshot::stored_tensor& tensor(const std::string& name) const {
        const zeroshot::stored_tensor* record = file_.find(name);
        if (record == nullptr) throw std::runtime_error("no record of " + name);
        return *record;
    }

    template <class Number>
    std::vector<Number> copied(const std::string& name) const {
        const auto bytes = tensor(name).bytes.bytes();
        std::vector<Number> values(bytes.size() / sizeof(Number));
        std::memcpy(values.data(), bytes.data(), bytes.size());
        return values;
    }

    zeroshot::checkpoint file_;
};

/// Checks |got - expected| <= bound * max |expected|, the error of a stage relative to its scale. A failure names the
/// worst element.
template <class Scalar>
void check_close(const std::string& what, std::span<const Scalar> got, const std::vector<double>& expected,
                 double bound) {
    INFO(what);
    REQUIRE(got.size() == expected.size());
    double scale = 0, worst = -1;
    std::size_t at = 0;
    for (const double value : expected) scale = std::max(scale, std::abs(value));
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double error = std::abs(static_cast<double>(got[i]) - expected[i]);
        if (!(error <= worst)) {
            worst = error;
            at = i;
        }
    }
    INFO("worst at " << at << ": " << static_cast<double>(got[at]) << " for " << expected[at] << ", relative "
                     << worst / scale << ", bound " << bound);
    CHECK(worst <= bound * scale);
}

/// Bound of the rounding error of a stage of these tiny models: every number passes through a chain of sums of at most
/// 600 terms (the 3x3 convolutions of the widest case), twice for each of at most 10 blocks, each rounding by half an
/// epsilon with independent signs: sqrt(600) * 2 * 10 / 2 epsilons is 245; the gain of a block rarely exceeds 2, which
/// the factor 4 covers.
template <class Scalar>
double stage_bound() {
    return 1000 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());
}

/// [channels, height, width] to [height * width, channels], the order of feature_map.
inline std::vector<double> channels_last(const std::vector<double>& map, std::size_t channels) {
    const std::size_t area = map.size() / channels;
    std::vector<double> rows(map.size());
    for (std::size_t c = 0; c < channels; ++c) {
        for (std::size_t i = 0; i < area; ++i) rows[i * channels + c] = map[c * area + i];
    }
    return rows;
}

}  // namespace zeroshot_tests
