#pragma once
/// \file Multi-head attention: every token asks all tokens of its own picture or prompt.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include <zeroshot/io/weights.hpp>
#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/nn/softmax.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// Which tokens a token may see: all, or those up to itself.
enum class mask { none, causal };

namespace detail {

/// One head of one sequence: softmax(scale Q Kᵀ) V, over views into wider rows.
template <class Scalar>
class attention_head {
   public:
    attention_head(std::size_t tokens, std::size_t size, kernels::instruction_set set)
        : tokens_(tokens),
          size_(size),
          set_(set),
          keys_(kernels::packed_size(tokens, size)),
          values_(kernels::packed_size(size, tokens)) {}

    /// \param keys, values [tokens, size], `stride` elements apart
    void remember(const Scalar* keys, const Scalar* values, std::size_t stride) noexcept {
        kernels::pack(keys, stride, 1, tokens_, size_, keys_.data());
        kernels::pack(values, 1, stride, size_, tokens_, values_.data());
    }

    /// \param query [queries, size], already scaled
    /// \param results [queries, size]
    void answer(const Scalar* query, std::size_t stride, std::size_t queries, mask visible, Scalar* results,
                std::size_t result_stride) {
        matrix<Scalar> scores(queries, tokens_);
        kernels::multiply<Scalar>({query, stride, queries, keys_.data(), tokens_, size_, scores.data(), tokens_}, set_);
        for (std::size_t i = 0; i < queries; ++i) {
            const std::size_t seen = visible == mask::causal ? i + 1 : tokens_;
            softmax(scores.row(i).first(seen));
            std::ranges::fill(scores.row(i).subspan(seen), Scalar{0});  // the future weighs nothing
        }
        kernels::multiply<Scalar>(
            {scores.data(), tokens_, queries, values_.data(), size_, tokens_, results, result_stride}, set_);
    }

   private:
    std::size_t tokens_;
    std::size_t size_;
    kernels::instruction_set set_;
    aligned_vector<Scalar> keys_;    // packed, tokens columns of depth size
    aligned_vector<Scalar> values_;  // packed, size columns of depth tokens
};

}  // namespace detail

/// Mirrors torch.nn.MultiheadAttention(x, x, x) as ResidualAttentionBlock.attention in openai/CLIP clip/model.py calls
/// it.
template <class Scalar>
class attention {
   public:
    attention(const weights& w, std::size_t width, std::size_t heads, mask visible)
        : in_proj_(w, "in_proj_weight", "in_proj_bias", width, 3 * width),
          out_proj_(w / "out_proj", width, width),
          heads_(heads),
          mask_(visible) {}

    /// \param x [tokens of all sequences, width]
    /// \param lengths how many tokens each sequence has, in order; a sequence sees only itself
    matrix<Scalar> operator()(const matrix<Scalar>& x, std::span<const std::size_t> lengths) const {
        const std::size_t width = x.columns(), size = width / heads_;
        matrix<Scalar> qkv = in_proj_(x);  // [tokens, 3 * width]: queries, keys, values
        scale_queries(qkv, width, size);
        matrix<Scalar> mixed(x.rows(), width);
        std::size_t first = 0;
        for (const std::size_t tokens : lengths) {
            detail::attention_head<Scalar> head(tokens, size, kernels_);
            for (std::size_t h = 0; h < heads_; ++h) {
                const Scalar* query = qkv.row(first).data() + h * size;
                head.remember(query + width, query + 2 * width, 3 * width);
                head.answer(query, 3 * width, tokens, mask_, mixed.row(first).data() + h * size, width);
            }
            first += tokens;
        }
        return out_proj_(mixed);  // [tokens, width]
    }

   private:
    static void scale_queries(matrix<Scalar>& qkv, std::size_t width, std::size_t head_size) noexcept {
        const Scalar scale = 1 / std::sqrt(static_cast<Scalar>(head_size));
        for (std::size_t row = 0; row < qkv.rows(); ++row) {
            for (Scalar& query : qkv.row(row).first(width)) query *= scale;
        }
    }

    linear<Scalar> in_proj_;
    linear<Scalar> out_proj_;
    std::size_t heads_;
    mask mask_;
    kernels::instruction_set kernels_ = kernels::active();
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
