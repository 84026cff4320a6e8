#pragma once
/// \file The two towers and the temperature between them: tensors and ids in, embeddings out.

#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <zeroshot/error.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/model/image_encoder.hpp>
#include <zeroshot/model/text_encoder.hpp>
#include <zeroshot/nn/weights.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Mirrors CLIP in openai/CLIP clip/model.py, or one of its towers with its projection, as the
/// CLIPVisionModelWithProjection and CLIPTextModelWithProjection of transformers. Const after construction.
template <class Scalar>
class clip_model {
   public:
    /// \param w all tensors under OpenAI's names
    /// \throws checkpoint_error where a tensor is missing, has another shape, or the temperature is no number
    clip_model(const weights& w, const clip_config& config) : place_(w.place()), config_(config) {
        if (config.has_image()) visual_.emplace(w / "visual", config);
        if (config.has_text()) text_.emplace(w, config);
        if (config.towers != clip_towers::both) return;
        logit_scale_ = temperature(w);
        if (w.has("logit_bias")) logit_bias_ = w.template read_scalar<Scalar>("logit_bias");
    }

    const clip_config& config() const noexcept { return config_; }

    /// \throws checkpoint_error (UNSUPPORTED) where the checkpoint holds the text tower alone
    const image_encoder<Scalar>& visual() const {
        if (!visual_) throw lacks("an image tower");
        return *visual_;
    }

    /// \throws checkpoint_error (UNSUPPORTED) where the checkpoint holds the image tower alone
    const text_encoder<Scalar>& text() const {
        if (!text_) throw lacks("a text tower");
        return *text_;
    }

    /// The factor exp(logit_scale) that cosines are multiplied with: 100 in all of OpenAI's releases.
    /// \throws checkpoint_error (UNSUPPORTED) where the checkpoint holds one tower alone
    Scalar logit_scale() const {
        if (config_.towers != clip_towers::both) throw lacks("both towers and the temperature between them");
        return logit_scale_;
    }

    /// What is added to every logit: 0 in most checkpoints.
    /// \throws as logit_scale
    Scalar logit_bias() const {
        logit_scale();
        return logit_bias_;
    }

   private:
    checkpoint_error lacks(std::string_view what) const {
        const std::string found = config_.has_image() ? "image" : "text";
        return checkpoint_error(error_code::unsupported, {place_, "it holds the " + found + " tower alone",
                                                          std::string(what), "load the whole CLIP for that"});
    }

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

    std::string place_;  // the file, for sentences
    clip_config config_;
    std::optional<image_encoder<Scalar>> visual_{};
    std::optional<text_encoder<Scalar>> text_{};
    Scalar logit_scale_ = 1;
    Scalar logit_bias_ = 0;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
