#pragma once
/// \file Rows rounded to the narrow numbers that packed columns hold, and their product with those.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/kernels/multiply_quantized.hpp>
#include <zeroshot/kernels/pack_rows.hpp>
#include <zeroshot/kernels/quantized.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// What stands on the left of a product of narrow numbers: rounded once, for all columns.
class rounded_rows {
   public:
    /// No rows.
    rounded_rows() = default;

    /// \param rows [row_count, depth], row_stride elements apart
    rounded_rows(kernels::narrow type, const float* rows, std::size_t row_stride, std::size_t row_count,
                 std::size_t depth, kernels::instruction_set set, executor* threads = nullptr)
        : type_(type), set_(set), row_count_(row_count), depth_(depth) {
        constexpr std::size_t grain = kernels::packed_rows_grain;
        const std::size_t size = kernels::row_words(type, depth, set);
        words_.resize(kernels::packed_rows_size(type, row_count, depth, set));
        std::fill(words_.begin() + static_cast<std::ptrdiff_t>(row_count * size), words_.end(), 0u);
        parallel_for(threads, (row_count + grain - 1) / grain, [&](std::size_t part) {
            const std::size_t row = part * grain, count = std::min(grain, row_count - row);
            kernels::pack_rows(type, rows + row * row_stride, row_stride, count, depth, words_.data() + row * size,
                               set);
        });
    }

    /// The columns of the panels from `panel` to before `end`.
    /// \param packed of kernels::pack, `columns` of them
    /// \param results [row_count, columns], result_stride elements apart
    /// \param finish what becomes of the sums
    void multiply(const std::uint32_t* packed, std::size_t columns, float* results, std::size_t result_stride,
                  const kernels::epilogue<float>& finish, std::size_t panel, std::size_t end) const noexcept {
        const kernels::narrow_product p{
            words_.data(), kernels::row_words(type_, depth_, set_), row_count_, packed,
            columns,       kernels::column_words(type_, depth_),    results,    result_stride,
            finish};
        kernels::multiply(type_, p, set_, panel, end);
    }

   private:
    kernels::narrow type_ = kernels::narrow::bf16;
    kernels::instruction_set set_ = kernels::instruction_set::portable;
    std::size_t row_count_ = 0;
    std::size_t depth_ = 0;
    overwriting_vector<std::uint32_t> words_;  // kernels::pack_rows
};

}}  // namespace zeroshot::ZEROSHOT_ABI
