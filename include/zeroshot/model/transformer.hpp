#pragma once
/// \file The transformer both towers are built from: residual attention blocks, one after the other.

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/model/config.hpp>
#include <zeroshot/model/stage_observer.hpp>
#include <zeroshot/nn/activation.hpp>
#include <zeroshot/nn/attention.hpp>
#include <zeroshot/nn/layer_norm.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/nn/sequences.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

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

    /// \param x [rows of all sequences, width]
    matrix<Scalar> operator()(matrix<Scalar> x, const sequences& all, executor* threads = nullptr) const {
        x += attn_(ln_1_(x), all, threads);
        x += mlp(ln_2_(x), threads);
        return x;  // [rows, width]
    }

    /// The same where one token of each sequence is read afterwards: the others are its keys and values only.
    /// \param places of the tokens that are read, in their sequences
    /// \return [sequences, width]
    matrix<Scalar> at(std::span<const std::size_t> places, const matrix<Scalar>& x, const sequences& all,
                      executor* threads = nullptr) const {
        matrix<Scalar> read = rows_at(places, x, all);
        read += attn_.at(places, ln_1_(x), all, threads);
        read += mlp(ln_2_(read), threads);
        return read;
    }

    /// As layer_norm::parameters.
    template <class Take>
    void parameters(const Take& take) const {
        ln_1_.parameters(take);
        attn_.parameters(take);
        ln_2_.parameters(take);
        c_fc_.parameters(take);
        c_proj_.parameters(take);
    }

   private:
    linear_product<Scalar> mlp(const matrix<Scalar>& x, executor* threads) const {
        return c_proj_(c_fc_(x, activation_, threads), threads);  // [rows, width]
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
    transformer(const weights& w, const transformer_config& config, mask visible)
        : resblocks_(made_in_parallel(w.threads(), config.layers, [&](std::size_t layer) {
              return residual_attention_block<Scalar>(w / "resblocks" / layer, config, visible);
          })) {}

    /// \param x [rows of all sequences, width]
    /// \param name of this transformer, for the observer
    /// \return [rows of all sequences, width]
    matrix<Scalar> operator()(matrix<Scalar> x, const sequences& all, const std::string& name,
                              const stage_observer<Scalar>& observe, executor* threads = nullptr) const {
        return through(resblocks_.size(), std::move(x), all, name, observe, threads);
    }

    /// The same where one token of each sequence is read; but for an observer, the last block computes nothing else.
    /// \param places of the tokens that are read, in their sequences
    /// \return [sequences, width]
    matrix<Scalar> at(std::span<const std::size_t> places, matrix<Scalar> x, const sequences& all,
                      const std::string& name, const stage_observer<Scalar>& observe,
                      executor* threads = nullptr) const {
        const bool in_full = observe || resblocks_.empty();
        const std::size_t blocks = resblocks_.size() - (in_full ? 0 : 1);
        x = through(blocks, std::move(x), all, name, observe, threads);
        return in_full ? rows_at(places, x, all) : resblocks_.back().at(places, x, all, threads);
    }

    /// As layer_norm::parameters.
    template <class Take>
    void parameters(const Take& take) const {
        for (const auto& block : resblocks_) block.parameters(take);
    }

   private:
    matrix<Scalar> through(std::size_t blocks, matrix<Scalar> x, const sequences& all, const std::string& name,
                           const stage_observer<Scalar>& observe, executor* threads) const {
        for (std::size_t layer = 0; layer < blocks; ++layer) {
            x = resblocks_[layer](std::move(x), all, threads);
            if (observe) observe(name + ".resblocks." + std::to_string(layer), x);
        }
        return x;
    }

    std::vector<residual_attention_block<Scalar>> resblocks_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
