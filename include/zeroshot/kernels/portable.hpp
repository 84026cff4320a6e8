#pragma once
/// \file The portable table: for processors without a table of their own, and the reference the others are tested
/// against.

#include <array>
#include <cstddef>
#include <cstdint>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/quantize.hpp>
#include <zeroshot/kernels/quantized_tiles.hpp>
#include <zeroshot/kernels/resample.hpp>
#include <zeroshot/kernels/row.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/tiles.hpp>
#include <zeroshot/kernels/vector.hpp>
#include <zeroshot/kernels/winograd.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

/// Sixteen registers of 16 bytes: SSE2, SIMD128.
template <class Scalar>
inline constexpr scalar_kernels<Scalar> portable_scalars{
    .tile_height = 0,
    .pack_tile = pack_tile<Scalar>,
    .multiply = multiply_all<microkernel<Scalar, 8 / sizeof(Scalar), 1, portable_lanes<Scalar>>, Scalar>,
    .apply = apply_to_all<portable_lanes<float>, Scalar>,
    .softmax = softmax_row<portable_lanes<Scalar>, Scalar>,
    .normalise = normalise_row<portable_lanes<Scalar>, Scalar>,
    .winograd_transform = winograd_transform_all<portable_lanes<Scalar>, Scalar>,
    .winograd_inverse = winograd_inverse_all<portable_lanes<Scalar>, Scalar>};

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
    .row_layouts = {row_layout{.as_floats = true}},
    .has_fast_int16 = false,
    .best_16_bit_format = number_format::bf16,
    .f32 = portable_scalars<float>,
    .multiply_quantized = {multiply_all<bf16_microkernel<2, 1, portable_lanes<float>>, float>,
                           multiply_all<word_microkernel<2, dot_int16<>>, float>,
                           multiply_all<int8_microkernel<2>, float>},
    .pack_rows = pack_rows<portable_lanes<float>>,
    .pack_columns = pack_columns<portable_lanes<float>>,
    .round_floats = round_floats<portable_lanes<float>>,
    .widen_half = widen_each<half>,
    .widen_bfloat16 = widen_each<bfloat16>,
    .split_weights = {},
    .sum_pixels = {sum_pixels_portable<1>, sum_pixels_portable<2>, sum_pixels_portable<3>, sum_pixels_portable<4>},
    .sum_rows = sum_rows_portable};

#if !(ZEROSHOT_KERNELS_X86 || ZEROSHOT_KERNELS_NEON || ZEROSHOT_KERNELS_SIMD128)
inline constexpr std::array all_tables{&portable_table};
#endif

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
