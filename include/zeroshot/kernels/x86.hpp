#pragma once
/// \file The tables of x86: AVX2, AVX-512 and what processors added to them.

#include <zeroshot/kernels/vector.hpp>

#if ZEROSHOT_KERNELS_X86
#include <array>
#include <cstddef>
#include <cstdint>

#include <cpuid.h>
#include <immintrin.h>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/amx.hpp>
#include <zeroshot/kernels/portable.hpp>
#include <zeroshot/kernels/quantize.hpp>
#include <zeroshot/kernels/quantized_tiles.hpp>
#include <zeroshot/kernels/resample.hpp>
#include <zeroshot/kernels/row.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/tiles.hpp>
#include <zeroshot/kernels/winograd.hpp>

// Functions marked so are compiled for those instructions whatever the flags of the program. A test compiles them for
// the plain ones, with a namespace of its own that does what the instructions do.
#if defined(ZEROSHOT_EMULATED_INSTRUCTIONS)
#define ZEROSHOT_TARGET(features)
#else
#define ZEROSHOT_TARGET(features) __attribute__((target(features)))
#endif

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

#if defined(ZEROSHOT_EMULATED_INSTRUCTIONS)
namespace instructions = ZEROSHOT_EMULATED_INSTRUCTIONS;
#else
namespace instructions {

/// Sums of two products each of signed numbers of 16 bits.
[[gnu::always_inline, gnu::target("avx2")]] inline integers<8> pmaddwd(const words<8>& row,
                                                                       const words<8>& weights) noexcept {
    return reinterpret_cast<integers<8>>(
        _mm256_madd_epi16(reinterpret_cast<__m256i>(row), reinterpret_cast<__m256i>(weights)));
}

/// Sums of two products each of an unsigned byte of the rows and a signed one of the weights, in 16 bits.
[[gnu::always_inline, gnu::target("avx2")]] inline words<8> pmaddubsw(const words<8>& row,
                                                                      const words<8>& weights) noexcept {
    return reinterpret_cast<words<8>>(
        _mm256_maddubs_epi16(reinterpret_cast<__m256i>(row), reinterpret_cast<__m256i>(weights)));
}

// The following in assembly: their intrinsics can only be inlined into functions with the same target, and one tile
// serves all of them.

/// sum += the products of four unsigned bytes of the rows and four signed ones of the weights.
template <std::size_t Lanes>
[[gnu::always_inline, gnu::target("avx512f")]] inline void vpdpbusd(integers<Lanes>& sum, const words<Lanes>& row,
                                                                    const words<Lanes>& weights) noexcept {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(row), "v"(weights));
}
template <std::size_t Lanes>
[[gnu::always_inline, gnu::target("avx2")]] inline void vpdpbusd_vex(integers<Lanes>& sum, const words<Lanes>& row,
                                                                     const words<Lanes>& weights) noexcept {
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(row), "x"(weights));
}

/// sum += the products of two signed integers of 16 bits each.
template <std::size_t Lanes>
[[gnu::always_inline, gnu::target("avx512f")]] inline void vpdpwssd(integers<Lanes>& sum, const words<Lanes>& row,
                                                                    const words<Lanes>& weights) noexcept {
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(row), "v"(weights));
}
template <std::size_t Lanes>
[[gnu::always_inline, gnu::target("avx2")]] inline void vpdpwssd_vex(integers<Lanes>& sum, const words<Lanes>& row,
                                                                     const words<Lanes>& weights) noexcept {
    __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(sum) : "x"(row), "x"(weights));
}

/// sum += the products of two bfloat16 each.
template <std::size_t Lanes>
[[gnu::always_inline, gnu::target("avx512f")]] inline void vdpbf16ps(floats<Lanes>& sum, const words<Lanes>& row,
                                                                     const words<Lanes>& weights) noexcept {
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(row), "v"(weights));
}

}  // namespace instructions
#endif

/// Products of pairs, each pair's added up in 32 bits: 1.5 times the speed of floats (Zen 3).
struct dot_avx2_int16 : quantized_sums<quantized::int16, 8> {
    [[gnu::always_inline]] ZEROSHOT_TARGET("avx2,fma") static inline void add(sum& to, const words<8>& row,
                                                                              const words<8>& weights) noexcept {
        to += instructions::pmaddwd(row, weights);
    }
};

/// Products of an unsigned and a signed byte, added up by two in 16 bits, then to sums of 32: up to 1.8 times the speed
/// of floats. Why not add up four in 16 bits? It is 2.3 times that speed, but leaves the weights 7 bits, and
/// one answer in thirty changed.
struct dot_avx2_int8 : quantized_sums<quantized::int8, 8> {
    [[gnu::always_inline]] ZEROSHOT_TARGET("avx2,fma") static inline void add(sum& to, const words<8>& row,
                                                                              const words<8>& weights) noexcept {
        to += instructions::pmaddwd(instructions::pmaddubsw(row, weights), words<8>{} + 0x00010001u);
    }
};

struct dot_avx_vnni_int16 : quantized_sums<quantized::int16, 8> {
    [[gnu::always_inline]] ZEROSHOT_TARGET("avx2,fma") static inline void add(sum& to, const words<8>& row,
                                                                              const words<8>& weights) noexcept {
        instructions::vpdpwssd_vex<8>(to, row, weights);
    }
};

struct dot_avx_vnni_int8 : quantized_sums<quantized::int8, 8> {
    [[gnu::always_inline]] ZEROSHOT_TARGET("avx2,fma") static inline void add(sum& to, const words<8>& row,
                                                                              const words<8>& weights) noexcept {
        instructions::vpdpbusd_vex<8>(to, row, weights);
    }
};

/// Words of integers, two registers of columns side by side.
template <class Dot>
struct quantized_tile_avx2 {
    using word = std::uint32_t;
    static constexpr std::size_t height = 6, panels = 1, lanes = 8, row_words = 1, grain = packed_rows_grain;

    template <std::size_t Rows>
    ZEROSHOT_TARGET("avx2,fma")
    static void multiply(const quantized_tile& tile, const char* next, std::size_t step) noexcept {
        typename Dot::sum sums[Rows][2] = {};
        const std::uint32_t *row = tile.rows + row_header, *panel = tile.panel + Dot::header * panel_width;
        const std::size_t row_stride = tile.row_stride, count = tile.depth - Dot::header;
        for (std::size_t k = 0; k < count; ++k, panel += panel_width, next += step) {
            const words<lanes> left = vector_at<lanes>(panel).vector, right = vector_at<lanes>(panel + lanes).vector;
            prefetch(next);
#pragma GCC unroll 16
            for (std::size_t i = 0; i < Rows; ++i) {
                const words<lanes> broadcast = words<lanes>{} + row[i * row_stride + k];
                Dot::add(sums[i][0], broadcast, left);
                Dot::add(sums[i][1], broadcast, right);
            }
        }
        Dot::store(sums, tile);
    }
};

struct dot_avx512_int16 : quantized_sums<quantized::int16, 16> {
    [[gnu::always_inline]] ZEROSHOT_TARGET("avx512f,fma") static inline void add(sum& to, const words<16>& row,
                                                                                 const words<16>& weights) noexcept {
        instructions::vpdpwssd<16>(to, row, weights);
    }
};

struct dot_avx512_int8 : quantized_sums<quantized::int8, 16> {
    [[gnu::always_inline]] ZEROSHOT_TARGET("avx512f,fma") static inline void add(sum& to, const words<16>& row,
                                                                                 const words<16>& weights) noexcept {
        instructions::vpdpbusd<16>(to, row, weights);
    }
};

struct dot_avx512_bf16 : quantized_sums<quantized::bf16, 16> {
    [[gnu::always_inline]] ZEROSHOT_TARGET("avx512f,fma") static inline void add(sum& to, const words<16>& row,
                                                                                 const words<16>& weights) noexcept {
        instructions::vdpbf16ps<16>(to, row, weights);
    }
};

/// Words that one instruction multiplies and adds up, two panels of columns side by side.
template <class Dot>
struct quantized_tile_avx512 {
    using word = std::uint32_t;
    static constexpr std::size_t height = 14, panels = 2, lanes = 16, row_words = 1, grain = packed_rows_grain;

    template <std::size_t Rows>
    ZEROSHOT_TARGET("avx512f,fma")
    static void multiply(const quantized_tile& tile, const char* next, std::size_t step) noexcept {
        typename Dot::sum sums[Rows][panels] = {};
        const std::uint32_t *row = tile.rows + row_header, *panel = tile.panel + Dot::header * panel_width;
        const std::size_t row_stride = tile.row_stride, count = tile.depth - Dot::header;
        for (std::size_t k = 0; k < count; ++k, panel += panel_width, next += step) {
            const words<lanes> left = vector_at<lanes>(panel).vector;
            const words<lanes> right = vector_at<lanes>(panel + tile.next_panel).vector;
            prefetch(next);
#pragma GCC unroll 16
            for (std::size_t i = 0; i < Rows; ++i) {
                const words<lanes> broadcast = words<lanes>{} + row[i * row_stride + k];
                Dot::add(sums[i][0], broadcast, left);
                Dot::add(sums[i][1], broadcast, right);
            }
        }
        Dot::store(sums, tile);
    }
};

#if ZEROSHOT_KERNELS_AMX
struct dot_amx_int8 : dot_avx512_int8 {
    template <int Sums, int Rows, int Weights>
    [[gnu::always_inline]] inline static void add_tiles() noexcept {
        instructions::tdpbusd<Sums, Rows, Weights>();
    }
};

struct dot_amx_bf16 : dot_avx512_bf16 {
    template <int Sums, int Rows, int Weights>
    [[gnu::always_inline]] inline static void add_tiles() noexcept {
        instructions::tdpbf16ps<Sums, Rows, Weights>();
    }
};
#endif

// Attributes of a function template's caller do not reach it, so each entry of the tables is a function with its own.

template <class Tile>
ZEROSHOT_TARGET("avx2,fma")
void multiply_avx2(const product<float, typename Tile::word>& p, std::size_t panel, std::size_t end) noexcept {
    multiply_all<Tile, float>(p, panel, end);
}

template <class Tile>
ZEROSHOT_TARGET("avx512f,fma")
void multiply_avx512(const product<float, typename Tile::word>& p, std::size_t panel, std::size_t end) noexcept {
    multiply_all<Tile, float>(p, panel, end);
}

ZEROSHOT_TARGET("avx2,fma") inline void apply_avx2(activation function, float* numbers, std::size_t count) noexcept {
    apply_to_all<8>(function, numbers, count);
}

ZEROSHOT_TARGET("avx2,fma") inline void softmax_avx2(float* numbers, std::size_t count, float scale) noexcept {
    softmax_row<8>(numbers, count, scale);
}

ZEROSHOT_TARGET("avx2,fma")
inline void normalise_avx2(const float* row, std::size_t width, const float* gain, const float* bias, float epsilon,
                           float* result) noexcept {
    normalise_row<8>(row, width, gain, bias, epsilon, result);
}

ZEROSHOT_TARGET("avx2,fma")
inline void winograd_transform_avx2(const float* const* patch, std::size_t channels, float* places,
                                    std::size_t stride) noexcept {
    winograd_transform_all<8>(patch, channels, places, stride);
}

ZEROSHOT_TARGET("avx2,fma")
inline void winograd_finish_avx2(const float* places, std::size_t stride, const float* bias, std::size_t channels,
                                 bool add, float* const* results) noexcept {
    winograd_finish_all<8>(places, stride, bias, channels, add, results);
}

ZEROSHOT_TARGET("avx2,fma")
inline void pack_rows_avx2(quantized type, row_format format, const float* rows, std::size_t row_stride,
                           std::size_t row_count, std::size_t depth, std::uint32_t* packed) noexcept {
    pack_rows<8>(type, format, rows, row_stride, row_count, depth, packed);
}

ZEROSHOT_TARGET("avx2,fma")
inline void round_floats_avx2(const float* numbers, std::size_t count, float* rounded) noexcept {
    round_floats<8>(numbers, count, rounded);
}

/// By the processor's own conversion, eight at a time: every processor with AVX2 has F16C.
[[gnu::target("avx2,f16c")]] inline void widen_half_avx2(const half* from, std::size_t count, float* to) noexcept {
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(halves));
    }
    widen_each(from + i, count - i, to + i);
}

[[gnu::target("avx2")]] inline void widen_bfloat16_avx2(const bfloat16* from, std::size_t count, float* to) noexcept {
    widen_each(from, count, to);
}

// What the processor and the system can do. Asked once each: in a virtual machine CPUID takes tens of microseconds.

inline bool has_avx2() noexcept {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
inline bool has_avx512() noexcept {
    return has_avx2() && __builtin_cpu_supports("avx512f");
}
inline bool has_avx512_vnni() noexcept {
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}
inline bool has_avx512_bf16() noexcept {
    return has_avx512_vnni() && __builtin_cpu_supports("avx512bf16");
}

/// Leaf 7, subleaf 1, EAX bit 4: not every compiler's __builtin_cpu_supports knows AVX-VNNI.
inline bool has_avx_vnni() noexcept {
    static const bool found = [] {
        unsigned a = 0, b = 0, c = 0, d = 0;
        return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << 4)) != 0;
    }();
    return has_avx2() && found;
}

#if ZEROSHOT_KERNELS_AMX
inline bool has_amx() noexcept {
    static const bool found = has_avx512_bf16() && processor_has_amx() && system_permits_tiles();
    return found;
}
#endif

/// Intel's processors do AVX512_BF16 at half the speed of their AVX-512 in float.
inline bool prefers_avx512_bf16() noexcept {
    return !__builtin_cpu_is("intel");
}

inline constexpr scalar_kernels<float> avx2_floats{multiply_avx2<plain_tile<float, 6, 1, 32>>,
                                                   apply_avx2,
                                                   softmax_avx2,
                                                   normalise_avx2,
                                                   winograd_transform_avx2,
                                                   winograd_finish_avx2};

inline constexpr table avx2_table{
    .set = instruction_set::avx2,
    .name = "avx2",
    .is_available = has_avx2,
    .is_preferred = always,
    .rows = {.bf16_as_floats = true, .signed_bytes = false},
    .gains_from_int16 = true,
    .best_of_16_bits = quantized::int16,
    .f32 = avx2_floats,
    .multiply_quantized = {multiply_avx2<bf16_tile<6, 1, 32>>, multiply_avx2<quantized_tile_avx2<dot_avx2_int16>>,
                           multiply_avx2<quantized_tile_avx2<dot_avx2_int8>>},
    .pack_rows = pack_rows_avx2,
    .pack_columns = pack_columns,
    .round_floats = round_floats_avx2,
    .widen_half = widen_half_avx2,
    .widen_bfloat16 = widen_bfloat16_avx2,
    .split_weights = {split_weights<1>, split_weights<2>, split_weights<3>, split_weights<4>},
    .sum_pixels = {sum_pixels_avx2<1>, sum_pixels_avx2<2>, sum_pixels_avx2<3>, sum_pixels_avx2<4>},
    .sum_rows = sum_rows_avx2};

inline constexpr table avx_vnni_table = [] {
    table vnni = avx2_table;
    vnni.set = instruction_set::avx_vnni;
    vnni.name = "avx_vnni";
    vnni.is_available = has_avx_vnni;
    vnni.multiply_quantized[1] = multiply_avx2<quantized_tile_avx2<dot_avx_vnni_int16>>;
    vnni.multiply_quantized[2] = multiply_avx2<quantized_tile_avx2<dot_avx_vnni_int8>>;
    return vnni;
}();

/// Without VNNI, integers are multiplied as by AVX2.
inline constexpr table avx512_table = [] {
    table wide = avx2_table;
    wide.set = instruction_set::avx512;
    wide.name = "avx512";
    wide.is_available = has_avx512;
    wide.gains_from_int16 = false;
    wide.best_of_16_bits = quantized::bf16;
    wide.f32.multiply = multiply_avx512<plain_tile<float, 14, 2, 64>>;
    wide.multiply_quantized[0] = multiply_avx512<bf16_tile<14, 1, 64>>;
    return wide;
}();

inline constexpr table avx512_vnni_table = [] {
    table vnni = avx512_table;
    vnni.set = instruction_set::avx512_vnni;
    vnni.name = "avx512_vnni";
    vnni.is_available = has_avx512_vnni;
    vnni.gains_from_int16 = true;
    vnni.best_of_16_bits = quantized::int16;
    vnni.multiply_quantized[1] = multiply_avx512<quantized_tile_avx512<dot_avx512_int16>>;
    vnni.multiply_quantized[2] = multiply_avx512<quantized_tile_avx512<dot_avx512_int8>>;
    return vnni;
}();

inline constexpr table avx512_bf16_table = [] {
    table bf16 = avx512_vnni_table;
    bf16.set = instruction_set::avx512_bf16;
    bf16.name = "avx512_bf16";
    bf16.is_available = has_avx512_bf16;
    bf16.is_preferred = prefers_avx512_bf16;
    bf16.rows.bf16_as_floats = false;
    bf16.multiply_quantized[0] = multiply_avx512<quantized_tile_avx512<dot_avx512_bf16>>;
    return bf16;
}();

#if ZEROSHOT_KERNELS_AMX
inline constexpr table amx_table = [] {
    table tiles = avx512_bf16_table;
    tiles.set = instruction_set::amx;
    tiles.name = "amx";
    tiles.is_available = has_amx;
    tiles.is_preferred = always;
    tiles.best_of_16_bits = quantized::bf16;
    tiles.multiply_quantized[0] = multiply_amx<dot_amx_bf16>;
    tiles.multiply_quantized[2] = multiply_amx<dot_amx_int8>;
    return tiles;
}();
#endif

/// The best first.
inline constexpr std::array family_tables {
#if ZEROSHOT_KERNELS_AMX
    &amx_table,
#endif
        &avx512_bf16_table, &avx512_vnni_table, &avx512_table, &avx_vnni_table, &avx2_table
};

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail

#undef ZEROSHOT_TARGET
#endif
