#pragma once
/// \file The tiles of narrow products where their numbers are widened first, and what becomes of all narrow sums.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <zeroshot/kernels/quantize.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/tiles.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

using quantized_tile = tile_of<float, std::uint32_t>;

#if ZEROSHOT_KERNELS_VECTORS
/// The same address, of which a compiler cannot know that: it reads there again, rather than hold in registers what it
/// read before.
[[gnu::always_inline]] inline const std::uint32_t* again(const std::uint32_t* address) noexcept {
    __asm__("" : "+r"(address));
    return address;
}

/// sums += one half of each word of the rows and of the weights. GCC would hold the mask in a register that the sums
/// need.
template <bool Upper, std::size_t Rows, std::size_t Vectors, std::size_t Lanes>
[[gnu::always_inline]] inline void add_halves(floats<Lanes> (&sums)[Rows][Vectors], const std::uint32_t* row,
                                              std::size_t row_stride, const std::uint32_t* panel,
                                              std::size_t next_panel) noexcept {
    constexpr std::size_t width = panel_width / Lanes;
    words<Lanes> weights[Vectors];
#pragma GCC unroll 16
    for (std::size_t j = 0; j < Vectors; ++j) {
        weights[j] = vector_at<Lanes>(panel + j / width * next_panel + j % width * Lanes).vector;
        weights[j] = Upper ? weights[j] & *again(&upper_half) : weights[j] << 16;
    }
#pragma GCC unroll 16
    for (std::size_t i = 0; i < Rows; ++i) {
        const float number = std::bit_cast<float>(row[i * row_stride]);
#pragma GCC unroll 16
        for (std::size_t j = 0; j < Vectors; ++j)
            sums[i][j] += number * reinterpret_cast<const floats<Lanes>&>(weights[j]);
    }
}

/// Pairs of bfloat16 where no instruction multiplies them: one half of the weights at a time is widened on its way into
/// the registers, and multiplied with rows of floats.
template <std::size_t Height, std::size_t Panels, std::size_t Register>
struct bf16_tile {
    using word = std::uint32_t;
    static constexpr std::size_t height = Height, panels = Panels, lanes = Register / sizeof(word);
    static constexpr std::size_t row_words = 2, grain = packed_rows_grain;

    template <std::size_t Rows>
    [[gnu::always_inline]] inline static void multiply(const quantized_tile& tile, const char* next,
                                                       std::size_t step) noexcept {
        constexpr std::size_t vectors = Panels * panel_width / lanes;
        floats<lanes> sums[Rows][vectors] = {};
        const std::uint32_t *lower = tile.rows + row_header, *upper = lower + tile.depth, *panel = tile.panel;
        for (std::size_t k = 0; k < tile.depth; ++k, panel += panel_width, next += step) {
            add_halves<false, Rows, vectors, lanes>(sums, lower + k, tile.row_stride, panel, tile.next_panel);
            prefetch(next);
            add_halves<true, Rows, vectors, lanes>(sums, upper + k, tile.row_stride, again(panel), tile.next_panel);
        }
        store_tile<Rows, vectors, lanes>(sums, tile);
    }
};

/// What sums of integers stand for: times both scales; of bytes, first less the zero of the row times the sum of the
/// weights.
template <quantized Type, std::size_t Rows, std::size_t Vectors, std::size_t Lanes>
[[gnu::always_inline]] inline void store_integers(integers<Lanes> (&sums)[Rows][Vectors],
                                                  const quantized_tile& tile) noexcept {
    constexpr std::size_t width = panel_width / Lanes;
    floats<Lanes> scaled[Rows][Vectors];
#pragma GCC unroll 16
    for (std::size_t j = 0; j < Vectors; ++j) {
        const std::uint32_t* const header = tile.panel + j / width * tile.next_panel + j % width * Lanes;
        const words<Lanes> scale = vector_at<Lanes>(header).vector;
#pragma GCC unroll 16
        for (std::size_t i = 0; i < Rows; ++i) {
            const std::uint32_t* const row = tile.rows + i * tile.row_stride;
            if constexpr (Type == quantized::int8) {
                const words<Lanes> zeros = row[1] * vector_at<Lanes>(header + panel_width).vector;
                sums[i][j] -= reinterpret_cast<const integers<Lanes>&>(zeros);
            }
            scaled[i][j] = __builtin_convertvector(sums[i][j], floats<Lanes>) *
                           (std::bit_cast<float>(row[0]) * reinterpret_cast<const floats<Lanes>&>(scale));
        }
    }
    store_tile<Rows, Vectors, Lanes>(scaled, tile);
}

template <std::size_t Lanes>
using shorts = typename vector_of<std::int16_t, 2 * Lanes>::type;

/// Adds neighbouring numbers of 16 bits to sums of 32.
struct add_pairs {
    template <std::size_t Lanes>
    [[gnu::always_inline]] inline static void to(integers<Lanes>& sum, const shorts<Lanes>& numbers) noexcept {
        const integers<Lanes>& pairs = reinterpret_cast<const integers<Lanes>&>(numbers);
        sum += (pairs << 16 >> 16) + (pairs >> 16);
    }
};

/// Bytes where no instruction multiplies them: as numbers of 16 bits, of which two bytes' products add up to one of 16
/// bits, as int8_step of quantize.hpp ensures.
template <std::size_t Height, std::size_t Register, class AddPairs = add_pairs>
struct int8_tile {
    using word = std::uint32_t;
    static constexpr std::size_t height = Height, panels = 1, lanes = Register / sizeof(word);
    static constexpr std::size_t row_words = 1, grain = packed_rows_grain;

    template <std::size_t Rows>
    [[gnu::always_inline]] inline static void multiply(const quantized_tile& tile, const char* next,
                                                       std::size_t step) noexcept {
        using numbers = shorts<lanes>;
        constexpr std::size_t vectors = panel_width / lanes;
        integers<lanes> sums[Rows][vectors] = {};
        constexpr std::size_t header = column_header(quantized::int8);
        const std::uint32_t *row = tile.rows + row_header, *panel = tile.panel + header * panel_width;
        const std::size_t count = tile.depth - header;
        for (std::size_t k = 0; k < count; ++k, panel += panel_width, next += step) {
            prefetch(next);
#pragma GCC unroll 16
            for (std::size_t j = 0; j < vectors; ++j) {
                const words<lanes> some = vector_at<lanes>(panel + j * lanes).vector;
                const numbers even = reinterpret_cast<const numbers&>(some) << 8 >> 8;  // bytes 0 and 2
                const numbers odd = reinterpret_cast<const numbers&>(some) >> 8;
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
        store_integers<quantized::int8, Rows, vectors, lanes>(sums, tile);
    }
};

/// What words that are multiplied and added up whole are summed into, and what becomes of it.
template <quantized Type, std::size_t Lanes>
struct quantized_sums {
    using number = std::conditional_t<Type == quantized::bf16, float, std::int32_t>;
    using sum = typename vector_of<number, Lanes>::type;
    static constexpr std::size_t header = column_header(Type);

    template <std::size_t Rows, std::size_t Vectors>
    [[gnu::always_inline]] inline static void store(sum (&sums)[Rows][Vectors], const quantized_tile& tile) noexcept {
        if constexpr (Type == quantized::bf16)
            store_tile<Rows, Vectors, Lanes>(sums, tile);
        else
            store_integers<Type, Rows, Vectors, Lanes>(sums, tile);
    }
};

/// Both halves of words, multiplied one after the other.
template <std::size_t Lanes>
struct dot_halves : quantized_sums<quantized::int16, Lanes> {
    [[gnu::always_inline]] inline static void add(integers<Lanes>& to, const words<Lanes>& row,
                                                  const words<Lanes>& weights) noexcept {
        const auto& left = reinterpret_cast<const integers<Lanes>&>(row);
        const auto& right = reinterpret_cast<const integers<Lanes>&>(weights);
        to += (left << 16 >> 16) * (right << 16 >> 16) + (left >> 16) * (right >> 16);
    }
};

/// Words that Dot multiplies and adds up, a panel of columns in registers of 16 bytes.
template <std::size_t Height, class Dot = dot_halves<4>>
struct quantized_tile_16 {
    using word = std::uint32_t;
    static constexpr std::size_t height = Height, panels = 1, lanes = 4, row_words = 1, grain = packed_rows_grain;

    template <std::size_t Rows>
    [[gnu::always_inline]] inline static void multiply(const quantized_tile& tile, const char* next,
                                                       std::size_t step) noexcept {
        constexpr std::size_t vectors = panel_width / lanes;
        typename Dot::sum sums[Rows][vectors] = {};
        const std::uint32_t *row = tile.rows + row_header, *panel = tile.panel + Dot::header * panel_width;
        const std::size_t row_stride = tile.row_stride, count = tile.depth - Dot::header;
        for (std::size_t k = 0; k < count; ++k, panel += panel_width, next += step) {
            words<lanes> weights[vectors];
#pragma GCC unroll 16
            for (std::size_t j = 0; j < vectors; ++j) weights[j] = vector_at<lanes>(panel + j * lanes).vector;
            prefetch(next);
#pragma GCC unroll 16
            for (std::size_t i = 0; i < Rows; ++i) {
                const words<lanes> some = words<lanes>{} + row[i * row_stride + k];
#pragma GCC unroll 16
                for (std::size_t j = 0; j < vectors; ++j) Dot::add(sums[i][j], some, weights[j]);
            }
        }
        Dot::store(sums, tile);
    }
};
#else
/// One number after the other.
template <std::size_t Height, std::size_t Panels, std::size_t Register>
struct bf16_tile {
    using word = std::uint32_t;
    static constexpr std::size_t height = Height, panels = 1, lanes = 4, row_words = 2, grain = packed_rows_grain;

    template <std::size_t Rows>
    static void multiply(const quantized_tile& tile, const char*, std::size_t) noexcept {
        for (std::size_t i = 0; i < Rows; ++i) {
            const std::uint32_t* const row = tile.rows + i * tile.row_stride + row_header;
            for (std::size_t column = 0; column < panel_width; ++column) {
                float sum = 0;
                for (std::size_t k = 0; k < tile.depth; ++k) {
                    const std::uint32_t weights = tile.panel[k * panel_width + column];
                    sum += std::bit_cast<float>(row[k]) * std::bit_cast<float>(weights << 16);
                    sum += std::bit_cast<float>(row[tile.depth + k]) * std::bit_cast<float>(weights & upper_half);
                }
                tile.result[i * tile.result_stride + column] = sum + (tile.bias == nullptr ? 0 : tile.bias[column]);
            }
        }
    }
};

/// The products of the numbers of two words: of the rows signed ones of 16 bits or unsigned bytes.
template <quantized Type>
std::int32_t dot(std::uint32_t row, std::uint32_t weights) noexcept {
    std::int32_t sum = 0;
    if constexpr (Type == quantized::int16) {
        for (unsigned bit = 0; bit < 32; bit += 16)
            sum += static_cast<std::int16_t>((row >> bit) & 0xffffu) *
                   static_cast<std::int16_t>((weights >> bit) & 0xffffu);
    } else {
        for (unsigned bit = 0; bit < 32; bit += 8)
            sum += static_cast<std::int32_t>((row >> bit) & 0xffu) * static_cast<std::int8_t>((weights >> bit) & 0xffu);
    }
    return sum;
}

template <quantized Type, std::size_t Height>
struct integer_tile {
    using word = std::uint32_t;
    static constexpr std::size_t height = Height, panels = 1, lanes = 4, row_words = 1, grain = packed_rows_grain;

    template <std::size_t Rows>
    static void multiply(const quantized_tile& tile, const char*, std::size_t) noexcept {
        constexpr std::size_t header = column_header(Type);
        for (std::size_t i = 0; i < Rows; ++i) {
            const std::uint32_t* const row = tile.rows + i * tile.row_stride;
            for (std::size_t column = 0; column < panel_width; ++column) {
                const std::uint32_t* const weights = tile.panel + column;
                std::int32_t sum = 0;
                if constexpr (Type == quantized::int8) sum = -static_cast<std::int32_t>(row[1] * weights[panel_width]);
                for (std::size_t k = 0; k + header < tile.depth; ++k)
                    sum += dot<Type>(row[row_header + k], weights[(header + k) * panel_width]);
                const float scale = std::bit_cast<float>(row[0]) * std::bit_cast<float>(weights[0]);
                tile.result[i * tile.result_stride + column] =
                    static_cast<float>(sum) * scale + (tile.bias == nullptr ? 0 : tile.bias[column]);
            }
        }
    }
};

template <std::size_t Height>
using quantized_tile_16 = integer_tile<quantized::int16, Height>;
template <std::size_t Height, std::size_t Register>
using int8_tile = integer_tile<quantized::int8, Height>;
#endif

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
