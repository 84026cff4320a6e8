#pragma once
/// \file Pooling of an image tower's tokens by attention with a learnt query, and an MLP.

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <zeroshot/model/config.hpp>
#include <zeroshot/model/transformer.hpp>
#include <zeroshot/nn/attention.hpp>
#include <zeroshot/nn/normalization.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Mirrors SiglipMultiheadAttentionPoolingHead in transformers modeling_siglip.py and AttentionPoolLatent in timm.
template <class Scalar>
class attention_pooling_head {
   public:
    /// \param w tensors of the head ("visual.attn_pool")
    /// \param config sizes of a block of the tower; its heads are those of the pooling
    attention_pooling_head(const weights& w, const transformer_config& config)
        : probe_(w.template read<Scalar, 3>("probe", {1, 1, config.width})),
          attn_(w / "attn", config.width, config.heads, nn::attention_mask::none),
          ln_(w / "ln", config.width, config.epsilon),
          mlp_(w / "mlp", config) {}

    /// \param x tokens of all images [rows of all sequences, width]
    /// \return [images, width]
    matrix<Scalar> operator()(const matrix<Scalar>& x, const nn::token_sequences& images,
                              executor* threads = nullptr) const {
        auto probes = matrix<Scalar>::for_overwrite({images.size(), x.columns()});
        for (std::size_t image = 0; image < images.size(); ++image)
            std::ranges::copy(probe_.values(), probes.row(image).begin());
        const std::vector<std::size_t> unmasked(images.size(), 0);
        matrix<Scalar> pooled = attn_.output_for(std::move(probes), unmasked, x, images, threads);
        pooled += mlp_(ln_(pooled), threads);
        return pooled;  // [images, width]
    }

   private:
    tensor<Scalar, 3> probe_;  // [1, 1, width]
    nn::attention<Scalar> attn_;
    nn::layer_norm<Scalar> ln_;
    mlp<Scalar> mlp_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
