#pragma once
/// \file Quantization: rounding of floats to bfloat16 and to integers, and packing of rows and of panels of weights.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/tiles.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

/// The mantissa of a float near this one ends at the units: adding it rounds to the nearest integer, ties to even,
/// which is then in the lowest bits.
inline constexpr float to_integer = 12582912.0f;
inline constexpr std::uint32_t middle_byte = 128;         // zero point of signed numbers as unsigned bytes
inline constexpr std::uint32_t byte_signs = 0x80808080u;  // flipped, unsigned bytes are the signed ones again
inline constexpr std::uint32_t upper_half = 0xffff0000u;

/// Numbers of a block.
constexpr std::size_t numbers_in_block(number_format format) {
    return block_words * numbers_in_word(format);
}

/// A block of numbers, padded with zeros where fewer are left.
template <std::size_t Numbers>
struct padded_block {
    float numbers[Numbers];

    [[gnu::always_inline]] inline const float* operator()(const float* from, std::size_t count) noexcept {
        if (count >= Numbers) return from;
        for (std::size_t i = 0; i < Numbers; ++i) numbers[i] = i < count ? from[i] : 0.0f;
        return numbers;
    }
};

/// Quantizes a block to integers, round(number * inverse_scale) + zero_point. int16 with inverse_scale 0 are 0, of NaN
/// too.
template <std::size_t Lanes, number_format Format>
[[gnu::always_inline]] inline void quantize_block(const float* numbers, float inverse_scale, std::uint32_t zero_point,
                                                  std::uint32_t* to) noexcept {
    constexpr std::size_t count = numbers_in_word(Format), bits = 32 / count;
    constexpr std::uint32_t mask = (1u << bits) - 1;
    if (Format == number_format::int16 && inverse_scale == 0) {
        for (std::size_t w = 0; w < block_words; ++w) to[w] = 0;
        return;
    }
    const float shift = to_integer + static_cast<float>(static_cast<std::int32_t>(zero_point));
    for (std::size_t w = 0; w < block_words; w += Lanes) {
        words<Lanes> word = {};
        for (std::size_t i = 0; i < count; ++i) {
            const floats<Lanes> sum = vector_at<Lanes>(numbers + i * block_words + w).vector * inverse_scale + shift;
            word |= (reinterpret_cast<const words<Lanes>&>(sum) & mask) << static_cast<std::uint32_t>(bits * i);
        }
        vector_at<Lanes>(to + w).vector = word;
    }
}

/// Rounds numbers to the nearest bfloat16, the upper halves of `rounded`; the lower halves are undefined.
template <std::size_t Lanes>
[[gnu::always_inline]] inline void round_bits(const float* numbers, words<Lanes>& rounded) noexcept {
    const floats<Lanes> number = vector_at<Lanes>(numbers).vector;
    const words<Lanes> bits = reinterpret_cast<const words<Lanes>&>(number);
    rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
    rounded = (bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : rounded;  // a NaN stays one
}

/// Rounds twice 16 numbers to 16 words of two bfloat16 each.
template <std::size_t Lanes>
[[gnu::always_inline]] inline void round_words(const float* lower, const float* upper, std::uint32_t* to) noexcept {
    for (std::size_t w = 0; w < block_words; w += Lanes) {
        words<Lanes> halves[2];
        round_bits<Lanes>(lower + w, halves[0]);
        round_bits<Lanes>(upper + w, halves[1]);
        vector_at<Lanes>(to + w).vector = (halves[0] >> 16) | (halves[1] & upper_half);
    }
}

/// Rounds numbers to floats that are bfloat16.
template <std::size_t Lanes>
[[gnu::always_inline]] inline void round_floats(const float* numbers, std::size_t count, float* to) noexcept {
    std::size_t i = 0;
    for (; i + Lanes <= count; i += Lanes) {
        words<Lanes> bits;
        round_bits<Lanes>(numbers + i, bits);
        bits &= upper_half;
        vector_at<Lanes>(to + i).vector = reinterpret_cast<const floats<Lanes>&>(bits);
    }
    for (; i < count; ++i) to[i] = float_from_bfloat(bfloat_from_float(numbers[i]));
}

/// 1 / scale, or 0 where that would not be finite: numbers so small become zero.
constexpr float inverse_of(float scale) noexcept {
    constexpr float smallest = 1e-37f, largest = 3e38f;
    return scale > smallest && scale < largest ? 1.0f / scale : 0.0f;
}

/// The range of a row, zero included, and its largest magnitude: NaN where one of the numbers is.
struct row_range {
    float lowest = 0, highest = 0, magnitude = 0;
};

/// \tparam Ends whether the lowest and the highest are needed
template <std::size_t Lanes, bool Ends>
[[gnu::always_inline]] inline row_range range_of(const float* numbers, std::size_t count) noexcept {
    words<Lanes> magnitudes = {};  // as bits: without their sign, floats are in the order of integers, NaN last
    floats<Lanes> lowest = {}, highest = {};
    padded_block<Lanes> padded;
    for (std::size_t i = 0; i < count; i += Lanes) {
        const floats<Lanes> number = vector_at<Lanes>(padded(numbers + i, count - i)).vector;
        const words<Lanes> bits = reinterpret_cast<const words<Lanes>&>(number) & 0x7fffffffu;
        magnitudes = magnitudes < bits ? bits : magnitudes;
        if constexpr (Ends) {
            lowest = number < lowest ? number : lowest;
            highest = number > highest ? number : highest;
        }
    }
    row_range range;
    std::uint32_t magnitude = 0;
    for (std::size_t lane = 0; lane < Lanes; ++lane) {
        const std::uint32_t bits = reinterpret_cast<const std::uint32_t*>(&magnitudes)[lane];
        const float low = reinterpret_cast<const float*>(&lowest)[lane];
        const float high = reinterpret_cast<const float*>(&highest)[lane];
        magnitude = magnitude < bits ? bits : magnitude;
        range.lowest = low < range.lowest ? low : range.lowest;
        range.highest = high > range.highest ? high : range.highest;
    }
    range.magnitude = std::bit_cast<float>(magnitude);
    return range;
}

/// number = scale * (integer - zero_point)
struct row_quantization {
    float scale;
    float inverse_scale;
    std::uint32_t zero_point;
};

/// Scale and zero point of a row. Of the 255 levels of int8, 253 are used, so that zero is exact and rounding cannot
/// overflow. With a NaN or an infinity in the row, the scale is one, so that the results are.
template <std::size_t Lanes, number_format Format>
[[gnu::always_inline]] inline row_quantization quantization_of(const float* row, std::size_t depth) noexcept {
    constexpr float levels = 253;
    constexpr float largest = 1e38f;  // compared as bits: under -ffast-math, no float is NaN
    const row_range range = range_of<Lanes, Format == number_format::int8>(row, depth);
    if (std::bit_cast<std::uint32_t>(range.magnitude) >= std::bit_cast<std::uint32_t>(largest))
        return {range.magnitude * 10.0f, 0.0f, 0};
    if constexpr (Format == number_format::int8) {
        const float scale = (range.highest - range.lowest) / levels, inverse = inverse_of(scale);
        return {scale, inverse, static_cast<std::uint32_t>(-range.lowest * inverse) + (range.lowest < 0 ? 1u : 0u)};
    } else {
        const float scale = range.magnitude / static_cast<float>(largest_int16_in_row(depth));
        return {scale, inverse_of(scale), 0};
    }
}

/// The words of a block of a row.
/// \param to [block_words]; of bf16 as floats, the lower halves
/// \param upper of bf16 as floats, the upper halves; null for all others
template <std::size_t Lanes, number_format Format>
[[gnu::always_inline]] inline void round_block(const float* numbers, const row_quantization& quantization,
                                               std::uint32_t* to, std::uint32_t* upper) noexcept {
    if constexpr (Format != number_format::bf16) {
        quantize_block<Lanes, Format>(numbers, quantization.inverse_scale, quantization.zero_point, to);
    } else {
        round_words<Lanes>(numbers, numbers + block_words, to);
        for (std::size_t w = 0; upper != nullptr && w < block_words; ++w) {
            const std::uint32_t word = to[w];
            to[w] = word << 16;
            upper[w] = word & upper_half;
        }
    }
}

/// Rounds the rows of a tile block by block: in place where rows lie one after the other, otherwise through a copy that
/// is then transposed.
template <std::size_t Lanes, number_format Format>
[[gnu::always_inline]] inline void pack_rows_of(row_layout layout, const float* rows, std::size_t row_stride,
                                                std::size_t row_count, std::size_t height, std::size_t depth,
                                                std::uint32_t* packed) noexcept {
    constexpr std::size_t block = numbers_in_block(Format), copy_stride = 2 * block_words;
    const bool tiled = layout.tile_height != 0;
    const std::size_t row_size = row_words(Format, depth, layout), count = word_count(Format, depth);
    const std::size_t word_step = tiled ? height : 1;
    for (std::size_t i = row_count * row_size; !tiled && i < height * row_size; ++i) packed[i] = 0;
    row_quantization quantizations[highest_tile] = {};
    for (std::size_t i = 0; Format != number_format::bf16 && i < height; ++i) {
        if (i < row_count) quantizations[i] = quantization_of<Lanes, Format>(rows + i * row_stride, depth);
        if (layout.signed_bytes && i < row_count) quantizations[i].zero_point -= middle_byte;
        std::uint32_t* const header = packed + i * (tiled ? 1 : row_size);
        header[0] = std::bit_cast<std::uint32_t>(quantizations[i].scale);
        header[word_step] = quantizations[i].zero_point;
    }
    std::uint32_t copy[highest_tile * copy_stride] = {};
    std::uint32_t* to = packed + row_header(layout) * word_step;
    padded_block<block> padded;
    for (std::size_t first = 0; first < depth; first += block, to += block_words * word_step) {
        for (std::size_t i = 0; i < row_count; ++i) {
            std::uint32_t* const words = tiled ? copy + i * copy_stride : to + i * row_size;
            std::uint32_t* const upper = layout.as_floats ? words + (tiled ? block_words : count) : nullptr;
            round_block<Lanes, Format>(padded(rows + i * row_stride + first, depth - first), quantizations[i], words,
                                       upper);
        }
        if (!tiled) continue;
        pack_tile(copy, copy_stride, height, block_words, to);
        if (layout.as_floats) pack_tile(copy + block_words, copy_stride, height, block_words, to + count * height);
    }
}

template <std::size_t Lanes>
[[gnu::always_inline]] inline void pack_rows(number_format format, row_layout layout, const float* rows,
                                             std::size_t row_stride, std::size_t row_count, std::size_t height,
                                             std::size_t depth, std::uint32_t* packed) noexcept {
    if (format == number_format::int8)
        pack_rows_of<Lanes, number_format::int8>(layout, rows, row_stride, row_count, height, depth, packed);
    else if (format == number_format::int16)
        pack_rows_of<Lanes, number_format::int16>(layout, rows, row_stride, row_count, height, depth, packed);
    else
        pack_rows_of<Lanes, number_format::bf16>(layout, rows, row_stride, row_count, height, depth, packed);
}

/// A column of weights.
struct weight_column {
    const float* numbers;
    std::size_t stride;
    std::size_t depth;

    /// The numbers from `first` on, copied only if they are not contiguous; zeros beyond the end.
    template <std::size_t Numbers>
    const float* block(std::size_t first, float (&copy)[Numbers]) const noexcept {
        if (stride == 1 && first + Numbers <= depth) return numbers + first;
        for (std::size_t i = 0; i < Numbers; ++i) copy[i] = first + i < depth ? numbers[(first + i) * stride] : 0.0f;
        return copy;
    }
};

/// Scale of a column of int8: no two numbers that meet in a 16-bit sum (the two lower or the two upper bytes of a word)
/// exceed 128 together, so that with unsigned bytes their sum is within 255 * 128. Rounding adds one half to each.
inline float int8_scale(const weight_column& column) noexcept {
    constexpr std::size_t size = numbers_in_block(number_format::int8);
    constexpr float largest_sum = 128 - 2 * 0.5f;
    float largest = 0, copy[size];
    for (std::size_t first = 0; first < column.depth; first += size) {
        const float* const block = column.block(first, copy);
        for (const float* pair : {block, block + 2 * block_words}) {
            for (std::size_t w = 0; w < block_words; ++w) {
                const float sum = std::abs(pair[w]) + std::abs(pair[w + block_words]);
                largest = largest < sum ? sum : largest;
            }
        }
    }
    return largest / largest_sum;
}

/// Scale of a column of int16: the magnitudes of its integers, each rounded by one half, sum to largest_int16_column at
/// most.
inline float int16_scale(const weight_column& column) noexcept {
    constexpr double largest_integer = 32'767;
    double largest = 0, sum = 0;
    for (std::size_t k = 0; k < column.depth; ++k) {
        const double magnitude = std::abs(static_cast<double>(column.numbers[k * column.stride]));
        largest = largest < magnitude ? magnitude : largest;
        sum += magnitude;
    }
    constexpr double margin = 1;  // for the scale's own rounding
    const double by_sum = sum / (static_cast<double>(largest_int16_column(column.depth)) - margin -
                                 0.5 * static_cast<double>(column.depth));
    const double by_largest = largest / largest_integer;
    return static_cast<float>(by_sum < by_largest ? by_largest : by_sum);
}

/// The sum of the signed bytes of a packed column.
inline std::uint32_t sum_of_bytes(const std::uint32_t* packed, std::size_t count) noexcept {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        for (unsigned byte = 0; byte < 4; ++byte)
            sum += static_cast<std::int8_t>((packed[i * panel_width] >> (8 * byte)) & 0xffu);
    }
    return static_cast<std::uint32_t>(sum);
}

/// A panel of 16 columns, or fewer: block by block, the columns are rounded and transposed into the panel.
template <number_format Format, std::size_t Lanes>
[[gnu::always_inline]] inline void pack_panel(const float* source, std::size_t column_stride, std::size_t depth_stride,
                                              std::size_t columns, std::size_t depth, std::uint32_t* panel) noexcept {
    constexpr std::size_t block = numbers_in_block(Format);
    const auto column_at = [&](std::size_t column) {
        return weight_column{source + column * column_stride, depth_stride, depth};
    };
    float inverse_scales[panel_width] = {};
    for (std::size_t column = 0; Format != number_format::bf16 && column < panel_width; ++column) {
        const auto scale_of = Format == number_format::int8 ? int8_scale : int16_scale;
        const float scale = column < columns ? scale_of(column_at(column)) : 0.0f;
        inverse_scales[column] = inverse_of(scale);
        panel[column] = std::bit_cast<std::uint32_t>(scale);
    }
    float copy[block];
    std::uint32_t rounded[panel_width * block_words] = {};  // [columns][words]
    std::uint32_t* to = panel + column_header(Format) * panel_width;
    for (std::size_t first = 0; first < depth; first += block, to += block_words * panel_width) {
        for (std::size_t column = 0; column < columns; ++column) {
            const float* const numbers = column_at(column).block(first, copy);
            std::uint32_t* const column_words = rounded + column * block_words;
            if constexpr (Format == number_format::bf16) {
                round_words<Lanes>(numbers, numbers + block_words, column_words);
            } else {
                constexpr bool bytes = Format == number_format::int8;
                quantize_block<Lanes, Format>(numbers, inverse_scales[column], bytes ? middle_byte : 0, column_words);
                for (std::size_t w = 0; bytes && w < block_words; ++w) column_words[w] ^= byte_signs;
            }
        }
        for (std::size_t lane = 0; lane < panel_width; lane += 4)
            transpose_4x4(rounded + lane * block_words, block_words, block_words, to + lane, panel_width);
    }
    const std::uint32_t* const packed = panel + column_header(Format) * panel_width;
    for (std::size_t column = 0; Format == number_format::int8 && column < panel_width; ++column)
        panel[panel_width + column] = sum_of_bytes(packed + column, word_count(Format, depth));
}

/// A panel of bfloat16 whose source has its order: nothing is transposed.
template <std::size_t Lanes>
[[gnu::always_inline]] inline void pack_bf16_rows(const float* source, std::size_t depth_stride, std::size_t columns,
                                                  std::size_t depth, std::uint32_t* panel) noexcept {
    padded_block<panel_width> halves[2];
    for (std::size_t first = 0; first < depth; first += 2 * block_words) {
        for (std::size_t w = first; w < first + block_words; ++w, panel += panel_width) {
            const float* numbers[2];
            for (std::size_t half = 0, k = w; half < 2; ++half, k += block_words)
                numbers[half] = k < depth ? halves[half](source + k * depth_stride, columns) : halves[half](source, 0);
            round_words<Lanes>(numbers[0], numbers[1], panel);
        }
    }
}

/// Packs columns panel by panel.
template <number_format Format, std::size_t Lanes>
[[gnu::always_inline]] inline void pack_columns_of(const float* source, std::size_t column_stride,
                                                   std::size_t depth_stride, std::size_t columns, std::size_t depth,
                                                   std::uint32_t* packed) noexcept {
    const std::size_t panel_size = column_words(Format, depth) * panel_width;
    for (std::size_t first = 0; first < columns; first += panel_width, packed += panel_size) {
        const std::size_t count = columns - first < panel_width ? columns - first : panel_width;
        const float* const panel = source + first * column_stride;
        if (Format == number_format::bf16 && column_stride == 1)
            pack_bf16_rows<Lanes>(panel, depth_stride, count, depth, packed);
        else
            pack_panel<Format, Lanes>(panel, column_stride, depth_stride, count, depth, packed);
    }
}

/// Integers are rounded by the same instructions for all tables: a fused multiplication and addition rounds
/// differently.
template <number_format Format>
[[gnu::noinline]] inline void pack_integer_columns(const float* source, std::size_t column_stride,
                                                   std::size_t depth_stride, std::size_t columns, std::size_t depth,
                                                   std::uint32_t* packed) noexcept {
    pack_columns_of<Format, portable_lanes<float>>(source, column_stride, depth_stride, columns, depth, packed);
}

template <std::size_t Lanes>
[[gnu::always_inline]] inline void pack_columns(number_format format, const float* source, std::size_t column_stride,
                                                std::size_t depth_stride, std::size_t columns, std::size_t depth,
                                                std::uint32_t* packed) noexcept {
    if (format == number_format::int8)
        pack_integer_columns<number_format::int8>(source, column_stride, depth_stride, columns, depth, packed);
    else if (format == number_format::int16)
        pack_integer_columns<number_format::int16>(source, column_stride, depth_stride, columns, depth, packed);
    else
        pack_columns_of<number_format::bf16, Lanes>(source, column_stride, depth_stride, columns, depth, packed);
}

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
