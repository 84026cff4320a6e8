#pragma once
/// \file A CLIP model: image tower of either family, text tower and logit scale.

#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include <zeroshot/error.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/model/modified_resnet.hpp>
#include <zeroshot/model/text_encoder.hpp>
#include <zeroshot/model/transformer.hpp>
#include <zeroshot/model/vision_transformer.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// A vision transformer or a modified ResNet. Mirrors CLIP.encode_image in openai/CLIP clip/model.py.
template <class Scalar>
class image_encoder {
   public:
    using tower = std::variant<vision_transformer<Scalar>, modified_resnet<Scalar>>;

    /// \param w tensors of the tower ("visual")
    image_encoder(const weights& w, const clip_config& config);

    /// \param pixels [images][3, image_size, image_size]
    /// \return [images, embedding], not normalised
    matrix<Scalar> operator()(std::span<const Scalar> pixels, std::size_t images,
                              const stage_observer<Scalar>& observe = {}, executor* threads = nullptr) const;

    /// The features before the projection, those of the linear probes in Radford et al. 2021, appendix A.3.
    /// \return [images, features()], not normalised
    matrix<Scalar> features(std::span<const Scalar> pixels, std::size_t images, executor* threads = nullptr) const;
    std::size_t features() const noexcept {
        return std::visit([](const auto& visual) { return visual.features(); }, visual_);
    }

   private:
    static tower build(const weights& w, const clip_config& config) {
        if (const auto* vit = std::get_if<vision_transformer_config>(&config.image)) {
            return vision_transformer<Scalar>(w, *vit, config.embedding);
        }
        return modified_resnet<Scalar>(w, std::get<modified_resnet_config>(config.image), config.embedding);
    }

    tower visual_;
};

template <class Scalar>
image_encoder<Scalar>::image_encoder(const weights& w, const clip_config& config) : visual_(build(w, config)) {}

template <class Scalar>
matrix<Scalar> image_encoder<Scalar>::operator()(std::span<const Scalar> pixels, std::size_t images,
                                                 const stage_observer<Scalar>& observe, executor* threads) const {
    return std::visit([&](const auto& visual) { return visual(pixels, images, observe, threads); }, visual_);
}

template <class Scalar>
matrix<Scalar> image_encoder<Scalar>::features(std::span<const Scalar> pixels, std::size_t images,
                                               executor* threads) const {
    return std::visit([&](const auto& visual) { return visual.features(pixels, images, {}, threads); }, visual_);
}

#if defined(ZEROSHOT_COMPILED)
extern template class image_encoder<float>;
extern template class image_encoder<double>;
#endif

/// Mirrors CLIP in openai/CLIP clip/model.py, or a CLIPVisionModelWithProjection or CLIPTextModelWithProjection of
/// transformers. Const after construction.
template <class Scalar>
class clip_model {
   public:
    /// \param w all tensors under OpenAI's names
    /// \throws checkpoint_error if a tensor is missing or has another shape, or if the logit scale is out of range
    clip_model(const weights& w, const clip_config& config) : source_(w.place()), config_(config) {
        if (config.has_image()) visual_.emplace(w / "visual", config);
        if (config.has_text()) text_.emplace(w, config);
        if (config.towers != clip_towers::both) return;
        logit_scale_ = exponentiated_logit_scale(w);
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
        if (config_.towers != clip_towers::both) throw lacks("both towers, which have a logit scale");
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

    /// exp of the tensor logit_scale.
    static Scalar exponentiated_logit_scale(const weights& w) {
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
