#pragma once
/// \file What is done to a row of numbers as a whole: softmax and normalisation.
///
/// The order of a sum depends on the length of the row alone, so a row gives the same bits whatever rows stand beside
/// it. In float the exponentials are those of function.hpp; in double, the oracle of the tests, the standard library's.

#include <cmath>
#include <cstddef>

#include <zeroshot/kernels/activation.hpp>
#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {

namespace detail {

/// The sum of x, or of (x - mean)^2. A thousand numbers at a time are summed as they are, these sums in double: in
/// float, a million shares would not sum to 1.
template <bool Squares, std::size_t Lanes, class Scalar>
ZEROSHOT_ALWAYS_INLINE double sum_of(const Scalar* numbers, std::size_t count, Scalar mean = 0) noexcept {
    using vector = typename vector_of<Scalar, Lanes>::type;
    constexpr std::size_t at_once = 1024;
    double sum = 0;
    for (std::size_t first = 0; first < count; first += at_once) {
        const std::size_t end = count - first < at_once ? count : first + at_once;
        vector parts[2] = {};
        std::size_t i = first;
        for (; i + 2 * Lanes <= end; i += 2 * Lanes) {
            for (std::size_t half = 0; half < 2; ++half) {
                const vector some = vector_at<Lanes>(numbers + i + half * Lanes).vector - mean;
                parts[half] += Squares ? some * some : some;
            }
        }
        for (std::size_t lane = 0; lane < Lanes; ++lane)
            sum += static_cast<double>(parts[0][lane]) + static_cast<double>(parts[1][lane]);
        for (; i < end; ++i) {
            const auto one = static_cast<double>(numbers[i] - mean);
            sum += Squares ? one * one : one;
        }
    }
    return sum;
}

template <std::size_t Lanes, class Scalar>
ZEROSHOT_ALWAYS_INLINE Scalar largest_of(const Scalar* numbers, std::size_t count) noexcept {
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
ZEROSHOT_ALWAYS_INLINE void shift_and_scale(Scalar* numbers, std::size_t count, Scalar shift, Scalar factor) noexcept {
    std::size_t i = 0;
    for (; i + Lanes <= count; i += Lanes) {
        auto& some = vector_at<Lanes>(numbers + i);
        some.vector = factor * (some.vector - shift);
    }
    for (; i < count; ++i) numbers[i] = factor * (numbers[i] - shift);
}

template <std::size_t Lanes, class Scalar>
ZEROSHOT_ALWAYS_INLINE void softmax_row(Scalar* numbers, std::size_t count, Scalar scale) noexcept {
    shift_and_scale<Lanes>(numbers, count, largest_of<Lanes>(numbers, count), scale);
    apply_to_all<Lanes>(function::exponential, numbers, count);
    shift_and_scale<Lanes>(numbers, count, Scalar{0}, static_cast<Scalar>(1 / sum_of<false, Lanes>(numbers, count)));
}

template <std::size_t Lanes, class Scalar>
ZEROSHOT_ALWAYS_INLINE void normalise_row(const Scalar* row, std::size_t width, const Scalar* gain, const Scalar* bias,
                                          Scalar epsilon, Scalar* result) noexcept {
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

#if ZEROSHOT_KERNELS_X86
template <class Scalar>
ZEROSHOT_TARGET("avx2,fma")
void softmax_avx2(Scalar* numbers, std::size_t count, Scalar scale) noexcept {
    softmax_row<32 / sizeof(Scalar)>(numbers, count, scale);
}

template <class Scalar>
ZEROSHOT_TARGET("avx2,fma")
void normalise_avx2(const Scalar* row, std::size_t width, const Scalar* gain, const Scalar* bias, Scalar epsilon,
                    Scalar* result) noexcept {
    normalise_row<32 / sizeof(Scalar)>(row, width, gain, bias, epsilon, result);
}
#endif

}  // namespace detail

/// exp(scale * x_i) / sum exp(scale * x_j), in place. The largest number is subtracted first, so nothing overflows.
/// \param scale positive
/// \param set must be available
template <class Scalar>
void softmax(Scalar* numbers, std::size_t count, Scalar scale, instruction_set set) noexcept {
    if (count == 0) return;
#if ZEROSHOT_KERNELS_X86
    if (set != instruction_set::portable) return detail::softmax_avx2(numbers, count, scale);
#endif
    (void)set;
    detail::softmax_row<16 / sizeof(Scalar)>(numbers, count, scale);
}

/// gain * (x - mean) / sqrt(variance + epsilon) + bias.
/// \param gain, bias, result [width]; the result may be the row itself
/// \param set must be available
template <class Scalar>
void normalise(const Scalar* row, std::size_t width, const Scalar* gain, const Scalar* bias, Scalar epsilon,
               Scalar* result, instruction_set set) noexcept {
#if ZEROSHOT_KERNELS_X86
    if (set != instruction_set::portable) return detail::normalise_avx2(row, width, gain, bias, epsilon, result);
#endif
    (void)set;
    detail::normalise_row<16 / sizeof(Scalar)>(row, width, gain, bias, epsilon, result);
}

#if defined(ZEROSHOT_COMPILED)
extern template void softmax(float*, std::size_t, float, instruction_set) noexcept;
extern template void softmax(double*, std::size_t, double, instruction_set) noexcept;
extern template void normalise(const float*, std::size_t, const float*, const float*, float, float*,
                               instruction_set) noexcept;
extern template void normalise(const double*, std::size_t, const double*, const double*, double, double*,
                               instruction_set) noexcept;
#endif

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
