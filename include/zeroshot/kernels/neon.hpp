#pragma once
/// \file The tables of 64-bit ARM: NEON, SDOT and BFDOT.

#include <zeroshot/kernels/portable.hpp>

#if ZEROSHOT_KERNELS_NEON
#include <array>
#include <cstddef>
#include <cstdint>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/quantize.hpp>
#include <zeroshot/kernels/quantized_tiles.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/tiles.hpp>

#if defined(__linux__)
#include <sys/auxv.h>
#endif

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

/// SADALP: adds pairs while it widens them.
struct add_pairs_neon {
    template <std::size_t Lanes>
    [[gnu::always_inline]] inline static void to(integers<Lanes>& sum, const shorts<Lanes>& numbers) noexcept {
        __asm__("sadalp %0.4s, %1.8h" : "+w"(sum) : "w"(numbers));
    }
};

// Encoded as numbers with their registers: assemblers know these instructions only with a later architecture enabled,
// each in another way.
#define ZEROSHOT_ARM_DOT(instruction, sum, weights, row)                                                 \
    __asm__(                                                                                             \
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n" \
        ".equ .Lzeroshot_v\\n,\\n\n"                                                                     \
        ".endr\n"                                                                                        \
        ".inst " instruction " | .Lzeroshot_%0 | (.Lzeroshot_%1 << 5) | (.Lzeroshot_%2 << 16)"           \
        : "+w"(sum)                                                                                      \
        : "w"(weights), "w"(row))

/// SDOT: sum += the products of four signed bytes each, those of the row being in one word.
struct dot_neon_int8 : word_sums<number_format::int8, 4> {
    [[gnu::always_inline]] inline static void add(sum& to, const words<4>& row, const words<4>& weights) noexcept {
        ZEROSHOT_ARM_DOT("0x4f80e000", to, weights, row);  // sdot %0.4s, %1.16b, %2.4b[0]
    }
};

/// BFDOT: sum += the products of two bfloat16 each, rounded in its own way: not to the nearest.
struct dot_neon_bf16 : word_sums<number_format::bf16, 4> {
    [[gnu::always_inline]] inline static void add(sum& to, const words<4>& row, const words<4>& weights) noexcept {
        ZEROSHOT_ARM_DOT("0x4f40f000", to, weights, row);  // bfdot %0.4s, %1.8h, %2.2h[0]
    }
};

#undef ZEROSHOT_ARM_DOT

/// The processor's own conversion, four at a time.
inline void widen_half_neon(const half* from, std::size_t count, float* to) noexcept {
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const auto halves = vector_at<4>(reinterpret_cast<const std::uint16_t*>(from + i)).vector;
        floats<4> widened;
        __asm__("fcvtl %0.4s, %1.4h" : "=w"(widened) : "w"(halves));
        vector_at<4>(to + i).vector = widened;
    }
    widen_each(from + i, count - i, to + i);
}

/// SDOT and BFDOT, by the program's flags or as Linux tells it: HWCAP_ASIMDDP and HWCAP2_BF16 of its asm/hwcap.h.
inline bool processor_has_dot() noexcept {
#if defined(__ARM_FEATURE_DOTPROD)
    return true;
#elif defined(__linux__)
    return (getauxval(AT_HWCAP) & (1ul << 20)) != 0;
#else
    return false;
#endif
}
inline bool processor_has_bf16() noexcept {
    if (!processor_has_dot()) return false;
#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
    return true;
#elif defined(__linux__)
    return (getauxval(AT_HWCAP2) & (1ul << 14)) != 0;
#else
    return false;
#endif
}

inline constexpr table neon_table = [] {
    table neon = derived(portable_table, instruction_set::neon, "neon", always);
    neon.f32.multiply = multiply_all<microkernel<float, 6, 1, 4>, float>;  // 32 registers
    neon.multiply_quantized = {multiply_all<bf16_microkernel<6, 1, 4>, float>,
                               multiply_all<word_microkernel<6, dot_int16<>>, float>,
                               multiply_all<int8_microkernel<4, add_pairs_neon>, float>};
    neon.widen_half = widen_half_neon;
    return neon;
}();

inline constexpr table neon_dot_table = [] {
    table dot = derived(neon_table, instruction_set::neon_dot, "neon_dot", processor_has_dot);
    dot.row_layouts[2].signed_bytes = true;
    dot.multiply_quantized[2] = multiply_all<word_microkernel<6, dot_neon_int8>, float>;
    return dot;
}();

inline constexpr table neon_bf16_table = [] {
    table bf16 = derived(neon_dot_table, instruction_set::neon_bf16, "neon_bf16", processor_has_bf16);
    bf16.row_layouts[0].as_floats = false;
    bf16.multiply_quantized[0] = multiply_all<word_microkernel<6, dot_neon_bf16>, float>;
    return bf16;
}();

inline constexpr std::array all_tables{&neon_bf16_table, &neon_dot_table, &neon_table,
                                       &portable_table};  // the best first

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
#endif
