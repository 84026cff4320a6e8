#pragma once
/// \file Products in tiles of sums that stay in registers, and what is done to the sums before they are stored.

#include <cstddef>
#include <type_traits>

#include <zeroshot/kernels/row.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {
namespace detail {

/// Four columns that run along the source, turned to lie across a panel.
template <class Scalar>
[[gnu::always_inline]] inline void transpose_4x4(const Scalar* columns, std::size_t column_stride, std::size_t depth,
                                                 Scalar* panel) noexcept {
    std::size_t k = 0;
#if ZEROSHOT_KERNELS_VECTORS && __has_builtin(__builtin_shufflevector)  // GCC 11 has none
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
    for (; k < depth; ++k) {
        for (std::size_t lane = 0; lane < 4; ++lane) panel[k * panel_width + lane] = columns[lane * column_stride + k];
    }
}

/// A row of a panel: 16 numbers mostly, which a compiler then copies at once.
template <class Scalar>
[[gnu::always_inline]] inline void copy_row(const Scalar* from, std::size_t count, Scalar* to) noexcept {
    if (count == panel_width) {
        for (std::size_t lane = 0; lane < panel_width; ++lane) to[lane] = from[lane];
    } else {
        for (std::size_t lane = 0; lane < count; ++lane) to[lane] = from[lane];
    }
}

}  // namespace detail

/// Packs a matrix whose element (column, k) stands at source[column * column_stride + k * depth_stride].
template <class Scalar>
void pack(const Scalar* source, std::size_t column_stride, std::size_t depth_stride, std::size_t columns,
          std::size_t depth, Scalar* packed) noexcept {
    for (std::size_t first = 0; first < columns; first += panel_width, packed += panel_width * depth) {
        const std::size_t count = columns - first < panel_width ? columns - first : panel_width;
        const Scalar* panel = source + first * column_stride;
        if (count < panel_width) {
            for (std::size_t i = 0; i < panel_width * depth; ++i) packed[i] = Scalar{0};
        }
        if (column_stride == 1) {  // the source's rows run along the panel's
            for (std::size_t k = 0; k < depth; ++k)
                detail::copy_row(panel + k * depth_stride, count, packed + k * panel_width);
        } else {
            constexpr std::size_t line = 16;  // numbers of a cache line: none is fetched twice
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

/// What a tile is made of and where it goes: pointers to its first row and column.
template <class Scalar, class Word = Scalar>
struct tile_of {
    const Word* rows;
    std::size_t row_stride;
    const Word* panel;
    std::size_t next_panel;  // elements from one panel to the next
    std::size_t depth;
    const Scalar* bias;  // or null
    Scalar* result;
    std::size_t result_stride;
};

/// Stores the sums of a tile, the bias added.
template <std::size_t Height, std::size_t Vectors, std::size_t Lanes, class Scalar, class Word>
[[gnu::always_inline]] inline void store_tile(typename vector_of<Scalar, Lanes>::type (&sums)[Height][Vectors],
                                              const tile_of<Scalar, Word>& tile) noexcept {
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

/// The tiles of numbers as they are: Height x 16 Panels sums at once stay in registers while k runs. Each
/// iteration over k prefetches a part of the next panel, so that memory is read while the sums are computed.
/// Register: its size in bytes. Height: such that the sums fill the registers but for the weights and one broadcast.
template <class Scalar, std::size_t Height, std::size_t Panels, std::size_t Register>
struct plain_tile {
    using word = Scalar;
    static constexpr std::size_t height = Height, panels = Panels, lanes = Register / sizeof(Scalar);
    static constexpr std::size_t row_words = 1;  // for each k
    static constexpr std::size_t grain = 1;

    template <std::size_t Rows>
    [[gnu::always_inline]] inline static void multiply(const tile_of<Scalar>& tile, const char* next,
                                                       std::size_t step) noexcept {
        using vector = typename vector_of<Scalar, lanes>::type;
        constexpr std::size_t width = panel_width / lanes, vectors = Panels * width;
        vector sums[Rows][vectors] = {};
        const Scalar* const rows = tile.rows;
        const std::size_t row_stride = tile.row_stride, next_panel = tile.next_panel;
        for (std::size_t k = 0; k < tile.depth; ++k) {
            const Scalar* panel = tile.panel + k * panel_width;
            vector weights[vectors];
#pragma GCC unroll 16
            for (std::size_t j = 0; j < vectors; ++j)
                weights[j] = vector_at<lanes>(panel + j / width * next_panel + j % width * lanes).vector;
            prefetch(next);
            next += step;
#pragma GCC unroll 16
            for (std::size_t i = 0; i < Rows; ++i) {
#pragma GCC unroll 16
                for (std::size_t j = 0; j < vectors; ++j) sums[i][j] += rows[i * row_stride + k] * weights[j];
            }
        }
        store_tile<Rows, vectors, lanes>(sums, tile);
    }
};

/// Chooses the tile of the given height, a multiple of the grain and Height at most.
template <class Tile, std::size_t Height, class Place>
[[gnu::always_inline]] inline void multiply_rows(std::size_t height, const Place& tile, const char* next,
                                                 std::size_t step) noexcept {
    if constexpr (Height > Tile::grain) {
        if (height < Height) return multiply_rows<Tile, Height - Tile::grain>(height, tile, next, step);
    }
    Tile::template multiply<Height>(tile, next, step);
}

/// What is left to do to the sums of one row of some panels, which may stand in their place already.
template <std::size_t Lanes, std::size_t Width, class Scalar>
[[gnu::always_inline]] inline void finish_row(Scalar* sums, const Scalar* gain, bool add, activation function,
                                              Scalar* result) noexcept {
    for (std::size_t i = 0; i < Width; i += Lanes) {
        auto sum = vector_at<Lanes>(sums + i).vector;
        if (gain != nullptr) sum *= vector_at<Lanes>(gain + i).vector;
        if (add) sum += vector_at<Lanes>(result + i).vector;
        vector_at<Lanes>(result + i).vector = sum;
    }
    if (function != activation::identity) apply_to<Lanes, Width>(function, result);
}

/// The same where some of the last columns may be missing in the result.
template <std::size_t Lanes, std::size_t Width, class Scalar>
[[gnu::always_inline]] inline void finish_columns(Scalar* sums, const Scalar* gain, const epilogue<Scalar>& finish,
                                                  std::size_t columns, Scalar* result) noexcept {
    alignas(64) Scalar padded[Width];
    if (columns < Width) {
        for (std::size_t c = 0; c < Width; ++c) padded[c] = c < columns && finish.add ? result[c] : Scalar{0};
    }
    finish_row<Lanes, Width>(sums, gain, finish.add, finish.function, columns == Width ? result : padded);
    for (std::size_t c = 0; columns < Width && c < columns; ++c) result[c] = padded[c];
}

/// Whole panels, or the last one padded to full width: what the epilogue adds to and multiplies with.
template <std::size_t Width, class Scalar>
struct padded_columns {
    Scalar values[Width];

    const Scalar* operator()(const Scalar* from, std::size_t column, std::size_t columns) noexcept {
        if (from == nullptr || columns == Width) return from == nullptr ? nullptr : from + column;
        for (std::size_t c = 0; c < Width; ++c) values[c] = c < columns ? from[column + c] : Scalar{0};
        return values;
    }
};

/// Some rows of Panels panels: in tiles of equal heights, give or take one, meanwhile fetching the panels that follow.
template <class Tile, class Scalar>
[[gnu::always_inline]] inline void multiply_panels(const product<Scalar, typename Tile::word>& p, std::size_t row,
                                                   std::size_t row_end, std::size_t column,
                                                   std::size_t panels) noexcept {
    using word = typename Tile::word;
    constexpr std::size_t cache_line = 64, height_limit = Tile::height, lanes = Tile::lanes;
    constexpr std::size_t width = Tile::panels * panel_width;
    constexpr std::size_t grain = Tile::grain;
    const std::size_t grains = (row_end - row + grain - 1) / grain;
    const std::size_t tiles = (grains * grain + height_limit - 1) / height_limit;
    const std::size_t share = width * sizeof(word) / tiles, step = share < cache_line ? share : cache_line;
    const std::size_t wanted = panels * panel_width;
    const std::size_t columns = p.columns - column < wanted ? p.columns - column : wanted;
    const word* panel = p.packed + column * p.depth;
    const char* next = reinterpret_cast<const char*>(panel + panels * panel_width * p.depth);
    padded_columns<width, Scalar> padded_bias, padded_gain;
    const Scalar* bias = padded_bias(p.finish.bias, column, columns);
    const Scalar* gain = padded_gain(p.finish.gain, column, columns);
    alignas(64) Scalar sums[height_limit * width];
    for (std::size_t tile = 0; tile < tiles; ++tile, next += step * p.depth) {
        const std::size_t full = grain * (grains / tiles + (tile < grains % tiles ? 1 : 0));
        const std::size_t height = row_end - row < full ? row_end - row : full;
        const bool in_place = columns == width && height == full && gain == nullptr && !p.finish.add;
        Scalar* result = p.result + row * p.result_stride + column;
        for (std::size_t i = 0; i < height; ++i) prefetch(result + i * p.result_stride);
        multiply_rows<Tile, height_limit>(
            full,
            tile_of<Scalar, word>{p.rows + row * p.row_stride, p.row_stride, panel,
                                  panels == Tile::panels ? panel_width * p.depth : 0,  // a lone panel is computed twice
                                  p.depth, bias, in_place ? result : sums, in_place ? p.result_stride : width},
            next, step);
        for (std::size_t i = 0; i < height && !(in_place && p.finish.function == activation::identity); ++i) {
            Scalar* const there = result + i * p.result_stride;
            finish_columns<lanes, width>(in_place ? there : sums + i * width, gain, p.finish, columns, there);
        }
        row += height;
    }
}

/// Blocks of rows that stay in the cache while all panels pass by.
template <class Tile, class Scalar>
[[gnu::always_inline]] inline void multiply_all(const product<Scalar, typename Tile::word>& p, std::size_t panel,
                                                std::size_t panel_end) noexcept {
    constexpr std::size_t k_size = Tile::row_words * sizeof(typename Tile::word);
    constexpr std::size_t cached = 320 * 1024 / k_size;  // of a row's words: a part of the second level of the caches
    constexpr std::size_t fewest = 96;                   // with fewer, the weights would be reloaded too often
    const std::size_t wanted = cached / (p.depth + 1) < fewest ? fewest : cached / (p.depth + 1);
    const std::size_t blocks = (p.row_count + wanted - 1) / wanted;
    const std::size_t grains = (p.row_count + Tile::grain - 1) / Tile::grain;  // a block ends between two of them
    for (std::size_t block = 0; block < blocks; ++block) {
        const std::size_t row = grains * block / blocks * Tile::grain,
                          end = grains * (block + 1) / blocks * Tile::grain;
        const std::size_t row_end = end < p.row_count ? end : p.row_count;
        for (std::size_t at = panel; at < panel_end; at += Tile::panels) {
            const std::size_t panels = panel_end - at < Tile::panels ? panel_end - at : Tile::panels;
            multiply_panels<Tile, Scalar>(p, row, row_end, at * panel_width, panels);
        }
    }
}

}  // namespace detail
}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
