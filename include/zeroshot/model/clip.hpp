#pragma once
/// \file The two towers and the temperature between them: tensors and ids in, embeddings out.

#include <cmath>
#include <cstddef>
#include <string>

#include <zeroshot/error.hpp>
#include <zeroshot/io/weights.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/model/image_encoder.hpp>
#include <zeroshot/model/text_encoder.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// Mirrors CLIP in openai/CLIP clip/model.py. Const after construction.
template <class Scalar>
class clip_model {
   public:
    /// \param w all tensors under OpenAI's names
    /// \throws checkpoint_error where a tensor is missing, has another shape, or the temperature is no number
    clip_model(const weights& w, const clip_config& config)
        : config_(config),
          visual_(w / "visual", config),
          text_(w, config),
          logit_scale_(temperature(w)),
          logit_bias_(w.has("logit_bias") ? w.template read_scalar<Scalar>("logit_bias") : Scalar{0}) {}

    const clip_config& config() const noexcept { return config_; }
    const image_encoder<Scalar>& visual() const noexcept { return visual_; }
    const text_encoder<Scalar>& text() const noexcept { return text_; }

    /// The factor exp(logit_scale) that cosines are multiplied with: 100 in all of OpenAI's releases.
    Scalar logit_scale() const noexcept { return logit_scale_; }

    /// What is added to every logit: 0 in most checkpoints.
    Scalar logit_bias() const noexcept { return logit_bias_; }

   private:
    static Scalar temperature(const weights& w) {
        constexpr double largest_factor = 1e6;  // CLIP clips its own at 100 while it trains
        const auto stored = w.template read_scalar<Scalar>("logit_scale");
        const Scalar factor = std::exp(stored);
        if (!(factor > 0 && static_cast<double>(factor) <= largest_factor)) {
            throw checkpoint_error(
                error_code::numeric,
                {"tensor logit_scale", std::to_string(stored) + ", a factor of " + std::to_string(factor),
                 "the logarithm of a factor between 0 and a million", "is it stored as the factor itself?"});
        }
        return factor;
    }

    clip_config config_;
    image_encoder<Scalar> visual_;
    text_encoder<Scalar> text_;
    Scalar logit_scale_;
    Scalar logit_bias_;
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
