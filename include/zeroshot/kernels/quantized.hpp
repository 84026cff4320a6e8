#pragma once
/// \file Numbers of 16 and of 8 bits as the kernels want them, several in a word of 32 bits: how weights and rows are
/// laid out.
///
/// One layout serves all instruction sets. A number's place in its row, or in its column of the weights, is cut into
/// blocks of 16 words. Word w of a block holds the numbers w, w + 16 (and w + 32, w + 48, of 8 bits) of the block's 32
/// (or 64), the first of them in the lowest bits; what the last block lacks is zero. So rounding works on neighbours
/// in memory and packs lane by lane. The words of 16 columns form a panel as floats do: [words][16], which is also what
/// AMX calls a tile.

#include <cstddef>

#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/kernels/multiply.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {

/// The types that weights and rows are rounded to before they are multiplied.
enum class narrow {
    bf16,   ///< to the nearest bfloat16, ties to the even one; the sums are float
    int16,  ///< times a scale for each row and each column, to the nearest integer; the sums are exact
    int8    ///< the same, of 8 bits
};

/// Words of a block: a line of the caches.
inline constexpr std::size_t block_words = 16;

constexpr std::size_t numbers_in_word(narrow type) {
    return type == narrow::int8 ? 4 : 2;
}

/// How many words hold the numbers of a row or of a column.
constexpr std::size_t word_count(narrow type, std::size_t depth) {
    const std::size_t in_block = block_words * numbers_in_word(type);
    return (depth + in_block - 1) / in_block * block_words;
}

/// How many words stand before those of a column of weights: of integers its scale, a float; of bytes the sum of its
/// numbers, too.
constexpr std::size_t column_header(narrow type) {
    return type == narrow::bf16 ? 0 : type == narrow::int16 ? 1 : 2;
}

/// How many words a column takes in its panel.
constexpr std::size_t column_words(narrow type, std::size_t depth) {
    return column_header(type) + word_count(type, depth);
}

/// How many words the packed weights take.
constexpr std::size_t packed_size(narrow type, std::size_t columns, std::size_t depth) {
    return packed_size(columns, column_words(type, depth));
}

/// What stands before the words of a row, in a line of its own: of integers its scale, a float; of bytes the number
/// that stands for zero, too. Rows whose distance is a power of two would push each other out of the caches; so it is
/// none, whatever the type.
inline constexpr std::size_t row_header = block_words;

/// Whether rows of bfloat16 are kept as floats, first all lower halves of the words, then all upper ones: where no
/// instruction multiplies pairs.
constexpr bool is_widened(narrow type, instruction_set set) {
    return type == narrow::bf16 && set != instruction_set::avx512_bf16 && set != instruction_set::amx &&
           set != instruction_set::neon_bf16;
}

/// Of more numbers, a column would leave so little to each that bfloat16 is as fine.
inline constexpr std::size_t deepest_int16 = 1 << 14;

/// The largest integer of 16 bits in a row. The deeper the sums are, the more of their 31 bits a column needs: so that
/// both are rounded about as finely, a row has 13 bits up to 256 numbers, and one less for every four times as many.
constexpr std::size_t largest_int16_in_row(std::size_t depth) {
    std::size_t bits = 13;
    for (std::size_t reach = 256; depth > reach; reach *= 4) --bits;
    return (std::size_t{1} << bits) - 1;
}

/// The largest sum of the magnitudes in a column: no sum of products has more than 31 bits.
constexpr std::size_t largest_int16_column(std::size_t depth) {
    return (std::size_t{1} << 31) / (largest_int16_in_row(depth) + 1);
}

/// Whether pairs of integers of 16 bits are multiplied faster than floats: twice as many at a time, or 1.5 times. Not
/// by AVX-512 without VNNI, which takes them as AVX2 does.
constexpr bool gains_from_int16(instruction_set set) {
    switch (set) {
        case instruction_set::avx2:
        case instruction_set::avx_vnni:
        case instruction_set::avx512_vnni:
        case instruction_set::avx512_bf16:
        case instruction_set::amx:
        case instruction_set::simd128:
            return true;
        default:
            return false;
    }
}

/// The faster of the types of 16 bits, or the finer one where they are as fast: integers, but where bfloat16 is
/// multiplied in tiles, or no integers are.
constexpr narrow best_of_16_bits(instruction_set set) {
    return gains_from_int16(set) && set != instruction_set::amx ? narrow::int16 : narrow::bf16;
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

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
