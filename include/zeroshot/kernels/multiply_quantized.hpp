#pragma once
/// \file The product of multiply.hpp over numbers of 16 and of 8 bits, as narrow.hpp lays them out.
///
/// In bfloat16, an element of the result is a sum of exact products in float: word after word, the lower half's product
/// before the upper's, each sum rounded. So the kernels without an instruction for pairs give the same sums to the bit;
/// those with one round as the processor does it. Sums of integers are exact, so of the same packed rows every
/// instruction set has the same.

#include <cstddef>

#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/kernels/multiply_amx.hpp>
#include <zeroshot/kernels/quantized.hpp>
#include <zeroshot/kernels/quantized_instructions.hpp>
#include <zeroshot/kernels/quantized_tiles.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {
namespace detail {

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
        return multiply_all<narrow_tile_16<6, dot_neon_bf16>, float>(p, panel, panel_end);
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
    if (set != instruction_set::portable) return multiply_all<narrow_tile_16<6>, float>(p, panel, panel_end);
#elif ZEROSHOT_KERNELS_SIMD128
    if (set != instruction_set::portable)
        return multiply_all<narrow_tile_16<2, dot_simd128_int16>, float>(p, panel, panel_end);
#endif
    (void)set;
    multiply_all<narrow_tile_16<2>, float>(p, panel, panel_end);
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
    if (is_signed(narrow::int8, set)) return multiply_all<narrow_tile_16<6, dot_neon_int8>, float>(p, panel, panel_end);
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

#if defined(ZEROSHOT_COMPILED)
extern template void multiply(narrow, const narrow_product&, instruction_set, std::size_t, std::size_t) noexcept;
#endif

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
