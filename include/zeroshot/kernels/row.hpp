#pragma once
/// \file Activations, softmax and normalisation of a row of numbers.
///
/// In float, activations are polynomials with a tested bound; in double, the reference of the tests, they are the
/// standard library's. A number has the same bits at any position in a row. The order of a sum depends only on the
/// length of the row, so a row has the same bits whatever rows it is computed beside.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

/// By the standard library.
template <class Scalar>
Scalar exact(activation function, Scalar x) noexcept {
    constexpr Scalar inverse_root_of_two = Scalar(0.70710678118654752440L);
    constexpr Scalar root_of_two_over_pi = Scalar(0.79788456080286535588L);
    switch (function) {
        case activation::relu:
            return x < 0 ? Scalar{0} : x;
        case activation::quick_gelu:
            return x / (1 + std::exp(Scalar(-1.702) * x));
        case activation::gelu:
            return x * Scalar(0.5) * (1 + std::erf(x * inverse_root_of_two));
        case activation::gelu_tanh:
            return x * Scalar(0.5) * (1 + std::tanh(root_of_two_over_pi * (x + Scalar(0.044715) * x * x * x)));
        case activation::exponential:
            return std::exp(x);
        default:
            return x;
    }
}

/// exp(x) as expf of Cephes: a power of two times a polynomial of the rest, within 2 units in the last place. Beyond
/// 88.4 it is infinite, below -87.6 zero.
template <std::size_t Lanes>
[[gnu::always_inline]] inline void exponentiate(floats<Lanes>& x) noexcept {
    using vector = floats<Lanes>;
    constexpr float log2_of_e = 1.44269504088896341f;
    constexpr float ln_2_high = 0.693359375f, ln_2_low = -2.12194440e-4f;
    x = x < -88.0f ? vector{} - 88.0f : x;
    x = x > 89.0f ? vector{} + 89.0f : x;
    const vector half = x < 0.0f ? vector{} - 0.5f : vector{} + 0.5f;
    integers<Lanes> power;
    vector whole;
    convert<Lanes>(x * log2_of_e + half, power);
    convert<Lanes>(power, whole);
    const vector rest = (x - whole * ln_2_high) - whole * ln_2_low;  // within ln(2) / 2 of 0
    vector series = vector{} + 1.9875691500e-4f;
    series = series * rest + 1.3981999507e-3f;
    series = series * rest + 8.3334519073e-3f;
    series = series * rest + 4.1665795894e-2f;
    series = series * rest + 1.6666665459e-1f;
    series = series * rest + 5.0000001201e-1f;
    series = series * (rest * rest) + rest + 1.0f;
    const integers<Lanes> power_of_two = (power + 127) << 23;  // the exponent of a float
    x = series * reinterpret_cast<const vector&>(power_of_two);
}

/// erf(x) as the rational function of Eigen and TensorFlow, exact to float beyond 4.
template <std::size_t Lanes>
[[gnu::always_inline]] inline void error_function(floats<Lanes>& x) noexcept {
    using vector = floats<Lanes>;
    x = x < -4.0f ? vector{} - 4.0f : x;
    x = x > 4.0f ? vector{} + 4.0f : x;
    const vector square = x * x;
    vector above = vector{} - 2.72614225801306e-10f;
    above = above * square + 2.77068142495902e-08f;
    above = above * square - 2.10102402082508e-06f;
    above = above * square - 5.69250639462346e-05f;
    above = above * square - 7.34990630326855e-04f;
    above = above * square - 2.95459980854025e-03f;
    above = above * square - 1.60960333262415e-02f;
    vector below = vector{} - 1.45660718464996e-05f;
    below = below * square - 2.13374055278905e-04f;
    below = below * square - 1.68282697438203e-03f;
    below = below * square - 7.37332916720468e-03f;
    below = below * square - 1.42647390514189e-02f;
    x = x * above / below;
}

/// x / (1 + exp(exponent)); the exponent is overwritten.
template <std::size_t Lanes>
[[gnu::always_inline]] inline void divide_by_one_and_exp(floats<Lanes>& x, floats<Lanes>& exponent) noexcept {
    exponentiate<Lanes>(exponent);
    x = x / (1.0f + exponent);
}

template <std::size_t Lanes>
[[gnu::always_inline]] inline void approximate(activation function, floats<Lanes>& x) noexcept {
    using vector = floats<Lanes>;
    if (function == activation::relu) {
        x = x < 0.0f ? vector{} : x;
    } else if (function == activation::quick_gelu) {
        vector exponent = -1.702f * x;
        divide_by_one_and_exp<Lanes>(x, exponent);
    } else if (function == activation::gelu) {
        vector erf = x * 0.70710678f;
        error_function<Lanes>(erf);
        x = x * 0.5f * (1.0f + erf);
    } else if (function == activation::gelu_tanh) {
        vector exponent = -1.59576912f * (x + 0.044715f * x * x * x);  // 1 + tanh(u) = 2 / (1 + exp(-2u))
        divide_by_one_and_exp<Lanes>(x, exponent);
    } else if (function == activation::exponential) {
        exponentiate<Lanes>(x);
    }
}

/// The function of Count numbers, a multiple of the lanes.
template <std::size_t Lanes, std::size_t Count, class Scalar>
[[gnu::always_inline]] inline void apply_to(activation function, Scalar* numbers) noexcept {
    if constexpr (std::is_same_v<Scalar, float>) {
        for (std::size_t i = 0; i < Count; i += Lanes) {
            auto value = vector_at<Lanes>(numbers + i).vector;
            approximate<Lanes>(function, value);
            vector_at<Lanes>(numbers + i).vector = value;
        }
    } else {
        for (std::size_t i = 0; i < Count; ++i) numbers[i] = exact(function, numbers[i]);
    }
}

/// The last numbers are padded, so that they are computed as all others.
template <std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline void apply_to_all(activation function, Scalar* numbers, std::size_t count) noexcept {
    for (; count >= Lanes; numbers += Lanes, count -= Lanes) apply_to<Lanes, Lanes>(function, numbers);
    if (count == 0) return;
    Scalar padded[Lanes] = {};
    for (std::size_t i = 0; i < count; ++i) padded[i] = numbers[i];
    apply_to<Lanes, Lanes>(function, padded);
    for (std::size_t i = 0; i < count; ++i) numbers[i] = padded[i];
}

/// The sum of x, or of (x - mean)^2. A thousand numbers at a time are summed as they are, these sums in double: in
/// float, a million probabilities would not sum to 1.
template <bool Squares, std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline double sum_of(const Scalar* numbers, std::size_t count, Scalar mean = 0) noexcept {
    using vector = typename vector_of<Scalar, Lanes>::type;
    constexpr std::size_t chunk = 1024;
    double sum = 0;
    for (std::size_t first = 0; first < count; first += chunk) {
        const std::size_t end = count - first < chunk ? count : first + chunk;
        vector parts[2] = {};
        std::size_t i = first;
        for (; i + 2 * Lanes <= end; i += 2 * Lanes) {
            for (std::size_t half = 0; half < 2; ++half) {
                const vector value = vector_at<Lanes>(numbers + i + half * Lanes).vector - mean;
                parts[half] += Squares ? value * value : value;
            }
        }
        const auto* const lanes = reinterpret_cast<const Scalar*>(parts);
        for (std::size_t lane = 0; lane < Lanes; ++lane)
            sum += static_cast<double>(lanes[lane]) + static_cast<double>(lanes[Lanes + lane]);
        for (; i < end; ++i) {
            const auto value = static_cast<double>(numbers[i] - mean);
            sum += Squares ? value * value : value;
        }
    }
    return sum;
}

template <std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline Scalar largest_of(const Scalar* numbers, std::size_t count) noexcept {
    Scalar lanes[Lanes];
    for (Scalar& lane : lanes) lane = numbers[0];
    std::size_t i = 0;
    for (; i + Lanes <= count; i += Lanes) {
        for (std::size_t lane = 0; lane < Lanes; ++lane)
            lanes[lane] = lanes[lane] < numbers[i + lane] ? numbers[i + lane] : lanes[lane];
    }
    for (; i < count; ++i) lanes[0] = lanes[0] < numbers[i] ? numbers[i] : lanes[0];
    Scalar largest = lanes[0];
    for (const Scalar lane : lanes) largest = largest < lane ? lane : largest;
    return largest;
}

/// x = (x - shift) * factor
template <std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline void shift_and_scale(Scalar* numbers, std::size_t count, Scalar shift,
                                                   Scalar factor) noexcept {
    std::size_t i = 0;
    for (; i + Lanes <= count; i += Lanes) {
        auto& target = vector_at<Lanes>(numbers + i);
        target.vector = factor * (target.vector - shift);
    }
    for (; i < count; ++i) numbers[i] = factor * (numbers[i] - shift);
}

template <std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline void softmax_row(Scalar* numbers, std::size_t count, Scalar scale) noexcept {
    shift_and_scale<Lanes>(numbers, count, largest_of<Lanes>(numbers, count), scale);
    apply_to_all<Lanes>(activation::exponential, numbers, count);
    shift_and_scale<Lanes>(numbers, count, Scalar{0}, static_cast<Scalar>(1 / sum_of<false, Lanes>(numbers, count)));
}

template <std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline void normalise_row(const Scalar* row, std::size_t width, const Scalar* gain,
                                                 const Scalar* bias, Scalar epsilon, Scalar* result) noexcept {
    const auto mean = static_cast<Scalar>(sum_of<false, Lanes>(row, width) / static_cast<double>(width));
    const auto variance = static_cast<Scalar>(sum_of<true, Lanes>(row, width, mean) / static_cast<double>(width));
    const Scalar scale = 1 / std::sqrt(variance + epsilon);
    std::size_t i = 0;
    for (; i + Lanes <= width; i += Lanes) {
        vector_at<Lanes>(result + i).vector =
            scale * (vector_at<Lanes>(row + i).vector - mean) * vector_at<Lanes>(gain + i).vector +
            vector_at<Lanes>(bias + i).vector;
    }
    for (; i < width; ++i) result[i] = scale * (row[i] - mean) * gain[i] + bias[i];
}

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
