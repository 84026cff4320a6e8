#pragma once
/// \file Attention pooling: the mean of a feature map asks where to look. The paper's replacement of global average
/// pooling.

#include <cstddef>
#include <span>

#include <zeroshot/algorithm.hpp>
#include <zeroshot/io/weights.hpp>
#include <zeroshot/nn/attention.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// Mirrors AttentionPool2d.forward in openai/CLIP clip/model.py. Only the mean token's query is computed: it alone is
/// read.
template <class Scalar>
class attention_pool {
   public:
    /// \param positions cells of the feature map; \param outputs the size of the embedding
    attention_pool(const weights& w, std::size_t positions, std::size_t width, std::size_t heads, std::size_t outputs)
        : positional_embedding_(w.template read<Scalar, 2>("positional_embedding", {positions + 1, width})),
          q_proj_(w / "q_proj", width, width),
          k_proj_(w / "k_proj", width, width),
          v_proj_(w / "v_proj", width, width),
          c_proj_(w.at_least_bf16() / "c_proj", width, outputs),
          heads_(heads),
          products_(w.at_least_bf16().arithmetic()) {}

    /// \param cells [positions, width], one picture's feature map
    /// \return [1, outputs]
    matrix<Scalar> operator()(const matrix<Scalar>& cells, executor* threads = nullptr) const {
        return project(attended(cells, threads));
    }

    /// What the heads answer, before c_proj.
    /// \return [1, width]
    matrix<Scalar> attended(const matrix<Scalar>& cells, executor* threads = nullptr) const {
        const matrix<Scalar> tokens = with_mean_token(cells);  // [1 + positions, width]
        const std::size_t width = tokens.columns(), size = width / heads_;
        matrix<Scalar> query(1, width);
        q_proj_.apply(tokens.data(), width, 1, query.data(), {}, threads);
        const matrix<Scalar> keys = k_proj_(tokens, kernels::function::identity, threads);
        const matrix<Scalar> values = v_proj_(tokens, kernels::function::identity, threads);
        matrix<Scalar> mixed(1, width);
        detail::attention_head<Scalar> head(tokens.rows(), size, products_, kernels_);
        for (std::size_t h = 0; h < heads_; ++h) {
            head.remember(keys.data() + h * size, values.data() + h * size, width);
            head.answer(query.data() + h * size, width, 1, 0, mask::none, mixed.data() + h * size, width);
        }
        return mixed;
    }

    /// \param features [pictures, width]
    /// \return [pictures, outputs]
    matrix<Scalar> project(const matrix<Scalar>& features) const { return c_proj_(features); }

    std::size_t outputs() const noexcept { return c_proj_.outputs(); }

   private:
    matrix<Scalar> with_mean_token(const matrix<Scalar>& cells) const {
        matrix<Scalar> tokens(cells.rows() + 1, cells.columns());
        const std::span<Scalar> mean = tokens.row(0);
        for (std::size_t cell = 0; cell < cells.rows(); ++cell) {
            for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += cells.row(cell)[i];
            detail::copy(cells.row(cell), tokens.row(cell + 1).begin());
        }
        for (Scalar& value : mean) value /= static_cast<Scalar>(cells.rows());
        return tokens += positional_embedding_;
    }

    matrix<Scalar> positional_embedding_;  // [1 + positions, width]
    linear<Scalar> q_proj_, k_proj_, v_proj_, c_proj_;
    std::size_t heads_;
    precision products_;  // as attention's
    kernels::instruction_set kernels_ = kernels::active();
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
