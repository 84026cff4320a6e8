#pragma once
/// \file The table of WebAssembly, where the program is compiled with -msimd128.

#include <zeroshot/kernels/portable.hpp>

#if ZEROSHOT_KERNELS_SIMD128
#include <array>
#include <cstddef>
#include <cstdint>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/quantize.hpp>
#include <zeroshot/kernels/quantized_tiles.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/tiles.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

// Compiler builtins: <wasm_simd128.h> of Clang is a header of these.

typedef short eight_shorts __attribute__((vector_size(16)));

struct dot_simd128_int16 : word_sums<number_format::int16, 4> {
    [[gnu::always_inline]] inline static void add(sum& to, const words<4>& row, const words<4>& weights) noexcept {
        to += __builtin_wasm_dot_s_i32x4_i16x8(reinterpret_cast<const eight_shorts&>(row),
                                               reinterpret_cast<const eight_shorts&>(weights));
    }
};

struct add_pairs_simd128 {
    template <std::size_t Lanes>
    [[gnu::always_inline]] inline static void to(integers<Lanes>& sum, const shorts<Lanes>& numbers) noexcept {
        sum += __builtin_wasm_extadd_pairwise_i16x8_s_i32x4(reinterpret_cast<const eight_shorts&>(numbers));
    }
};

inline constexpr table simd128_table = [] {
    table simd = derived(portable_table, instruction_set::simd128, "simd128", always);
    simd.has_fast_int16 = true;
    simd.best_16_bit_format = number_format::int16;
    simd.multiply_quantized[1] = multiply_all<word_microkernel<2, dot_simd128_int16>, float>;
    simd.multiply_quantized[2] = multiply_all<int8_microkernel<2, add_pairs_simd128>, float>;
    return simd;
}();

inline constexpr std::array all_tables{&simd128_table, &portable_table};

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
#endif
