#pragma once
/// \file The portable table: for processors without a table of their own, and for the others to be tested against.

#include <cstddef>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/quantize.hpp>
#include <zeroshot/kernels/quantized_tiles.hpp>
#include <zeroshot/kernels/resample.hpp>
#include <zeroshot/kernels/row.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/tiles.hpp>
#include <zeroshot/kernels/winograd.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

/// In registers of 16 bytes, of which there are 16: SSE2, SIMD128.
template <class Scalar>
inline constexpr scalar_kernels<Scalar> portable_scalars{
    multiply_all<plain_tile<Scalar, 8 / sizeof(Scalar), 1, 16>, Scalar>,
    apply_to_all<4, Scalar>,
    softmax_row<16 / sizeof(Scalar), Scalar>,
    normalise_row<16 / sizeof(Scalar), Scalar>,
    winograd_transform_all<16 / sizeof(Scalar), Scalar>,
    winograd_finish_all<16 / sizeof(Scalar), Scalar>};

template <class Stored>
[[gnu::always_inline]] inline void widen_each(const Stored* from, std::size_t count, float* to) noexcept {
    for (std::size_t i = 0; i < count; ++i) to[i] = widened(from[i]);
}

inline bool always() noexcept {
    return true;
}

inline constexpr table portable_table{
    .set = instruction_set::portable,
    .name = "portable",
    .is_available = always,
    .is_preferred = always,
    .rows = {.bf16_as_floats = true, .signed_bytes = false},
    .gains_from_int16 = false,
    .best_of_16_bits = quantized::bf16,
    .f32 = portable_scalars<float>,
    .multiply_quantized = {multiply_all<bf16_tile<2, 1, 16>, float>, multiply_all<quantized_tile_16<2>, float>,
                           multiply_all<int8_tile<2, 16>, float>},
    .pack_rows = pack_rows<4>,
    .pack_columns = pack_columns,
    .round_floats = round_floats<4>,
    .widen_half = widen_each<half>,
    .widen_bfloat16 = widen_each<bfloat16>,
    .split_weights = {},
    .sum_pixels = {sum_pixels_portable<1>, sum_pixels_portable<2>, sum_pixels_portable<3>, sum_pixels_portable<4>},
    .sum_rows = sum_rows_portable};

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
