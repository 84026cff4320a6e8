#pragma once
/// \file Activations as operands of products: quantized on the left side, packed on the right side.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/nn/weight_options.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace nn {

/// Rows rounded once to the number format of packed columns, then multiplied with any of them.
class quantized_activations {
   public:
    quantized_activations() = default;

    /// \param rows [row_count, depth], row_stride elements apart
    quantized_activations(kernels::number_format format, const float* rows, std::size_t row_stride,
                          std::size_t row_count, std::size_t depth, const kernels::table& set,
                          executor* threads = nullptr)
        : format_(format), set_(&set), row_count_(row_count), depth_(depth) {
        constexpr std::size_t multiple = kernels::row_multiple;
        const std::size_t size = kernels::row_words(format, depth, set.rows);
        words_.resize(kernels::packed_rows_size(format, row_count, depth, set.rows));
        std::fill(words_.begin() + static_cast<std::ptrdiff_t>(row_count * size), words_.end(), 0u);
        parallel_for(threads, (row_count + multiple - 1) / multiple, [&](std::size_t part) {
            const std::size_t row = part * multiple, count = (std::min)(multiple, row_count - row);
            kernels::pack_rows(format, rows + row * row_stride, row_stride, count, depth, words_.data() + row * size,
                               set);
        });
    }

    /// The products with the columns of the panels from `panel` to before `end`.
    /// \param packed `columns` columns packed by kernels::pack
    /// \param results [row_count, columns], result_stride elements apart
    /// \param epilogue operations on the sums
    void multiply(const std::uint32_t* packed, std::size_t columns, float* results, std::size_t result_stride,
                  const kernels::epilogue<float>& epilogue, std::size_t panel, std::size_t end) const noexcept {
        const kernels::quantized_product p{
            words_.data(), kernels::row_words(format_, depth_, set_->rows), row_count_, packed,
            columns,       kernels::column_words(format_, depth_),          results,    result_stride,
            epilogue};
        kernels::multiply(format_, p, *set_, panel, end);
    }

   private:
    kernels::number_format format_ = kernels::number_format::bf16;
    const kernels::table* set_ = nullptr;
    std::size_t row_count_ = 0;
    std::size_t depth_ = 0;
    uninitialized_vector<std::uint32_t> words_;  // of kernels::pack_rows
};

/// The right side of a product of activations, such as keys and values, in memory that is reused by every call. In
/// bfloat16, numbers are packed in pairs if an instruction multiplies these; otherwise they are rounded and stay float,
/// which is as fast as f32.
template <class Scalar>
class packed_activations {
   public:
    /// \param precision f32, or both sides are rounded to bfloat16; double is never rounded
    packed_activations(std::size_t columns, std::size_t depth, zeroshot::precision precision, const kernels::table& set)
        : columns_(columns),
          depth_(depth),
          set_(&set),
          rounded_(std::is_same_v<Scalar, float> && precision != precision::f32),
          in_pairs_(rounded_ && !set.rows.bf16_as_floats) {
        if (in_pairs_)
            pairs_.resize(kernels::packed_size(kernels::number_format::bf16, columns, depth));
        else
            numbers_.resize(kernels::packed_size(columns, depth));
    }

    /// Packs a matrix whose element (column, k) is source[column * column_stride + k * depth_stride].
    void pack(const Scalar* source, std::size_t column_stride, std::size_t depth_stride) noexcept {
        if constexpr (std::is_same_v<Scalar, float>) {
            if (in_pairs_)
                return kernels::pack(kernels::number_format::bf16, source, column_stride, depth_stride, columns_,
                                     depth_, pairs_.data());
        }
        kernels::pack(source, column_stride, depth_stride, columns_, depth_, numbers_.data());
        if constexpr (std::is_same_v<Scalar, float>) {
            if (rounded_) kernels::round_floats(numbers_.data(), numbers_.size(), numbers_.data(), *set_);
        }
    }

    /// \param rows [row_count, depth], row_stride elements apart
    /// \param results [row_count, columns], result_stride elements apart
    void multiply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
                  std::size_t result_stride) const {
        if constexpr (std::is_same_v<Scalar, float>) {
            if (in_pairs_)
                return quantized_activations(kernels::number_format::bf16, rows, row_stride, row_count, depth_, *set_)
                    .multiply(pairs_.data(), columns_, results, result_stride, {}, 0, kernels::panel_count(columns_));
            if (rounded_) {
                uninitialized_vector<float> rounded(row_count * depth_);
                for (std::size_t row = 0; row < row_count; ++row)
                    kernels::round_floats(rows + row * row_stride, depth_, rounded.data() + row * depth_, *set_);
                return multiply_numbers(rounded.data(), depth_, row_count, results, result_stride);
            }
        }
        multiply_numbers(rows, row_stride, row_count, results, result_stride);
    }

   private:
    void multiply_numbers(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
                          std::size_t result_stride) const noexcept {
        kernels::multiply<Scalar>(
            {rows, row_stride, row_count, numbers_.data(), columns_, depth_, results, result_stride}, *set_);
    }

    std::size_t columns_;
    std::size_t depth_;
    const kernels::table* set_;
    bool rounded_, in_pairs_;
    uninitialized_vector<Scalar> numbers_;       // packed numbers, or empty
    uninitialized_vector<std::uint32_t> pairs_;  // packed pairs in bfloat16, or empty
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::nn
