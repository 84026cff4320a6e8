#pragma once
/// \file Image tower of either family: pixels to embeddings.

#include <cstddef>
#include <span>
#include <variant>

#include <zeroshot/model/config.hpp>
#include <zeroshot/model/modified_resnet.hpp>
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

}}  // namespace zeroshot::ZEROSHOT_ABI
