#pragma once
/// \file Columns of weights, rounded and packed as narrow.hpp lays them out: the right side of a narrow product.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/kernels/quantized.hpp>
#include <zeroshot/kernels/round.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {
namespace detail {

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
    std::uint32_t packed[block_words], *next = to + column_header(narrow::int8) * panel_width;
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
        sum_of_bytes(to + column_header(narrow::int8) * panel_width, word_count(narrow::int8, column.depth));
}

/// 16 columns, or fewer.
inline void pack_int8_columns(const float* source, std::size_t column_stride, std::size_t depth_stride,
                              std::size_t columns, std::size_t depth, std::uint32_t* panel) noexcept {
    const std::size_t panel_size = columns < panel_width ? packed_size(narrow::int8, columns, depth) : 0;
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
    pack_pairs(source, column_stride, depth_stride, columns, depth, panel + column_header(narrow::int16) * panel_width,
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

}  // namespace detail

/// Packs weights whose element (column, k) stands at source[column * column_stride + k * depth_stride], for all
/// instruction sets alike.
/// \param depth of int16, deepest_int16 at most
/// \param packed of packed_size(type, columns, depth)
inline void pack(narrow type, const float* source, std::size_t column_stride, std::size_t depth_stride,
                 std::size_t columns, std::size_t depth, std::uint32_t* packed) noexcept {
    const std::size_t panel_size = column_words(type, depth) * panel_width;
    for (std::size_t first = 0; first < columns; first += panel_width, packed += panel_size) {
        const std::size_t count = columns - first < panel_width ? columns - first : panel_width;
        const float* const panel = source + first * column_stride;
        if (type == narrow::int8)
            detail::pack_int8_columns(panel, column_stride, depth_stride, count, depth, packed);
        else if (type == narrow::int16)
            detail::pack_int16_columns(panel, column_stride, depth_stride, count, depth, packed);
        else if (column_stride == 1)
            detail::pack_bf16_rows(panel, depth_stride, count, depth, packed);
        else
            detail::pack_bf16_columns(panel, column_stride, depth_stride, count, depth, packed);
    }
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
