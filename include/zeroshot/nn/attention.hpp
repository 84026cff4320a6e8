#pragma once
/// \file Multi-head attention: every token asks all tokens of its own picture or prompt.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <zeroshot/io/weights.hpp>
#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/kernels/row.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// Which tokens a token may see: all, or those up to itself.
enum class mask { none, causal };

namespace detail {

/// One head of one sequence: softmax(Q Kᵀ / sqrt(size)) V, over views into wider rows.
template <class Scalar>
class attention_head {
   public:
    attention_head(std::size_t tokens, std::size_t size, kernels::instruction_set set)
        : tokens_(tokens),
          size_(size),
          set_(set),
          keys_(matrix<Scalar>::for_overwrite({1, kernels::packed_size(tokens, size)})),
          values_(matrix<Scalar>::for_overwrite({1, kernels::packed_size(size, tokens)})) {}

    /// \param keys, values [tokens, size], `stride` elements apart
    void remember(const Scalar* keys, const Scalar* values, std::size_t stride) noexcept {
        kernels::pack(keys, stride, 1, tokens_, size_, keys_.data());
        kernels::pack(values, 1, stride, size_, tokens_, values_.data());
    }

    /// \param query [queries, size], `stride` elements apart
    /// \param first the place of the first query among the tokens, the others follow
    /// \param results [queries, size]
    void answer(const Scalar* query, std::size_t stride, std::size_t queries, std::size_t first, mask visible,
                Scalar* results, std::size_t result_stride) const {
        auto scores = matrix<Scalar>::for_overwrite({queries, tokens_});
        kernels::multiply<Scalar>({query, stride, queries, keys_.data(), tokens_, size_, scores.data(), tokens_}, set_);
        const Scalar scale = 1 / std::sqrt(static_cast<Scalar>(size_));
        for (std::size_t i = 0; i < queries; ++i) {
            const std::size_t seen = visible == mask::causal ? first + i + 1 : tokens_;
            kernels::softmax(scores.row(i).data(), seen, scale, set_);
            std::ranges::fill(scores.row(i).subspan(seen), Scalar{0});  // the future weighs nothing
        }
        kernels::multiply<Scalar>(
            {scores.data(), tokens_, queries, values_.data(), size_, tokens_, results, result_stride}, set_);
    }

   private:
    std::size_t tokens_;
    std::size_t size_;
    kernels::instruction_set set_;
    matrix<Scalar> keys_;    // packed, tokens columns of depth size
    matrix<Scalar> values_;  // packed, size columns of depth tokens
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

    /// From now on the results are multiplied with a gain for each column.
    void scale(aligned_vector<Scalar> gain) { out_proj_.scale(std::move(gain)); }

    /// \param x [tokens of all sequences, width]
    /// \param lengths how many tokens each sequence has, in order; a sequence sees only itself
    /// \return [tokens, width]
    linear_product<Scalar> operator()(const matrix<Scalar>& x, std::span<const std::size_t> lengths,
                                      executor* threads) const {
        const matrix<Scalar> qkv = in_proj_(x, kernels::function::identity, threads);  // [tokens, 3 * width]
        auto mixed = matrix<Scalar>::for_overwrite({x.rows(), x.columns()});
        const std::vector<std::size_t> first = starts(lengths);
        for_each_head(lengths.size(), threads, [&](std::size_t sequence, std::size_t column) {
            const std::size_t at = first[sequence], tokens = lengths[sequence];
            ask(qkv, at, tokens, column, qkv.row(at).data() + column, tokens, 0, mixed.row(at).data() + column);
        });
        return out_proj_(std::move(mixed), threads);
    }

    /// The same for one token of each sequence, which asks alone.
    /// \param places of these tokens in their sequences
    /// \return [sequences, width]
    linear_product<Scalar> at(std::span<const std::size_t> places, const matrix<Scalar>& x,
                              std::span<const std::size_t> lengths, executor* threads) const {
        const std::size_t width = x.columns();
        const std::vector<std::size_t> first = starts(lengths);
        auto asking = matrix<Scalar>::for_overwrite({lengths.size(), width});
        for (std::size_t i = 0; i < lengths.size(); ++i)
            std::ranges::copy(x.row(first[i] + places[i]), asking.row(i).begin());
        auto queries = matrix<Scalar>::for_overwrite({lengths.size(), 3 * width});  // the first third is read
        in_proj_.apply_some(asking.data(), width, asking.rows(), queries.data(), {}, threads, 0, width);
        auto qkv = matrix<Scalar>::for_overwrite({x.rows(), 3 * width});  // the other two thirds are read
        in_proj_.apply_some(x.data(), width, x.rows(), qkv.data(), {}, threads, width, 3 * width);
        for_each_head(lengths.size(), threads, [&](std::size_t sequence, std::size_t column) {
            ask(qkv, first[sequence], lengths[sequence], column, queries.row(sequence).data() + column, 1,
                places[sequence], asking.row(sequence).data() + column);
        });
        return out_proj_(std::move(asking), threads);
    }

   private:
    static std::vector<std::size_t> starts(std::span<const std::size_t> lengths) {
        std::vector<std::size_t> first(lengths.size());
        for (std::size_t i = 1; i < lengths.size(); ++i) first[i] = first[i - 1] + lengths[i - 1];
        return first;
    }

    /// task(sequence, first column of the head) for every head of every sequence.
    template <class Task>
    void for_each_head(std::size_t sequences, executor* threads, const Task& task) const {
        const std::size_t size = out_proj_.inputs() / heads_;
        parallel_for(threads, sequences * heads_,
                     [&](std::size_t index) { task(index / heads_, index % heads_ * size); });
    }

    /// Some queries of one head, from the place `position` of the sequence on.
    void ask(const matrix<Scalar>& qkv, std::size_t first, std::size_t tokens, std::size_t column, const Scalar* query,
             std::size_t queries, std::size_t position, Scalar* results) const {
        const std::size_t width = out_proj_.inputs();
        detail::attention_head<Scalar> head(tokens, width / heads_, kernels_);
        const Scalar* key = qkv.row(first).data() + width + column;
        head.remember(key, key + width, 3 * width);
        head.answer(query, 3 * width, queries, position, mask_, results, width);
    }

    linear<Scalar> in_proj_;  // queries, keys, values
    linear<Scalar> out_proj_;
    std::size_t heads_;
    mask mask_;
    kernels::instruction_set kernels_ = kernels::active();
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
