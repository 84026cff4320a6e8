#pragma once
/// \file How floats become the narrow numbers of narrow.hpp: a block of them at a time, to the nearest.

#include <bit>
#include <cstddef>
#include <cstdint>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/activation.hpp>
#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/kernels/quantized.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {
namespace detail {

/// float's mantissa ends at the units of numbers near this one: adding it rounds to the nearest integer, ties to the
/// even one, which then stands in the lowest bits.
inline constexpr float to_integer = 12582912.0f;
inline constexpr std::uint32_t middle_byte = 128;         // the zero of signed numbers
inline constexpr std::uint32_t byte_signs = 0x80808080u;  // flipped, unsigned bytes are the signed ones again
inline constexpr std::uint32_t upper_half = 0xffff0000u;

#if ZEROSHOT_KERNELS_VECTORS
template <std::size_t Lanes>
using words = typename vector_of<std::uint32_t, Lanes>::type;

template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void load_bits(const float* numbers, words<Lanes>& bits) noexcept {
    const floats<Lanes> some = vector_at<Lanes>(numbers).vector;
    bits = reinterpret_cast<const words<Lanes>&>(some);
}
#endif

/// 64 numbers times `per_unit` to 16 words of bytes, `zero` standing for zero.
template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void quantise_bytes(const float* numbers, float per_unit, std::uint32_t zero,
                                           std::uint32_t* to) noexcept {
    const float shift = to_integer + static_cast<float>(static_cast<std::int32_t>(zero));
#if ZEROSHOT_KERNELS_VECTORS
    for (std::size_t w = 0; w < block_words; w += Lanes) {
        words<Lanes> word = {};
        for (std::size_t byte = 0; byte < 4; ++byte) {
            const floats<Lanes> some = vector_at<Lanes>(numbers + byte * block_words + w).vector * per_unit + shift;
            word |= (reinterpret_cast<const words<Lanes>&>(some) & 0xffu) << static_cast<std::uint32_t>(8 * byte);
        }
        vector_at<Lanes>(to + w).vector = word;
    }
#else
    for (std::size_t w = 0; w < block_words; ++w) {
        to[w] = 0;
        for (std::size_t byte = 0; byte < 4; ++byte) {
            const float one = numbers[byte * block_words + w] * per_unit + shift;
            to[w] |= (std::bit_cast<std::uint32_t>(one) & 0xffu) << (8 * byte);
        }
    }
#endif
}

/// 32 numbers times `per_unit` to 16 words of two integers each; where that is 0, they are 0, NaN among them.
template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void quantise_pairs(const float* numbers, float per_unit, std::uint32_t* to) noexcept {
    if (per_unit == 0) {
        for (std::size_t w = 0; w < block_words; ++w) to[w] = 0;
        return;
    }
#if ZEROSHOT_KERNELS_VECTORS
    for (std::size_t w = 0; w < block_words; w += Lanes) {
        const floats<Lanes> lower = vector_at<Lanes>(numbers + w).vector * per_unit + to_integer;
        const floats<Lanes> upper = vector_at<Lanes>(numbers + block_words + w).vector * per_unit + to_integer;
        vector_at<Lanes>(to + w).vector = (reinterpret_cast<const words<Lanes>&>(lower) & 0xffffu) |
                                          (reinterpret_cast<const words<Lanes>&>(upper) << 16);
    }
#else
    for (std::size_t w = 0; w < block_words; ++w) {
        const float lower = numbers[w] * per_unit + to_integer;
        const float upper = numbers[block_words + w] * per_unit + to_integer;
        to[w] = (std::bit_cast<std::uint32_t>(lower) & 0xffffu) | std::bit_cast<std::uint32_t>(upper) << 16;
    }
#endif
}

#if ZEROSHOT_KERNELS_VECTORS
/// Numbers to the nearest bfloat16, which stands in the upper halves of their bits; the lower ones are anything.
template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void round_bits(const float* numbers, words<Lanes>& rounded) noexcept {
    words<Lanes> bits;
    load_bits<Lanes>(numbers, bits);
    rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
    rounded = (bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : rounded;  // a NaN stays one
}
#endif

/// Twice 16 numbers to 16 words of two bfloat16 each.
template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void round_words(const float* lower, const float* upper, std::uint32_t* to) noexcept {
#if ZEROSHOT_KERNELS_VECTORS
    for (std::size_t w = 0; w < block_words; w += Lanes) {
        words<Lanes> halves[2];
        round_bits<Lanes>(lower + w, halves[0]);
        round_bits<Lanes>(upper + w, halves[1]);
        vector_at<Lanes>(to + w).vector = (halves[0] >> 16) | (halves[1] & upper_half);
    }
#else
    for (std::size_t w = 0; w < block_words; ++w) {
        to[w] = bfloat_from_float(lower[w]) | static_cast<std::uint32_t>(bfloat_from_float(upper[w])) << 16;
    }
#endif
}

/// Numbers to floats that are bfloat16.
template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void round_floats(const float* numbers, std::size_t count, float* to) noexcept {
    std::size_t i = 0;
#if ZEROSHOT_KERNELS_VECTORS
    for (; i + Lanes <= count; i += Lanes) {
        words<Lanes> bits;
        round_bits<Lanes>(numbers + i, bits);
        bits &= upper_half;
        vector_at<Lanes>(to + i).vector = reinterpret_cast<const floats<Lanes>&>(bits);
    }
#endif
    for (; i < count; ++i) to[i] = float_from_bfloat(bfloat_from_float(numbers[i]));
}

/// 32 numbers to 16 words of two bfloat16 each.
template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void round_block(const float* numbers, std::uint32_t* to) noexcept {
    round_words<Lanes>(numbers, numbers + block_words, to);
}

/// What a step's numbers are multiplied with: 1 / step, or 0 where that would not be finite; what is so small is zero.
constexpr float inverse_of(float step) noexcept {
    constexpr float smallest = 1e-37f, largest = 3e38f;
    return step > smallest && step < largest ? 1.0f / step : 0.0f;
}

/// The last block of a row, filled up with zeros.
template <std::size_t Numbers>
struct padded_block {
    float numbers[Numbers];

    ZEROSHOT_ALWAYS_INLINE const float* operator()(const float* from, std::size_t count) noexcept {
        if (count >= Numbers) return from;
        for (std::size_t i = 0; i < Numbers; ++i) numbers[i] = i < count ? from[i] : 0.0f;
        return numbers;
    }
};

#if ZEROSHOT_KERNELS_X86
ZEROSHOT_TARGET("avx2,fma")
inline void round_floats_avx2(const float* numbers, std::size_t count, float* to) noexcept {
    round_floats<8>(numbers, count, to);
}
#endif

}  // namespace detail

/// Rounds numbers to the nearest bfloat16 and leaves them floats: for products by instruction sets that multiply no
/// pairs, of numbers that are not kept. Products of two such are exact, so every instruction set has the same sums.
/// \param to [count], which may be the numbers themselves
/// \param set must be available
inline void round_floats(const float* numbers, std::size_t count, float* to, instruction_set set) noexcept {
#if ZEROSHOT_KERNELS_X86
    if (set != instruction_set::portable) return detail::round_floats_avx2(numbers, count, to);
#endif
    (void)set;
    detail::round_floats<4>(numbers, count, to);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
