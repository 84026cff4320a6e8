#pragma once
/// \file Image tower of the ViT family, with resampling of its position embeddings.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/model/attention_pooling_head.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/model/transformer.hpp>
#include <zeroshot/nn/attention.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/nn/normalization.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/support/interpolation.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// Interpolation weights along one axis.
/// Mirrors upsample_bicubic2d and its antialiased variant in ATen's UpSampleKernel.cpp, align_corners=False.
/// \return [to, from]
inline matrix<double> position_weights(std::size_t from, std::size_t to, position_filter filter) {
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double stretch = (std::max)(scale, 1.0);
    matrix<double> weights(to, from);
    for (std::size_t position = 0; position < to; ++position) {
        const double center = (static_cast<double>(position) + 0.5) * scale - 0.5;
        const std::span<double> row = weights.row(position);
        if (filter == position_filter::antialiased) {
            double total = 0;
            for (std::size_t i = 0; i < from; ++i)
                total += row[i] = cubic_filter((static_cast<double>(i) - center) / stretch, -0.5);
            for (double& weight : row) weight /= total;
        } else {
            const double last = static_cast<double>(from) - 1, begin = std::floor(center) - 1;
            for (double tap = begin; tap < begin + 4; ++tap)  // taps outside repeat the border
                row[static_cast<std::size_t>(std::clamp(tap, 0.0, last))] += cubic_filter(tap - center, -0.75);
        }
    }
    return weights;
}

}  // namespace detail

/// Bicubic interpolation of a grid of position embeddings, in double.
/// Mirrors resize_pos_embed in open_clip model.py and interpolate_pos_encoding in transformers.
/// \param positions [1 + from * from, width]: the class token's, then the grid's row by row; or the grid's alone
/// \return [1 + to * to, width] or [to * to, width]: the class token's is unchanged
template <class Scalar>
matrix<Scalar> resampled_positions(const matrix<Scalar>& positions, std::size_t from, std::size_t to,
                                   position_filter filter) {
    const matrix<double> weights = detail::position_weights(from, to, filter);
    const Eigen::MatrixXd grid = positions.eigen().bottomRows(Eigen::Index(from * from)).template cast<double>();

    matrix<double> wide(from * to, positions.columns());  // old rows, new columns
    for (std::size_t cell = 0; cell < from * to; ++cell) {
        for (std::size_t x = 0; x < from; ++x)
            wide.eigen().row(Eigen::Index(cell)) +=
                weights(cell % to, x) * grid.row(Eigen::Index(cell / to * from + x));
    }
    matrix<double> resampled(to * to, positions.columns());
    for (std::size_t cell = 0; cell < to * to; ++cell) {
        for (std::size_t y = 0; y < from; ++y)
            resampled.eigen().row(Eigen::Index(cell)) +=
                weights(cell / to, y) * wide.eigen().row(Eigen::Index(y * to + cell % to));
    }
    const std::size_t before = positions.rows() - from * from;
    auto result = matrix<Scalar>::for_overwrite({before + to * to, positions.columns()});
    result.eigen() << positions.eigen().topRows(Eigen::Index(before)), resampled.eigen().template cast<Scalar>();
    return result;
}

/// Mirrors VisionTransformer in openai/CLIP clip/model.py, with the variants of open_clip and SigLIP in
/// vision_transformer_config.
template <class Scalar>
class vision_transformer {
   public:
    /// \param w tensors of the tower ("visual")
    /// \param embedding size of the joint embedding space
    vision_transformer(const weights& w, const vision_transformer_config& config, std::size_t embedding)
        : config_(config),
          conv1_(patch_projection(nn::at_least_16_bits(w) / "conv1", config)),
          positional_embedding_(positions(w, config)),
          transformer_(w / "transformer", config.transformer, nn::attention_mask::none),
          ln_post_(w / "ln_post", config.transformer.width, config.transformer.epsilon) {
        const std::size_t width = config.transformer.width;
        if (config.class_token) class_embedding_ = w.template read<Scalar, 1>("class_embedding", {width});
        if (config.pre_norm) ln_pre_.emplace(w / "ln_pre", width, config.transformer.epsilon);
        if (config.pool == image_pool::attention)
            attn_pool_.emplace(nn::at_least_16_bits(w) / "attn_pool", config.transformer);
        if (config.projection)
            proj_ = nn::linear<Scalar>::projection(nn::at_least_16_bits(w), "proj", "proj.bias", width, embedding);
    }

    /// Mirrors VisionTransformer.forward.
    /// \param pixels [images][3, image_size, image_size]
    /// \return [images, embedding], not normalised
    matrix<Scalar> operator()(std::span<const Scalar> pixels, std::size_t images, const stage_observer<Scalar>& observe,
                              executor* threads = nullptr) const {
        matrix<Scalar> pooled = features(pixels, images, observe, threads);  // [images, width]
        if (!config_.projection) return pooled;
        return proj_(std::move(pooled), threads);  // [images, embedding]
    }

    /// The pooled token before the projection.
    /// \return [images, features()]
    matrix<Scalar> features(std::span<const Scalar> pixels, std::size_t images, const stage_observer<Scalar>& observe,
                            executor* threads = nullptr) const {
        matrix<Scalar> x = tokens(pixels, images, observe, threads);  // [images * tokens, width]
        if (ln_pre_) {
            x = (*ln_pre_)(std::move(x));
            if (observe) observe("visual.ln_pre", x);
        }
        x = pooled(std::move(x), images, observe, threads);  // [images, width]
        if (observe) observe(attn_pool_ ? "visual.attn_pool" : "visual.ln_post", x);
        return x;
    }
    std::size_t features() const noexcept { return config_.transformer.width; }

   private:
    /// A convolution whose stride is its size is a linear map of patches: weight [width, 3, patch, patch].
    static nn::linear<Scalar> patch_projection(const weights& conv1, const vision_transformer_config& config) {
        const std::size_t patch = config.patch_size, width = config.transformer.width;
        const auto rows = conv1.template rows<Scalar, 4>("weight", {width, 3, patch, patch});
        return nn::linear<Scalar>(
            {width, 3 * patch * patch, rows, nn::packing_of(conv1, "weight")},
            config.patch_bias ? conv1.template read_vector<Scalar>("bias", width) : aligned_vector<Scalar>{});
    }

    /// positional_embedding, resampled if it was trained on another grid.
    /// \return [tokens, width]
    static matrix<Scalar> positions(const weights& w, const vision_transformer_config& config) {
        const std::size_t grid = config.positions ? config.positions->image_size / config.patch_size : config.grid();
        const std::size_t rows = config.tokens() - config.patches() + grid * grid;
        auto trained = w.template read<Scalar, 2>("positional_embedding", {rows, config.transformer.width});
        if (grid == config.grid()) return trained;
        return resampled_positions(trained, grid, config.grid(), config.positions->filter);
    }

    /// The class token, if any, and the embedded patches of each image, plus their positions.
    /// \return [images * tokens, width]
    matrix<Scalar> tokens(std::span<const Scalar> pixels, std::size_t images, const stage_observer<Scalar>& observe,
                          executor* threads) const {
        const matrix<Scalar> embedded = conv1_(patches(pixels, images), threads);  // [images * patches, width]
        if (observe) observe("visual.conv1", embedded);
        const auto positions = positional_embedding_.eigen();
        const auto count = static_cast<Eigen::Index>(config_.patches()), rows = positions.rows();
        auto x = matrix<Scalar>::for_overwrite({images * config_.tokens(), embedded.columns()});
        for (Eigen::Index image = 0; image < static_cast<Eigen::Index>(images); ++image) {
            auto own = x.eigen().middleRows(image * rows, rows);
            if (config_.class_token) own.row(0) = class_embedding_.eigen().transpose() + positions.row(0);
            own.bottomRows(count) = embedded.eigen().middleRows(image * count, count) + positions.bottomRows(count);
        }
        return x;
    }

    /// Patches as rows, in row-major order over each image.
    /// \return [images * patches, 3 * patch * patch]
    matrix<Scalar> patches(std::span<const Scalar> pixels, std::size_t images) const {
        const std::size_t size = config_.image_size, patch = config_.patch_size, grid = size / patch;
        auto rows = matrix<Scalar>::for_overwrite({images * grid * grid, 3 * patch * patch});
        Scalar* output = rows.data();
        for (std::size_t image = 0; image < images; ++image) {
            for (std::size_t cell = 0; cell < grid * grid; ++cell) {
                const std::size_t top = cell / grid * patch, left = cell % grid * patch;
                for (std::size_t channel = 0; channel < 3; ++channel) {
                    for (std::size_t y = top; y < top + patch; ++y) {
                        const std::size_t first = ((image * 3 + channel) * size + y) * size + left;
                        output = std::ranges::copy(pixels.subspan(first, patch), output).out;
                    }
                }
            }
        }
        return rows;
    }

    /// The blocks, ln_post and the pooling. Mirrors VisionTransformer._pool in open_clip transformer.py.
    /// \return [images, width]
    matrix<Scalar> pooled(matrix<Scalar> x, std::size_t images, const stage_observer<Scalar>& observe,
                          executor* threads) const {
        const std::string name = "visual.transformer";
        const nn::token_sequences sequences(std::vector<std::size_t>(images, config_.tokens()));
        if (attn_pool_)
            return (*attn_pool_)(ln_post_(transformer_(std::move(x), sequences, name, observe, threads)), sequences,
                                 threads);
        if (config_.pool == image_pool::mean)
            return ln_post_(mean_patches(transformer_(std::move(x), sequences, name, observe, threads), images));
        if (config_.pool == image_pool::mean_of_normalised)
            return mean_patches(ln_post_(transformer_(std::move(x), sequences, name, observe, threads)), images);
        const std::vector<std::size_t> class_tokens(images, 0);
        return ln_post_(transformer_.output_at(class_tokens, std::move(x), sequences, name, observe, threads));
    }

    /// Means of the patches without the class token, summed row by row: Eigen's reductions choose another order.
    /// \return [images, width]
    matrix<Scalar> mean_patches(const matrix<Scalar>& x, std::size_t images) const {
        const auto count = static_cast<Eigen::Index>(config_.patches());
        const auto tokens = static_cast<Eigen::Index>(config_.tokens());
        matrix<Scalar> means(images, x.columns());
        for (Eigen::Index image = 0; image < static_cast<Eigen::Index>(images); ++image) {
            auto mean = means.eigen().row(image);
            for (Eigen::Index token = tokens - count; token < tokens; ++token)
                mean += x.eigen().row(image * tokens + token);
            mean /= static_cast<Scalar>(count);
        }
        return means;
    }

    vision_transformer_config config_;
    nn::linear<Scalar> conv1_;
    tensor<Scalar, 1> class_embedding_{};  // [width], or empty
    matrix<Scalar> positional_embedding_;  // [tokens, width]
    std::optional<nn::layer_norm<Scalar>> ln_pre_;
    transformer<Scalar> transformer_;
    nn::layer_norm<Scalar> ln_post_;
    std::optional<attention_pooling_head<Scalar>> attn_pool_{};
    nn::linear<Scalar> proj_{};
};

}}  // namespace zeroshot::ZEROSHOT_ABI
