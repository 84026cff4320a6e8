#pragma once
/// \file Image tower of the ResNet family: a ResNet-D with anti-aliased strides and attention pooling.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/model/config.hpp>
#include <zeroshot/model/transformer.hpp>
#include <zeroshot/nn/attention_pool.hpp>
#include <zeroshot/nn/convolution.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Mirrors Bottleneck in openai/CLIP clip/model.py: all convolutions have stride 1, an average pooling strides.
template <class Scalar>
class bottleneck {
   public:
    static constexpr std::size_t expansion = modified_resnet_config::expansion;

    /// \param pixels of the input
    bottleneck(const weights& w, std::size_t inputs, std::size_t planes, std::size_t stride, std::size_t pixels)
        : conv1_(nn::folded_convolution<Scalar>(w, "conv1", "bn1", inputs, planes, 1)),
          conv2_(nn::folded_convolution<Scalar>(w, "conv2", "bn2", planes, planes, 3, 1, pixels)),
          conv3_(nn::folded_convolution<Scalar>(w, "conv3", "bn3", planes, planes * expansion, 1)),
          stride_(stride) {
        if (stride > 1 || inputs != planes * expansion)
            downsample_ = nn::folded_convolution<Scalar>(w / "downsample", "0", "1", inputs, planes * expansion, 1);
    }

    /// Mirrors Bottleneck.forward.
    nn::feature_map<Scalar> operator()(nn::feature_map<Scalar> x, executor* threads = nullptr) const {
        using enum kernels::activation;
        nn::feature_map<Scalar> out = conv2_(conv1_(x, relu, threads), relu, threads);
        out = pooled(std::move(out));
        if (downsample_) x = (*downsample_)(pooled(std::move(x)), identity, threads);
        return conv3_.added_to(std::move(x), out, relu, threads);
    }

   private:
    nn::feature_map<Scalar> pooled(nn::feature_map<Scalar> x) const {
        return stride_ > 1 ? nn::average_pool(x, stride_) : x;
    }

    nn::convolution<Scalar> conv1_, conv2_, conv3_;
    std::optional<nn::convolution<Scalar>> downsample_;
    std::size_t stride_;
};

/// Mirrors ModifiedResNet in openai/CLIP clip/model.py; batch normalisation is folded into the convolutions.
template <class Scalar>
class modified_resnet {
   public:
    /// \param w tensors of the tower ("visual")
    /// \param embedding size of the joint embedding space
    modified_resnet(const weights& w, const modified_resnet_config& config, std::size_t embedding)
        : config_(config),
          conv1_(stem_convolution(w, config, 1, 3, config.width / 2)),
          conv2_(stem_convolution(w, config, 2, config.width / 2, config.width / 2)),
          conv3_(stem_convolution(w, config, 3, config.width / 2, config.width)),
          attnpool_(w / "attnpool", config.cells(), config.features(), config.heads, embedding) {
        std::size_t inputs = config.width;
        for (std::size_t stage = 0; stage < layers_.size(); ++stage) {
            const weights layer =
                (stage < first_int8_stage ? nn::at_least_16_bits(w) : w) / ("layer" + std::to_string(stage + 1));
            const std::size_t planes = config.width << stage;
            const std::size_t outputs = planes * bottleneck<Scalar>::expansion;
            layers_[stage] = parallel_map(w.threads(), config.layers[stage], [&](std::size_t block) {
                const std::size_t stride = stage > 0 && block == 0 ? 2 : 1;
                const std::size_t reduction = (std::size_t{4} << stage) / stride;
                return bottleneck<Scalar>(layer / block, block == 0 ? inputs : outputs, planes, stride,
                                          pixels_after(config, reduction));
            });
            if (config.layers[stage] > 0) inputs = outputs;
        }
    }

    /// Mirrors ModifiedResNet.forward.
    /// \param pixels [images][3, image_size, image_size]
    /// \return [images, embedding], not normalised
    matrix<Scalar> operator()(std::span<const Scalar> pixels, std::size_t images, const stage_observer<Scalar>& observe,
                              executor* threads = nullptr) const {
        matrix<Scalar> embeddings = attnpool_.project(features(pixels, images, observe, threads), threads);
        if (observe) observe("visual.attnpool", embeddings);
        return embeddings;  // [images, embedding]
    }

    /// The results of the attention pooling's heads, before their projection.
    /// \return [images, features()]
    matrix<Scalar> features(std::span<const Scalar> pixels, std::size_t images, const stage_observer<Scalar>& observe,
                            executor* threads = nullptr) const {
        const std::size_t image_size = pixels.size() / images, cell_count = config_.cells();
        auto cells = matrix<Scalar>::for_overwrite({images * cell_count, features()});
        for (std::size_t image = 0; image < images; ++image) {
            const nn::feature_map<Scalar> map =
                layers(pixels.subspan(image * image_size, image_size), observe, threads);
            std::ranges::copy(map.pixels.values(), cells.row(image * cell_count).begin());
        }
        return attnpool_.attended(cells, threads);
    }
    std::size_t features() const noexcept { return config_.features(); }

   private:
    /// The first three convolutions. Their errors pass through all layers, so they have at least 16 bits.
    static nn::convolution<Scalar> stem_convolution(const weights& w, const modified_resnet_config& config,
                                                    unsigned number, std::size_t inputs, std::size_t outputs) {
        const std::string name = std::to_string(number);
        return nn::folded_convolution<Scalar>(nn::at_least_16_bits(w), "conv" + name, "bn" + name, inputs, outputs, 3,
                                              number == 1 ? 2 : 1, pixels_after(config, 2));
    }

    /// Earlier stages have at least 16 bits, too. Measured in docs/performance.md.
    static constexpr std::size_t first_int8_stage = 2;

    /// Pixels of a feature map whose sides are the image's divided by `reduction`.
    static std::size_t pixels_after(const modified_resnet_config& config, std::size_t reduction) {
        return (config.image_size / reduction) * (config.image_size / reduction);
    }

    /// All layers of one image before the attention pooling.
    /// \return [cells, features()]
    nn::feature_map<Scalar> layers(std::span<const Scalar> pixels, const stage_observer<Scalar>& observe,
                                   executor* threads) const {
        nn::feature_map<Scalar> x = stem(channels_last(pixels), threads);
        if (observe) observe("visual.stem", x.pixels);
        for (std::size_t stage = 0; stage < layers_.size(); ++stage) {
            for (std::size_t block = 0; block < layers_[stage].size(); ++block) {
                x = layers_[stage][block](std::move(x), threads);
                if (observe)
                    observe("visual.layer" + std::to_string(stage + 1) + "." + std::to_string(block), x.pixels);
            }
        }
        return x;
    }

    nn::feature_map<Scalar> stem(nn::feature_map<Scalar> x, executor* threads) const {
        for (const nn::convolution<Scalar>* conv : {&conv1_, &conv2_, &conv3_})
            x = (*conv)(x, kernels::activation::relu, threads);
        return nn::average_pool(x, 2);
    }

    /// [3, image_size, image_size] to [image_size * image_size, 3]
    nn::feature_map<Scalar> channels_last(std::span<const Scalar> pixels) const {
        const std::size_t size = config_.image_size, area = size * size;
        nn::feature_map<Scalar> map{size, size, matrix<Scalar>::for_overwrite({area, 3})};
        std::ranges::copy(pixels, map.pixels.data());
        nn::transpose(3, area, map.pixels.values());
        return map;
    }

    modified_resnet_config config_;
    nn::convolution<Scalar> conv1_, conv2_, conv3_;
    std::array<std::vector<bottleneck<Scalar>>, 4> layers_;
    nn::attention_pool<Scalar> attnpool_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
