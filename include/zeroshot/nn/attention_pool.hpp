#pragma once
/// \file Attention pooling: the mean of a feature map asks where to look. The paper's replacement of global average
/// pooling.

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <zeroshot/nn/attention.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/nn/packed_weights.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Mirrors AttentionPool2d.forward in openai/CLIP clip/model.py, where only the mean token's query is read. One query a
/// head needs no keys and values of all tokens: it is turned into what the tokens themselves are asked,
///
///     q . (K t + b) = (Kᵀ q) . t + q . b, the same q . b for every token, which softmax does not see;
///
/// and what the answers are mixed of are the tokens, their shares being 1 together:
///
///     sum of shares (V t + b) = V (sum of shares t) + b.
///
/// So the two largest products of the tower become rows times matrices.
template <class Scalar>
class attention_pool {
   public:
    /// \param positions cells of the feature map; \param outputs the size of the embedding
    attention_pool(const weights& w, std::size_t positions, std::size_t width, std::size_t heads, std::size_t outputs)
        : positional_embedding_(w.template read<Scalar, 2>("positional_embedding", {positions + 1, width})),
          q_proj_(w / "q_proj", width, width),
          v_proj_(w / "v_proj", width, width),
          c_proj_(w.at_least_16_bits() / "c_proj", width, outputs),
          heads_(heads),
          products_(w.arithmetic()) {
        const weights k_proj = w / "k_proj";
        for (std::size_t h = 0; h < heads; ++h)
            k_proj_.push_back({k_proj, "weight", {width, width}, h * head_size(), head_size()});
        k_proj.template read_vector<Scalar>("bias", width);  // has to be there; nothing depends on it
    }

    /// \param cells [images * positions, width], one feature map after the other
    /// \return [images, outputs]
    matrix<Scalar> operator()(const matrix<Scalar>& cells, executor* threads = nullptr) const {
        return project(attended(cells, threads));
    }

    /// What the heads answer, before c_proj.
    /// \return [images, width]
    matrix<Scalar> attended(const matrix<Scalar>& cells, executor* threads = nullptr) const {
        const std::size_t images = cells.rows() / (positional_embedding_.rows() - 1);
        const matrix<Scalar> tokens = with_mean_tokens(cells, images);
        matrix<Scalar> rows = questions(tokens, images, threads);
        parallel_for(threads, images, [&](std::size_t image) { mix(tokens, image, images, rows); });
        return answers(rows, images, threads);
    }

    /// \param features [images, width]
    /// \return [images, outputs]
    matrix<Scalar> project(const matrix<Scalar>& features) const { return c_proj_(features); }

    std::size_t outputs() const noexcept { return c_proj_.outputs(); }

   private:
    std::size_t width() const noexcept { return positional_embedding_.columns(); }
    std::size_t head_size() const noexcept { return width() / heads_; }

    /// \return [images * (1 + positions), width]
    matrix<Scalar> with_mean_tokens(const matrix<Scalar>& cells, std::size_t images) const {
        const std::size_t positions = cells.rows() / images, size = positional_embedding_.size();
        matrix<Scalar> tokens(images * (1 + positions), width());
        for (std::size_t image = 0; image < images; ++image) {
            const std::span<Scalar> own = tokens.values().subspan(image * size, size), mean = own.first(width());
            for (std::size_t cell = 0; cell < positions; ++cell) {
                const std::span<const Scalar> numbers = cells.row(image * positions + cell);
                for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += numbers[i];
                std::ranges::copy(numbers, own.begin() + static_cast<std::ptrdiff_t>((1 + cell) * width()));
            }
            for (Scalar& value : mean) value /= static_cast<Scalar>(positions);
            for (std::size_t i = 0; i < size; ++i) own[i] += positional_embedding_.values()[i];
        }
        return tokens;
    }

    /// What the mean token's query of each head asks the tokens themselves.
    /// \return [heads * images, width]
    matrix<Scalar> questions(const matrix<Scalar>& tokens, std::size_t images, executor* threads) const {
        auto queries = matrix<Scalar>::for_overwrite({images, width()});
        q_proj_.apply(tokens.data(), tokens.size() / images, images, queries.data(), {}, threads);
        auto asked = matrix<Scalar>::for_overwrite({heads_ * images, width()});
        parallel_for(threads, heads_, [&](std::size_t h) {
            k_proj_[h].multiply(queries.data() + h * head_size(), width(), images, asked.row(h * images).data(), {});
        });
        return asked;
    }

    /// What an image's tokens answer: a mixture of them for each head, in the place of its question.
    /// \param rows [heads * images, width]
    void mix(const matrix<Scalar>& tokens, std::size_t image, std::size_t images, matrix<Scalar>& rows) const {
        const std::size_t count = tokens.rows() / images, stride = images * width();
        const Scalar* const own = tokens.row(image * count).data();
        detail::attention_head<Scalar> all(count, width(), detail::score_scale<Scalar>(head_size()), products_,
                                           kernels_);
        all.remember(own, own, width());
        Scalar* const first = rows.row(image).data();
        all.answer(first, stride, heads_, 0, mask::none, first, stride);
    }

    /// Each head's values of its mixtures.
    /// \param mixed [heads * images, width]
    /// \return [images, width]
    matrix<Scalar> answers(const matrix<Scalar>& mixed, std::size_t images, executor* threads) const {
        auto results = matrix<Scalar>::for_overwrite({images, width()});
        parallel_for(threads, heads_, [&](std::size_t h) {
            auto values = matrix<Scalar>::for_overwrite({images, width()});  // the head's are read
            const std::size_t first = h * head_size();
            v_proj_.apply_some(mixed.row(h * images).data(), width(), images, values.data(), {}, nullptr, first,
                               first + head_size());
            for (std::size_t image = 0; image < images; ++image)
                std::ranges::copy(values.row(image).subspan(first, head_size()), results.row(image).data() + first);
        });
        return results;
    }

    matrix<Scalar> positional_embedding_;  // [1 + positions, width]
    linear<Scalar> q_proj_;
    std::vector<packed_weights<Scalar>> k_proj_;  // [heads], each from a head's numbers to a row's
    linear<Scalar> v_proj_, c_proj_;
    std::size_t heads_;
    precision products_;  // as attention's
    kernels::instruction_set kernels_ = kernels::active();
};

}}  // namespace zeroshot::ZEROSHOT_ABI
