#pragma once
/// \file Multi-head attention: every token asks all tokens of its own image or prompt.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>

#include <zeroshot/kernels/row.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/nn/packed_activations.hpp>
#include <zeroshot/nn/sequences.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Which tokens a token may see: all, or those up to itself.
enum class mask { none, causal };

namespace detail {

/// By what a head of this size multiplies its scores.
template <class Scalar>
Scalar score_scale(std::size_t size) {
    return 1 / std::sqrt(static_cast<Scalar>(size));
}

/// One head of one sequence: softmax(scale Q Kᵀ) V, over views into wider rows.
template <class Scalar>
class attention_head {
   public:
    /// \param scale score_scale of the head
    /// \param arithmetic of the two products; the softmax between them stays Scalar
    attention_head(std::size_t tokens, std::size_t size, Scalar scale, precision arithmetic,
                   kernels::instruction_set set)
        : tokens_(tokens),
          scale_(scale),
          set_(set),
          keys_(tokens, size, arithmetic, set),
          values_(size, tokens, arithmetic, set) {}

    /// \param keys, values [tokens, size], `stride` elements apart
    void remember(const Scalar* keys, const Scalar* values, std::size_t stride) noexcept {
        keys_.pack(keys, stride, 1);
        values_.pack(values, 1, stride);
    }

    /// \param query [queries, size], `stride` elements apart
    /// \param first the place of the first query among the tokens, the others follow
    /// \param results [queries, size]
    void answer(const Scalar* query, std::size_t stride, std::size_t queries, std::size_t first, mask visible,
                Scalar* results, std::size_t result_stride) const {
        auto scores = matrix<Scalar>::for_overwrite({queries, tokens_});
        keys_.multiply(query, stride, queries, scores.data(), tokens_);
        for (std::size_t i = 0; i < queries; ++i) {
            const std::size_t seen = visible == mask::causal ? first + i + 1 : tokens_;
            kernels::softmax(scores.row(i).data(), seen, scale_, set_);
            std::ranges::fill(scores.row(i).subspan(seen), Scalar{0});  // the future weighs nothing
        }
        values_.multiply(scores.data(), tokens_, queries, results, result_stride);
    }

   private:
    std::size_t tokens_;
    Scalar scale_;
    kernels::instruction_set set_;
    packed_activations<Scalar> keys_;    // tokens columns of depth size
    packed_activations<Scalar> values_;  // size columns of depth tokens
};

}  // namespace detail

/// One row of each sequence.
/// \param places of these rows in their sequences
template <class Scalar>
matrix<Scalar> rows_at(std::span<const std::size_t> places, const matrix<Scalar>& x, const sequences& all) {
    auto rows = matrix<Scalar>::for_overwrite({places.size(), x.columns()});
    for (std::size_t i = 0; i < places.size(); ++i) std::ranges::copy(x.row(all[i][places[i]]), rows.row(i).begin());
    return rows;
}

/// Mirrors torch.nn.MultiheadAttention(x, x, x) as ResidualAttentionBlock.attention in openai/CLIP clip/model.py calls
/// it.
template <class Scalar>
class attention {
   public:
    attention(const weights& w, std::size_t width, std::size_t heads, mask visible)
        : in_proj_(w, "in_proj_weight", "in_proj_bias", width, 3 * width),
          out_proj_(w / "out_proj", width, width),
          heads_(heads),
          mask_(visible),
          products_(w.arithmetic()) {}

    /// As layer_norm::parameters.
    template <class Take>
    void parameters(const Take& take) const {
        in_proj_.parameters(take);
        out_proj_.parameters(take);
        take(std::as_bytes(std::span(&products_, 1)));
        take(std::as_bytes(std::span(&kernels_, 1)));
    }

    /// From now on the results are multiplied with a gain for each column.
    void scale(aligned_vector<Scalar> gain) { out_proj_.scale(std::move(gain)); }

    /// \param x [rows of all sequences, width]; a sequence sees only itself
    /// \return [rows, width]
    linear_product<Scalar> operator()(const matrix<Scalar>& x, const sequences& all, executor* threads) const {
        const matrix<Scalar> qkv = in_proj_(x, kernels::function::identity, threads);  // [rows, 3 * width]
        auto mixed = matrix<Scalar>::for_overwrite({x.rows(), x.columns()});
        for_each_head(all.size(), threads, [&](std::size_t sequence, std::size_t column) {
            const std::size_t own = all.own(sequence), shared = all[sequence].size() - own;
            if (own == 0) return;
            const std::size_t first = all[sequence][shared];
            ask(qkv, all[sequence], column, qkv.row(first).data() + column, own, shared,
                mixed.row(first).data() + column);
        });
        return out_proj_(std::move(mixed), threads);
    }

    /// The same for one token of each sequence, which asks alone.
    /// \param places of these tokens in their sequences
    /// \return [sequences, width]
    linear_product<Scalar> at(std::span<const std::size_t> places, const matrix<Scalar>& x, const sequences& all,
                              executor* threads) const {
        const std::size_t width = x.columns();
        matrix<Scalar> asking = rows_at(places, x, all);
        auto queries = matrix<Scalar>::for_overwrite({all.size(), 3 * width});  // the first third is read
        in_proj_.apply_some(asking.data(), width, asking.rows(), queries.data(), {}, threads, 0, width);
        auto qkv = matrix<Scalar>::for_overwrite({x.rows(), 3 * width});  // the other two thirds are read
        in_proj_.apply_some(x.data(), width, x.rows(), qkv.data(), {}, threads, width, 3 * width);
        for_each_head(all.size(), threads, [&](std::size_t sequence, std::size_t column) {
            ask(qkv, all[sequence], column, queries.row(sequence).data() + column, 1, places[sequence],
                asking.row(sequence).data() + column);
        });
        return out_proj_(std::move(asking), threads);
    }

   private:
    /// task(sequence, first column of the head) for every head of every sequence.
    template <class Task>
    void for_each_head(std::size_t count, executor* threads, const Task& task) const {
        const std::size_t size = out_proj_.inputs() / heads_;
        parallel_for(threads, count * heads_, [&](std::size_t index) { task(index / heads_, index % heads_ * size); });
    }

    /// Some queries of one head of one sequence, the first of them at the place `position`.
    void ask(const matrix<Scalar>& qkv, std::span<const std::size_t> rows, std::size_t column, const Scalar* query,
             std::size_t queries, std::size_t position, Scalar* results) const {
        const std::size_t width = out_proj_.inputs(), size = width / heads_;
        detail::attention_head<Scalar> head(rows.size(), size, detail::score_scale<Scalar>(size), products_, kernels_);
        if (rows.back() - rows.front() + 1 == rows.size()) {  // one after the other
            const Scalar* key = qkv.row(rows.front()).data() + width + column;
            head.remember(key, key + width, 3 * width);
        } else {
            auto copies = matrix<Scalar>::for_overwrite({rows.size(), 2 * size});  // keys, values
            for (std::size_t i = 0; i < rows.size(); ++i) {
                const Scalar* key = qkv.row(rows[i]).data() + width + column;
                std::copy_n(key, size, copies.row(i).data());
                std::copy_n(key + width, size, copies.row(i).data() + size);
            }
            head.remember(copies.data(), copies.data() + size, 2 * size);
        }
        head.answer(query, 3 * width, queries, position, mask_, results, width);
    }

    linear<Scalar> in_proj_;  // queries, keys, values
    linear<Scalar> out_proj_;
    std::size_t heads_;
    mask mask_;
    precision products_;  // of queries and keys, of shares and values; int8 is bf16 here: 8 bits would harm them
    kernels::instruction_set kernels_ = kernels::active();
};

}}  // namespace zeroshot::ZEROSHOT_ABI
