#pragma once
/// \file Packing of panels, the microkernel of float products, the loops around all microkernels, and the epilogue.

#include <cstddef>
#include <type_traits>

#include <zeroshot/kernels/row.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {
namespace detail {

/// Transposes four columns that are contiguous in the source into a panel.
template <class Scalar>
[[gnu::always_inline]] inline void transpose_4x4(const Scalar* columns, std::size_t column_stride, std::size_t depth,
                                                 Scalar* panel) noexcept {
    std::size_t k = 0;
#if ZEROSHOT_KERNELS_VECTORS && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)  // GCC 11 has none
    if constexpr (std::is_arithmetic_v<Scalar>) {
        for (; k + 4 <= depth; k += 4) {
            const auto a = vector_at<4>(columns + k).vector, b = vector_at<4>(columns + column_stride + k).vector;
            const auto c = vector_at<4>(columns + 2 * column_stride + k).vector;
            const auto d = vector_at<4>(columns + 3 * column_stride + k).vector;
            const auto ac_begin = __builtin_shufflevector(a, c, 0, 4, 1, 5);
            const auto ac_end = __builtin_shufflevector(a, c, 2, 6, 3, 7);
            const auto bd_begin = __builtin_shufflevector(b, d, 0, 4, 1, 5);
            const auto bd_end = __builtin_shufflevector(b, d, 2, 6, 3, 7);
            Scalar* const to = panel + k * panel_width;
            vector_at<4>(to).vector = __builtin_shufflevector(ac_begin, bd_begin, 0, 4, 1, 5);
            vector_at<4>(to + panel_width).vector = __builtin_shufflevector(ac_begin, bd_begin, 2, 6, 3, 7);
            vector_at<4>(to + 2 * panel_width).vector = __builtin_shufflevector(ac_end, bd_end, 0, 4, 1, 5);
            vector_at<4>(to + 3 * panel_width).vector = __builtin_shufflevector(ac_end, bd_end, 2, 6, 3, 7);
        }
    }
#endif
#endif
    for (; k < depth; ++k) {
        for (std::size_t lane = 0; lane < 4; ++lane) panel[k * panel_width + lane] = columns[lane * column_stride + k];
    }
}

/// A row of a panel: mostly 16 numbers, which a compiler copies with few instructions.
template <class Scalar>
[[gnu::always_inline]] inline void copy_row(const Scalar* from, std::size_t count, Scalar* to) noexcept {
    if (count == panel_width) {
        for (std::size_t lane = 0; lane < panel_width; ++lane) to[lane] = from[lane];
    } else {
        for (std::size_t lane = 0; lane < count; ++lane) to[lane] = from[lane];
    }
}

}  // namespace detail

/// Packs a matrix whose element (column, k) is source[column * column_stride + k * depth_stride].
template <class Scalar>
void pack(const Scalar* source, std::size_t column_stride, std::size_t depth_stride, std::size_t columns,
          std::size_t depth, Scalar* packed) noexcept {
    for (std::size_t first = 0; first < columns; first += panel_width, packed += panel_width * depth) {
        const std::size_t count = columns - first < panel_width ? columns - first : panel_width;
        const Scalar* panel = source + first * column_stride;
        if (count < panel_width) {
            for (std::size_t i = 0; i < panel_width * depth; ++i) packed[i] = Scalar{0};
        }
        if (column_stride == 1) {  // the source has the panel's order
            for (std::size_t k = 0; k < depth; ++k)
                detail::copy_row(panel + k * depth_stride, count, packed + k * panel_width);
        } else {
            constexpr std::size_t line = 16;  // numbers of a cache line, so that none is loaded twice
            for (std::size_t begin = 0; begin < depth; begin += line) {
                const std::size_t end = depth - begin < line ? depth : begin + line;
                std::size_t lane = 0;
                for (; depth_stride == 1 && lane + 4 <= count; lane += 4) {
                    detail::transpose_4x4(panel + lane * column_stride + begin, column_stride, end - begin,
                                          packed + begin * panel_width + lane);
                }
                for (; lane < count; ++lane) {
                    for (std::size_t k = begin; k < end; ++k)
                        packed[k * panel_width + lane] = panel[lane * column_stride + k * depth_stride];
                }
            }
        }
    }
}

namespace detail {

/// Operands of a microkernel: pointers to the first row and column of a tile.
template <class Scalar, class Word = Scalar>
struct tile_operands {
    const Word* rows;
    std::size_t row_stride;
    const Word* panel;
    std::size_t panel_stride;  // elements from one panel to the next
    std::size_t depth;
    const Scalar* bias;  // or null
    Scalar* result;
    std::size_t result_stride;
};

/// Memory that a microkernel prefetches while it computes: `stride` bytes after each k.
struct prefetch_stream {
    const char* next;
    std::size_t stride;

    [[gnu::always_inline]] inline void advance() noexcept {
        prefetch(next);
        next += stride;
    }
};

/// Stores a tile's sums, the bias added.
template <std::size_t Height, std::size_t Vectors, std::size_t Lanes, class Scalar, class Word>
[[gnu::always_inline]] inline void store_tile(typename vector_of<Scalar, Lanes>::type (&sums)[Height][Vectors],
                                              const tile_operands<Scalar, Word>& tile) noexcept {
    if (tile.bias != nullptr) {
#pragma GCC unroll 16
        for (std::size_t i = 0; i < Height; ++i) {
#pragma GCC unroll 16
            for (std::size_t j = 0; j < Vectors; ++j) sums[i][j] += vector_at<Lanes>(tile.bias + j * Lanes).vector;
        }
    }
#pragma GCC unroll 16
    for (std::size_t i = 0; i < Height; ++i) {
#pragma GCC unroll 16
        for (std::size_t j = 0; j < Vectors; ++j)
            vector_at<Lanes>(tile.result + i * tile.result_stride + j * Lanes).vector = sums[i][j];
    }
}

/// The microkernel of float products: a tile of Height rows x 16 Panels columns whose sums stay in registers while k
/// runs. Height: such that the sums fill the registers but for the weights and one broadcast.
template <class Scalar, std::size_t Height, std::size_t Panels, std::size_t Lanes>
struct microkernel {
    using word = Scalar;
    static constexpr std::size_t height = Height, panels = Panels, lanes = Lanes;
    static constexpr std::size_t row_words = 1;     // for each k
    static constexpr std::size_t row_multiple = 1;  // of which every height is a multiple

    template <std::size_t Rows>
    [[gnu::always_inline]] inline static void multiply(const tile_operands<Scalar>& tile,
                                                       prefetch_stream ahead) noexcept {
        using vector = typename vector_of<Scalar, Lanes>::type;
        constexpr std::size_t width = panel_width / Lanes, vectors = Panels * width;
        vector sums[Rows][vectors] = {};
        const Scalar* const rows = tile.rows;
        const std::size_t row_stride = tile.row_stride, panel_stride = tile.panel_stride;
        for (std::size_t k = 0; k < tile.depth; ++k) {
            const Scalar* panel = tile.panel + k * panel_width;
            vector weights[vectors];
#pragma GCC unroll 16
            for (std::size_t j = 0; j < vectors; ++j)
                weights[j] = vector_at<Lanes>(panel + j / width * panel_stride + j % width * Lanes).vector;
            ahead.advance();
#pragma GCC unroll 16
            for (std::size_t i = 0; i < Rows; ++i) {
#pragma GCC unroll 16
                for (std::size_t j = 0; j < vectors; ++j) sums[i][j] += rows[i * row_stride + k] * weights[j];
            }
        }
        store_tile<Rows, vectors, Lanes>(sums, tile);
    }
};

/// Calls the microkernel of the given height, a multiple of row_multiple and Height at most.
template <class Microkernel, std::size_t Height, class Operands>
[[gnu::always_inline]] inline void multiply_tile(std::size_t height, const Operands& tile,
                                                 prefetch_stream ahead) noexcept {
    if constexpr (Height > Microkernel::row_multiple) {
        if (height < Height) return multiply_tile<Microkernel, Height - Microkernel::row_multiple>(height, tile, ahead);
    }
    Microkernel::template multiply<Height>(tile, ahead);
}

/// The epilogue of one row of a tile without its bias, where `columns` of the row's Width columns exist.
/// \param sums may be the result itself if all columns exist
template <std::size_t Lanes, std::size_t Width, class Scalar>
[[gnu::always_inline]] inline void apply_epilogue(Scalar* sums, const Scalar* gain,
                                                  const kernels::epilogue<Scalar>& epilogue, std::size_t columns,
                                                  Scalar* result) noexcept {
    alignas(64) Scalar padded[Width];
    if (columns < Width) {
        for (std::size_t c = 0; c < Width; ++c) padded[c] = c < columns && epilogue.add ? result[c] : Scalar{0};
    }
    Scalar* const target = columns == Width ? result : padded;
    for (std::size_t i = 0; i < Width; i += Lanes) {
        auto sum = vector_at<Lanes>(sums + i).vector;
        if (gain != nullptr) sum *= vector_at<Lanes>(gain + i).vector;
        if (epilogue.add) sum += vector_at<Lanes>(target + i).vector;
        vector_at<Lanes>(target + i).vector = sum;
    }
    if (epilogue.function != activation::identity) apply_to<Lanes, Width>(epilogue.function, target);
    for (std::size_t c = 0; columns < Width && c < columns; ++c) result[c] = padded[c];
}

/// Bias or gain of a tile's columns, padded to its full width.
template <std::size_t Width, class Scalar>
struct padded_columns {
    Scalar values[Width];

    const Scalar* operator()(const Scalar* from, std::size_t column, std::size_t columns) noexcept {
        if (from == nullptr || columns == Width) return from == nullptr ? nullptr : from + column;
        for (std::size_t c = 0; c < Width; ++c) values[c] = c < columns ? from[column + c] : Scalar{0};
        return values;
    }
};

/// A block of rows times one or Microkernel::panels panels: tiles of equal heights, give or take one row_multiple, that
/// together prefetch the panels that follow.
template <class Microkernel, class Scalar>
[[gnu::always_inline]] inline void multiply_panels(const product<Scalar, typename Microkernel::word>& p,
                                                   std::size_t row, std::size_t row_end, std::size_t column,
                                                   std::size_t panels) noexcept {
    using word = typename Microkernel::word;
    constexpr std::size_t cache_line = 64, max_height = Microkernel::height, lanes = Microkernel::lanes;
    constexpr std::size_t width = Microkernel::panels * panel_width, multiple = Microkernel::row_multiple;
    const std::size_t units = (row_end - row + multiple - 1) / multiple;
    const std::size_t tiles = (units * multiple + max_height - 1) / max_height;
    const std::size_t part = width * sizeof(word) / tiles, stride = part < cache_line ? part : cache_line;
    const std::size_t full_width = panels * panel_width;
    const std::size_t columns = p.columns - column < full_width ? p.columns - column : full_width;
    const word* panel = p.packed + column * p.depth;
    const char* next = reinterpret_cast<const char*>(panel + panels * panel_width * p.depth);
    padded_columns<width, Scalar> padded_bias, padded_gain;
    const Scalar* bias = padded_bias(p.epilogue.bias, column, columns);
    const Scalar* gain = padded_gain(p.epilogue.gain, column, columns);
    alignas(64) Scalar sums[max_height * width];
    for (std::size_t tile = 0; tile < tiles; ++tile, next += stride * p.depth) {
        const std::size_t padded_height = multiple * (units / tiles + (tile < units % tiles ? 1 : 0));
        const std::size_t height = row_end - row < padded_height ? row_end - row : padded_height;
        const bool in_place = columns == width && height == padded_height && gain == nullptr && !p.epilogue.add;
        Scalar* result = p.result + row * p.result_stride + column;
        for (std::size_t i = 0; i < height; ++i) prefetch(result + i * p.result_stride);
        multiply_tile<Microkernel, max_height>(
            padded_height,
            tile_operands<Scalar, word>{
                p.rows + row * p.row_stride, p.row_stride, panel,
                panels == Microkernel::panels ? panel_width * p.depth : 0,  // a single panel is computed twice
                p.depth, bias, in_place ? result : sums, in_place ? p.result_stride : width},
            prefetch_stream{next, stride});
        for (std::size_t i = 0; i < height && !(in_place && p.epilogue.function == activation::identity); ++i) {
            Scalar* const target = result + i * p.result_stride;
            apply_epilogue<lanes, width>(in_place ? target : sums + i * width, gain, p.epilogue, columns, target);
        }
        row += height;
    }
}

/// The product of the panels from `panel` to before `panel_end`: blocks of rows that stay in the cache while all panels
/// pass by.
template <class Microkernel, class Scalar>
[[gnu::always_inline]] inline void multiply_all(const product<Scalar, typename Microkernel::word>& p, std::size_t panel,
                                                std::size_t panel_end) noexcept {
    constexpr std::size_t k_size = Microkernel::row_words * sizeof(typename Microkernel::word);
    constexpr std::size_t cached = 320 * 1024 / k_size;  // words of rows: a part of the second level of the caches
    constexpr std::size_t min_rows = 96;                 // with fewer, the weights would be reloaded too often
    constexpr std::size_t multiple = Microkernel::row_multiple;
    const std::size_t block_rows = cached / (p.depth + 1) < min_rows ? min_rows : cached / (p.depth + 1);
    const std::size_t blocks = (p.row_count + block_rows - 1) / block_rows;
    const std::size_t units = (p.row_count + multiple - 1) / multiple;  // a block ends between two of them
    for (std::size_t block = 0; block < blocks; ++block) {
        const std::size_t row = units * block / blocks * multiple, end = units * (block + 1) / blocks * multiple;
        const std::size_t row_end = end < p.row_count ? end : p.row_count;
        for (std::size_t at = panel; at < panel_end; at += Microkernel::panels) {
            const std::size_t panels = panel_end - at < Microkernel::panels ? panel_end - at : Microkernel::panels;
            multiply_panels<Microkernel, Scalar>(p, row, row_end, at * panel_width, panels);
        }
    }
}

}  // namespace detail
}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
