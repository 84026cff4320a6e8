#pragma once
/// \file A CLIP model: image tower, text tower and temperature.

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

/// Mirrors CLIP in openai/CLIP clip/model.py, or a CLIPVisionModelWithProjection or CLIPTextModelWithProjection of
/// transformers. Const after construction.
template <class Scalar>
class clip_model {
   public:
    /// \param w all tensors under OpenAI's names
    /// \throws checkpoint_error if a tensor is missing or has another shape, or if the temperature is out of range
    clip_model(const weights& w, const clip_config& config) : source_(w.place()), config_(config) {
        if (config.has_image()) visual_.emplace(w / "visual", config);
        if (config.has_text()) text_.emplace(w, config);
        if (config.towers != clip_towers::both) return;
        logit_scale_ = temperature(w);
        if (w.has("logit_bias")) logit_bias_ = w.template read_scalar<Scalar>("logit_bias");
    }

    const clip_config& config() const noexcept { return config_; }

    /// \throws checkpoint_error (UNSUPPORTED) if the checkpoint holds the text tower only
    const image_encoder<Scalar>& visual() const {
        if (!visual_) throw lacks("an image tower");
        return *visual_;
    }

    /// \throws checkpoint_error (UNSUPPORTED) if the checkpoint holds the image tower only
    const text_encoder<Scalar>& text() const {
        if (!text_) throw lacks("a text tower");
        return *text_;
    }

    /// The factor of the cosine similarities, already exponentiated: exp of the stored logit_scale. 100 in OpenAI's
    /// releases.
    /// \throws checkpoint_error (UNSUPPORTED) if the checkpoint holds one tower only
    Scalar logit_scale() const {
        if (config_.towers != clip_towers::both) throw lacks("both towers and the temperature between them");
        return logit_scale_;
    }

    /// The bias added to every logit: 0 in most checkpoints.
    /// \throws checkpoint_error (UNSUPPORTED) if the checkpoint holds one tower only
    Scalar logit_bias() const {
        logit_scale();
        return logit_bias_;
    }

   private:
    checkpoint_error lacks(std::string_view expected) const {
        const std::string tower = config_.has_image() ? "image" : "text";
        return checkpoint_error(error_code::unsupported, {source_, "it holds the " + tower + " tower alone",
                                                          std::string(expected), "load the whole CLIP for that"});
    }

    static Scalar temperature(const weights& w) {
        constexpr double largest_factor = 1e6;  // CLIP clips it to 100 in training
        const auto stored = w.template read_scalar<Scalar>("logit_scale");
        const Scalar factor = std::exp(stored);
        if (!(factor > 0 && static_cast<double>(factor) <= largest_factor)) {
            throw checkpoint_error(
                error_code::numeric,
                {"tensor logit_scale", std::to_string(stored) + ", a factor of " + std::to_string(factor),
                 "the logarithm of a factor from 0 to 1000000", "is it stored as the factor itself?"});
        }
        return factor;
    }

    std::string source_;  // the file, for messages
    clip_config config_;
    std::optional<image_encoder<Scalar>> visual_{};
    std::optional<text_encoder<Scalar>> text_{};
    Scalar logit_scale_ = 1;
    Scalar logit_bias_ = 0;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
