#pragma once
/// \file The image tower of ViT-B/32 and its kin: patches are tokens, the class token or their mean is the answer.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/model/config.hpp>
#include <zeroshot/model/stage_observer.hpp>
#include <zeroshot/model/transformer.hpp>
#include <zeroshot/nn/layer_norm.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/nn/position_embedding.hpp>
#include <zeroshot/nn/sequences.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Mirrors VisionTransformer in openai/CLIP clip/model.py, and the variants of open_clip's that its configuration
/// names.
template <class Scalar>
class vision_transformer {
   public:
    /// \param w the tower's tensors ("visual")
    /// \param embedding the size of the space the towers share
    vision_transformer(const weights& w, const vision_transformer_config& config, std::size_t embedding)
        : config_(config),
          conv1_(patch_rows(w.at_least_16_bits(), config)),
          class_embedding_(w.template read_vector<Scalar>("class_embedding", config.blocks.width)),
          positional_embedding_(positions(w, config)),
          transformer_(w / "transformer", config.blocks, mask::none),
          ln_post_(w / "ln_post", config.blocks.width, config.blocks.epsilon),
          proj_(linear<Scalar>::projection(w.at_least_16_bits(), "proj", "proj.bias", config.blocks.width, embedding)) {
        if (config.pre_norm) ln_pre_.emplace(w / "ln_pre", config.blocks.width, config.blocks.epsilon);
    }

    /// Mirrors VisionTransformer.forward.
    /// \param pixels one image after the other, [images][3, image_size, image_size]
    /// \return [images, embedding], not normalised
    matrix<Scalar> operator()(std::span<const Scalar> pixels, std::size_t images, const stage_observer<Scalar>& observe,
                              executor* threads = nullptr) const {
        return proj_(features(pixels, images, observe, threads));  // [images, embedding]
    }

    /// What the embedding is projected from: the class token, or the mean of the patches, normalised.
    /// \return [images, features()]
    matrix<Scalar> features(std::span<const Scalar> pixels, std::size_t images, const stage_observer<Scalar>& observe,
                            executor* threads = nullptr) const {
        matrix<Scalar> x = tokens(pixels, images, observe, threads);  // [images * (1 + patches), width]
        if (ln_pre_) {
            x = (*ln_pre_)(std::move(x));
            if (observe) observe("visual.ln_pre", x);
        }
        x = pooled(std::move(x), images, observe, threads);
        if (observe) observe("visual.ln_post", x);
        return x;
    }
    std::size_t features() const noexcept { return config_.blocks.width; }

   private:
    /// conv1.weight [width, 3, patch, patch] as a linear map of patches: kernel and stride are the same.
    static linear<Scalar> patch_rows(const weights& w, const vision_transformer_config& config) {
        const std::size_t patch = config.patch_size, width = config.blocks.width;
        const weights conv1 = w / "conv1";
        const auto rows = conv1.template rows<Scalar, 4>("weight", {width, 3, patch, patch});
        return linear<Scalar>({width, 3 * patch * patch, rows, conv1.packing_of("weight")}, {});
    }

    /// positional_embedding [1 + grid * grid, width], of another grid where the tower was trained with other images.
    static matrix<Scalar> positions(const weights& w, const vision_transformer_config& config) {
        const std::size_t grid = config.positions ? config.positions->image_size / config.patch_size : config.grid();
        auto stored = w.template read<Scalar, 2>("positional_embedding", {grid * grid + 1, config.blocks.width});
        if (grid == config.grid()) return stored;
        return resampled_positions(stored, grid, config.grid(), config.positions->filter);
    }

    /// The class token and the embedded patches of each image, with their positions.
    matrix<Scalar> tokens(std::span<const Scalar> pixels, std::size_t images, const stage_observer<Scalar>& observe,
                          executor* threads) const {
        const std::size_t patches = config_.patches();
        const matrix<Scalar> embedded = conv1_(cut(pixels, images), threads);  // [images * patches, width]
        if (observe) observe("visual.conv1", embedded);
        auto x = matrix<Scalar>::for_overwrite({images * (patches + 1), embedded.columns()});
        for (std::size_t image = 0; image < images; ++image) {
            for (std::size_t place = 0; place <= patches; ++place) {
                const std::span<const Scalar> value =
                    place == 0 ? std::span<const Scalar>(class_embedding_) : embedded.row(image * patches + place - 1);
                const std::span<const Scalar> position = positional_embedding_.row(place);
                const std::span<Scalar> row = x.row(image * (patches + 1) + place);
                for (std::size_t i = 0; i < row.size(); ++i) row[i] = value[i] + position[i];
            }
        }
        return x;
    }

    /// Patches as rows, row by row over the image: [images * patches, 3 * patch * patch]
    matrix<Scalar> cut(std::span<const Scalar> pixels, std::size_t images) const {
        const std::size_t size = config_.image_size, patch = config_.patch_size, grid = size / patch;
        auto rows = matrix<Scalar>::for_overwrite({images * grid * grid, 3 * patch * patch});
        Scalar* to = rows.data();
        for (std::size_t image = 0; image < images; ++image) {
            for (std::size_t cell = 0; cell < grid * grid; ++cell) {
                const std::size_t top = cell / grid * patch, left = cell % grid * patch;
                for (std::size_t channel = 0; channel < 3; ++channel) {
                    for (std::size_t y = top; y < top + patch; ++y) {
                        const std::size_t from = ((image * 3 + channel) * size + y) * size + left;
                        to = std::ranges::copy(pixels.subspan(from, patch), to).out;
                    }
                }
            }
        }
        return rows;
    }

    /// Through the blocks, to one normalised row for each image. Mirrors VisionTransformer._pool in open_clip
    /// transformer.py.
    matrix<Scalar> pooled(matrix<Scalar> x, std::size_t images, const stage_observer<Scalar>& observe,
                          executor* threads) const {
        const std::string name = "visual.transformer";
        const sequences all(std::vector<std::size_t>(images, config_.patches() + 1));
        if (config_.pool == image_pool::mean)
            return ln_post_(mean_patches(transformer_(std::move(x), all, name, observe, threads), images));
        if (config_.pool == image_pool::mean_of_normalised)
            return mean_patches(ln_post_(transformer_(std::move(x), all, name, observe, threads)), images);
        const std::vector<std::size_t> class_tokens(images, 0);
        return ln_post_(transformer_.at(class_tokens, std::move(x), all, name, observe, threads));
    }

    matrix<Scalar> mean_patches(const matrix<Scalar>& x, std::size_t images) const {
        const std::size_t patches = config_.patches();
        matrix<Scalar> means(images, x.columns());
        for (std::size_t image = 0; image < images; ++image) {
            const std::span<Scalar> mean = means.row(image);
            for (std::size_t place = 1; place <= patches; ++place) {  // the class token is left out
                const std::span<const Scalar> patch = x.row(image * (patches + 1) + place);
                for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += patch[i];
            }
            for (Scalar& value : mean) value /= static_cast<Scalar>(patches);
        }
        return means;
    }

    vision_transformer_config config_;
    linear<Scalar> conv1_;
    aligned_vector<Scalar> class_embedding_;  // [width]
    matrix<Scalar> positional_embedding_;     // [1 + patches, width]
    std::optional<layer_norm<Scalar>> ln_pre_;
    transformer<Scalar> transformer_;
    layer_norm<Scalar> ln_post_;
    linear<Scalar> proj_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
