#pragma once
/// \file Numbers of 16 and of 8 bits as the kernels want them, several in a word of 32 bits: how weights and rows are
/// rounded and laid out.
///
/// One layout serves all instruction sets. A number's place in its row, or in its column of the weights, is cut into
/// blocks of 16 words. Word w of a block holds the numbers w, w + 16 (and w + 32, w + 48, of 8 bits) of the block's 32
/// (or 64), the first of them in the lowest bits; what the last block lacks is zero. So rounding works on neighbours
/// in memory and packs lane by lane. The words of 16 columns form a panel as floats do: [words][16], which is also what
/// AMX calls a tile.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/function.hpp>
#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot::inline ZEROSHOT_ABI::kernels {

/// The types that weights and rows are rounded to before they are multiplied.
enum class narrow {
    bf16,  ///< to the nearest bfloat16, ties to the even one; the sums are float
    int8   ///< times a scale for each row and each column, to the nearest integer; the sums are exact
};

/// Words of a block: a line of the caches.
inline constexpr std::size_t block_words = 16;

constexpr std::size_t numbers_in_word(narrow type) {
    return type == narrow::bf16 ? 2 : 4;
}

/// How many words hold the numbers of a row or of a column.
constexpr std::size_t word_count(narrow type, std::size_t depth) {
    const std::size_t in_block = block_words * numbers_in_word(type);
    return (depth + in_block - 1) / in_block * block_words;
}

/// What stands before the words of a column of 8-bit weights: its scale, a float, and the sum of its numbers.
inline constexpr std::size_t int8_column_header = 2;

/// How many words a column takes in its panel.
constexpr std::size_t column_words(narrow type, std::size_t depth) {
    return word_count(type, depth) + (type == narrow::int8 ? int8_column_header : 0);
}

/// How many words the packed weights take.
constexpr std::size_t packed_size(narrow type, std::size_t columns, std::size_t depth) {
    return packed_size(columns, column_words(type, depth));
}

/// What stands before the words of a row, in a line of its own: its scale, a float, and the number that stands for
/// zero. Rows whose distance is a power of two would push each other out of the caches; so it is none, whatever the
/// type.
inline constexpr std::size_t row_header = block_words;

/// Whether rows of bfloat16 are kept as floats, first all lower halves of the words, then all upper ones: where no
/// instruction multiplies pairs.
constexpr bool is_widened(narrow type, instruction_set set) {
    return type == narrow::bf16 && set != instruction_set::avx512_bf16 && set != instruction_set::amx &&
           set != instruction_set::neon_bf16;
}

/// Whether the bytes of rows are signed ones, and so is the one that stands for zero: where an instruction multiplies
/// only bytes of a kind.
constexpr bool is_signed(narrow type, instruction_set set) {
    return type == narrow::int8 && (set == instruction_set::neon_dot || set == instruction_set::neon_bf16);
}

/// How many words a packed row takes, its header included.
constexpr std::size_t row_words(narrow type, std::size_t depth, instruction_set set) {
    return row_header + word_count(type, depth) * (is_widened(type, set) ? 2 : 1);
}

/// Packed rows are multiplied so many at a time; those that the last tile lacks are read, and their results forgotten.
/// Tiles of every height would take twice as long to compile.
inline constexpr std::size_t packed_rows_grain = 2;

/// How many words packed rows take, with room for those that are read.
constexpr std::size_t packed_rows_size(narrow type, std::size_t row_count, std::size_t depth, instruction_set set) {
    return (row_count + packed_rows_grain - 1) / packed_rows_grain * packed_rows_grain * row_words(type, depth, set);
}

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
ZEROSHOT_ALWAYS_INLINE void quantise_block(const float* numbers, float per_unit, std::uint32_t zero,
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

/// Between which numbers a row lies, zero included, and its largest magnitude: NaN where one of them is.
struct row_range {
    float lowest = 0, highest = 0, magnitude = 0;
};

template <std::size_t Lanes>
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
        lowest = some < lowest ? some : lowest;
        highest = some > highest ? some : highest;
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

/// How a row becomes bytes.
struct byte_scale {
    float step;
    float per_unit;  ///< 1 / step, or 0 where that would not be finite: what is so small is zero
    std::uint32_t zero;
};

constexpr float inverse_of(float step) noexcept {
    constexpr float smallest = 1e-37f, largest = 3e38f;
    return step > smallest && step < largest ? 1.0f / step : 0.0f;
}

/// Of 255 steps two are left for rounding: zero falls on a step, and nothing beyond the first or the last. A row that
/// holds NaN or infinity gets a scale that is one.
inline byte_scale scale_of(const row_range& range) noexcept {
    constexpr float steps = 253, finite = 1e38f;
    if (!(range.magnitude < finite)) return {range.magnitude * 10.0f, 0.0f, 0};
    const float step = (range.highest - range.lowest) / steps, per_unit = inverse_of(step);
    return {step, per_unit, static_cast<std::uint32_t>(-range.lowest * per_unit) + (range.lowest < 0 ? 1u : 0u)};
}

template <std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void pack_int8_row(const float* row, std::size_t depth, bool is_signed,
                                          std::uint32_t* to) noexcept {
    constexpr std::size_t in_block = 4 * block_words;
    byte_scale scale = scale_of(range_of<Lanes>(row, depth));
    if (is_signed) scale.zero -= middle_byte;
    to[0] = std::bit_cast<std::uint32_t>(scale.step);
    to[1] = scale.zero;
    to += row_header;
    padded_block<in_block> block;
    for (std::size_t first = 0; first < depth; first += in_block, to += block_words)
        quantise_block<Lanes>(block(row + first, depth - first), scale.per_unit, scale.zero, to);
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
        else
            pack_bf16_row<Lanes>(rows, depth, is_widened(type, set), packed);
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
    std::uint32_t packed[block_words], *next = to + int8_column_header * panel_width;
    for (std::size_t first = 0; first < column.depth; first += in_block) {
        column.block(first, block);
        quantise_block<4>(block, per_unit, middle_byte, packed);
        for (const std::uint32_t word : packed) {
            *next = word ^ byte_signs;
            next += panel_width;
        }
    }
    to[0] = std::bit_cast<std::uint32_t>(step);
    to[panel_width] = sum_of_bytes(to + int8_column_header * panel_width, word_count(narrow::int8, column.depth));
}

/// 16 columns, or fewer.
inline void pack_int8_columns(const float* source, std::size_t column_stride, std::size_t depth_stride,
                              std::size_t columns, std::size_t depth, std::uint32_t* panel) noexcept {
    const std::size_t panel_size = columns < panel_width ? packed_size(narrow::int8, columns, depth) : 0;
    for (std::size_t i = 0; i < panel_size; ++i) panel[i] = 0;
    for (std::size_t column = 0; column < columns; ++column)
        pack_int8_column({source + column * column_stride, depth_stride, depth}, panel + column);
}

/// The same in bfloat16: a block of each column is rounded, then all are turned to lie across the panel.
inline void pack_bf16_columns(const float* source, std::size_t column_stride, std::size_t depth_stride,
                              std::size_t columns, std::size_t depth, std::uint32_t* panel) noexcept {
    constexpr std::size_t in_block = 2 * block_words;
    float numbers[in_block];
    std::uint32_t rounded[panel_width * block_words] = {};  // [columns][words]
    for (std::size_t first = 0; first < depth; first += in_block, panel += block_words * panel_width) {
        for (std::size_t column = 0; column < columns; ++column) {
            const weight_column from{source + column * column_stride, depth_stride, depth};
            round_block<4>(from.block_at(first, numbers), rounded + column * block_words);
        }
        for (std::size_t lane = 0; lane < panel_width; lane += 4)
            turn_four(rounded + lane * block_words, block_words, block_words, panel + lane);
    }
}

/// The same where the source's rows run along the panel's: nothing is turned.
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

#if ZEROSHOT_KERNELS_X86
ZEROSHOT_TARGET("avx2,fma")
inline void pack_rows_avx2(narrow type, const float* rows, std::size_t row_stride, std::size_t row_count,
                           std::size_t depth, std::uint32_t* packed, instruction_set set) noexcept {
    pack_rows<8>(type, rows, row_stride, row_count, depth, packed, set);
}

ZEROSHOT_TARGET("avx2,fma")
inline void round_floats_avx2(const float* numbers, std::size_t count, float* to) noexcept {
    round_floats<8>(numbers, count, to);
}
#endif

}  // namespace detail

/// Packs weights whose element (column, k) stands at source[column * column_stride + k * depth_stride], for all
/// instruction sets alike.
/// \param packed of packed_size(type, columns, depth)
inline void pack(narrow type, const float* source, std::size_t column_stride, std::size_t depth_stride,
                 std::size_t columns, std::size_t depth, std::uint32_t* packed) noexcept {
    const std::size_t panel_size = column_words(type, depth) * panel_width;
    for (std::size_t first = 0; first < columns; first += panel_width, packed += panel_size) {
        const std::size_t count = columns - first < panel_width ? columns - first : panel_width;
        const float* const panel = source + first * column_stride;
        if (type == narrow::int8)
            detail::pack_int8_columns(panel, column_stride, depth_stride, count, depth, packed);
        else if (column_stride == 1)
            detail::pack_bf16_rows(panel, depth_stride, count, depth, packed);
        else
            detail::pack_bf16_columns(panel, column_stride, depth_stride, count, depth, packed);
    }
}

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

}  // namespace zeroshot::inline ZEROSHOT_ABI::kernels
