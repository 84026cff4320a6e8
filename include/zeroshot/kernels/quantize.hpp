#pragma once
/// \file Quantization: rounding of floats to bfloat16 and to integers, and packing of rows and of columns of weights.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/tiles.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

/// float's mantissa ends at the units of numbers near this one: adding it rounds to the nearest integer, ties to the
/// even one, which then stands in the lowest bits.
inline constexpr float to_integer = 12582912.0f;
inline constexpr std::uint32_t middle_byte = 128;         // the zero of signed numbers
inline constexpr std::uint32_t byte_signs = 0x80808080u;  // flipped, unsigned bytes are the signed ones again
inline constexpr std::uint32_t upper_half = 0xffff0000u;

#if ZEROSHOT_KERNELS_VECTORS
template <std::size_t Lanes>
[[gnu::always_inline]] inline void load_bits(const float* numbers, words<Lanes>& bits) noexcept {
    const floats<Lanes> some = vector_at<Lanes>(numbers).vector;
    bits = reinterpret_cast<const words<Lanes>&>(some);
}
#endif

/// 64 numbers times `per_unit` to 16 words of bytes, `zero` standing for zero.
template <std::size_t Lanes>
[[gnu::always_inline]] inline void quantise_bytes(const float* numbers, float per_unit, std::uint32_t zero,
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
[[gnu::always_inline]] inline void quantise_pairs(const float* numbers, float per_unit, std::uint32_t* to) noexcept {
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
[[gnu::always_inline]] inline void round_bits(const float* numbers, words<Lanes>& rounded) noexcept {
    words<Lanes> bits;
    load_bits<Lanes>(numbers, bits);
    rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
    rounded = (bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : rounded;  // a NaN stays one
}
#endif

/// Twice 16 numbers to 16 words of two bfloat16 each.
template <std::size_t Lanes>
[[gnu::always_inline]] inline void round_words(const float* lower, const float* upper, std::uint32_t* to) noexcept {
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
[[gnu::always_inline]] inline void round_floats(const float* numbers, std::size_t count, float* to) noexcept {
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
[[gnu::always_inline]] inline void round_block(const float* numbers, std::uint32_t* to) noexcept {
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

    [[gnu::always_inline]] inline const float* operator()(const float* from, std::size_t count) noexcept {
        if (count >= Numbers) return from;
        for (std::size_t i = 0; i < Numbers; ++i) numbers[i] = i < count ? from[i] : 0.0f;
        return numbers;
    }
};

/// Between which numbers a row lies, zero included, and its largest magnitude: NaN where one of them is.
struct row_range {
    float lowest = 0, highest = 0, magnitude = 0;
};

/// \tparam Ends whether the lowest and the highest are wanted
template <std::size_t Lanes, bool Ends>
[[gnu::always_inline]] inline row_range range_of(const float* numbers, std::size_t count) noexcept {
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

/// Scale of a row that holds NaN or infinity: NaN or infinite, so that its results are, too.
constexpr row_scale scale_of_no_number(float magnitude) noexcept {
    return {magnitude * 10.0f, 0.0f, 0};
}

/// Scale and zero point of a row: 253 of the 255 levels are used, so that zero is exact and rounding cannot overflow.
template <std::size_t Lanes>
[[gnu::always_inline]] inline row_scale byte_scale_of(const float* row, std::size_t depth) noexcept {
    constexpr float steps = 253;
    const row_range range = range_of<Lanes, true>(row, depth);
    if (!is_finite(range.magnitude)) return scale_of_no_number(range.magnitude);
    const float step = (range.highest - range.lowest) / steps, per_unit = inverse_of(step);
    return {step, per_unit, static_cast<std::uint32_t>(-range.lowest * per_unit) + (range.lowest < 0 ? 1u : 0u)};
}

/// Zero is zero.
template <std::size_t Lanes>
[[gnu::always_inline]] inline row_scale int16_scale_of(const float* row, std::size_t depth) noexcept {
    const float magnitude = range_of<Lanes, false>(row, depth).magnitude;
    if (!is_finite(magnitude)) return scale_of_no_number(magnitude);
    const float step = magnitude / static_cast<float>(largest_int16_in_row(depth));
    return {step, inverse_of(step), 0};
}

template <std::size_t Lanes>
[[gnu::always_inline]] inline void pack_int8_row(const float* row, std::size_t depth, bool is_signed,
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
[[gnu::always_inline]] inline void pack_int16_row(const float* row, std::size_t depth, std::uint32_t* to) noexcept {
    constexpr std::size_t in_block = 2 * block_words;
    const row_scale scale = int16_scale_of<Lanes>(row, depth);
    to[0] = std::bit_cast<std::uint32_t>(scale.step);
    to += row_header;
    padded_block<in_block> block;
    for (std::size_t first = 0; first < depth; first += in_block, to += block_words)
        quantise_pairs<Lanes>(block(row + first, depth - first), scale.per_unit, to);
}

template <std::size_t Lanes>
[[gnu::always_inline]] inline void pack_bf16_row(const float* row, std::size_t depth, bool widened,
                                                 std::uint32_t* to) noexcept {
    constexpr std::size_t in_block = 2 * block_words;
    const std::size_t count = word_count(quantized::bf16, depth);
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
[[gnu::always_inline]] inline void pack_rows(quantized type, row_format format, const float* rows,
                                             std::size_t row_stride, std::size_t row_count, std::size_t depth,
                                             std::uint32_t* packed) noexcept {
    const bool widened = type == quantized::bf16 && format.bf16_as_floats;
    const std::size_t stride = row_header + word_count(type, depth) * (widened ? 2 : 1);
    for (std::size_t row = 0; row < row_count; ++row, rows += row_stride, packed += stride) {
        if (type == quantized::int8)
            pack_int8_row<Lanes>(rows, depth, format.signed_bytes, packed);
        else if (type == quantized::int16)
            pack_int16_row<Lanes>(rows, depth, packed);
        else
            pack_bf16_row<Lanes>(rows, depth, widened, packed);
    }
}

/// A column of weights, a block at a time.
struct weight_column {
    const float* numbers;
    std::size_t stride;
    std::size_t depth;

    template <std::size_t Numbers>
    void block(std::size_t first, float (&to)[Numbers]) const noexcept {
        for (std::size_t i = 0; i < Numbers; ++i) to[i] = first + i < depth ? numbers[(first + i) * stride] : 0.0f;
    }

    /// The same, copied only where its numbers do not stand side by side.
    template <std::size_t Numbers>
    const float* block_at(std::size_t first, float (&copy)[Numbers]) const noexcept {
        if (stride == 1 && first + Numbers <= depth) return numbers + first;
        block(first, copy);
        return copy;
    }
};

/// How large a step of a column is: such that no two numbers that meet in 16 bits of a sum (the two lower or the two
/// upper bytes of a word) exceed 128 steps together, so that times unsigned bytes their sum is within 255 * 128.
/// Rounding adds half a step to each.
inline float int8_step(const weight_column& column) noexcept {
    constexpr std::size_t in_block = 4 * block_words;
    constexpr float together = 128 - 2 * 0.5f;
    float largest = 0, block[in_block];
    for (std::size_t first = 0; first < column.depth; first += in_block) {
        column.block(first, block);
        for (float& number : block) number = number < 0 ? -number : number;
        for (const float* pair : {block, block + 2 * block_words}) {
            for (std::size_t w = 0; w < block_words; ++w) {
                const float sum = pair[w] + pair[w + block_words];
                largest = largest < sum ? sum : largest;
            }
        }
    }
    return largest / together;
}

/// The sum of the signed bytes.
inline std::uint32_t sum_of_bytes(const std::uint32_t* packed, std::size_t count) noexcept {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        for (unsigned byte = 0; byte < 4; ++byte)
            sum += static_cast<std::int8_t>((packed[i * panel_width] >> (8 * byte)) & 0xffu);
    }
    return static_cast<std::uint32_t>(sum);
}

inline void pack_int8_column(const weight_column& column, std::uint32_t* to) noexcept {
    constexpr std::size_t in_block = 4 * block_words;
    const float step = int8_step(column), per_unit = inverse_of(step);
    float block[in_block];
    std::uint32_t packed[block_words], *next = to + column_header(quantized::int8) * panel_width;
    for (std::size_t first = 0; first < column.depth; first += in_block) {
        column.block(first, block);
        quantise_bytes<4>(block, per_unit, middle_byte, packed);
        for (const std::uint32_t word : packed) {
            *next = word ^ byte_signs;
            next += panel_width;
        }
    }
    to[0] = std::bit_cast<std::uint32_t>(step);
    to[panel_width] =
        sum_of_bytes(to + column_header(quantized::int8) * panel_width, word_count(quantized::int8, column.depth));
}

/// 16 columns, or fewer.
inline void pack_int8_columns(const float* source, std::size_t column_stride, std::size_t depth_stride,
                              std::size_t columns, std::size_t depth, std::uint32_t* panel) noexcept {
    const std::size_t panel_size = columns < panel_width ? packed_size(quantized::int8, columns, depth) : 0;
    for (std::size_t i = 0; i < panel_size; ++i) panel[i] = 0;
    for (std::size_t column = 0; column < columns; ++column)
        pack_int8_column({source + column * column_stride, depth_stride, depth}, panel + column);
}

/// In words of two numbers: a block of each column is rounded, then all are turned to lie across the panel.
/// \param round round(column, numbers, words): 32 numbers to 16 words
template <class Round>
void pack_pairs(const float* source, std::size_t column_stride, std::size_t depth_stride, std::size_t columns,
                std::size_t depth, std::uint32_t* panel, const Round& round) noexcept {
    constexpr std::size_t in_block = 2 * block_words;
    float numbers[in_block];
    std::uint32_t rounded[panel_width * block_words] = {};  // [columns][words]
    for (std::size_t first = 0; first < depth; first += in_block, panel += block_words * panel_width) {
        for (std::size_t column = 0; column < columns; ++column) {
            const weight_column from{source + column * column_stride, depth_stride, depth};
            round(column, from.block_at(first, numbers), rounded + column * block_words);
        }
        for (std::size_t lane = 0; lane < panel_width; lane += 4)
            transpose_4x4(rounded + lane * block_words, block_words, block_words, panel + lane);
    }
}

inline void pack_bf16_columns(const float* source, std::size_t column_stride, std::size_t depth_stride,
                              std::size_t columns, std::size_t depth, std::uint32_t* panel) noexcept {
    pack_pairs(source, column_stride, depth_stride, columns, depth, panel,
               [](std::size_t, const float* numbers, std::uint32_t* to) { round_block<4>(numbers, to); });
}

/// How large a step of a column is: such that the magnitudes of its integers, each half a step off, sum to
/// largest_int16_column at most.
inline float int16_step(const weight_column& column) noexcept {
    constexpr double most = 32'767;
    double largest = 0, sum = 0;
    for (std::size_t k = 0; k < column.depth; ++k) {
        const double number = static_cast<double>(column.numbers[k * column.stride]);
        const double magnitude = number < 0 ? -number : number;
        largest = largest < magnitude ? magnitude : largest;
        sum += magnitude;
    }
    constexpr double spare = 1;  // for the step's own rounding
    const double by_sum = sum / (static_cast<double>(largest_int16_column(column.depth)) - spare -
                                 0.5 * static_cast<double>(column.depth));
    const double by_largest = largest / most;
    return static_cast<float>(by_sum < by_largest ? by_largest : by_sum);
}

inline void pack_int16_columns(const float* source, std::size_t column_stride, std::size_t depth_stride,
                               std::size_t columns, std::size_t depth, std::uint32_t* panel) noexcept {
    float per_unit[panel_width];
    for (std::size_t column = 0; column < panel_width; ++column) {
        const float step = column < columns ? int16_step({source + column * column_stride, depth_stride, depth}) : 0.0f;
        per_unit[column] = inverse_of(step);
        panel[column] = std::bit_cast<std::uint32_t>(step);
    }
    pack_pairs(source, column_stride, depth_stride, columns, depth,
               panel + column_header(quantized::int16) * panel_width,
               [&](std::size_t column, const float* numbers, std::uint32_t* to) {
                   quantise_pairs<4>(numbers, per_unit[column], to);
               });
}

/// bfloat16 where the source's rows run along the panel's: nothing is turned.
inline void pack_bf16_rows(const float* source, std::size_t depth_stride, std::size_t columns, std::size_t depth,
                           std::uint32_t* panel) noexcept {
    padded_block<panel_width> halves[2];
    for (std::size_t first = 0; first < depth; first += 2 * block_words) {
        for (std::size_t w = first; w < first + block_words; ++w, panel += panel_width) {
            const float* numbers[2];
            for (std::size_t half = 0, k = w; half < 2; ++half, k += block_words)
                numbers[half] = k < depth ? halves[half](source + k * depth_stride, columns) : halves[half](source, 0);
            round_words<4>(numbers[0], numbers[1], panel);
        }
    }
}

/// Packs weights whose element (column, k) stands at source[column * column_stride + k * depth_stride], for all
/// instruction sets alike.
/// \param depth of int16, deepest_int16 at most
/// \param packed of packed_size(type, columns, depth)
inline void pack_columns(quantized type, const float* source, std::size_t column_stride, std::size_t depth_stride,
                         std::size_t columns, std::size_t depth, std::uint32_t* packed) noexcept {
    const std::size_t panel_size = column_words(type, depth) * panel_width;
    for (std::size_t first = 0; first < columns; first += panel_width, packed += panel_size) {
        const std::size_t count = columns - first < panel_width ? columns - first : panel_width;
        const float* const panel = source + first * column_stride;
        if (type == quantized::int8)
            pack_int8_columns(panel, column_stride, depth_stride, count, depth, packed);
        else if (type == quantized::int16)
            pack_int16_columns(panel, column_stride, depth_stride, count, depth, packed);
        else if (column_stride == 1)
            pack_bf16_rows(panel, depth_stride, count, depth, packed);
        else
            pack_bf16_columns(panel, column_stride, depth_stride, count, depth, packed);
    }
}

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
