#pragma once
/// \file Which of the narrow numbers a layer's weights and rows are rounded to.

#include <cstddef>
#include <optional>

#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/kernels/quantized.hpp>
#include <zeroshot/nn/packing.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Shorter sums have 16 bits in int8: the errors of their terms show more, and rounding the rows and finishing the sums
/// is more of the work. Measured in docs/performance.md.
inline constexpr std::size_t shortest_int8_sum = 512;

/// What a matrix is rounded to before it is multiplied; nothing where it stays float.
/// \param depth how many numbers a sum is over
inline std::optional<kernels::narrow> rounding(const packing& how, std::size_t depth, kernels::instruction_set set) {
    using enum kernels::narrow;
    if (how.arithmetic == precision::f32) return {};
    if (how.arithmetic == precision::int8) {
        if (!how.at_least_16_bits && depth >= shortest_int8_sum) return int8;
        if (kernels::best_of_16_bits(set) == int16 && depth <= kernels::deepest_int16) return int16;
    }
    // Where many rows share the weights, bfloat16 gains nothing by being small: it needs an instruction.
    if (how.many_rows && kernels::is_widened(bf16, set)) return {};
    return bf16;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
