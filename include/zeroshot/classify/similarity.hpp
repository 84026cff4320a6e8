#pragma once
/// \file How near images and texts are: cosines, scaled by the temperature.

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <zeroshot/error.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Scales every row to length 1.
/// \param what the rows are called in the message
/// \throws numeric_error for a row of length 0 or not finite: it has no direction
template <class Scalar>
matrix<Scalar> normalized(matrix<Scalar> rows, std::string_view what = "embedding") {
    for (std::size_t row = 0; row < rows.rows(); ++row) {
        double squares = 0;
        for (const Scalar value : rows.row(row)) squares += static_cast<double>(value) * static_cast<double>(value);
        const double length = std::sqrt(squares);
        if (!(length > 0) || !all_finite(std::span<const double>(&length, 1))) {
            throw numeric_error(error_code::numeric, {std::string(what) + " " + std::to_string(row),
                                                      "norm " + std::to_string(length), "a direction", ""});
        }
        for (Scalar& value : rows.row(row)) value = static_cast<Scalar>(static_cast<double>(value) / length);
    }
    return rows;
}

/// scale * <image, text> + bias, for rows of length 1. Sums run in double.
/// \param images [images, embedding]
/// \param texts [texts, embedding]
/// \return logits [images, texts]
/// \throws argument_error (SHAPE) where the embeddings come from spaces of different size
template <class Scalar>
matrix<Scalar> similarity(const matrix<Scalar>& images, const matrix<Scalar>& texts, Scalar scale, Scalar bias = 0) {
    if (images.columns() != texts.columns()) {
        throw argument_error(
            error_code::shape,
            {"similarity", "image embeddings of " + std::to_string(images.columns()) + " numbers",
             std::to_string(texts.columns()) + " as the text embeddings have", "do both come from the same model?"});
    }
    matrix<Scalar> logits(images.rows(), texts.rows());
    for (std::size_t i = 0; i < images.rows(); ++i) {
        for (std::size_t t = 0; t < texts.rows(); ++t) {
            const std::span<const Scalar> image = images.row(i), text = texts.row(t);
            double cosine = 0;
            for (std::size_t k = 0; k < image.size(); ++k)
                cosine += static_cast<double>(image[k]) * static_cast<double>(text[k]);
            logits(i, t) = static_cast<Scalar>(static_cast<double>(scale) * cosine + static_cast<double>(bias));
        }
    }
    return logits;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
