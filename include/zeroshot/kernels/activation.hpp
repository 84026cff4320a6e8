#pragma once
/// \file The non-linear functions of the towers, many numbers at a time: exp, three GELUs, max(x, 0).
///
/// In float they are polynomials with a tested bound; in double, the oracle of the tests, they are the standard
/// library's. A number gives the same bits wherever it stands among others.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {

/// What is done to a number after it was summed.
enum class function { identity, relu, quick_gelu, gelu, gelu_tanh, exponential };

namespace detail {

/// By the standard library.
template <class Scalar>
Scalar exact(function f, Scalar x) noexcept {
    constexpr Scalar inverse_root_of_two = Scalar(0.70710678118654752440L);
    constexpr Scalar root_of_two_over_pi = Scalar(0.79788456080286535588L);
    switch (f) {
        case function::relu:
            return x < 0 ? Scalar{0} : x;
        case function::quick_gelu:
            return x / (1 + std::exp(Scalar(-1.702) * x));
        case function::gelu:
            return x * Scalar(0.5) * (1 + std::erf(x * inverse_root_of_two));
        case function::gelu_tanh:
            return x * Scalar(0.5) * (1 + std::tanh(root_of_two_over_pi * (x + Scalar(0.044715) * x * x * x)));
        case function::exponential:
            return std::exp(x);
        default:
            return x;
    }
}

#if ZEROSHOT_KERNELS_VECTORS
template <std::size_t Lanes>
using floats = typename vector_of<float, Lanes>::type;

// Vectors go by reference: by value, they would be passed as the program's own instruction set does it.

/// exp(x) as expf of Cephes: a power of two times a polynomial of the rest, within 2 units in the last place. Beyond
/// 88.4 it is infinite, below -87.6 nothing.
template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void exponentiate(floats<Lanes>& x) noexcept {
    using vector = floats<Lanes>;
    typedef std::int32_t integers __attribute__((vector_size(Lanes * sizeof(std::int32_t))));
    constexpr float log2_of_e = 1.44269504088896341f;
    constexpr float ln_2_high = 0.693359375f, ln_2_low = -2.12194440e-4f;
    x = x < -88.0f ? vector{} - 88.0f : x;
    x = x > 89.0f ? vector{} + 89.0f : x;
    const vector half = x < 0.0f ? vector{} - 0.5f : vector{} + 0.5f;
    const integers power = __builtin_convertvector(x * log2_of_e + half, integers);
    const vector whole = __builtin_convertvector(power, vector);
    const vector rest = (x - whole * ln_2_high) - whole * ln_2_low;  // within ln(2) / 2 of 0
    vector series = vector{} + 1.9875691500e-4f;
    series = series * rest + 1.3981999507e-3f;
    series = series * rest + 8.3334519073e-3f;
    series = series * rest + 4.1665795894e-2f;
    series = series * rest + 1.6666665459e-1f;
    series = series * rest + 5.0000001201e-1f;
    series = series * (rest * rest) + rest + 1.0f;
    const integers power_of_two = (power + 127) << 23;  // the exponent of a float
    x = series * reinterpret_cast<const vector&>(power_of_two);
}

/// erf(x) as the rational function of Eigen and TensorFlow, exact to float beyond 4.
template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void error_function(floats<Lanes>& x) noexcept {
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

/// x / (1 + exp(-x * factor)) and its like: `exponent` becomes the divisor.
template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void divide_by_one_and_exp(floats<Lanes>& x, floats<Lanes>& exponent) noexcept {
    exponentiate<Lanes>(exponent);
    x = x / (1.0f + exponent);
}

template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void approximate(function f, floats<Lanes>& x) noexcept {
    using vector = floats<Lanes>;
    if (f == function::relu) {
        x = x < 0.0f ? vector{} : x;
    } else if (f == function::quick_gelu) {
        vector exponent = -1.702f * x;
        divide_by_one_and_exp<Lanes>(x, exponent);
    } else if (f == function::gelu) {
        vector share = x * 0.70710678f;
        error_function<Lanes>(share);
        x = x * 0.5f * (1.0f + share);
    } else if (f == function::gelu_tanh) {
        vector exponent = -1.59576912f * (x + 0.044715f * x * x * x);  // 1 + tanh(u) = 2 / (1 + exp(-2u))
        divide_by_one_and_exp<Lanes>(x, exponent);
    } else if (f == function::exponential) {
        exponentiate<Lanes>(x);
    }
}
#endif

/// The function of a few numbers, a multiple of the lanes.
template <std::size_t Lanes, std::size_t Count, class Scalar>
ZEROSHOT_ALWAYS_INLINE void apply_to(function f, Scalar* numbers) noexcept {
#if ZEROSHOT_KERNELS_VECTORS
    if constexpr (std::is_same_v<Scalar, float>) {
        for (std::size_t i = 0; i < Count; i += Lanes) {
            auto some = vector_at<Lanes>(numbers + i).vector;
            approximate<Lanes>(f, some);
            vector_at<Lanes>(numbers + i).vector = some;
        }
        return;
    }
#endif
    for (std::size_t i = 0; i < Count; ++i) numbers[i] = exact(f, numbers[i]);
}

/// The last numbers are padded, so that they go the same way as all others.
template <std::size_t Lanes, class Scalar>
ZEROSHOT_ALWAYS_INLINE void apply_to_all(function f, Scalar* numbers, std::size_t count) noexcept {
    for (; count >= Lanes; numbers += Lanes, count -= Lanes) apply_to<Lanes, Lanes>(f, numbers);
    if (count == 0) return;
    Scalar padded[Lanes] = {};
    for (std::size_t i = 0; i < count; ++i) padded[i] = numbers[i];
    apply_to<Lanes, Lanes>(f, padded);
    for (std::size_t i = 0; i < count; ++i) numbers[i] = padded[i];
}

#if ZEROSHOT_KERNELS_X86
template <class Scalar>
ZEROSHOT_TARGET("avx2,fma")
void apply_avx2(function f, Scalar* numbers, std::size_t count) noexcept {
    apply_to_all<8>(f, numbers, count);
}
#endif

}  // namespace detail

/// Replaces each number by the function of it.
/// \param set must be available
template <class Scalar>
void apply(function f, Scalar* numbers, std::size_t count, instruction_set set) noexcept {
#if ZEROSHOT_KERNELS_X86
    if (set != instruction_set::portable) return detail::apply_avx2(f, numbers, count);
#endif
    (void)set;
    detail::apply_to_all<4>(f, numbers, count);
}

#if defined(ZEROSHOT_COMPILED)
extern template void apply(function, float*, std::size_t, instruction_set) noexcept;
extern template void apply(function, double*, std::size_t, instruction_set) noexcept;
#endif

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
