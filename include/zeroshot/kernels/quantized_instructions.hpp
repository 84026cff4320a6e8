#pragma once
/// \file The instructions that multiply and add up narrow numbers, and the tiles made of them.

#include <cstddef>
#include <cstdint>

#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/kernels/multiply_amx.hpp>
#include <zeroshot/kernels/quantized.hpp>
#include <zeroshot/kernels/quantized_tiles.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

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
struct dot_avx2_int16 : narrow_sums<narrow::int16, 8> {
    ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx2,fma") static void add(sum& to, const words<8>& row,
                                                                       const words<8>& weights) noexcept {
        to += reinterpret_cast<integers<8>>(__builtin_ia32_pmaddwd256(reinterpret_cast<sixteen_shorts>(row),
                                                                      reinterpret_cast<sixteen_shorts>(weights)));
    }
};

/// Products of an unsigned and a signed byte, added up by two in 16 bits, then to sums of 32: up to 1.8 times the speed
/// of floats. Why not add up four in 16 bits? It is 2.3 times that speed, but leaves the weights 7 bits, and
/// one answer in thirty changed.
struct dot_avx2_int8 : narrow_sums<narrow::int8, 8> {
    ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx2,fma") static void add(sum& to, const words<8>& row,
                                                                       const words<8>& weights) noexcept {
        typedef char bytes __attribute__((vector_size(32)));
        const sixteen_shorts pairs =
            __builtin_ia32_pmaddubsw256(reinterpret_cast<bytes>(row), reinterpret_cast<bytes>(weights));
        to += reinterpret_cast<integers<8>>(__builtin_ia32_pmaddwd256(pairs, sixteen_shorts{} + 1));
    }
};

struct dot_avx_vnni_int16 : narrow_sums<narrow::int16, 8> {
    ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx2,fma") static void add(sum& to, const words<8>& row,
                                                                       const words<8>& weights) noexcept {
        ZEROSHOT_VPDPWSSD_VEX(to, row, weights);
    }
};

struct dot_avx_vnni_int8 : narrow_sums<narrow::int8, 8> {
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

struct dot_avx512_int16 : narrow_sums<narrow::int16, 16> {
    ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx512f,fma") static void add(sum& to, const words<16>& row,
                                                                          const words<16>& weights) noexcept {
        ZEROSHOT_VPDPWSSD(to, row, weights);
    }
};

struct dot_avx512_int8 : narrow_sums<narrow::int8, 16> {
    ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx512f,fma") static void add(sum& to, const words<16>& row,
                                                                          const words<16>& weights) noexcept {
        ZEROSHOT_VPDPBUSD(to, row, weights);
    }
};

struct dot_avx512_bf16 : narrow_sums<narrow::bf16, 16> {
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
struct dot_neon_int8 : narrow_sums<narrow::int8, 4> {
    ZEROSHOT_ALWAYS_INLINE static void add(sum& to, const words<4>& row, const words<4>& weights) noexcept {
        ZEROSHOT_ARM_DOT("0x4f80e000", to, weights, row);  // sdot %0.4s, %1.16b, %2.4b[0]
    }
};

/// BFDOT: sum += the products of two bfloat16 each, rounded in its own way: not to the nearest.
struct dot_neon_bf16 : narrow_sums<narrow::bf16, 4> {
    ZEROSHOT_ALWAYS_INLINE static void add(sum& to, const words<4>& row, const words<4>& weights) noexcept {
        ZEROSHOT_ARM_DOT("0x4f40f000", to, weights, row);  // bfdot %0.4s, %1.8h, %2.2h[0]
    }
};
#elif ZEROSHOT_KERNELS_SIMD128
struct dot_simd128_int16 : narrow_sums<narrow::int16, 4> {
    ZEROSHOT_ALWAYS_INLINE static void add(sum& to, const words<4>& row, const words<4>& weights) noexcept {
        typedef short eight_shorts __attribute__((vector_size(16)));
        to += __builtin_wasm_dot_s_i32x4_i16x8(reinterpret_cast<const eight_shorts&>(row),
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

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
