#pragma once
/// \file Interface of the kernels: the data they work on, and the table of functions of an instruction set.
///
/// A weight matrix is packed into panels of 16 columns, [columns / 16][depth][16]. An element of a product is the sum
/// over k in ascending order, whatever rows and columns it is computed beside: a row has the same bits in any batch and
/// on any number of threads.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <zeroshot/half.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {

/// Instruction sets, from the plainest of each family (x86, ARM, WebAssembly) to the widest. amx stands for its tiles
/// of bfloat16 and of bytes, which no processor has apart.
enum class instruction_set {
    portable,
    avx2,
    avx_vnni,
    avx512,
    avx512_vnni,
    avx512_bf16,
    amx,
    neon,
    neon_dot,
    neon_bf16,
    simd128
};

/// Columns of a panel; the last panel is filled with zeros.
inline constexpr std::size_t panel_width = 16;

/// Number of panels that hold so many columns.
constexpr std::size_t panel_count(std::size_t columns) {
    return (columns + panel_width - 1) / panel_width;
}

/// Number of elements of `columns` packed columns of the given depth.
constexpr std::size_t packed_size(std::size_t columns, std::size_t depth) {
    return panel_count(columns) * panel_width * depth;
}

/// Function applied to a number after it was summed.
enum class activation { identity, relu, quick_gelu, gelu, gelu_tanh, exponential };

/// The end of a product: result = activation(gain * (sum + bias) [+ result]).
template <class Scalar>
struct epilogue {
    const Scalar* bias = nullptr;  ///< [columns], or null
    const Scalar* gain = nullptr;  ///< [columns], or null
    bool add = false;              ///< whether the result's old value is added
    activation function = activation::identity;
};

/// A product: result[row, column] = sum over k of rows[row, k] * weights[column, k].
/// \tparam Word element of rows and weights: Scalar, or 32 bits of several quantized numbers
template <class Scalar, class Word = Scalar>
struct product {
    const Word* rows;  ///< [row_count, depth], row_stride elements apart
    std::size_t row_stride;
    std::size_t row_count;
    const Word* packed;  ///< packed weights of [columns, depth]
    std::size_t columns;
    std::size_t depth;
    Scalar* result;  ///< [row_count, columns], result_stride elements apart
    std::size_t result_stride;
    epilogue<Scalar> finish{};
};

/// Number formats that weights and rows are rounded to before they are multiplied, several numbers to a word of 32
/// bits.
///
/// One layout serves all instruction sets. A row, or a column of the weights, is cut into blocks of 16 words. Word w of
/// a block holds the numbers w, w + 16 (of 8 bits also w + 32, w + 48) of the block's 32 (64), the first of them in the
/// lowest bits; the last block is filled with zeros. So rounding works on neighbours in memory and packs lane by lane.
/// The words of 16 columns form a panel as floats do, [words][16], which is also a tile of AMX.
enum class quantized {
    bf16,   ///< the nearest bfloat16, ties to even; the sums are float
    int16,  ///< times a scale for each row and each column, to the nearest integer; the sums are exact
    int8    ///< the same, of 8 bits
};

/// A product of quantized numbers; depth is column_words, row_stride row_words.
using quantized_product = product<float, std::uint32_t>;

/// Words of a block: a cache line.
inline constexpr std::size_t block_words = 16;

constexpr std::size_t numbers_in_word(quantized type) {
    return type == quantized::int8 ? 4 : 2;
}

/// Number of words of a row or column, without its header.
constexpr std::size_t word_count(quantized type, std::size_t depth) {
    const std::size_t in_block = block_words * numbers_in_word(type);
    return (depth + in_block - 1) / in_block * block_words;
}

/// Words before those of a column of weights: of integers its scale, a float; of bytes also the sum of its numbers.
constexpr std::size_t column_header(quantized type) {
    return type == quantized::bf16 ? 0 : type == quantized::int16 ? 1 : 2;
}

/// Number of words of a column, its header included.
constexpr std::size_t column_words(quantized type, std::size_t depth) {
    return column_header(type) + word_count(type, depth);
}

/// Number of words of packed weights.
constexpr std::size_t packed_size(quantized type, std::size_t columns, std::size_t depth) {
    return packed_size(columns, column_words(type, depth));
}

/// Words before those of a row: of integers its scale, a float; of bytes also the number that stands for zero. A line
/// of its own for every type, so that the distance of rows is no power of two, which would map them to the same sets of
/// the caches.
inline constexpr std::size_t row_header = block_words;

/// Packed rows are multiplied so many at a time. Rows missing in the last tile are read, their results discarded.
inline constexpr std::size_t packed_rows_grain = 2;

/// Largest depth of int16: beyond, each number of a column is left so few bits that bfloat16 is as exact.
inline constexpr std::size_t deepest_int16 = 1 << 14;

/// Largest integer of 16 bits in a row. The deeper a sum, the more of its 31 bits a column needs: so that both are
/// rounded about as finely, a row has 13 bits up to 256 numbers, and one less for every four times as many.
constexpr std::size_t largest_int16_in_row(std::size_t depth) {
    std::size_t bits = 13;
    for (std::size_t reach = 256; depth > reach; reach *= 4) --bits;
    return (std::size_t{1} << bits) - 1;
}

/// Largest sum of the magnitudes in a column: no sum of products exceeds 31 bits.
constexpr std::size_t largest_int16_column(std::size_t depth) {
    return (std::size_t{1} << 31) / (largest_int16_in_row(depth) + 1);
}

/// Sides of a tile of Winograd's F(4x4, 3x3): results, and the patch of pixels that they are made of.
inline constexpr std::size_t winograd_results = 4, winograd_patch = 6;
inline constexpr std::size_t winograd_places = winograd_patch * winograd_patch;

/// The pixels that an output pixel is made of.
struct pixel_range {
    std::size_t first;
    std::size_t count;
};

/// Bits after the point of a weight of resampling. Pillow's src/libImaging/Resample.c: weights are 22-bit fixed point,
/// sums of bytes start at one half.
inline constexpr int resample_bits = 32 - 8 - 2;

/// Rows of an image that are resampled together.
inline constexpr std::size_t rows_at_once = 4;

/// Number of bytes that may be read behind the last needed byte of a row.
inline constexpr std::size_t read_beyond = 16;

/// Weights of a resampling along a row.
struct pixel_weights {
    const pixel_range* sources;   ///< [outputs]
    const std::int32_t* weights;  ///< [outputs, taps], fixed point of resample_bits
    const std::int16_t* split;    ///< the same in the table's own order, made by split_weights
    std::size_t taps;
    std::size_t outputs;
};

/// Kernels on one type of numbers; the free functions of kernels.hpp describe their parameters.
template <class Scalar>
struct scalar_kernels {
    void (*multiply)(const product<Scalar>&, std::size_t panel, std::size_t end) noexcept;
    void (*apply)(activation, Scalar* numbers, std::size_t count) noexcept;
    void (*softmax)(Scalar* numbers, std::size_t count, Scalar scale) noexcept;
    void (*normalise)(const Scalar* row, std::size_t width, const Scalar* gain, const Scalar* bias, Scalar epsilon,
                      Scalar* result) noexcept;
    void (*winograd_transform)(const Scalar* const* patch, std::size_t channels, Scalar* places,
                               std::size_t stride) noexcept;
    void (*winograd_finish)(const Scalar* places, std::size_t stride, const Scalar* bias, std::size_t channels,
                            bool add, Scalar* const* results) noexcept;
};

/// Layout of quantized rows for the instruction set that multiplies them.
struct row_format {
    bool bf16_as_floats;  ///< rows of bfloat16 are floats, first all lower halves of the words, then all upper ones
    bool signed_bytes;    ///< bytes of rows, and the one that stands for zero, are signed
};

/// The kernels of one instruction set.
struct table {
    instruction_set set;
    std::string_view name;
    bool (*is_available)() noexcept;  ///< whether this machine can run them; of AMX, asks the system's permission too
    bool (*is_preferred)() noexcept;  ///< whether this machine runs them faster than those of the tables that follow

    row_format rows;
    /// Whether pairs of integers of 16 bits are multiplied faster than floats: twice as many at a time, or 1.5 times.
    bool gains_from_int16;
    /// The faster of the types of 16 bits, or the more exact one where they are as fast.
    quantized best_of_16_bits;

    scalar_kernels<float> f32;
    std::array<void (*)(const quantized_product&, std::size_t panel, std::size_t end) noexcept, 3> multiply_quantized;
    void (*pack_rows)(quantized, row_format, const float* rows, std::size_t row_stride, std::size_t row_count,
                      std::size_t depth, std::uint32_t* packed) noexcept;
    void (*pack_columns)(quantized, const float* source, std::size_t column_stride, std::size_t depth_stride,
                         std::size_t columns, std::size_t depth, std::uint32_t* packed) noexcept;
    void (*round_floats)(const float* numbers, std::size_t count, float* rounded) noexcept;
    void (*widen_half)(const half*, std::size_t count, float*) noexcept;
    void (*widen_bfloat16)(const bfloat16*, std::size_t count, float*) noexcept;

    /// The next two are of 1 to 4 channels; no weights are split where the first is null.
    std::array<void (*)(const pixel_weights&, std::vector<std::int16_t>& split), 4> split_weights;
    std::array<void (*)(const pixel_weights&, const std::uint8_t* const* rows, std::uint8_t* const* results) noexcept,
               4>
        sum_pixels;
    void (*sum_rows)(const std::uint8_t* const* rows, const std::int32_t* weights, std::size_t count, std::size_t width,
                     std::uint8_t* output) noexcept;
};

/// Number of words of a packed row, its header included.
constexpr std::size_t row_words(quantized type, std::size_t depth, const table& kernels) {
    return row_header + word_count(type, depth) * (type == quantized::bf16 && kernels.rows.bf16_as_floats ? 2 : 1);
}

/// Number of words of packed rows, with room for the rows that the last tile lacks.
constexpr std::size_t packed_rows_size(quantized type, std::size_t row_count, std::size_t depth, const table& kernels) {
    return (row_count + packed_rows_grain - 1) / packed_rows_grain * packed_rows_grain *
           row_words(type, depth, kernels);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
