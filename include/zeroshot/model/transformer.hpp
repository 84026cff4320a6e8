#pragma once
/// \file The transformer both towers are built from: residual attention blocks, one after the other.

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/io/weights.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/model/stage_observer.hpp>
#include <zeroshot/nn/activation.hpp>
#include <zeroshot/nn/attention.hpp>
#include <zeroshot/nn/layer_norm.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// The row at its place of each sequence.
template <class Scalar>
matrix<Scalar> rows_at(std::span<const std::size_t> places, const matrix<Scalar>& x,
                       std::span<const std::size_t> lengths) {
    auto rows = matrix<Scalar>::for_overwrite({places.size(), x.columns()});
    std::size_t first = 0;
    for (std::size_t i = 0; i < places.size(); first += lengths[i++])
        std::ranges::copy(x.row(first + places[i]), rows.row(i).begin());
    return rows;
}

/// Mirrors ResidualAttentionBlock in openai/CLIP clip/model.py, with the LayerScale of open_clip where there is one.
template <class Scalar>
class residual_attention_block {
   public:
    residual_attention_block(const weights& w, const transformer_config& config, mask visible)
        : ln_1_(w / "ln_1", config.width, config.epsilon),
          attn_(w / "attn", config.width, config.heads, visible),
          ln_2_(w / "ln_2", config.width, config.epsilon),
          c_fc_(w / "mlp" / "c_fc", config.width, config.mlp_width),
          c_proj_(w / "mlp" / "c_proj", config.mlp_width, config.width),
          activation_(config.function) {
        if (!config.layer_scale) return;
        attn_.scale((w / "ls_1").template read_vector<Scalar>("gamma", config.width));
        c_proj_.scale((w / "ls_2").template read_vector<Scalar>("gamma", config.width));
    }

    /// \param x [tokens of all sequences, width]
    /// \param lengths how many tokens each sequence has, in order
    matrix<Scalar> operator()(matrix<Scalar> x, std::span<const std::size_t> lengths,
                              executor* threads = nullptr) const {
        x += attn_(ln_1_(x), lengths, threads);
        x += mlp(ln_2_(x), threads);
        return x;  // [tokens, width]
    }

    /// The same where one token of each sequence is read afterwards: the others are its keys and values only.
    /// \param places of the tokens that are read, in their sequences
    /// \return [sequences, width]
    matrix<Scalar> at(std::span<const std::size_t> places, const matrix<Scalar>& x,
                      std::span<const std::size_t> lengths, executor* threads = nullptr) const {
        matrix<Scalar> read = rows_at(places, x, lengths);
        read += attn_.at(places, ln_1_(x), lengths, threads);
        read += mlp(ln_2_(read), threads);
        return read;
    }

   private:
    linear_product<Scalar> mlp(const matrix<Scalar>& x, executor* threads) const {
        return c_proj_(c_fc_(x, activation_, threads), threads);  // [tokens, width]
    }

    layer_norm<Scalar> ln_1_;
    attention<Scalar> attn_;
    layer_norm<Scalar> ln_2_;
    linear<Scalar> c_fc_;
    linear<Scalar> c_proj_;
    activation activation_;
};

/// Mirrors Transformer in openai/CLIP clip/model.py.
template <class Scalar>
class transformer {
   public:
    transformer(const weights& w, const transformer_config& config, mask visible) {
        resblocks_.reserve(config.layers);
        for (std::size_t layer = 0; layer < config.layers; ++layer) {
            resblocks_.emplace_back(w / "resblocks" / layer, config, visible);
        }
    }

    /// \param x [tokens of all sequences, width]
    /// \param lengths how many tokens each sequence has, in order
    /// \param name of this transformer, for the observer
    /// \return [tokens of all sequences, width]
    matrix<Scalar> operator()(matrix<Scalar> x, std::span<const std::size_t> lengths, const std::string& name,
                              const stage_observer<Scalar>& observe, executor* threads = nullptr) const {
        return through(resblocks_.size(), std::move(x), lengths, name, observe, threads);
    }

    /// The same where one token of each sequence is read; but for an observer, the last block computes nothing else.
    /// \param places of the tokens that are read, in their sequences
    /// \return [sequences, width]
    matrix<Scalar> at(std::span<const std::size_t> places, matrix<Scalar> x, std::span<const std::size_t> lengths,
                      const std::string& name, const stage_observer<Scalar>& observe,
                      executor* threads = nullptr) const {
        const bool in_full = observe || resblocks_.empty();
        const std::size_t blocks = resblocks_.size() - (in_full ? 0 : 1);
        x = through(blocks, std::move(x), lengths, name, observe, threads);
        return in_full ? rows_at(places, x, lengths) : resblocks_.back().at(places, x, lengths, threads);
    }

   private:
    matrix<Scalar> through(std::size_t blocks, matrix<Scalar> x, std::span<const std::size_t> lengths,
                           const std::string& name, const stage_observer<Scalar>& observe, executor* threads) const {
        for (std::size_t layer = 0; layer < blocks; ++layer) {
            x = resblocks_[layer](std::move(x), lengths, threads);
            if (observe) observe(name + ".resblocks." + std::to_string(layer), x);
        }
        return x;
    }

    std::vector<residual_attention_block<Scalar>> resblocks_;
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
