#pragma once
/// \file The tables of x86: AVX2, AVX-512 and their extensions.

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

// Compiles a function for these instructions whatever the flags of the program. A test compiles it for the plain ones,
// with a namespace of its own that emulates the instructions.
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

// The following in assembly: their intrinsics can only be inlined into functions with the same target, and one
// microkernel serves all of them.

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

/// Two sums of two products each. int16: 1.5 times the speed of floats (Zen 3). int8: the products of unsigned and
/// signed bytes are added up by two in 16 bits, then in 32, up to 1.8 times the speed of floats. Four in 16 bits would
/// be 2.3 times as fast, but leave the weights 7 bits, which changed one prediction in thirty.
template <number_format Format>
struct dot_avx2 : word_sums<Format, 8> {
    [[gnu::always_inline]] ZEROSHOT_TARGET("avx2,fma") static inline void add(integers<8>& to, const words<8>& row,
                                                                              const words<8>& weights) noexcept {
        if constexpr (Format == number_format::int8)
            to += instructions::pmaddwd(instructions::pmaddubsw(row, weights), words<8>{} + 0x00010001u);
        else
            to += instructions::pmaddwd(row, weights);
    }
};

template <number_format Format>
struct dot_avx_vnni : word_sums<Format, 8> {
    [[gnu::always_inline]] ZEROSHOT_TARGET("avx2,fma") static inline void add(integers<8>& to, const words<8>& row,
                                                                              const words<8>& weights) noexcept {
        if constexpr (Format == number_format::int8)
            instructions::vpdpbusd_vex<8>(to, row, weights);
        else
            instructions::vpdpwssd_vex<8>(to, row, weights);
    }
};

/// By AVX512_VNNI and AVX512_BF16.
template <number_format Format, bool Tiled = true>
struct dot_avx512 : word_sums<Format, 16, Tiled> {
    using sum = typename word_sums<Format, 16>::sum;

    [[gnu::always_inline]] ZEROSHOT_TARGET("avx512f,fma") static inline void add(sum& to, const words<16>& row,
                                                                                 const words<16>& weights) noexcept {
        if constexpr (Format == number_format::int8)
            instructions::vpdpbusd<16>(to, row, weights);
        else if constexpr (Format == number_format::int16)
            instructions::vpdpwssd<16>(to, row, weights);
        else
            instructions::vdpbf16ps<16>(to, row, weights);
    }
};

#if ZEROSHOT_KERNELS_AMX
template <number_format Format>
struct dot_amx : dot_avx512<Format, false> {
    template <int Sums, int Rows, int Weights>
    [[gnu::always_inline]] inline static void add_tiles() noexcept {
        if constexpr (Format == number_format::int8)
            instructions::tdpbusd<Sums, Rows, Weights>();
        else
            instructions::tdpbf16ps<Sums, Rows, Weights>();
    }
};
#endif

/// Two sums for each row fill 28 of 32 registers.
inline constexpr std::size_t avx512_tile_height = 14;

// The next two are word_microkernel of quantized_tiles.hpp, whose target attribute must be that of Dot::add.

/// Words multiplied and added up whole, a panel of columns in two registers.
template <class Dot>
struct word_microkernel_avx2 {
    using word = std::uint32_t;
    static constexpr std::size_t height = 6, panels = 1, lanes = 8, row_words = 1;
    static constexpr std::size_t row_multiple = kernels::row_multiple;

    template <std::size_t Rows>
    ZEROSHOT_TARGET("avx2,fma")
    static void multiply(const quantized_operands& tile, prefetch_stream ahead) noexcept {
        typename Dot::sum sums[Rows][2] = {};
        const std::uint32_t* row = tile.rows + header_of_row<false>;
        const std::uint32_t* panel = tile.panel + Dot::header * panel_width;
        const std::size_t row_stride = tile.row_stride;
        for (std::size_t k = Dot::header; k < tile.depth; ++k, ++row, panel += panel_width) {
            const words<lanes> left = vector_at<lanes>(panel).vector, right = vector_at<lanes>(panel + lanes).vector;
            ahead.advance<panels>();
#pragma GCC unroll 16
            for (std::size_t i = 0; i < Rows; ++i) {
                const words<lanes> broadcast = words<lanes>{} + row[i * row_stride];
                Dot::add(sums[i][0], broadcast, left);
                Dot::add(sums[i][1], broadcast, right);
            }
        }
        Dot::store(sums, tile);
    }
};

/// Words multiplied and added up whole, two panels of columns; rows in tiles.
template <class Dot>
struct word_microkernel_avx512 {
    using word = std::uint32_t;
    static constexpr std::size_t height = avx512_tile_height, panels = 2, lanes = 16, row_words = 1;
    static constexpr std::size_t row_multiple = kernels::row_multiple;

    template <std::size_t Rows>
    ZEROSHOT_TARGET("avx512f,fma")
    static void multiply(const quantized_operands& tile, prefetch_stream ahead) noexcept {
        typename Dot::sum sums[Rows][panels] = {};
        const std::uint32_t* row = tile.rows + header_of_row<true> * Rows;
        const std::uint32_t* panel = tile.panel + Dot::header * panel_width;
        for (std::size_t k = Dot::header; k < tile.depth; ++k, row += Rows, panel += panel_width) {
            const words<lanes> left = vector_at<lanes>(panel).vector;
            const words<lanes> right = vector_at<lanes>(panel + tile.panel_stride).vector;
            ahead.advance<panels>();
#pragma GCC unroll 16
            for (std::size_t i = 0; i < Rows; ++i) {
                const words<lanes> broadcast = words<lanes>{} + row[i];
                Dot::add(sums[i][0], broadcast, left);
                Dot::add(sums[i][1], broadcast, right);
            }
        }
        Dot::store(sums, tile);
    }
};

template <auto Kernel>
struct compiled_for;

/// A kernel compiled for an instruction set: functions for all of them are inlined into one with its attribute.
template <class... Arguments, void (*Kernel)(Arguments...) noexcept>
struct compiled_for<Kernel> {
    ZEROSHOT_TARGET("avx2,fma")
    static void avx2(Arguments... arguments) noexcept { Kernel(arguments...); }

    ZEROSHOT_TARGET("avx512f,fma")
    static void avx512(Arguments... arguments) noexcept { Kernel(arguments...); }
};

template <class Microkernel>
inline constexpr auto multiply_avx2 = compiled_for<multiply_all<Microkernel, float>>::avx2;
template <class Microkernel>
inline constexpr auto multiply_avx512 = compiled_for<multiply_all<Microkernel, float>>::avx512;

/// By the processor's own conversion, eight at a time: every processor with AVX2 has F16C.
[[gnu::target("avx2,f16c")]] inline void widen_half_avx2(const half* from, std::size_t count, float* to) noexcept {
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(halves));
    }
    widen_each(from + i, count - i, to + i);
}

// Features of the processor and the system. CPUID takes tens of microseconds in a virtual machine, so each is read
// once.

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

/// Leaf 7, subleaf 1, EAX bit 4: not every compiler's __builtin_cpu_supports has AVX-VNNI.
inline bool has_avx_vnni() noexcept {
    static const bool available = [] {
        unsigned a = 0, b = 0, c = 0, d = 0;
        return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << 4)) != 0;
    }();
    return has_avx2() && available;
}

#if ZEROSHOT_KERNELS_AMX
inline bool has_amx() noexcept {
    static const bool available = has_avx512_bf16() && processor_has_amx() && system_permits_tiles();
    return available;
}
#endif

/// Intel's processors do AVX512_BF16 at half the speed of their AVX-512 in float.
inline bool prefers_avx512_bf16() noexcept {
    return !__builtin_cpu_is("intel");
}

inline constexpr table avx2_table{
    .set = instruction_set::avx2,
    .name = "avx2",
    .is_available = has_avx2,
    .is_preferred = always,
    .row_layouts = {row_layout{.as_floats = true}},
    .has_fast_int16 = true,
    .best_16_bit_format = number_format::int16,
    .f32 = {.tile_height = 0,
            .pack_tile = compiled_for<pack_tile<float>>::avx2,
            .multiply = multiply_avx2<microkernel<float, 6, 1, 8>>,
            .apply = compiled_for<apply_to_all<8, float>>::avx2,
            .softmax = compiled_for<softmax_row<8, float>>::avx2,
            .normalise = compiled_for<normalise_row<8, float>>::avx2,
            .winograd_transform = compiled_for<winograd_transform_all<8, float>>::avx2,
            .winograd_inverse = compiled_for<winograd_inverse_all<8, float>>::avx2},
    .multiply_quantized = {multiply_avx2<bf16_microkernel<6, 1, 8>>,
                           multiply_avx2<word_microkernel_avx2<dot_avx2<number_format::int16>>>,
                           multiply_avx2<word_microkernel_avx2<dot_avx2<number_format::int8>>>},
    .pack_rows = compiled_for<pack_rows<8>>::avx2,
    .pack_columns = compiled_for<pack_columns<8>>::avx2,
    .round_floats = compiled_for<round_floats<8>>::avx2,
    .widen_half = widen_half_avx2,
    .widen_bfloat16 = compiled_for<widen_each<bfloat16>>::avx2,
    .split_weights = {split_weights<1>, split_weights<2>, split_weights<3>, split_weights<4>},
    .sum_pixels = {sum_pixels_avx2<1>, sum_pixels_avx2<2>, sum_pixels_avx2<3>, sum_pixels_avx2<4>},
    .sum_rows = sum_rows_avx2};

inline constexpr table avx_vnni_table = [] {
    table vnni = derived(avx2_table, instruction_set::avx_vnni, "avx_vnni", has_avx_vnni);
    vnni.multiply_quantized[1] = multiply_avx2<word_microkernel_avx2<dot_avx_vnni<number_format::int16>>>;
    vnni.multiply_quantized[2] = multiply_avx2<word_microkernel_avx2<dot_avx_vnni<number_format::int8>>>;
    return vnni;
}();

/// Without VNNI, integers are multiplied as by AVX2.
inline constexpr table avx512_table = [] {
    table wide = derived(avx2_table, instruction_set::avx512, "avx512", has_avx512);
    wide.has_fast_int16 = false;
    wide.best_16_bit_format = number_format::bf16;
    wide.row_layouts[0].tile_height = avx512_tile_height;
    wide.f32.tile_height = avx512_tile_height;
    wide.f32.multiply = multiply_avx512<microkernel<float, avx512_tile_height, 2, 16, true>>;
    wide.f32.apply = compiled_for<apply_to_all<16, float>>::avx512;
    wide.f32.winograd_transform = compiled_for<winograd_transform_all<16, float>>::avx512;
    wide.f32.winograd_inverse = compiled_for<winograd_inverse_all<16, float>>::avx512;
    wide.multiply_quantized[0] = multiply_avx512<bf16_microkernel<avx512_tile_height, 2, 16, true>>;
    wide.pack_rows = compiled_for<pack_rows<16>>::avx512;
    wide.pack_columns = compiled_for<pack_columns<16>>::avx512;
    return wide;
}();

inline constexpr table avx512_vnni_table = [] {
    table vnni = derived(avx512_table, instruction_set::avx512_vnni, "avx512_vnni", has_avx512_vnni);
    vnni.has_fast_int16 = true;
    vnni.best_16_bit_format = number_format::int16;
    vnni.row_layouts[1].tile_height = vnni.row_layouts[2].tile_height = avx512_tile_height;
    vnni.multiply_quantized[1] = multiply_avx512<word_microkernel_avx512<dot_avx512<number_format::int16>>>;
    vnni.multiply_quantized[2] = multiply_avx512<word_microkernel_avx512<dot_avx512<number_format::int8>>>;
    return vnni;
}();

inline constexpr table avx512_bf16_table = [] {
    table bf16 = derived(avx512_vnni_table, instruction_set::avx512_bf16, "avx512_bf16", has_avx512_bf16);
    bf16.is_preferred = prefers_avx512_bf16;
    bf16.row_layouts[0].as_floats = false;
    bf16.multiply_quantized[0] = multiply_avx512<word_microkernel_avx512<dot_avx512<number_format::bf16>>>;
    return bf16;
}();

#if ZEROSHOT_KERNELS_AMX
inline constexpr table amx_table = [] {
    table tiles = derived(avx512_bf16_table, instruction_set::amx, "amx", has_amx);
    tiles.is_preferred = always;
    tiles.best_16_bit_format = number_format::bf16;
    tiles.row_layouts[0].tile_height = tiles.row_layouts[2].tile_height = 0;
    tiles.multiply_quantized[0] = multiply_amx<dot_amx<number_format::bf16>>;
    tiles.multiply_quantized[2] = multiply_amx<dot_amx<number_format::int8>>;
    return tiles;
}();
#endif

/// The best first.
inline constexpr std::array all_tables {
#if ZEROSHOT_KERNELS_AMX
    &amx_table,
#endif
        &avx512_bf16_table, &avx512_vnni_table, &avx512_table, &avx_vnni_table, &avx2_table, &portable_table
};

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail

#undef ZEROSHOT_TARGET
#endif
