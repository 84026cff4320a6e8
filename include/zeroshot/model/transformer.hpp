#pragma once
/// \file The transformer both towers are built from: residual attention blocks, one after the other.

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
#include <zeroshot/tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

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
        ls_1_ = (w / "ls_1").template read_vector<Scalar>("gamma", config.width);
        ls_2_ = (w / "ls_2").template read_vector<Scalar>("gamma", config.width);
    }

    /// \param x [tokens of all sequences, width]
    /// \param lengths how many tokens each sequence has, in order
    matrix<Scalar> operator()(matrix<Scalar> x, std::span<const std::size_t> lengths) const {
        x += scaled(attn_(ln_1_(x), lengths), ls_1_);
        x += scaled(mlp(ln_2_(x)), ls_2_);
        return x;  // [tokens, width]
    }

   private:
    /// LayerScale of open_clip transformer.py; without gains, the branch as it is.
    static matrix<Scalar> scaled(matrix<Scalar> branch, std::span<const Scalar> gamma) {
        if (gamma.empty()) return branch;
        for (std::size_t row = 0; row < branch.rows(); ++row) {
            for (std::size_t i = 0; i < gamma.size(); ++i) branch.row(row)[i] *= gamma[i];
        }
        return branch;
    }

    matrix<Scalar> mlp(const matrix<Scalar>& x) const {
        matrix<Scalar> hidden = c_fc_(x);  // [tokens, mlp_width]
        activate(activation_, hidden.values());
        return c_proj_(hidden);
    }

    layer_norm<Scalar> ln_1_;
    attention<Scalar> attn_;
    layer_norm<Scalar> ln_2_;
    linear<Scalar> c_fc_;
    linear<Scalar> c_proj_;
    aligned_vector<Scalar> ls_1_, ls_2_;  // [width], or empty
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
    matrix<Scalar> operator()(matrix<Scalar> x, std::span<const std::size_t> lengths, const std::string& name,
                              const stage_observer<Scalar>& observe) const {
        for (std::size_t layer = 0; layer < resblocks_.size(); ++layer) {
            x = resblocks_[layer](std::move(x), lengths);
            if (observe) observe(name + ".resblocks." + std::to_string(layer), x);
        }
        return x;
    }

   private:
    std::vector<residual_attention_block<Scalar>> resblocks_;
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
