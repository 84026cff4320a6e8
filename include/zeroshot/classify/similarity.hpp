#pragma once
/// \file Normalisation of embeddings, and their scaled cosine similarities.

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <Eigen/Core>

#include <zeroshot/error.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// Inner products of embeddings and classes, in double. Each embedding is multiplied alone, so that its products have
/// the same bits in every batch.
/// \param embeddings [images, embedding]
/// \param classes [classes, embedding]
/// \return [images, classes]
/// \throws argument_error SHAPE for embeddings of another size
template <class Embeddings, class Classes>
matrix<double> inner_products(const Eigen::MatrixBase<Embeddings>& embeddings,
                              const Eigen::MatrixBase<Classes>& classes) {
    if (embeddings.cols() != classes.cols()) {
        throw argument_error(
            error_code::shape,
            {"similarity", "embeddings of " + std::to_string(embeddings.cols()) + " numbers",
             std::to_string(classes.cols()) + ", as the classes have", "do both come from the same model?"});
    }
    const Eigen::Ref<const matrix<double>::row_major> weights = classes.template cast<double>();
    auto products = matrix<double>::for_overwrite(
        {static_cast<std::size_t>(embeddings.rows()), static_cast<std::size_t>(classes.rows())});
    for (Eigen::Index i = 0; i < embeddings.rows(); ++i) {
        const Eigen::VectorXd embedding = embeddings.row(i).template cast<double>();
        products.eigen().row(i).transpose().noalias() = weights * embedding;
    }
    return products;
}

}  // namespace detail

/// Scales every row to length 1.
/// \param rows [rows, embedding]
/// \param name of a row in messages
/// \throws numeric_error for a row of length 0, or one that is not finite
template <class Scalar>
matrix<Scalar> normalized(matrix<Scalar> rows, std::string_view name = "embedding") {
    for (std::size_t row = 0; row < rows.rows(); ++row) {
        double squares = 0;  // in this order, for the same bits everywhere
        for (const Scalar value : rows.row(row)) squares += static_cast<double>(value) * static_cast<double>(value);
        const double length = std::sqrt(squares);
        if (!(length > 0) || !is_finite(length)) {
            throw numeric_error(error_code::numeric, {std::string(name) + " " + std::to_string(row),
                                                      "norm " + std::to_string(length), "a positive, finite norm", ""});
        }
        for (Scalar& value : rows.row(row)) value = static_cast<Scalar>(static_cast<double>(value) / length);
    }
    return rows;
}
template <class Rows>
matrix<typename Rows::Scalar> normalized(const Eigen::MatrixBase<Rows>& rows, std::string_view name = "embedding") {
    return normalized(matrix<typename Rows::Scalar>(rows), name);
}

/// Logits: scale * <image, text> + bias, in double.
/// \param images [images, embedding], of length 1
/// \param texts [texts, embedding], of length 1
/// \param scale as clip::logit_scale(), 1 for cosines
/// \return [images, texts]; a row has the same bits in every batch
/// \throws argument_error SHAPE for embeddings of different sizes
template <class Images, class Texts>
matrix<typename Images::Scalar> similarity(const Eigen::MatrixBase<Images>& images,
                                           const Eigen::MatrixBase<Texts>& texts, typename Images::Scalar scale,
                                           typename Images::Scalar bias = 0) {
    using scalar = typename Images::Scalar;
    const matrix<double> products = detail::inner_products(images, texts);
    return (static_cast<double>(scale) * products.eigen().array() + static_cast<double>(bias))
        .matrix()
        .template cast<scalar>();
}
template <class Scalar>
matrix<Scalar> similarity(const matrix<Scalar>& images, const matrix<Scalar>& texts, std::type_identity_t<Scalar> scale,
                          std::type_identity_t<Scalar> bias = 0) {
    return similarity(images.eigen(), texts.eigen(), scale, bias);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
