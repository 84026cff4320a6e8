#pragma once
/// \file The product of multiply.hpp over numbers of 16 and of 8 bits, as narrow.hpp lays them out.
///
/// In bfloat16, an element of the result is a sum of exact products in float: word after word, the lower half's product
/// before the upper's, each sum rounded. So the kernels without an instruction for pairs give the same sums to the bit;
/// those with one round as the processor does it. Sums of integers are exact, so every instruction set has the same.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <zeroshot/kernels/function.hpp>
#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/kernels/multiply_amx.hpp>
#include <zeroshot/kernels/narrow.hpp>
#include <zeroshot/kernels/round.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot::inline ZEROSHOT_ABI::kernels {

/// Rows and weights packed for one instruction set and type; depth is column_words, row_stride row_words.
using narrow_product = product<float, std::uint32_t>;

namespace detail {

using narrow_tile = tile_of<float, std::uint32_t>;

#if ZEROSHOT_KERNELS_VECTORS
template <std::size_t Lanes>
using integers = typename vector_of<std::int32_t, Lanes>::type;

/// The same address, of which a compiler cannot know that: it reads there again, rather than hold in registers what it
/// read before.
ZEROSHOT_ALWAYS_INLINE const std::uint32_t* again(const std::uint32_t* address) noexcept {
    __asm__("" : "+r"(address));
    return address;
}

/// sums += one half of each word of the rows and of the weights. GCC would hold the mask in a register that the sums
/// need.
template <bool Upper, std::size_t Rows, std::size_t Vectors, std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void add_halves(floats<Lanes> (&sums)[Rows][Vectors], const std::uint32_t* row,
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
    ZEROSHOT_ALWAYS_INLINE static void multiply(const narrow_tile& tile, const char* next, std::size_t step) noexcept {
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

/// What sums of unsigned bytes times signed ones stand for: less the zero of the row times the sum of the weights,
/// times both scales.
template <std::size_t Rows, std::size_t Vectors, std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void store_int8_tile(integers<Lanes> (&sums)[Rows][Vectors], const narrow_tile& tile) noexcept {
    constexpr std::size_t width = panel_width / Lanes;
    floats<Lanes> scaled[Rows][Vectors];
#pragma GCC unroll 16
    for (std::size_t j = 0; j < Vectors; ++j) {
        const std::uint32_t* const header = tile.panel + j / width * tile.next_panel + j % width * Lanes;
        const words<Lanes> scale = vector_at<Lanes>(header).vector;
        const words<Lanes> weights_sum = vector_at<Lanes>(header + panel_width).vector;
#pragma GCC unroll 16
        for (std::size_t i = 0; i < Rows; ++i) {
            const float row_scale = std::bit_cast<float>(tile.rows[i * tile.row_stride]);
            const words<Lanes> zeros = tile.rows[i * tile.row_stride + 1] * weights_sum;
            const integers<Lanes> sum = sums[i][j] - reinterpret_cast<const integers<Lanes>&>(zeros);
            scaled[i][j] = __builtin_convertvector(sum, floats<Lanes>) *
                           (row_scale * reinterpret_cast<const floats<Lanes>&>(scale));
        }
    }
    store_tile<Rows, Vectors, Lanes>(scaled, tile);
}

/// What sums of integers of 16 bits stand for: times both scales.
template <std::size_t Rows, std::size_t Vectors, std::size_t Lanes>
ZEROSHOT_ALWAYS_INLINE void store_int16_tile(integers<Lanes> (&sums)[Rows][Vectors], const narrow_tile& tile) noexcept {
    constexpr std::size_t width = panel_width / Lanes;
    floats<Lanes> scaled[Rows][Vectors];
#pragma GCC unroll 16
    for (std::size_t j = 0; j < Vectors; ++j) {
        const words<Lanes> scale =
            vector_at<Lanes>(tile.panel + j / width * tile.next_panel + j % width * Lanes).vector;
#pragma GCC unroll 16
        for (std::size_t i = 0; i < Rows; ++i) {
            const float row_scale = std::bit_cast<float>(tile.rows[i * tile.row_stride]);
            scaled[i][j] = __builtin_convertvector(sums[i][j], floats<Lanes>) *
                           (row_scale * reinterpret_cast<const floats<Lanes>&>(scale));
        }
    }
    store_tile<Rows, Vectors, Lanes>(scaled, tile);
}

template <std::size_t Lanes>
using shorts = typename vector_of<std::int16_t, 2 * Lanes>::type;

/// Adds neighbouring numbers of 16 bits to sums of 32.
struct add_pairs {
    template <std::size_t Lanes>
    ZEROSHOT_ALWAYS_INLINE static void to(integers<Lanes>& sum, const shorts<Lanes>& numbers) noexcept {
        const integers<Lanes>& pairs = reinterpret_cast<const integers<Lanes>&>(numbers);
        sum += (pairs << 16 >> 16) + (pairs >> 16);
    }
};

/// Bytes where no instruction multiplies them: as numbers of 16 bits, of which two bytes' products add up to one of 16
/// bits, as narrow.hpp sees to.
template <std::size_t Height, std::size_t Register, class AddPairs = add_pairs>
struct int8_tile {
    using word = std::uint32_t;
    static constexpr std::size_t height = Height, panels = 1, lanes = Register / sizeof(word);
    static constexpr std::size_t row_words = 1, grain = packed_rows_grain;

    template <std::size_t Rows>
    ZEROSHOT_ALWAYS_INLINE static void multiply(const narrow_tile& tile, const char* next, std::size_t step) noexcept {
        using numbers = shorts<lanes>;
        constexpr std::size_t vectors = panel_width / lanes;
        integers<lanes> sums[Rows][vectors] = {};
        constexpr std::size_t header = column_header(narrow::int8);
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
        store_int8_tile<Rows, vectors, lanes>(sums, tile);
    }
};

/// Both halves of words, multiplied one after the other.
struct add_halves_products {
    template <std::size_t Lanes>
    ZEROSHOT_ALWAYS_INLINE static void to(integers<Lanes>& sum, const words<Lanes>& row,
                                          const words<Lanes>& weights) noexcept {
        const auto& left = reinterpret_cast<const integers<Lanes>&>(row);
        const auto& right = reinterpret_cast<const integers<Lanes>&>(weights);
        sum += (left << 16 >> 16) * (right << 16 >> 16) + (left >> 16) * (right >> 16);
    }
};

/// Pairs of integers of 16 bits where their tiles are nothing special.
template <std::size_t Height, std::size_t Register, class AddProducts = add_halves_products>
struct int16_tile {
    using word = std::uint32_t;
    static constexpr std::size_t height = Height, panels = 1, lanes = Register / sizeof(word);
    static constexpr std::size_t row_words = 1, grain = packed_rows_grain;

    template <std::size_t Rows>
    ZEROSHOT_ALWAYS_INLINE static void multiply(const narrow_tile& tile, const char* next, std::size_t step) noexcept {
        constexpr std::size_t vectors = panel_width / lanes, header = column_header(narrow::int16);
        integers<lanes> sums[Rows][vectors] = {};
        const std::uint32_t *row = tile.rows + row_header, *panel = tile.panel + header * panel_width;
        for (std::size_t k = 0; k < tile.depth - header; ++k, panel += panel_width, next += step) {
            prefetch(next);
#pragma GCC unroll 16
            for (std::size_t j = 0; j < vectors; ++j) {
                const words<lanes> weights = vector_at<lanes>(panel + j * lanes).vector;
#pragma GCC unroll 16
                for (std::size_t i = 0; i < Rows; ++i) {
                    const words<lanes> some = words<lanes>{} + row[i * tile.row_stride + k];
                    AddProducts::template to<lanes>(sums[i][j], some, weights);
                }
            }
        }
        store_int16_tile<Rows, vectors, lanes>(sums, tile);
    }
};

/// What instructions that multiply and add up whole words sum into, and what becomes of it.
template <std::size_t Lanes>
struct int16_sums {
    using sum = integers<Lanes>;
    static constexpr std::size_t header = column_header(narrow::int16);

    template <std::size_t Rows, std::size_t Vectors>
    ZEROSHOT_ALWAYS_INLINE static void store(sum (&sums)[Rows][Vectors], const narrow_tile& tile) noexcept {
        store_int16_tile<Rows, Vectors, Lanes>(sums, tile);
    }
};

template <std::size_t Lanes>
struct int8_sums {
    using sum = integers<Lanes>;
    static constexpr std::size_t header = column_header(narrow::int8);

    template <std::size_t Rows, std::size_t Vectors>
    ZEROSHOT_ALWAYS_INLINE static void store(sum (&sums)[Rows][Vectors], const narrow_tile& tile) noexcept {
        store_int8_tile<Rows, Vectors, Lanes>(sums, tile);
    }
};

template <std::size_t Lanes>
struct bf16_sums {
    using sum = floats<Lanes>;
    static constexpr std::size_t header = column_header(narrow::bf16);

    template <std::size_t Rows, std::size_t Vectors>
    ZEROSHOT_ALWAYS_INLINE static void store(sum (&sums)[Rows][Vectors], const narrow_tile& tile) noexcept {
        store_tile<Rows, Vectors, Lanes>(sums, tile);
    }
};
#else
/// One number after the other.
template <std::size_t Height, std::size_t Panels, std::size_t Register>
struct bf16_tile {
    using word = std::uint32_t;
    static constexpr std::size_t height = Height, panels = 1, lanes = 4, row_words = 2, grain = packed_rows_grain;

    template <std::size_t Rows>
    static void multiply(const narrow_tile& tile, const char*, std::size_t) noexcept {
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

template <std::size_t Height, std::size_t Register>
struct int16_tile {
    using word = std::uint32_t;
    static constexpr std::size_t height = Height, panels = 1, lanes = 4, row_words = 1, grain = packed_rows_grain;

    template <std::size_t Rows>
    static void multiply(const narrow_tile& tile, const char*, std::size_t) noexcept {
        constexpr std::size_t header = column_header(narrow::int16);
        for (std::size_t i = 0; i < Rows; ++i) {
            const std::uint32_t* const row = tile.rows + i * tile.row_stride;
            for (std::size_t column = 0; column < panel_width; ++column) {
                const std::uint32_t* const weights = tile.panel + column;
                std::int32_t sum = 0;
                for (std::size_t k = 0; k + header < tile.depth; ++k) {
                    for (unsigned half = 0; half < 32; half += 16) {
                        sum += static_cast<std::int16_t>((row[row_header + k] >> half) & 0xffffu) *
                               static_cast<std::int16_t>((weights[(header + k) * panel_width] >> half) & 0xffffu);
                    }
                }
                const float scale = std::bit_cast<float>(row[0]) * std::bit_cast<float>(weights[0]);
                tile.result[i * tile.result_stride + column] =
                    static_cast<float>(sum) * scale + (tile.bias == nullptr ? 0 : tile.bias[column]);
            }
        }
    }
};

template <std::size_t Height, std::size_t Register>
struct int8_tile {
    using word = std::uint32_t;
    static constexpr std::size_t height = Height, panels = 1, lanes = 4, row_words = 1, grain = packed_rows_grain;

    template <std::size_t Rows>
    static void multiply(const narrow_tile& tile, const char*, std::size_t) noexcept {
        constexpr std::size_t header = column_header(narrow::int8);
        for (std::size_t i = 0; i < Rows; ++i) {
            const std::uint32_t* const row = tile.rows + i * tile.row_stride;
            for (std::size_t column = 0; column < panel_width; ++column) {
                const std::uint32_t* const weights = tile.panel + column;
                auto sum = -static_cast<std::int32_t>(row[1] * weights[panel_width]);
                for (std::size_t k = 0; k + header < tile.depth; ++k) {
                    for (unsigned byte = 0; byte < 32; byte += 8) {
                        const std::uint32_t word = weights[(header + k) * panel_width];
                        sum += static_cast<std::int32_t>((row[row_header + k] >> byte) & 0xffu) *
                               static_cast<std::int8_t>((word >> byte) & 0xffu);
                    }
                }
                const float scale = std::bit_cast<float>(row[0]) * std::bit_cast<float>(weights[0]);
                tile.result[i * tile.result_stride + column] =
                    static_cast<float>(sum) * scale + (tile.bias == nullptr ? 0 : tile.bias[column]);
            }
        }
    }
};
#endif

#if ZEROSHOT_KERNELS_X86
// In assembly: compilers call these by different names, and with different types. A test replaces them by what they do.
#ifndef ZEROSHOT_VPDPBUSD
/// sum += the products of four unsigned bytes of the rows and four signed ones of the weights, in every lane.
#define ZEROSHOT_VPDPBUSD(sum, row, weights) __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(row), "v"(weights))
#define ZEROSHOT_VPDPBUSD_VEX(sum, row, weights) \
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(row), "x"(weights))
/// sum += the products of two signed integers of 16 bits each.
#define ZEROSHOT_VPDPWSSD(sum, row, weights) __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(row), "v"(weights))
#define ZEROSHOT_VPDPWSSD_VEX(sum, row, weights) \
    __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(sum) : "x"(row), "x"(weights))
/// sum += the products of two bfloat16 each.
#define ZEROSHOT_VDPBF16PS(sum, row, weights) __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(row), "v"(weights))
#endif

typedef short sixteen_shorts __attribute__((vector_size(32)));

/// Products of pairs, each pair's added up in 32 bits: 1.5 times the speed of floats (Zen 3).
struct dot_avx2_int16 : int16_sums<8> {
    ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx2,fma") static void add(sum& to, const words<8>& row,
                                                                       const words<8>& weights) noexcept {
        to += reinterpret_cast<integers<8>>(__builtin_ia32_pmaddwd256(reinterpret_cast<sixteen_shorts>(row),
                                                                      reinterpret_cast<sixteen_shorts>(weights)));
    }
};

/// Products of an unsigned and a signed byte, added up by two in 16 bits, then to sums of 32: up to 1.8 times the speed
/// of floats. Why not add up four in 16 bits? It is 2.3 times that speed, but leaves the weights 7 bits, and
/// one answer in thirty changed.
struct dot_avx2_int8 : int8_sums<8> {
    ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx2,fma") static void add(sum& to, const words<8>& row,
                                                                       const words<8>& weights) noexcept {
        typedef char bytes __attribute__((vector_size(32)));
        const sixteen_shorts pairs =
            __builtin_ia32_pmaddubsw256(reinterpret_cast<bytes>(row), reinterpret_cast<bytes>(weights));
        to += reinterpret_cast<integers<8>>(__builtin_ia32_pmaddwd256(pairs, sixteen_shorts{} + 1));
    }
};

struct dot_avx_vnni_int16 : int16_sums<8> {
    ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx2,fma") static void add(sum& to, const words<8>& row,
                                                                       const words<8>& weights) noexcept {
        ZEROSHOT_VPDPWSSD_VEX(to, row, weights);
    }
};

struct dot_avx_vnni_int8 : int8_sums<8> {
    ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx2,fma") static void add(sum& to, const words<8>& row,
                                                                       const words<8>& weights) noexcept {
        ZEROSHOT_VPDPBUSD_VEX(to, row, weights);
    }
};

/// Words of integers, two registers of columns side by side.
template <class Dot>
struct narrow_tile_avx2 {
    using word = std::uint32_t;
    static constexpr std::size_t height = 6, panels = 1, lanes = 8, row_words = 1, grain = packed_rows_grain;

    template <std::size_t Rows>
    ZEROSHOT_TARGET("avx2,fma")
    static void multiply(const narrow_tile& tile, const char* next, std::size_t step) noexcept {
        typename Dot::sum sums[Rows][2] = {};
        const std::uint32_t *row = tile.rows + row_header, *panel = tile.panel + Dot::header * panel_width;
        const std::size_t row_stride = tile.row_stride, count = tile.depth - Dot::header;
        for (std::size_t k = 0; k < count; ++k, panel += panel_width, next += step) {
            const words<lanes> left = vector_at<lanes>(panel).vector, right = vector_at<lanes>(panel + lanes).vector;
            prefetch(next);
#pragma GCC unroll 16
            for (std::size_t i = 0; i < Rows; ++i) {
                const words<lanes> some = words<lanes>{} + row[i * row_stride + k];
                Dot::add(sums[i][0], some, left);
                Dot::add(sums[i][1], some, right);
            }
        }
        Dot::store(sums, tile);
    }
};

struct dot_avx512_int16 : int16_sums<16> {
    ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx512f,fma") static void add(sum& to, const words<16>& row,
                                                                          const words<16>& weights) noexcept {
        ZEROSHOT_VPDPWSSD(to, row, weights);
    }
};

struct dot_avx512_int8 : int8_sums<16> {
    ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx512f,fma") static void add(sum& to, const words<16>& row,
                                                                          const words<16>& weights) noexcept {
        ZEROSHOT_VPDPBUSD(to, row, weights);
    }
};

struct dot_avx512_bf16 : bf16_sums<16> {
    ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx512f,fma") static void add(sum& to, const words<16>& row,
                                                                          const words<16>& weights) noexcept {
        ZEROSHOT_VDPBF16PS(to, row, weights);
    }
};

/// Words that one instruction multiplies and adds up, two panels of columns side by side.
template <class Dot>
struct narrow_tile_avx512 {
    using word = std::uint32_t;
    static constexpr std::size_t height = 14, panels = 2, lanes = 16, row_words = 1, grain = packed_rows_grain;

    template <std::size_t Rows>
    ZEROSHOT_TARGET("avx512f,fma")
    static void multiply(const narrow_tile& tile, const char* next, std::size_t step) noexcept {
        typename Dot::sum sums[Rows][panels] = {};
        const std::uint32_t *row = tile.rows + row_header, *panel = tile.panel + Dot::header * panel_width;
        const std::size_t row_stride = tile.row_stride, count = tile.depth - Dot::header;
        for (std::size_t k = 0; k < count; ++k, panel += panel_width, next += step) {
            const words<lanes> left = vector_at<lanes>(panel).vector;
            const words<lanes> right = vector_at<lanes>(panel + tile.next_panel).vector;
            prefetch(next);
#pragma GCC unroll 16
            for (std::size_t i = 0; i < Rows; ++i) {
                const words<lanes> some = words<lanes>{} + row[i * row_stride + k];
                Dot::add(sums[i][0], some, left);
                Dot::add(sums[i][1], some, right);
            }
        }
        Dot::store(sums, tile);
    }
};

#if ZEROSHOT_KERNELS_AMX
struct dot_amx_int8 : dot_avx512_int8 {
    template <int Sums, int Rows, int Weights>
    ZEROSHOT_ALWAYS_INLINE static void add_tiles() noexcept {
        ZEROSHOT_TDPBUSD(Sums, Rows, Weights);
    }
};

struct dot_amx_bf16 : dot_avx512_bf16 {
    template <int Sums, int Rows, int Weights>
    ZEROSHOT_ALWAYS_INLINE static void add_tiles() noexcept {
        ZEROSHOT_TDPBF16PS(Sums, Rows, Weights);
    }
};
#endif

template <class Tile>
ZEROSHOT_TARGET("avx2,fma")
void multiply_narrow_avx2(const narrow_product& p, std::size_t panel, std::size_t panel_end) noexcept {
    multiply_all<Tile, float>(p, panel, panel_end);
}

template <class Tile>
ZEROSHOT_TARGET("avx512f,fma")
void multiply_narrow_avx512(const narrow_product& p, std::size_t panel, std::size_t panel_end) noexcept {
    multiply_all<Tile, float>(p, panel, panel_end);
}
#elif ZEROSHOT_KERNELS_NEON
/// SADALP: pairs added while they are widened.
struct add_pairs_neon {
    template <std::size_t Lanes>
    ZEROSHOT_ALWAYS_INLINE static void to(integers<Lanes>& sum, const shorts<Lanes>& numbers) noexcept {
        __asm__("sadalp %0.4s, %1.8h" : "+w"(sum) : "w"(numbers));
    }
};

// As numbers, their registers put in: assemblers know these instructions only where they are told of a later
// architecture, and each is told in another way.
#define ZEROSHOT_ARM_DOT(instruction, sum, weights, row)                                                 \
    __asm__(                                                                                             \
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n" \
        ".equ .Lzeroshot_v\\n,\\n\n"                                                                     \
        ".endr\n"                                                                                        \
        ".inst " instruction " | .Lzeroshot_%0 | (.Lzeroshot_%1 << 5) | (.Lzeroshot_%2 << 16)"           \
        : "+w"(sum)                                                                                      \
        : "w"(weights), "w"(row))

/// SDOT: sum += the products of four signed bytes each, those of the row being in one word.
struct dot_neon_int8 : int8_sums<4> {
    ZEROSHOT_ALWAYS_INLINE static void add(sum& to, const words<4>& row, const words<4>& weights) noexcept {
        ZEROSHOT_ARM_DOT("0x4f80e000", to, weights, row);  // sdot %0.4s, %1.16b, %2.4b[0]
    }
};

/// BFDOT: sum += the products of two bfloat16 each, rounded in its own way: not to the nearest.
struct dot_neon_bf16 : bf16_sums<4> {
    ZEROSHOT_ALWAYS_INLINE static void add(sum& to, const words<4>& row, const words<4>& weights) noexcept {
        ZEROSHOT_ARM_DOT("0x4f40f000", to, weights, row);  // bfdot %0.4s, %1.8h, %2.2h[0]
    }
};

/// Words that one instruction multiplies and adds up.
template <class Dot>
struct narrow_tile_neon {
    using word = std::uint32_t;
    static constexpr std::size_t height = 6, panels = 1, lanes = 4, row_words = 1, grain = packed_rows_grain;

    template <std::size_t Rows>
    ZEROSHOT_ALWAYS_INLINE static void multiply(const narrow_tile& tile, const char* next, std::size_t step) noexcept {
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
                const words<lanes> some{row[i * row_stride + k]};
#pragma GCC unroll 16
                for (std::size_t j = 0; j < vectors; ++j) Dot::add(sums[i][j], some, weights[j]);
            }
        }
        Dot::store(sums, tile);
    }
};
#elif ZEROSHOT_KERNELS_SIMD128
struct add_products_simd128 {
    template <std::size_t Lanes>
    ZEROSHOT_ALWAYS_INLINE static void to(integers<Lanes>& sum, const words<Lanes>& row,
                                          const words<Lanes>& weights) noexcept {
        typedef short eight_shorts __attribute__((vector_size(16)));
        sum += __builtin_wasm_dot_s_i32x4_i16x8(reinterpret_cast<const eight_shorts&>(row),
                                                reinterpret_cast<const eight_shorts&>(weights));
    }
};

struct add_pairs_simd128 {
    template <std::size_t Lanes>
    ZEROSHOT_ALWAYS_INLINE static void to(integers<Lanes>& sum, const shorts<Lanes>& numbers) noexcept {
        typedef short eight_shorts __attribute__((vector_size(16)));
        sum += __builtin_wasm_extadd_pairwise_i16x8_s_i32x4(reinterpret_cast<const eight_shorts&>(numbers));
    }
};
#endif

template <class Product>
void multiply_bf16(const Product& p, instruction_set set, std::size_t panel, std::size_t panel_end) noexcept {
#if ZEROSHOT_KERNELS_AMX
    if (set == instruction_set::amx) return multiply_amx<dot_amx_bf16>(p, panel, panel_end);
#endif
#if ZEROSHOT_KERNELS_X86
    if (set == instruction_set::avx512_bf16)
        return multiply_narrow_avx512<narrow_tile_avx512<dot_avx512_bf16>>(p, panel, panel_end);
    if (set >= instruction_set::avx512) return multiply_narrow_avx512<bf16_tile<14, 1, 64>>(p, panel, panel_end);
    if (set != instruction_set::portable) return multiply_narrow_avx2<bf16_tile<6, 1, 32>>(p, panel, panel_end);
#elif ZEROSHOT_KERNELS_NEON
    if (set == instruction_set::neon_bf16)
        return multiply_all<narrow_tile_neon<dot_neon_bf16>, float>(p, panel, panel_end);
    if (set != instruction_set::portable) return multiply_all<bf16_tile<6, 1, 16>, float>(p, panel, panel_end);
#endif
    (void)set;
    multiply_all<bf16_tile<2, 1, 16>, float>(p, panel, panel_end);
}

template <class Product>
void multiply_int16(const Product& p, instruction_set set, std::size_t panel, std::size_t panel_end) noexcept {
#if ZEROSHOT_KERNELS_X86
    if (set >= instruction_set::avx512_vnni)
        return multiply_narrow_avx512<narrow_tile_avx512<dot_avx512_int16>>(p, panel, panel_end);
    if (set == instruction_set::avx_vnni)
        return multiply_narrow_avx2<narrow_tile_avx2<dot_avx_vnni_int16>>(p, panel, panel_end);
    if (set != instruction_set::portable)
        return multiply_narrow_avx2<narrow_tile_avx2<dot_avx2_int16>>(p, panel, panel_end);
#elif ZEROSHOT_KERNELS_NEON
    if (set != instruction_set::portable) return multiply_all<int16_tile<6, 16>, float>(p, panel, panel_end);
#elif ZEROSHOT_KERNELS_SIMD128
    if (set != instruction_set::portable)
        return multiply_all<int16_tile<2, 16, add_products_simd128>, float>(p, panel, panel_end);
#endif
    (void)set;
    multiply_all<int16_tile<2, 16>, float>(p, panel, panel_end);
}

template <class Product>
void multiply_int8(const Product& p, instruction_set set, std::size_t panel, std::size_t panel_end) noexcept {
#if ZEROSHOT_KERNELS_AMX
    if (set == instruction_set::amx) return multiply_amx<dot_amx_int8>(p, panel, panel_end);
#endif
#if ZEROSHOT_KERNELS_X86
    if (set >= instruction_set::avx512_vnni)
        return multiply_narrow_avx512<narrow_tile_avx512<dot_avx512_int8>>(p, panel, panel_end);
    if (set == instruction_set::avx_vnni)
        return multiply_narrow_avx2<narrow_tile_avx2<dot_avx_vnni_int8>>(p, panel, panel_end);
    if (set != instruction_set::portable)
        return multiply_narrow_avx2<narrow_tile_avx2<dot_avx2_int8>>(p, panel, panel_end);
#elif ZEROSHOT_KERNELS_NEON
    if (is_signed(narrow::int8, set)) return multiply_all<narrow_tile_neon<dot_neon_int8>, float>(p, panel, panel_end);
    if (set != instruction_set::portable)
        return multiply_all<int8_tile<4, 16, add_pairs_neon>, float>(p, panel, panel_end);
#elif ZEROSHOT_KERNELS_SIMD128
    if (set != instruction_set::portable)
        return multiply_all<int8_tile<2, 16, add_pairs_simd128>, float>(p, panel, panel_end);
#endif
    (void)set;
    multiply_all<int8_tile<2, 16>, float>(p, panel, panel_end);
}

}  // namespace detail

/// Computes some of the columns, those of the panels from `panel` to before `panel_end`, with the given instruction
/// set, which must be available and the one the rows were packed for.
/// \param p a narrow_product; Why a template? So that what is not used is not compiled.
template <class Product>
void multiply(narrow type, const Product& p, instruction_set set, std::size_t panel, std::size_t panel_end) noexcept {
    if (type == narrow::bf16) return detail::multiply_bf16(p, set, panel, panel_end);
    if (type == narrow::int16) return detail::multiply_int16(p, set, panel, panel_end);
    detail::multiply_int8(p, set, panel, panel_end);
}

}  // namespace zeroshot::inline ZEROSHOT_ABI::kernels
