#pragma once
/// \file The transformer of both towers: a stack of residual attention blocks, and observers of its stages.

#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/model/config.hpp>
#include <zeroshot/nn/attention.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/nn/normalization.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Called after each stage of a tower with the module's name in openai/CLIP ("visual.transformer.resblocks.0") and its
/// output, whose rows are tokens or the pixels of a feature map. An empty function disables observation.
template <class Scalar>
using stage_observer = std::function<void(std::string_view stage, const matrix<Scalar>& output)>;

namespace detail {

/// The kernel of an activation.
constexpr kernels::activation kernel_of(activation which) {
    using enum kernels::activation;
    return std::array{quick_gelu, gelu, gelu_tanh}[static_cast<std::size_t>(which)];
}

}  // namespace detail

/// Mirrors the mlp of ResidualAttentionBlock in openai/CLIP clip/model.py.
template <class Scalar>
class mlp {
   public:
    mlp(const weights& w, const transformer_config& config)
        : c_fc_(w / "c_fc", config.width, config.mlp_width),
          c_proj_(w / "c_proj", config.mlp_width, config.width),
          activation_(detail::kernel_of(config.activation)) {}

    /// Multiplies all later results with a gain per column, as linear::scale.
    void scale(aligned_vector<Scalar> gain) { c_proj_.scale(std::move(gain)); }

    /// \param x [rows, width]
    /// \return [rows, width]
    nn::linear_product<Scalar> operator()(const matrix<Scalar>& x, executor* threads) const {
        return c_proj_(c_fc_(x, activation_, threads), threads);
    }

    /// As layer_norm::parameters.
    template <class Visitor>
    void parameters(const Visitor& visit) const {
        c_fc_.parameters(visit);
        c_proj_.parameters(visit);
    }

   private:
    nn::linear<Scalar> c_fc_;
    nn::linear<Scalar> c_proj_;
    kernels::activation activation_;
};

/// Mirrors ResidualAttentionBlock in openai/CLIP clip/model.py, with the LayerScale of open_clip transformer.py.
template <class Scalar>
class residual_attention_block {
   public:
    residual_attention_block(const weights& w, const transformer_config& config, nn::attention_mask mask)
        : ln_1_(w / "ln_1", config.width, config.epsilon),
          attn_(w / "attn", config.width, config.heads, mask),
          ln_2_(w / "ln_2", config.width, config.epsilon),
          mlp_(w / "mlp", config) {
        if (!config.layer_scale) return;
        attn_.scale((w / "ls_1").template read_vector<Scalar>("gamma", config.width));
        mlp_.scale((w / "ls_2").template read_vector<Scalar>("gamma", config.width));
    }

    /// Mirrors ResidualAttentionBlock.forward.
    /// \param x [rows of all sequences, width]
    matrix<Scalar> operator()(matrix<Scalar> x, const nn::token_sequences& sequences,
                              executor* threads = nullptr) const {
        x += attn_(ln_1_(x), sequences, threads);
        x += mlp_(ln_2_(x), threads);
        return x;  // [rows, width]
    }

    /// The output at one token of each sequence; the other tokens are its keys and values only.
    /// \param positions of these tokens in their sequences
    /// \return [sequences, width]
    matrix<Scalar> output_at(std::span<const std::size_t> positions, const matrix<Scalar>& x,
                             const nn::token_sequences& sequences, executor* threads = nullptr) const {
        matrix<Scalar> pooled = nn::gather_rows(positions, x, sequences);
        pooled += attn_.output_at(positions, ln_1_(x), sequences, threads);
        pooled += mlp_(ln_2_(pooled), threads);
        return pooled;
    }

    /// As layer_norm::parameters.
    template <class Visitor>
    void parameters(const Visitor& visit) const {
        ln_1_.parameters(visit);
        attn_.parameters(visit);
        ln_2_.parameters(visit);
        mlp_.parameters(visit);
    }

   private:
    nn::layer_norm<Scalar> ln_1_;
    nn::attention<Scalar> attn_;
    nn::layer_norm<Scalar> ln_2_;
    mlp<Scalar> mlp_;
};

/// Mirrors Transformer in openai/CLIP clip/model.py.
template <class Scalar>
class transformer {
   public:
    transformer(const weights& w, const transformer_config& config, nn::attention_mask mask)
        : resblocks_(parallel_map(w.threads(), config.layers, [&](std::size_t layer) {
              return residual_attention_block<Scalar>(w / "resblocks" / layer, config, mask);
          })) {}

    /// \param x [rows of all sequences, width]
    /// \param name of this transformer, for the observer
    /// \return [rows of all sequences, width]
    matrix<Scalar> operator()(matrix<Scalar> x, const nn::token_sequences& sequences, const std::string& name,
                              const stage_observer<Scalar>& observe, executor* threads = nullptr) const {
        return apply_blocks(resblocks_.size(), std::move(x), sequences, name, observe, threads);
    }

    /// The output at one token of each sequence. Without an observer, the last block computes nothing else.
    /// \param positions of these tokens in their sequences
    /// \return [sequences, width]
    matrix<Scalar> output_at(std::span<const std::size_t> positions, matrix<Scalar> x,
                             const nn::token_sequences& sequences, const std::string& name,
                             const stage_observer<Scalar>& observe, executor* threads = nullptr) const {
        const bool all_rows = observe || resblocks_.empty();
        const std::size_t blocks = resblocks_.size() - (all_rows ? 0 : 1);
        x = apply_blocks(blocks, std::move(x), sequences, name, observe, threads);
        return all_rows ? nn::gather_rows(positions, x, sequences)
                        : resblocks_.back().output_at(positions, x, sequences, threads);
    }

    /// As layer_norm::parameters.
    template <class Visitor>
    void parameters(const Visitor& visit) const {
        for (const auto& block : resblocks_) block.parameters(visit);
    }

   private:
    matrix<Scalar> apply_blocks(std::size_t count, matrix<Scalar> x, const nn::token_sequences& sequences,
                                const std::string& name, const stage_observer<Scalar>& observe,
                                executor* threads) const {
        for (std::size_t layer = 0; layer < count; ++layer) {
            x = resblocks_[layer](std::move(x), sequences, threads);
            if (observe) observe(name + ".resblocks." + std::to_string(layer), x);
        }
        return x;
    }

    std::vector<residual_attention_block<Scalar>> resblocks_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
