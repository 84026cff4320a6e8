#pragma once
/// \file Attention pooling with one query, the mean of the cells of a feature map.

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <zeroshot/nn/attention.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/nn/packed_weights.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace nn {

/// Mirrors AttentionPool2d.forward in openai/CLIP clip/model.py, which only reads the result of the mean token.
///
/// With one query per head, keys and values of all tokens are not needed. The query is projected into the space of the
/// tokens t,
///
///     q . (K t + b) = (Kᵀ q) . t + q . b, whose second term is the same for every token and cancels in softmax,
///
/// and the tokens are averaged before the projection to values, as the attention weights a add up to 1:
///
///     sum of a (V t + b) = V (sum of a t) + b.
///
/// This makes the two largest products of the tower vectors times matrices.
template <class Scalar>
class attention_pool {
   public:
    /// \param cells of the feature map
    /// \param outputs size of the embedding
    attention_pool(const weights& w, std::size_t cells, std::size_t width, std::size_t heads, std::size_t outputs)
        : positional_embedding_(w.template read<Scalar, 2>("positional_embedding", {cells + 1, width})),
          q_proj_(w / "q_proj", width, width),
          v_proj_(w / "v_proj", width, width),
          c_proj_(at_least_16_bits(w) / "c_proj", width, outputs),
          heads_(heads),
          precision_(w.options().precision) {
        const weights k_proj = w / "k_proj";
        for (std::size_t h = 0; h < heads; ++h)
            k_proj_.push_back({k_proj, "weight", {width, width}, h * head_size(), head_size()});
        k_proj.template read_vector<Scalar>("bias", width);  // required, but cancels in softmax
    }

    /// \param cells [images * cells, width]
    /// \return [images, outputs]
    matrix<Scalar> operator()(const matrix<Scalar>& cells, executor* threads = nullptr) const {
        return project(attended(cells, threads), threads);
    }

    /// The results of all heads, before c_proj.
    /// \return [images, width]
    matrix<Scalar> attended(const matrix<Scalar>& cells, executor* threads = nullptr) const {
        const std::size_t images = cells.rows() / (positional_embedding_.rows() - 1);
        const matrix<Scalar> tokens = with_mean_tokens(cells, images);
        matrix<Scalar> rows = queries(tokens, images, threads);  // [heads * images, width]
        parallel_for(threads, images, [&](std::size_t image) { attend(tokens, image, images, rows); });
        return results(rows, images, threads);
    }

    /// \param features [images, width]
    /// \return [images, outputs]
    matrix<Scalar> project(matrix<Scalar> features, executor* threads = nullptr) const {
        return c_proj_(std::move(features), threads);
    }

    std::size_t outputs() const noexcept { return c_proj_.outputs(); }

   private:
    std::size_t width() const noexcept { return positional_embedding_.columns(); }
    std::size_t head_size() const noexcept { return width() / heads_; }

    /// The mean of the cells, then the cells, plus their positions.
    /// \return [images * (1 + cells), width]
    matrix<Scalar> with_mean_tokens(const matrix<Scalar>& cells, std::size_t images) const {
        const Eigen::Index count = static_cast<Eigen::Index>(positional_embedding_.rows()) - 1;
        matrix<Scalar> tokens(images * positional_embedding_.rows(), width());
        for (Eigen::Index image = 0; image < static_cast<Eigen::Index>(images); ++image) {
            const auto map = cells.eigen().middleRows(image * count, count);
            auto own = tokens.eigen().middleRows(image * (1 + count), 1 + count);
            for (Eigen::Index cell = 0; cell < count; ++cell) own.row(0) += map.row(cell);
            own.row(0) /= static_cast<Scalar>(count);
            own.bottomRows(count) = map;
            own += positional_embedding_.eigen();
        }
        return tokens;
    }

    /// The query of each head, projected into the space of the tokens.
    /// \return [heads * images, width]
    matrix<Scalar> queries(const matrix<Scalar>& tokens, std::size_t images, executor* threads) const {
        auto q = matrix<Scalar>::for_overwrite({images, width()});
        q_proj_.apply(tokens.data(), tokens.size() / images, images, q.data(), {}, threads);
        auto projected = matrix<Scalar>::for_overwrite({heads_ * images, width()});
        parallel_for(threads, heads_, [&](std::size_t h) {
            k_proj_[h].multiply(q.data() + h * head_size(), width(), images, projected.row(h * images).data());
        });
        return projected;
    }

    /// Replaces an image's queries by the averages of its tokens.
    /// \param rows [heads * images, width]
    void attend(const matrix<Scalar>& tokens, std::size_t image, std::size_t images, matrix<Scalar>& rows) const {
        const std::size_t count = tokens.rows() / images, stride = images * width();
        const Scalar* const own = tokens.row(image * count).data();
        attention_head<Scalar> heads(count, width(), score_scale<Scalar>(head_size()), precision_, *kernels_);
        heads.pack_keys_values(own, own, width());
        Scalar* const first = rows.row(image).data();
        heads.attend(first, stride, heads_, 0, attention_mask::none, first, stride);
    }

    /// The projection of each head's averaged tokens to its values.
    /// \param averages [heads * images, width]
    /// \return [images, width]
    matrix<Scalar> results(const matrix<Scalar>& averages, std::size_t images, executor* threads) const {
        auto joined = matrix<Scalar>::for_overwrite({images, width()});
        parallel_for(threads, heads_, [&](std::size_t h) {
            auto values = matrix<Scalar>::for_overwrite({images, width()});  // only the columns of the head are used
            const std::size_t first = h * head_size();
            v_proj_.apply(averages.row(h * images).data(), width(), images, values.data(), {}, nullptr,
                          {first, first + head_size()});
            for (std::size_t image = 0; image < images; ++image)
                std::ranges::copy(values.row(image).subspan(first, head_size()), joined.row(image).data() + first);
        });
        return joined;
    }

    matrix<Scalar> positional_embedding_;  // [1 + cells, width]
    linear<Scalar> q_proj_;
    std::vector<packed_weights<Scalar>> k_proj_;  // [heads], each [head_size, width]
    linear<Scalar> v_proj_, c_proj_;
    std::size_t heads_;
    precision precision_;  // as in attention
    const kernels::table* kernels_ = &kernels::active();
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::nn
