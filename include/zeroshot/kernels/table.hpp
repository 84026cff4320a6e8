#pragma once
/// \file Interface of the kernels: operands, packed layouts, and the table of functions of an instruction set.
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
/// of bfloat16 and of bytes, which processors only have together.
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

/// Columns of a panel; the last panel is padded with zeros.
inline constexpr std::size_t panel_width = 16;

/// Number of panels of a matrix.
constexpr std::size_t panel_count(std::size_t columns) {
    return (columns + panel_width - 1) / panel_width;
}

/// Number of elements of a packed matrix.
constexpr std::size_t packed_size(std::size_t columns, std::size_t depth) {
    return panel_count(columns) * panel_width * depth;
}

/// Function applied to a sum.
enum class activation { identity, relu, quick_gelu, gelu, gelu_tanh, exponential };

/// The last step of a product: result = activation(gain * (sum + bias) [+ result]).
template <class Scalar>
struct epilogue {
    const Scalar* bias = nullptr;  ///< [columns], or null
    const Scalar* gain = nullptr;  ///< [columns], or null
    bool add = false;              ///< whether the result's old value is added
    activation function = activation::identity;
};

/// Operands of a product: result[row, column] = epilogue(sum over k of rows[row, k] * weights[column, k]).
/// \tparam Word element of rows and weights: Scalar, or 32 bits that hold several numbers
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
    kernels::epilogue<Scalar> epilogue{};
    std::size_t packed_depth = depth;  ///< of the weights, where only the first `depth` of it are multiplied

    /// Elements from one panel of the weights to the next.
    constexpr std::size_t panel_size() const noexcept { return panel_width * packed_depth; }
};

/// Formats of quantized operands: 16 or 8 bits per number, several numbers in a word of 32 bits.
///
/// One layout serves all instruction sets. A row, or a column of the weights, is cut into blocks of 16 words. Word w of
/// a block holds the numbers w, w + 16 (of 8 bits also w + 32, w + 48) of the block's 32 (64), the first of them in the
/// lowest bits; the last block is padded with zeros. So neighbours in memory are rounded together, and packed lane by
/// lane. The words of 16 columns form a panel as floats do, [words][16], which is also a tile of AMX.
enum class number_format {
    bf16,   ///< the nearest bfloat16, ties to even; sums are float
    int16,  ///< integers with a scale per row and per column; sums are exact
    int8    ///< the same of 8 bits, with a zero point per row
};

/// A product of quantized operands; depth is column_words, row_stride row_words.
using quantized_product = product<float, std::uint32_t>;

/// Words of a block: a cache line.
inline constexpr std::size_t block_words = 16;

constexpr std::size_t numbers_in_word(number_format format) {
    return format == number_format::int8 ? 4 : 2;
}

/// Number of words of a row or column, without its header.
constexpr std::size_t word_count(number_format format, std::size_t depth) {
    const std::size_t block = block_words * numbers_in_word(format);
    return (depth + block - 1) / block * block_words;
}

/// Words of the header of a column: the scale of integers, a float; of int8 also the sum of its numbers.
constexpr std::size_t column_header(number_format format) {
    return format == number_format::bf16 ? 0 : format == number_format::int16 ? 1 : 2;
}

/// Number of words of a column, its header included.
constexpr std::size_t column_words(number_format format, std::size_t depth) {
    return column_header(format) + word_count(format, depth);
}

/// Number of words of packed weights.
constexpr std::size_t packed_size(number_format format, std::size_t columns, std::size_t depth) {
    return packed_size(columns, column_words(format, depth));
}

/// Packed rows are padded to a multiple of so many. Padding is multiplied, its results are discarded.
inline constexpr std::size_t row_multiple = 2;

/// Layout of the rows of a product, by the instructions that multiply them.
///
/// A tile holds the numbers k of its rows side by side, [depth][rows]: a kernel reads it from front to back, while rows
/// at a distance of 3072 floats, a multiple of 4 KiB, would lie in the same sets of the first-level cache.
struct row_layout {
    std::size_t tile_height = 0;  ///< most rows of a tile; 0: the rows lie one after the other
    bool as_floats = false;       ///< words of bf16 become floats, first all lower halves, then all upper ones
    bool signed_bytes = false;    ///< bytes of int8, and their zero points, are signed
};

/// Most rows of a tile in any layout.
inline constexpr std::size_t highest_tile = 16;

/// Rows cut into as few tiles as possible, of equal heights, give or take one row_multiple.
struct row_tiles {
    std::size_t units, multiple, count;

    constexpr row_tiles(std::size_t rows, std::size_t height, std::size_t multiple_of) noexcept
        : units((rows + multiple_of - 1) / multiple_of),
          multiple(multiple_of),
          count((units * multiple + height - 1) / height) {}

    /// The first row of a tile; of the tile behind the last one, the number of rows with their padding.
    constexpr std::size_t row(std::size_t tile) const noexcept { return units * tile / count * multiple; }
};

/// The tiles of quantized rows; rows that lie one after the other are cut into the smallest ones.
constexpr row_tiles tiles_of(std::size_t row_count, row_layout layout) noexcept {
    return {row_count, layout.tile_height == 0 ? row_multiple : layout.tile_height, row_multiple};
}

/// Words of the header of a row: the scale of integers, a float; of int8 also the zero point. Of rows that lie one
/// after the other a cache line, so that their distance is no power of two, which would map them to the same sets of
/// the caches.
constexpr std::size_t row_header(row_layout layout) {
    return layout.tile_height == 0 ? block_words : 2;
}

/// Largest depth of int16: beyond, each number of a column has so few bits that bfloat16 is as exact.
inline constexpr std::size_t deepest_int16 = 1 << 14;

/// Largest integer of 16 bits in a row. The deeper a sum, the more of its 31 bits a column needs: so that both are
/// rounded about as finely, a row has 13 bits up to a depth of 256, and one less for every factor of four.
constexpr std::size_t largest_int16_in_row(std::size_t depth) {
    std::size_t bits = 13;
    for (std::size_t reach = 256; depth > reach; reach *= 4) --bits;
    return (std::size_t{1} << bits) - 1;
}

/// Largest sum of the magnitudes in a column: no sum of products exceeds 31 bits.
constexpr std::size_t largest_int16_column(std::size_t depth) {
    return (std::size_t{1} << 31) / (largest_int16_in_row(depth) + 1);
}

/// Sides of a tile of Winograd's F(4x4, 3x3), of the patch of pixels it depends on, and the points of its transform.
inline constexpr std::size_t winograd_side = 4, winograd_patch = 6;
inline constexpr std::size_t winograd_points = winograd_patch * winograd_patch;

/// The input pixels of an output pixel.
struct pixel_range {
    std::size_t first;
    std::size_t count;
};

/// Fractional bits of a resampling weight. Pillow's src/libImaging/Resample.c: weights are 22-bit fixed point, sums of
/// bytes start at one half.
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
    std::size_t tile_height;  ///< of the rows of `multiply`, as in row_layout
    void (*pack_tile)(const Scalar* rows, std::size_t row_stride, std::size_t row_count, std::size_t depth,
                      Scalar* tile) noexcept;
    void (*multiply)(const product<Scalar>&, std::size_t panel, std::size_t end) noexcept;
    void (*apply)(activation, Scalar* numbers, std::size_t count) noexcept;
    void (*softmax)(Scalar* numbers, std::size_t count, Scalar scale) noexcept;
    void (*normalise)(const Scalar* row, std::size_t width, const Scalar* gain, const Scalar* bias, Scalar epsilon,
                      Scalar* result) noexcept;
    void (*winograd_transform)(const Scalar* const* patch, std::size_t channels, Scalar* points,
                               std::size_t stride) noexcept;
    void (*winograd_inverse)(const Scalar* points, std::size_t stride, const Scalar* bias, std::size_t channels,
                             bool add, Scalar* const* results) noexcept;
};

/// The kernels of one instruction set.
struct table {
    instruction_set set;
    std::string_view name;
    bool (*is_available)() noexcept;  ///< whether this machine can run them; of AMX, asks the system's permission too
    bool (*is_preferred)() noexcept;  ///< whether this machine runs them faster than those of the tables that follow

    std::array<row_layout, 3> row_layouts;  ///< of the number formats
    bool has_fast_int16;               ///< whether products of int16 are faster than those of float: 1.5 or 2 times
    number_format best_16_bit_format;  ///< the faster one, or the more exact one where both are as fast

    scalar_kernels<float> f32;
    std::array<void (*)(const quantized_product&, std::size_t panel, std::size_t end) noexcept, 3> multiply_quantized;
    void (*pack_rows)(number_format, row_layout, const float* rows, std::size_t row_stride, std::size_t row_count,
                      std::size_t height, std::size_t depth, std::uint32_t* packed) noexcept;
    void (*pack_columns)(number_format, const float* source, std::size_t column_stride, std::size_t depth_stride,
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

/// A table that starts as a copy of another one.
constexpr table derived(table base, instruction_set set, std::string_view name, bool (*is_available)() noexcept) {
    base.set = set;
    base.name = name;
    base.is_available = is_available;
    return base;
}

/// The layout of a table's rows in a format.
constexpr row_layout layout_of(const table& kernels, number_format format) {
    return kernels.row_layouts[static_cast<std::size_t>(format)];
}

/// Number of words of a packed row, its header included.
constexpr std::size_t row_words(number_format format, std::size_t depth, row_layout layout) {
    return row_header(layout) + word_count(format, depth) * (layout.as_floats ? 2 : 1);
}

/// Number of words of packed rows, padding included.
constexpr std::size_t packed_rows_size(number_format format, std::size_t row_count, std::size_t depth,
                                       row_layout layout) {
    return (row_count + row_multiple - 1) / row_multiple * row_multiple * row_words(format, depth, layout);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
