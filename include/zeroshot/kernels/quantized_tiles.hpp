#pragma once
/// \file Microkernels of quantized products that are written once for all instruction sets, and the conversion of
/// integer sums to floats.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <zeroshot/kernels/quantize.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/tiles.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

using quantized_operands = tile_operands<float, std::uint32_t>;

/// The same address, hidden from the optimiser: it loads again rather than hold the value in a register.
[[gnu::always_inline]] inline const std::uint32_t* reloaded(const std::uint32_t* address) noexcept {
#if ZEROSHOT_KERNELS_VECTORS
    __asm__("" : "+r"(address));
#endif
    return address;
}

/// Words of the header of a row that a microkernel reads.
template <bool Tiled>
inline constexpr std::size_t header_of_row = row_header(row_layout{Tiled ? highest_tile : 0});

/// sums += one half of each word of the rows and of the weights. GCC would hold the mask in a register that the sums
/// need.
template <bool Upper, std::size_t Rows, std::size_t Vectors, std::size_t Lanes>
[[gnu::always_inline]] inline void add_halves(floats<Lanes> (&sums)[Rows][Vectors], const std::uint32_t* row,
                                              std::size_t row_step, const std::uint32_t* panel,
                                              std::size_t panel_stride) noexcept {
    constexpr std::size_t width = panel_width / Lanes;
    words<Lanes> weights[Vectors];
#pragma GCC unroll 16
    for (std::size_t j = 0; j < Vectors; ++j) {
        weights[j] = vector_at<Lanes>(panel + j / width * panel_stride + j % width * Lanes).vector;
        weights[j] = Upper ? weights[j] & *reloaded(&upper_half) : weights[j] << 16;
    }
#pragma GCC unroll 16
    for (std::size_t i = 0; i < Rows; ++i) {
        const float number = std::bit_cast<float>(row[i * row_step]);
#pragma GCC unroll 16
        for (std::size_t j = 0; j < Vectors; ++j)
            sums[i][j] += number * reinterpret_cast<const floats<Lanes>&>(weights[j]);
    }
}

/// bfloat16 where no instruction multiplies pairs of it: the weights are widened in registers, one half of their words
/// at a time, and multiplied with rows of floats.
template <std::size_t Height, std::size_t Panels, std::size_t Lanes, bool Tiled = false>
struct bf16_microkernel {
    using word = std::uint32_t;
    static constexpr std::size_t height = Height, panels = Panels, lanes = Lanes;
    static constexpr std::size_t row_words = 2, row_multiple = kernels::row_multiple;

    template <std::size_t Rows>
    [[gnu::always_inline]] inline static void multiply(const quantized_operands& tile, prefetch_stream ahead) noexcept {
        constexpr std::size_t vectors = Panels * panel_width / Lanes;
        floats<Lanes> sums[Rows][vectors] = {};
        const row_steps<Tiled, Rows> steps{tile.row_stride};
        const std::uint32_t* lower = tile.rows + header_of_row<Tiled> * steps.word;
        const std::uint32_t *upper = lower + tile.depth * steps.word, *panel = tile.panel;
        for (std::size_t k = 0; k < tile.depth; ++k, panel += panel_width) {
            add_halves<false, Rows, vectors, Lanes>(sums, lower, steps.row(), panel, tile.panel_stride);
            ahead.advance<Panels>();
            add_halves<true, Rows, vectors, Lanes>(sums, upper, steps.row(), reloaded(panel), tile.panel_stride);
            lower += steps.word;
            upper += steps.word;
        }
        store_tile<Rows, vectors, Lanes>(sums, tile);
    }
};

/// Stores sums of integers times the scales of row and column; of int8, the row's zero point times the sum of the
/// column is subtracted first.
template <number_format Format, bool Tiled, std::size_t Rows, std::size_t Vectors, std::size_t Lanes>
[[gnu::always_inline]] inline void store_integers(integers<Lanes> (&sums)[Rows][Vectors],
                                                  const quantized_operands& tile) noexcept {
    const row_steps<Tiled, Rows> steps{tile.row_stride};
    constexpr std::size_t width = panel_width / Lanes;
    floats<Lanes> scaled[Rows][Vectors];
#pragma GCC unroll 16
    for (std::size_t j = 0; j < Vectors; ++j) {
        const std::uint32_t* const header = tile.panel + j / width * tile.panel_stride + j % width * Lanes;
        const words<Lanes> scale = vector_at<Lanes>(header).vector;
#pragma GCC unroll 16
        for (std::size_t i = 0; i < Rows; ++i) {
            const std::uint32_t* const row = tile.rows + i * steps.row();
            if constexpr (Format == number_format::int8) {
                const words<Lanes> zeros = row[steps.word] * vector_at<Lanes>(header + panel_width).vector;
                sums[i][j] -= reinterpret_cast<const integers<Lanes>&>(zeros);
            }
            convert<Lanes>(sums[i][j], scaled[i][j]);
            scaled[i][j] =
                scaled[i][j] * (std::bit_cast<float>(row[0]) * reinterpret_cast<const floats<Lanes>&>(scale));
        }
    }
    store_tile<Rows, Vectors, Lanes>(scaled, tile);
}

/// Sums of an instruction that multiplies and adds up whole words. An instruction is a class derived from this with
/// add(sum& to, row, weights).
/// \tparam Tiled whether the rows are packed as tiles
template <number_format Format, std::size_t Lanes, bool Tiled = false>
struct word_sums {
    using number = std::conditional_t<Format == number_format::bf16, float, std::int32_t>;
    using sum = typename vector_of<number, Lanes>::type;
    static constexpr std::size_t header = column_header(Format), lanes = Lanes;
    static constexpr bool tiled = Tiled;

    template <std::size_t Rows, std::size_t Vectors>
    [[gnu::always_inline]] inline static void store(sum (&sums)[Rows][Vectors],
                                                    const quantized_operands& tile) noexcept {
        if constexpr (Format == number_format::bf16)
            store_tile<Rows, Vectors, Lanes>(sums, tile);
        else
            store_integers<Format, Tiled, Rows, Vectors, Lanes>(sums, tile);
    }
};

/// Words multiplied and added up whole, a panel of columns at a time.
template <std::size_t Height, class Dot>
struct word_microkernel {
    using word = std::uint32_t;
    static constexpr std::size_t height = Height, panels = 1, lanes = Dot::lanes, row_words = 1;
    static constexpr std::size_t row_multiple = kernels::row_multiple;

    template <std::size_t Rows>
    [[gnu::always_inline]] inline static void multiply(const quantized_operands& tile, prefetch_stream ahead) noexcept {
        constexpr std::size_t vectors = panel_width / lanes;
        typename Dot::sum sums[Rows][vectors] = {};
        const row_steps<Dot::tiled, Rows> steps{tile.row_stride};
        const std::uint32_t* row = tile.rows + header_of_row<Dot::tiled> * steps.word;
        const std::uint32_t* panel = tile.panel + Dot::header * panel_width;
        for (std::size_t k = Dot::header; k < tile.depth; ++k, row += steps.word, panel += panel_width) {
            words<lanes> weights[vectors];
#pragma GCC unroll 16
            for (std::size_t j = 0; j < vectors; ++j) weights[j] = vector_at<lanes>(panel + j * lanes).vector;
            ahead.advance<panels>();
#pragma GCC unroll 16
            for (std::size_t i = 0; i < Rows; ++i) {
                const words<lanes> broadcast = words<lanes>{} + row[i * steps.row()];
#pragma GCC unroll 16
                for (std::size_t j = 0; j < vectors; ++j) Dot::add(sums[i][j], broadcast, weights[j]);
            }
        }
        Dot::store(sums, tile);
    }
};

/// Pairs of int16, multiplied one after the other.
template <std::size_t Lanes = portable_lanes<std::int32_t>>
struct dot_int16 : word_sums<number_format::int16, Lanes> {
    [[gnu::always_inline]] inline static void add(integers<Lanes>& to, const words<Lanes>& row,
                                                  const words<Lanes>& weights) noexcept {
        const auto& left = reinterpret_cast<const integers<Lanes>&>(row);
        const auto& right = reinterpret_cast<const integers<Lanes>&>(weights);
        to += (left << 16 >> 16) * (right << 16 >> 16) + (left >> 16) * (right >> 16);
    }
};

#if ZEROSHOT_KERNELS_VECTORS
template <std::size_t Lanes>
using shorts = typename vector_of<std::int16_t, 2 * Lanes>::type;

/// sum += the two numbers of 16 bits in each word.
struct add_pairs {
    template <std::size_t Lanes>
    [[gnu::always_inline]] inline static void to(integers<Lanes>& sum, const shorts<Lanes>& numbers) noexcept {
        const integers<Lanes>& pairs = reinterpret_cast<const integers<Lanes>&>(numbers);
        sum += (pairs << 16 >> 16) + (pairs >> 16);
    }
};

/// int8 where no instruction multiplies bytes: as numbers of 16 bits, of which two products add up within 16 bits, as
/// int8_scale of quantize.hpp ensures.
template <std::size_t Height, class AddPairs = add_pairs>
struct int8_microkernel {
    using word = std::uint32_t;
    static constexpr std::size_t height = Height, panels = 1, lanes = 4;
    static constexpr std::size_t row_words = 1, row_multiple = kernels::row_multiple;

    template <std::size_t Rows>
    [[gnu::always_inline]] inline static void multiply(const quantized_operands& tile, prefetch_stream ahead) noexcept {
        using numbers = shorts<lanes>;
        constexpr std::size_t vectors = panel_width / lanes;
        integers<lanes> sums[Rows][vectors] = {};
        constexpr std::size_t header = column_header(number_format::int8);
        const std::uint32_t *row = tile.rows + header_of_row<false>, *panel = tile.panel + header * panel_width;
        const std::size_t count = tile.depth - header;
        for (std::size_t k = 0; k < count; ++k, panel += panel_width) {
            ahead.advance<panels>();
#pragma GCC unroll 16
            for (std::size_t j = 0; j < vectors; ++j) {
                const words<lanes> weights = vector_at<lanes>(panel + j * lanes).vector;
                const numbers even = reinterpret_cast<const numbers&>(weights) << 8 >> 8;  // bytes 0 and 2
                const numbers odd = reinterpret_cast<const numbers&>(weights) >> 8;
#pragma GCC unroll 16
                for (std::size_t i = 0; i < Rows; ++i) {
                    const std::uint32_t bytes = row[i * tile.row_stride + k];
                    const words<lanes> evens = words<lanes>{} + (bytes & 0x00ff00ffu);
                    const words<lanes> odds = words<lanes>{} + ((bytes >> 8) & 0x00ff00ffu);
                    const numbers products =
                        reinterpret_cast<const numbers&>(evens) * even + reinterpret_cast<const numbers&>(odds) * odd;
                    AddPairs::template to<lanes>(sums[i][j], products);
                }
            }
        }
        store_integers<number_format::int8, false, Rows, vectors, lanes>(sums, tile);
    }
};
#else
/// Four products of an unsigned and a signed byte.
struct dot_int8 : word_sums<number_format::int8, 1> {
    static void add(std::int32_t& to, std::uint32_t row, std::uint32_t weights) noexcept {
        for (unsigned bit = 0; bit < 32; bit += 8)
            to += static_cast<std::int32_t>((row >> bit) & 0xffu) * static_cast<std::int8_t>((weights >> bit) & 0xffu);
    }
};

template <std::size_t Height>
using int8_microkernel = word_microkernel<Height, dot_int8>;
#endif

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
