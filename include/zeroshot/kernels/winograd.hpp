#pragma once
/// \file Winograd's F(4x4, 3x3): 16 pixels of a 3x3 convolution from 36 multiplications per channel instead of 144.
///
/// A patch of 6x6 pixels is transformed along both axes, multiplied point by point with the kernel, which was
/// transformed when it was loaded, and transformed back to 4x4 pixels: y = Aᵀ [(G g Gᵀ) * (Bᵀ d B)] A as in Lavin and
/// Gray, "Fast algorithms for convolutional neural networks" (2015). The polynomials are evaluated at 0, ±5/8, ±3/2 and
/// infinity instead of their 0, ±1, ±2: all numbers stay exact, and the error in float is half of theirs, twice that of
/// the plain sum.

#include <array>
#include <cstddef>

#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {

namespace detail {

inline constexpr double winograd_a = 5.0 / 8, winograd_b = 3.0 / 2;

/// G g: a row or column of the kernel at the six points.
constexpr std::array<double, winograd_patch> winograd_kernel_line(double g0, double g1, double g2) {
    constexpr double a2 = winograd_a * winograd_a, b2 = winograd_b * winograd_b;
    const double even_a = (g0 + a2 * g2) / (2 * a2 * (a2 - b2)), odd_a = winograd_a * g1 / (2 * a2 * (a2 - b2));
    const double even_b = (g0 + b2 * g2) / (2 * b2 * (b2 - a2)), odd_b = winograd_b * g1 / (2 * b2 * (b2 - a2));
    return {g0 / (a2 * b2), even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, g2};
}

/// Bᵀ d: six numbers, `step` apart, in place.
template <std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline void winograd_patch_line(unaligned<Scalar, Lanes>* d, std::size_t step) noexcept {
    using vector = typename vector_of<Scalar, Lanes>::type;
    constexpr auto a = static_cast<Scalar>(winograd_a), b = static_cast<Scalar>(winograd_b);
    constexpr Scalar a2 = a * a, b2 = b * b;
    const vector d0 = d[0].vector, d1 = d[step].vector, d2 = d[2 * step].vector, d3 = d[3 * step].vector,
                 d4 = d[4 * step].vector, d5 = d[5 * step].vector;
    const vector even_a = d4 - b2 * d2, odd_a = a * (d3 - b2 * d1);
    const vector even_b = d4 - a2 * d2, odd_b = b * (d3 - a2 * d1);
    d[0].vector = (a2 * b2) * d0 - (a2 + b2) * d2 + d4;
    d[step].vector = even_a + odd_a;
    d[2 * step].vector = even_a - odd_a;
    d[3 * step].vector = even_b + odd_b;
    d[4 * step].vector = even_b - odd_b;
    d[5 * step].vector = (a2 * b2) * d1 - (a2 + b2) * d3 + d5;
}

/// Aᵀ m: four numbers from six, `step` apart, in place.
template <std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline void winograd_result_line(unaligned<Scalar, Lanes>* m, std::size_t step) noexcept {
    using vector = typename vector_of<Scalar, Lanes>::type;
    constexpr auto a = static_cast<Scalar>(winograd_a), b = static_cast<Scalar>(winograd_b);
    constexpr Scalar a2 = a * a, b2 = b * b;
    const vector even_a = m[step].vector + m[2 * step].vector, odd_a = a * (m[step].vector - m[2 * step].vector);
    const vector even_b = m[3 * step].vector + m[4 * step].vector,
                 odd_b = b * (m[3 * step].vector - m[4 * step].vector);
    m[0].vector = m[0].vector + even_a + even_b;
    m[step].vector = odd_a + odd_b;
    m[2 * step].vector = a2 * even_a + b2 * even_b;
    m[3 * step].vector = a2 * odd_a + b2 * odd_b + m[5 * step].vector;
}

/// Lanes channels of a patch.
template <std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline void winograd_transform(const Scalar* const* patch, std::size_t channel, Scalar* points,
                                                      std::size_t stride) noexcept {
    unaligned<Scalar, Lanes> d[winograd_points];
    for (std::size_t i = 0; i < winograd_points; ++i) d[i] = vector_at<Lanes>(patch[i] + channel);
    for (std::size_t i = 0; i < winograd_patch; ++i) winograd_patch_line<Lanes>(d + i, winograd_patch);
    for (std::size_t i = 0; i < winograd_patch; ++i) winograd_patch_line<Lanes>(d + i * winograd_patch, 1);
    for (std::size_t i = 0; i < winograd_points; ++i) vector_at<Lanes>(points + i * stride + channel) = d[i];
}

/// Lanes channels of a tile of results.
template <std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline void winograd_inverse(const Scalar* points, std::size_t stride, const Scalar* bias,
                                                    std::size_t channel, bool add, Scalar* const* results) noexcept {
    using vector = typename vector_of<Scalar, Lanes>::type;
    unaligned<Scalar, Lanes> m[winograd_points];
    for (std::size_t i = 0; i < winograd_points; ++i) m[i] = vector_at<Lanes>(points + i * stride + channel);
    for (std::size_t i = 0; i < winograd_patch; ++i) winograd_result_line<Lanes>(m + i, winograd_patch);
    for (std::size_t y = 0; y < winograd_side; ++y) {
        winograd_result_line<Lanes>(m + y * winograd_patch, 1);
        for (std::size_t x = 0; x < winograd_side; ++x) {
            vector sum = m[y * winograd_patch + x].vector;
            if (bias != nullptr) sum += vector_at<Lanes>(bias + channel).vector;
            auto& result = vector_at<Lanes>(results[y * winograd_side + x] + channel);
            if (add) sum += result.vector;
            result.vector = sum;
        }
    }
}

template <std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline void winograd_transform_all(const Scalar* const* patch, std::size_t channels,
                                                          Scalar* points, std::size_t stride) noexcept {
    std::size_t channel = 0;
    for (; channel + Lanes <= channels; channel += Lanes) winograd_transform<Lanes>(patch, channel, points, stride);
    for (; channel < channels; ++channel) winograd_transform<1>(patch, channel, points, stride);
}

template <std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline void winograd_inverse_all(const Scalar* points, std::size_t stride, const Scalar* bias,
                                                        std::size_t channels, bool add,
                                                        Scalar* const* results) noexcept {
    std::size_t channel = 0;
    for (; channel + Lanes <= channels; channel += Lanes)
        winograd_inverse<Lanes>(points, stride, bias, channel, add, results);
    for (; channel < channels; ++channel) winograd_inverse<1>(points, stride, bias, channel, add, results);
}

}  // namespace detail

/// G g Gᵀ of a 3x3 kernel: its factors at the 36 points.
inline std::array<double, winograd_points> winograd_kernel(const std::array<double, 9>& g) noexcept {
    std::array<std::array<double, winograd_patch>, 3> rows;  // of g, each at the six points
    for (std::size_t y = 0; y < 3; ++y) rows[y] = detail::winograd_kernel_line(g[3 * y], g[3 * y + 1], g[3 * y + 2]);
    std::array<double, winograd_points> points;
    for (std::size_t x = 0; x < winograd_patch; ++x) {
        const auto column = detail::winograd_kernel_line(rows[0][x], rows[1][x], rows[2][x]);
        for (std::size_t y = 0; y < winograd_patch; ++y) points[y * winograd_patch + x] = column[y];
    }
    return points;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
