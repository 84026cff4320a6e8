#pragma once
/// \file What activations are multiplied with where those are activations, too: attention's keys and values, packed
/// with every call.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/kernels/pack_columns.hpp>
#include <zeroshot/kernels/quantized.hpp>
#include <zeroshot/kernels/round.hpp>
#include <zeroshot/nn/packing.hpp>
#include <zeroshot/nn/quantized_activations.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The right side of a product, whose memory serves one call after the other. In bfloat16, numbers are packed in pairs
/// where an instruction multiplies those; elsewhere they are rounded and stay floats, as fast as f32.
template <class Scalar>
class packed_activations {
   public:
    /// \param arithmetic f32, or both sides are rounded to bfloat16; double, the oracle of the tests, stays double
    packed_activations(std::size_t columns, std::size_t depth, precision arithmetic, kernels::instruction_set set)
        : columns_(columns),
          depth_(depth),
          set_(set),
          rounded_(std::is_same_v<Scalar, float> && arithmetic != precision::f32),
          in_pairs_(rounded_ && !kernels::is_widened(kernels::narrow::bf16, set)) {
        if (in_pairs_)
            pairs_.resize(kernels::packed_size(kernels::narrow::bf16, columns, depth));
        else
            numbers_.resize(kernels::packed_size(columns, depth));
    }

    /// Packs a matrix whose element (column, k) stands at source[column * column_stride + k * depth_stride].
    void pack(const Scalar* source, std::size_t column_stride, std::size_t depth_stride) noexcept {
        if constexpr (std::is_same_v<Scalar, float>) {
            if (in_pairs_)
                return kernels::pack(kernels::narrow::bf16, source, column_stride, depth_stride, columns_, depth_,
                                     pairs_.data());
        }
        kernels::pack(source, column_stride, depth_stride, columns_, depth_, numbers_.data());
        if constexpr (std::is_same_v<Scalar, float>) {
            if (rounded_) kernels::round_floats(numbers_.data(), numbers_.size(), numbers_.data(), set_);
        }
    }

    /// \param rows [row_count, depth], row_stride elements apart
    /// \param results [row_count, columns], result_stride elements apart
    void multiply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
                  std::size_t result_stride) const {
        if constexpr (std::is_same_v<Scalar, float>) {
            if (in_pairs_)
                return rounded_rows(kernels::narrow::bf16, rows, row_stride, row_count, depth_, set_)
                    .multiply(pairs_.data(), columns_, results, result_stride, {}, 0, kernels::panel_count(columns_));
            if (rounded_) {
                overwriting_vector<float> rounded(row_count * depth_);
                for (std::size_t row = 0; row < row_count; ++row)
                    kernels::round_floats(rows + row * row_stride, depth_, rounded.data() + row * depth_, set_);
                return multiply_numbers(rounded.data(), depth_, row_count, results, result_stride);
            }
        }
        multiply_numbers(rows, row_stride, row_count, results, result_stride);
    }

   private:
    void multiply_numbers(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
                          std::size_t result_stride) const noexcept {
        kernels::multiply<Scalar>(
            {rows, row_stride, row_count, numbers_.data(), columns_, depth_, results, result_stride}, set_);
    }

    std::size_t columns_;
    std::size_t depth_;
    kernels::instruction_set set_;
    bool rounded_, in_pairs_;
    overwriting_vector<Scalar> numbers_;       // packed, or none
    overwriting_vector<std::uint32_t> pairs_;  // packed in bfloat16, or none
};

}}  // namespace zeroshot::ZEROSHOT_ABI
