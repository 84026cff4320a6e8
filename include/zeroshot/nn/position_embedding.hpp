#pragma once
/// \file Position embeddings of a grid of patches carried over to another grid: images of another size for a trained
/// tower.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>

#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Which of PyTorch's bicubic interpolations.
enum class position_filter {
    antialiased,  ///< resize_pos_embed of open_clip model.py: antialias=True, Keys' cubic with a = -0.5
    plain         ///< interpolate_pos_encoding of transformers: four taps, a = -0.75
};

/// The filter as files name it.
constexpr std::string_view name_of(position_filter filter) noexcept {
    return filter == position_filter::antialiased ? "antialiased" : "plain";
}

namespace detail {

/// Keys' cubic; 0 from a distance of 2 on.
inline double cubic(double x, double a) noexcept {
    x = std::abs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return ((x - 5) * x + 8) * x * a - 4 * a;
    return 0;
}

/// How much of each old place a new place of one axis gets: [to, from].
/// Mirrors upsample_bicubic2d and its antialiased twin in ATen's UpSampleKernel.cpp, align_corners=False.
inline matrix<double> position_weights(std::size_t from, std::size_t to, position_filter filter) {
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double stretch = std::max(scale, 1.0);
    matrix<double> weights(to, from);
    for (std::size_t place = 0; place < to; ++place) {
        const double center = (static_cast<double>(place) + 0.5) * scale - 0.5;
        const std::span<double> row = weights.row(place);
        if (filter == position_filter::antialiased) {
            double total = 0;
            for (std::size_t i = 0; i < from; ++i)
                total += row[i] = cubic((static_cast<double>(i) - center) / stretch, -0.5);
            for (double& weight : row) weight /= total;
        } else {
            const double last = static_cast<double>(from) - 1, begin = std::floor(center) - 1;
            for (double tap = begin; tap < begin + 4; ++tap) {  // beyond the border stands the border's value
                row[static_cast<std::size_t>(std::clamp(tap, 0.0, last))] += cubic(tap - center, -0.75);
            }
        }
    }
    return weights;
}

}  // namespace detail

/// \param positions [1 + from * from, width]: of the class token, then of the grid, row by row
/// \return [1 + to * to, width]: the class token's stays as it is
template <class Scalar>
matrix<Scalar> resampled_positions(const matrix<Scalar>& positions, std::size_t from, std::size_t to,
                                   position_filter filter) {
    const matrix<double> weights = detail::position_weights(from, to, filter);
    const std::size_t width = positions.columns();
    matrix<double> across(from * to, width);  // old rows, new columns
    const auto add = [](std::span<double> sum, double weight, const auto& values) {
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += weight * static_cast<double>(values[i]);
    };
    for (std::size_t cell = 0; cell < from * to; ++cell) {
        for (std::size_t x = 0; x < from; ++x)
            add(across.row(cell), weights(cell % to, x), positions.row(1 + cell / to * from + x));
    }
    matrix<Scalar> result(1 + to * to, width);
    std::ranges::copy(positions.row(0), result.row(0).begin());
    aligned_vector<double> sum(width);
    for (std::size_t cell = 0; cell < to * to; ++cell) {
        std::ranges::fill(sum, 0.0);
        for (std::size_t y = 0; y < from; ++y) add(sum, weights(cell / to, y), across.row(y * to + cell % to));
        for (std::size_t i = 0; i < sum.size(); ++i) result(1 + cell, i) = static_cast<Scalar>(sum[i]);
    }
    return result;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
