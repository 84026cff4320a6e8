#pragma once
/// \file Multi-head self-attention within each sequence of tokens, and the layout of these sequences in a matrix.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/nn/packed_activations.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace nn {

/// The tokens that a token attends to: all, or those up to itself.
enum class attention_mask { none, causal };

/// 1 / sqrt(size), the scale of the scores of a head of this size.
template <class Scalar>
Scalar score_scale(std::size_t size) {
    return 1 / std::sqrt(static_cast<Scalar>(size));
}

/// One head of one sequence, softmax(scale Q Kᵀ) V, over views into wider rows.
template <class Scalar>
class attention_head {
   public:
    /// \param scale score_scale of the head
    /// \param precision of the two products; the softmax between them is computed in Scalar
    attention_head(std::size_t tokens, std::size_t size, Scalar scale, zeroshot::precision precision,
                   const kernels::table& set)
        : tokens_(tokens),
          size_(size),
          scale_(scale),
          set_(&set),
          keys_(tokens, size, precision, set),
          values_(size, tokens, precision, set) {}

    /// \param keys, values [tokens, size], `stride` elements apart
    void pack_keys_values(const Scalar* keys, const Scalar* values, std::size_t stride) noexcept {
        keys_.pack(keys, stride, 1);
        values_.pack(values, 1, stride);
    }

    /// \param query [queries, size], `stride` elements apart
    /// \param first position of the first query in the sequence; the others follow
    /// \param results [queries, size], `result_stride` elements apart
    void attend(const Scalar* query, std::size_t stride, std::size_t queries, std::size_t first, attention_mask mask,
                Scalar* results, std::size_t result_stride) const {
        const bool causal = mask == attention_mask::causal;
        const std::size_t block = causal ? causal_block : queries;
        auto scores = matrix<Scalar>::for_overwrite({(std::min)(block, queries), tokens_});
        for (std::size_t begin = 0; begin < queries; begin += block) {
            const std::size_t count = (std::min)(block, queries - begin);
            const std::size_t visible = causal ? first + begin + count : tokens_;  // to the last query of the block
            keys_.multiply(query + begin * stride, stride, count, scores.data(), tokens_, visible, size_);
            for (std::size_t i = 0; i < count; ++i) {
                const std::size_t attended = causal ? first + begin + i + 1 : tokens_;
                kernels::softmax(scores.row(i).data(), attended, scale_, *set_);
                std::ranges::fill(scores.row(i).subspan(attended, visible - attended), Scalar{0});
            }
            values_.multiply(scores.data(), tokens_, count, results + begin * result_stride, result_stride, size_,
                             visible);
        }
    }

   private:
    // Queries that are computed together under a causal mask: for the tokens after them nothing is computed.
    static constexpr std::size_t causal_block = kernels::highest_tile;

    std::size_t tokens_, size_;
    Scalar scale_;
    const kernels::table* set_;
    packed_columns<Scalar> keys_;    // tokens columns of depth size
    packed_columns<Scalar> values_;  // size columns of depth tokens
};

/// Layout of sequences of tokens in the rows of one matrix [rows, width]: each sequence is the list of its tokens'
/// rows.
///
/// Usually each sequence has rows of its own. With a causal mask a token depends only on the tokens before it, so a
/// prefix that a sequence shares with the preceding one is computed once. "a photo of a cat" and "a photo of a dog", a
/// row for each word, are the rows 0 1 2 3 4 and 0 1 2 3 5 of six.
class token_sequences {
   public:
    token_sequences() = default;

    /// Consecutive sequences of the given lengths without shared prefixes.
    explicit token_sequences(std::span<const std::size_t> lengths) {
        for (const std::size_t length : lengths) add(0, length);
    }

    /// Appends a sequence.
    /// \param shared number of rows shared with the beginning of the preceding sequence
    /// \param own number of new rows after them
    void add(std::size_t shared, std::size_t own) {
        const std::size_t previous = starts_.empty() ? 0 : starts_.back();
        starts_.push_back(rows_.size());
        for (std::size_t i = 0; i < shared; ++i) rows_.push_back(rows_[previous + i]);
        for (std::size_t i = 0; i < own; ++i) rows_.push_back(row_count_++);
        own_.push_back(own);
    }

    /// Number of sequences.
    std::size_t size() const noexcept { return starts_.size(); }

    /// Number of rows of the matrix.
    std::size_t row_count() const noexcept { return row_count_; }

    /// The rows of a sequence from its first token to its last.
    std::span<const std::size_t> operator[](std::size_t sequence) const noexcept {
        const std::size_t end = sequence + 1 < starts_.size() ? starts_[sequence + 1] : rows_.size();
        return std::span(rows_).subspan(starts_[sequence], end - starts_[sequence]);
    }

    /// Number of rows at the end of a sequence that it does not share with those before it; they are consecutive.
    std::size_t own(std::size_t sequence) const noexcept { return own_[sequence]; }

   private:
    std::vector<std::size_t> rows_;    // of all sequences, one after the other
    std::vector<std::size_t> starts_;  // first index of each sequence in rows_
    std::vector<std::size_t> own_;
    std::size_t row_count_ = 0;
};

/// One row of each sequence.
/// \param positions of these rows in their sequences
/// \return [sequences, columns]
template <class Scalar>
matrix<Scalar> gather_rows(std::span<const std::size_t> positions, const matrix<Scalar>& x,
                           const token_sequences& sequences) {
    auto rows = matrix<Scalar>::for_overwrite({positions.size(), x.columns()});
    for (std::size_t i = 0; i < positions.size(); ++i)
        std::ranges::copy(x.row(sequences[i][positions[i]]), rows.row(i).begin());
    return rows;
}

/// Mirrors torch.nn.MultiheadAttention(x, x, x) as called by ResidualAttentionBlock.attention in openai/CLIP
/// clip/model.py.
template <class Scalar>
class attention {
   public:
    attention(const weights& w, std::size_t width, std::size_t heads, attention_mask mask)
        : in_proj_(w, "in_proj_weight", "in_proj_bias", width, 3 * width),
          out_proj_(w / "out_proj", width, width),
          heads_(heads),
          mask_(mask),
          precision_(w.options().precision) {}

    /// As layer_norm::parameters.
    template <class Visitor>
    void parameters(const Visitor& visit) const {
        in_proj_.parameters(visit);
        out_proj_.parameters(visit);
        visit(std::as_bytes(std::span(&precision_, 1)));
        visit(std::as_bytes(std::span(&kernels_->set, 1)));
    }

    /// Multiplies all later results with a gain per column: LayerScale of open_clip transformer.py.
    void scale(aligned_vector<Scalar> gain) { out_proj_.scale(std::move(gain)); }

    /// \param x [rows of all sequences, width]
    /// \return [rows, width]
    linear_product<Scalar> operator()(const matrix<Scalar>& x, const token_sequences& sequences,
                                      executor* threads) const {
        const matrix<Scalar> qkv = in_proj_(x, kernels::activation::identity, threads);  // [rows, 3 * width]
        auto attended = matrix<Scalar>::for_overwrite({x.rows(), x.columns()});
        for_each_head(sequences.size(), threads, [&](std::size_t i, std::size_t column) {
            const std::span<const std::size_t> rows = sequences[i];
            const std::size_t own = sequences.own(i), shared = rows.size() - own;
            if (own == 0) return;
            query(qkv, rows, column, qkv.row(rows[shared]).data() + column, own, shared,
                  attended.row(rows[shared]).data() + column);
        });
        return out_proj_(std::move(attended), threads);
    }

    /// The output at one token of each sequence.
    /// \param positions of these tokens in their sequences
    /// \return [sequences, width]
    linear_product<Scalar> output_at(std::span<const std::size_t> positions, const matrix<Scalar>& x,
                                     const token_sequences& sequences, executor* threads) const {
        return output_for(gather_rows(positions, x, sequences), positions, x, sequences, threads);
    }

    /// The output for one row of queries for each sequence, whose tokens are the keys and values.
    /// Mirrors torch.nn.MultiheadAttention(queries, x, x).
    /// \param rows whose projections are the queries, [sequences, width]
    /// \param positions of the queries, for a causal mask
    /// \return [sequences, width]
    linear_product<Scalar> output_for(matrix<Scalar> rows, std::span<const std::size_t> positions,
                                      const matrix<Scalar>& x, const token_sequences& sequences,
                                      executor* threads) const {
        const std::size_t width = x.columns();
        auto queries = matrix<Scalar>::for_overwrite({rows.rows(), 3 * width});  // only the queries are used
        in_proj_.apply(rows.data(), width, rows.rows(), queries.data(), {}, threads, {0, width});
        auto qkv = matrix<Scalar>::for_overwrite({x.rows(), 3 * width});  // only keys and values are used
        in_proj_.apply(x.data(), width, x.rows(), qkv.data(), {}, threads, {width, 3 * width});
        matrix<Scalar> attended = std::move(rows);
        for_each_head(sequences.size(), threads, [&](std::size_t i, std::size_t column) {
            query(qkv, sequences[i], column, queries.row(i).data() + column, 1, positions[i],
                  attended.row(i).data() + column);
        });
        return out_proj_(std::move(attended), threads);
    }

   private:
    /// task(sequence, first column of the head) for every head of every sequence.
    template <class Task>
    void for_each_head(std::size_t count, executor* threads, const Task& task) const {
        const std::size_t size = out_proj_.inputs() / heads_;
        parallel_for(threads, count * heads_, [&](std::size_t index) { task(index / heads_, index % heads_ * size); });
    }

    /// Consecutive queries of one head of one sequence.
    /// \param rows of the sequence in qkv
    /// \param column of the head's first query
    /// \param position of the first query in the sequence
    void query(const matrix<Scalar>& qkv, std::span<const std::size_t> rows, std::size_t column,
               const Scalar* first_query, std::size_t queries, std::size_t position, Scalar* results) const {
        const std::size_t width = out_proj_.inputs(), size = width / heads_;
        attention_head<Scalar> head(rows.size(), size, score_scale<Scalar>(size), precision_, *kernels_);
        const bool consecutive = rows.back() - rows.front() + 1 == rows.size();
        if (consecutive) {
            const Scalar* keys = qkv.row(rows.front()).data() + width + column;
            head.pack_keys_values(keys, keys + width, 3 * width);
        } else {
            auto copies = matrix<Scalar>::for_overwrite({rows.size(), 2 * size});  // keys, values
            for (std::size_t i = 0; i < rows.size(); ++i) {
                const Scalar* keys = qkv.row(rows[i]).data() + width + column;
                std::copy_n(keys, size, copies.row(i).data());
                std::copy_n(keys + width, size, copies.row(i).data() + size);
            }
            head.pack_keys_values(copies.data(), copies.data() + size, 2 * size);
        }
        head.attend(first_query, 3 * width, queries, position, mask_, results, width);
    }

    linear<Scalar> in_proj_;  // queries, keys, values
    linear<Scalar> out_proj_;
    std::size_t heads_;
    attention_mask mask_;
    precision precision_;  // of both products; int8 means bfloat16 here, 8 bits are not enough
    const kernels::table* kernels_ = &kernels::active();
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::nn
