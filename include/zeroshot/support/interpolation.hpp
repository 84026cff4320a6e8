#pragma once
/// \file Interpolation filters, of the distance to a sample: Keys' cubic and the triangle.

#include <cmath>

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// Cubic convolution (R. G. Keys, 1981); 0 from a distance of 2 on.
/// \param a slope at a distance of 1: -0.5 in Pillow and PyTorch's antialiased filter, -0.75 in PyTorch's plain one
inline double cubic_filter(double distance, double a) noexcept {
    const double x = std::abs(distance);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return ((x - 5) * x + 8) * x * a - 4 * a;
    return 0;
}

/// Linear interpolation; 0 from a distance of 1 on.
inline double linear_filter(double distance) noexcept {
    const double x = std::abs(distance);
    return x < 1 ? 1 - x : 0;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
