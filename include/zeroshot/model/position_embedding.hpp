#pragma once
/// \file Resampling of position embeddings from the grid of patches they were trained on to another one.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include <zeroshot/model/config.hpp>
#include <zeroshot/support/interpolation.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// Interpolation weights along one axis.
/// Mirrors upsample_bicubic2d and its antialiased variant in ATen's UpSampleKernel.cpp, align_corners=False.
/// \return [to, from]
inline matrix<double> position_weights(std::size_t from, std::size_t to, position_filter filter) {
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double stretch = (std::max)(scale, 1.0);
    matrix<double> weights(to, from);
    for (std::size_t position = 0; position < to; ++position) {
        const double center = (static_cast<double>(position) + 0.5) * scale - 0.5;
        const std::span<double> row = weights.row(position);
        if (filter == position_filter::antialiased) {
            double total = 0;
            for (std::size_t i = 0; i < from; ++i)
                total += row[i] = cubic_filter((static_cast<double>(i) - center) / stretch, -0.5);
            for (double& weight : row) weight /= total;
        } else {
            const double last = static_cast<double>(from) - 1, begin = std::floor(center) - 1;
            for (double tap = begin; tap < begin + 4; ++tap)  // taps outside repeat the border
                row[static_cast<std::size_t>(std::clamp(tap, 0.0, last))] += cubic_filter(tap - center, -0.75);
        }
    }
    return weights;
}

}  // namespace detail

/// Bicubic interpolation of a grid of position embeddings, in double.
/// Mirrors resize_pos_embed in open_clip model.py and interpolate_pos_encoding in transformers.
/// \param positions [1 + from * from, width]: the class token's, then the grid's row by row
/// \return [1 + to * to, width]: the class token's is unchanged
template <class Scalar>
matrix<Scalar> resampled_positions(const matrix<Scalar>& positions, std::size_t from, std::size_t to,
                                   position_filter filter) {
    const matrix<double> weights = detail::position_weights(from, to, filter);
    const Eigen::MatrixXd grid = positions.eigen().bottomRows(Eigen::Index(from * from)).template cast<double>();

    matrix<double> wide(from * to, positions.columns());  // old rows, new columns
    for (std::size_t cell = 0; cell < from * to; ++cell) {
        for (std::size_t x = 0; x < from; ++x)
            wide.eigen().row(Eigen::Index(cell)) +=
                weights(cell % to, x) * grid.row(Eigen::Index(cell / to * from + x));
    }
    matrix<double> resampled(to * to, positions.columns());
    for (std::size_t cell = 0; cell < to * to; ++cell) {
        for (std::size_t y = 0; y < from; ++y)
            resampled.eigen().row(Eigen::Index(cell)) +=
                weights(cell / to, y) * wide.eigen().row(Eigen::Index(y * to + cell % to));
    }
    auto result = matrix<Scalar>::for_overwrite({1 + to * to, positions.columns()});
    result.eigen() << positions.eigen().topRows(1), resampled.eigen().template cast<Scalar>();
    return result;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
