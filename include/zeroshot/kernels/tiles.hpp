#pragma once
/// \file Packing of panels and tiles, the microkernel of float products, the loops around all microkernels, and the
/// epilogue.

#include <cstddef>
#include <type_traits>

#include <zeroshot/kernels/row.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {
namespace detail {

/// Transposes four columns that are contiguous in the source, into rows that are `width` numbers apart.
template <class Scalar>
[[gnu::always_inline]] inline void transpose_4x4(const Scalar* columns, std::size_t column_stride, std::size_t depth,
                                                 Scalar* panel, std::size_t width) noexcept {
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
            Scalar* const to = panel + k * width;
            vector_at<4>(to).vector = __builtin_shufflevector(ac_begin, bd_begin, 0, 4, 1, 5);
            vector_at<4>(to + width).vector = __builtin_shufflevector(ac_begin, bd_begin, 2, 6, 3, 7);
            vector_at<4>(to + 2 * width).vector = __builtin_shufflevector(ac_end, bd_end, 0, 4, 1, 5);
            vector_at<4>(to + 3 * width).vector = __builtin_shufflevector(ac_end, bd_end, 2, 6, 3, 7);
        }
    }
#endif
#endif
    for (; k < depth; ++k) {
        for (std::size_t lane = 0; lane < 4; ++lane) panel[k * width + lane] = columns[lane * column_stride + k];
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
                                          packed + begin * panel_width + lane, panel_width);
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

/// Packs rows as a tile, [depth][rows], four rows at a time.
/// \param rows [row_count, depth], row_stride elements apart
template <class Scalar>
[[gnu::always_inline]] inline void pack_tile(const Scalar* rows, std::size_t row_stride, std::size_t row_count,
                                             std::size_t depth, Scalar* tile) noexcept {
    constexpr std::size_t part = 256;  // numbers of a row: this part of the tile stays in the first-level cache
    for (std::size_t begin = 0; begin < depth; begin += part) {
        const std::size_t end = depth - begin < part ? depth : begin + part;
        for (std::size_t done = 0; done + 4 <= row_count; done += 4)
            transpose_4x4(rows + done * row_stride + begin, row_stride, end - begin, tile + begin * row_count + done,
                          row_count);
        const std::size_t left = row_count % 4;
        if (row_count > 4 && left != 0) {  // the last four rows, of which some were packed before
            const std::size_t row = row_count - 4;
            transpose_4x4(rows + row * row_stride + begin, row_stride, end - begin, tile + begin * row_count + row,
                          row_count);
        }
        for (std::size_t k = begin; k < end && row_count < 4; ++k) {
            for (std::size_t i = 0; i < row_count; ++i) tile[k * row_count + i] = rows[i * row_stride + k];
        }
    }
}

/// Distances in the rows that a microkernel reads: from row to row, and from word to word.
template <bool Tiled, std::size_t Rows>
struct row_steps {
    std::size_t stride;  // of rows that lie one after the other

    [[gnu::always_inline]] constexpr std::size_t row() const noexcept { return Tiled ? 1 : stride; }
    static constexpr std::size_t word = Tiled ? Rows : 1;
};

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
    std::size_t second;  // distance of a second line in bytes, for several panels; 0 where one line is enough

    template <std::size_t Panels>
    [[gnu::always_inline]] inline void advance() noexcept {
        prefetch(next);
        if constexpr (Panels > 1) prefetch(next + second);
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
/// \tparam Tiled whether the rows are packed as tiles
template <class Scalar, std::size_t Height, std::size_t Panels, std::size_t Lanes, bool Tiled = false>
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
        const row_steps<Tiled, Rows> steps{tile.row_stride};
        const std::size_t panel_stride = tile.panel_stride;
        const Scalar *row = tile.rows, *panel = tile.panel;
        for (std::size_t k = 0; k < tile.depth; ++k, row += steps.word, panel += panel_width) {
            vector weights[vectors];
#pragma GCC unroll 16
            for (std::size_t j = 0; j < vectors; ++j)
                weights[j] = vector_at<Lanes>(panel + j / width * panel_stride + j % width * Lanes).vector;
            ahead.advance<Panels>();
#pragma GCC unroll 16
            for (std::size_t i = 0; i < Rows; ++i) {
#pragma GCC unroll 16
                for (std::size_t j = 0; j < vectors; ++j) sums[i][j] += row[i * steps.row()] * weights[j];
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

/// The tiles from `first` to before `end` times one or Microkernel::panels panels. Together they prefetch the panels
/// that follow.
template <class Microkernel, class Scalar>
[[gnu::always_inline]] inline void multiply_panels(const product<Scalar, typename Microkernel::word>& p,
                                                   const row_tiles& tiles, std::size_t first, std::size_t end,
                                                   std::size_t column, std::size_t panels) noexcept {
    using word = typename Microkernel::word;
    constexpr std::size_t cache_line = 64, max_height = Microkernel::height, lanes = Microkernel::lanes;
    constexpr std::size_t width = Microkernel::panels * panel_width;
    const std::size_t part = width * sizeof(word) / (end - first), stride = part < cache_line ? part : cache_line;
    const std::size_t second = part > cache_line ? p.panel_size() * sizeof(word) : 0;
    const std::size_t full_width = panels * panel_width;
    const std::size_t columns = p.columns - column < full_width ? p.columns - column : full_width;
    const word* panel = p.packed + column / panel_width * p.panel_size();
    const char* next = reinterpret_cast<const char*>(panel + panels * p.panel_size());
    padded_columns<width, Scalar> padded_bias, padded_gain;
    const Scalar* bias = padded_bias(p.epilogue.bias, column, columns);
    const Scalar* gain = padded_gain(p.epilogue.gain, column, columns);
    alignas(64) Scalar sums[max_height * width];
    std::size_t row = tiles.row(first);
    for (std::size_t tile = first; tile < end; ++tile, next += stride * p.depth) {
        const std::size_t padded_height = tiles.row(tile + 1) - row;
        const std::size_t height = p.row_count - row < padded_height ? p.row_count - row : padded_height;
        const bool in_place = columns == width && height == padded_height && gain == nullptr && !p.epilogue.add;
        Scalar* result = p.result + row * p.result_stride + column;
        for (std::size_t i = 0; i < height; ++i) prefetch(result + i * p.result_stride);
        multiply_tile<Microkernel, max_height>(
            padded_height,
            tile_operands<Scalar, word>{
                p.rows + row * p.row_stride, p.row_stride, panel,
                panels == Microkernel::panels ? p.panel_size() : 0,  // a single panel is computed twice
                p.depth, bias, in_place ? result : sums, in_place ? p.result_stride : width},
            prefetch_stream{next, stride, second});
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
    const std::size_t block_rows = cached / (p.depth + 1) < min_rows ? min_rows : cached / (p.depth + 1);
    const std::size_t block_tiles = (block_rows + Microkernel::height - 1) / Microkernel::height;
    const row_tiles tiles(p.row_count, Microkernel::height, Microkernel::row_multiple);
    const std::size_t blocks = (tiles.count + block_tiles - 1) / block_tiles;
    for (std::size_t block = 0; block < blocks; ++block) {
        const std::size_t first = tiles.count * block / blocks, end = tiles.count * (block + 1) / blocks;
        for (std::size_t at = panel; at < panel_end; at += Microkernel::panels) {
            const std::size_t panels = panel_end - at < Microkernel::panels ? panel_end - at : Microkernel::panels;
            multiply_panels<Microkernel, Scalar>(p, tiles, first, end, at * panel_width, panels);
        }
    }
}

}  // namespace detail
}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
