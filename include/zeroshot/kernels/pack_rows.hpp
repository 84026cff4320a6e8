#pragma once
/// \file Rows of floats, rounded and packed as narrow.hpp lays them out: the left side of a narrow product.

#include <bit>
#include <cstddef>
#include <cstdint>

#include <zeroshot/kernels/activation.hpp>
#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/kernels/quantized.hpp>
#include <zeroshot/kernels/round.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {
namespace detail {

/// Between which numbers a row lies, zero included, and its largest magnitude: NaN where one of them is.
struct row_range {
    float lowest = 0, highest = 0, magnitude = 0;
};

/// \tparam Ends whether the lowest and the highest are wanted
template <std::size_t Lanes, bool Ends>
ZEROSHOT_ALWAYS_INLINE row_range range_of(const float* numbers, std::size_t count) noexcept {
    row_range found;
    std::size_t i = 0;
    std::uint32_t magnitude = 0;  // as bits: without their sign, floats are in the order of integers, NaN last
#if ZEROSHOT_KERNELS_VECTORS
    words<Lanes> magnitudes = {};
    floats<Lanes> lowest = {}, highest = {};
    for (; i + Lanes <= count; i += Lanes) {
        const floats<Lanes> some = vector_at<Lanes>(numbers + i).vector;
        words<Lanes> bits = reinterpret_cast<const words<Lanes>&>(some) & 0x7fffffffu;
        magnitudes = magnitudes < bits ? bits : magnitudes;
        if constexpr (Ends) {
            lowest = some < lowest ? some : lowest;
            highest = some > highest ? some : highest;
        }
    }
    for (std::size_t lane = 0; lane < Lanes; ++lane) {
        magnitude = magnitude < magnitudes[lane] ? magnitudes[lane] : magnitude;
        found.lowest = lowest[lane] < found.lowest ? lowest[lane] : found.lowest;
        found.highest = highest[lane] > found.highest ? highest[lane] : found.highest;
    }
#endif
    for (; i < count; ++i) {
        const std::uint32_t bits = std::bit_cast<std::uint32_t>(numbers[i]) & 0x7fffffffu;
        magnitude = magnitude < bits ? bits : magnitude;
        found.lowest = numbers[i] < found.lowest ? numbers[i] : found.lowest;
        found.highest = numbers[i] > found.highest ? numbers[i] : found.highest;
    }
    found.magnitude = std::bit_cast<float>(magnitude);
    return found;
}

/// How a row becomes integers.
struct row_scale {
    float step;
    float per_unit;      ///< 1 / step, or 0 where that would not be finite: what is so small is zero
    std::uint32_t zero;  ///< the integer that stands for it
};

/// Larger numbers count as infinite: their range would be.
constexpr bool is_finite(float magnitude) noexcept {
    constexpr float most = 1e38f;  // compared as bits: under -ffast-math, no float is NaN
    return std::bit_cast<std::uint32_t>(magnitude) < std::bit_cast<std::uint32_t>(most);
}

/// A row that holds NaN or infinity gets a scale that is one, and so its results are no numbers.
constexpr row_scale scale_of_no_number(float magnitude) noexcept {
    return {magnitude * 10.0f, 0.0f, 0};
}

/// Of 255 steps two are left for rounding: zero falls on a step, and nothing beyond the first or the last.
template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE row_scale byte_scale_of(const float* row, std::size_t depth) noexcept {
    constexpr float steps = 253;
    const row_range range = range_of<Lanes, true>(row, depth);
    if (!is_finite(range.magnitude)) return scale_of_no_number(range.magnitude);
    const float step = (range.highest - range.lowest) / steps, per_unit = inverse_of(step);
    return {step, per_unit, static_cast<std::uint32_t>(-range.lowest * per_unit) + (range.lowest < 0 ? 1u : 0u)};
}

/// Zero is zero.
template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE row_scale int16_scale_of(const float* row, std::size_t depth) noexcept {
    const float magnitude = range_of<Lanes, false>(row, depth).magnitude;
    if (!is_finite(magnitude)) return scale_of_no_number(magnitude);
    const float step = magnitude / static_cast<float>(largest_int16_in_row(depth));
    return {step, inverse_of(step), 0};
}

template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void pack_int8_row(const float* row, std::size_t depth, bool is_signed,
                                          std::uint32_t* to) noexcept {
    constexpr std::size_t in_block = 4 * block_words;
    row_scale scale = byte_scale_of<Lanes>(row, depth);
    if (is_signed) scale.zero -= middle_byte;
    to[0] = std::bit_cast<std::uint32_t>(scale.step);
    to[1] = scale.zero;
    to += row_header;
    padded_block<in_block> block;
    for (std::size_t first = 0; first < depth; first += in_block, to += block_words)
        quantise_bytes<Lanes>(block(row + first, depth - first), scale.per_unit, scale.zero, to);
}

template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void pack_int16_row(const float* row, std::size_t depth, std::uint32_t* to) noexcept {
    constexpr std::size_t in_block = 2 * block_words;
    const row_scale scale = int16_scale_of<Lanes>(row, depth);
    to[0] = std::bit_cast<std::uint32_t>(scale.step);
    to += row_header;
    padded_block<in_block> block;
    for (std::size_t first = 0; first < depth; first += in_block, to += block_words)
        quantise_pairs<Lanes>(block(row + first, depth - first), scale.per_unit, to);
}

template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void pack_bf16_row(const float* row, std::size_t depth, bool widened,
                                          std::uint32_t* to) noexcept {
    constexpr std::size_t in_block = 2 * block_words;
    const std::size_t count = word_count(narrow::bf16, depth);
    to += row_header;
    padded_block<in_block> block;
    for (std::size_t first = 0; first < depth; first += in_block, to += block_words) {
        round_block<Lanes>(block(row + first, depth - first), to);
        if (!widened) continue;
        for (std::size_t w = 0; w < block_words; ++w) {
            const std::uint32_t word = to[w];
            to[w] = word << 16;
            to[count + w] = word & upper_half;
        }
    }
}

template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void pack_rows(narrow type, const float* rows, std::size_t row_stride, std::size_t row_count,
                                      std::size_t depth, std::uint32_t* packed, instruction_set set) noexcept {
    const std::size_t stride = row_words(type, depth, set);
    for (std::size_t row = 0; row < row_count; ++row, rows += row_stride, packed += stride) {
        if (type == narrow::int8)
            pack_int8_row<Lanes>(rows, depth, is_signed(type, set), packed);
        else if (type == narrow::int16)
            pack_int16_row<Lanes>(rows, depth, packed);
        else
            pack_bf16_row<Lanes>(rows, depth, is_widened(type, set), packed);
    }
}

#if ZEROSHOT_KERNELS_X86
ZEROSHOT_TARGET("avx2,fma")
inline void pack_rows_avx2(narrow type, const float* rows, std::size_t row_stride, std::size_t row_count,
                           std::size_t depth, std::uint32_t* packed, instruction_set set) noexcept {
    pack_rows<8>(type, rows, row_stride, row_count, depth, packed, set);
}
#endif

}  // namespace detail

/// Rounds and packs rows for the given instruction set, which must be available.
/// \param rows [row_count, depth], row_stride elements apart
/// \param packed of packed_rows_size; of rows packed in parts, each begins row_words after the one before
inline void pack_rows(narrow type, const float* rows, std::size_t row_stride, std::size_t row_count, std::size_t depth,
                      std::uint32_t* packed, instruction_set set) noexcept {
#if ZEROSHOT_KERNELS_X86
    if (set != instruction_set::portable)
        return detail::pack_rows_avx2(type, rows, row_stride, row_count, depth, packed, set);
#endif
    detail::pack_rows<4>(type, rows, row_stride, row_count, depth, packed, set);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
