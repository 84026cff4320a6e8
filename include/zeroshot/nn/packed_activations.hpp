#pragma once
/// \file Activations as operands of products: rows on the left side, packed columns on the right side.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/nn/weight_options.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace nn {

/// Rows of products in the layout that a table's kernels read: rounded to the number format of the columns, packed in
/// tiles, or as they are, which takes no memory.
template <class Scalar>
class packed_rows {
   public:
    /// \param format of the columns; none for columns of Scalar
    /// \param rows [row_count, depth], row_stride elements apart; they must outlive this
    packed_rows(std::optional<kernels::number_format> format, const Scalar* rows, std::size_t row_stride,
                std::size_t row_count, std::size_t depth, const kernels::table& set, executor* threads = nullptr)
        : format_(format), set_(&set), rows_(rows), row_stride_(row_stride), row_count_(row_count), depth_(depth) {
        if (format_)
            pack_words(threads);
        else if (kernels::kernels_of<Scalar>(set).tile_height != 0)
            pack_tiles(threads);
    }

    packed_rows(const packed_rows&) = delete;
    packed_rows& operator=(const packed_rows&) = delete;

    /// The products with the columns of the panels from `panel` to before `end`.
    /// \param packed `columns` columns packed by kernels::pack in the rows' format
    /// \param results [row_count, columns], result_stride elements apart
    /// \param epilogue operations on the sums
    /// \param packed_depth of the columns, of which the first `depth` numbers are multiplied
    template <class Word>
    void multiply(const Word* packed, std::size_t columns, Scalar* results, std::size_t result_stride,
                  const kernels::epilogue<Scalar>& epilogue, std::size_t panel, std::size_t end,
                  std::size_t packed_depth) const noexcept {
        if constexpr (std::is_same_v<Word, Scalar>) {
            kernels::multiply<Scalar>({rows_, row_stride_, row_count_, packed, columns, depth_, results, result_stride,
                                       epilogue, packed_depth},
                                      *set_, panel, end);
        } else {
            kernels::multiply(
                *format_,
                {words_.data(), row_stride_, row_count_, packed, columns, kernels::column_words(*format_, depth_),
                 results, result_stride, epilogue, kernels::column_words(*format_, packed_depth)},
                *set_, panel, end);
        }
    }

    template <class Word>
    void multiply(const Word* packed, std::size_t columns, Scalar* results, std::size_t result_stride,
                  const kernels::epilogue<Scalar>& epilogue, std::size_t panel, std::size_t end) const noexcept {
        multiply(packed, columns, results, result_stride, epilogue, panel, end, depth_);
    }

    /// The products with all columns.
    template <class Word>
    void multiply(const Word* packed, std::size_t columns, Scalar* results, std::size_t result_stride) const noexcept {
        multiply(packed, columns, results, result_stride, {}, 0, kernels::panel_count(columns));
    }

   private:
    void pack_words(executor* threads) {
        const kernels::row_layout layout = kernels::layout_of(*set_, *format_);
        const kernels::row_tiles tiles = kernels::tiles_of(row_count_, layout);
        const std::size_t size = kernels::row_words(*format_, depth_, layout);
        words_.resize(kernels::packed_rows_size(*format_, row_count_, depth_, layout));
        parallel_for(threads, tiles.count, [&](std::size_t tile) {
            const std::size_t row = tiles.row(tile), end = tiles.row(tile + 1);
            if constexpr (std::is_same_v<Scalar, float>)  // others are never quantized
                kernels::pack_rows(*format_, rows_ + row * row_stride_, row_stride_, (std::min)(end, row_count_) - row,
                                   end - row, depth_, words_.data() + row * size, *set_);
        });
        row_stride_ = size;
    }

    void pack_tiles(executor* threads) {
        const kernels::row_tiles tiles(row_count_, kernels::kernels_of<Scalar>(*set_).tile_height, 1);
        numbers_.resize(row_count_ * depth_);
        parallel_for(threads, tiles.count, [&](std::size_t tile) {
            const std::size_t row = tiles.row(tile);
            kernels::pack_tile(rows_ + row * row_stride_, row_stride_, tiles.row(tile + 1) - row, depth_,
                               numbers_.data() + row * depth_, *set_);
        });
        rows_ = numbers_.data();
        row_stride_ = depth_;
    }

    std::optional<kernels::number_format> format_;
    const kernels::table* set_;
    const Scalar* rows_;
    std::size_t row_stride_;  // of the rows, or of the packed words
    std::size_t row_count_;
    std::size_t depth_;
    uninitialized_vector<Scalar> numbers_{};       // rows in tiles, or empty
    uninitialized_vector<std::uint32_t> words_{};  // of kernels::pack_rows, or empty
};

/// The right side of a product of activations, such as keys and values. In bfloat16, numbers are packed in pairs if an
/// instruction multiplies these; otherwise they are rounded and stay float, which is as fast as f32.
template <class Scalar>
class packed_columns {
   public:
    /// \param precision f32, or both sides are rounded to bfloat16; double is never rounded
    packed_columns(std::size_t columns, std::size_t depth, zeroshot::precision precision, const kernels::table& set)
        : columns_(columns),
          depth_(depth),
          set_(&set),
          rounded_(std::is_same_v<Scalar, float> && precision != precision::f32),
          in_pairs_(rounded_ && !kernels::layout_of(set, kernels::number_format::bf16).as_floats) {
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
                                     depth_, pairs_.data(), *set_);
        }
        kernels::pack(source, column_stride, depth_stride, columns_, depth_, numbers_.data());
        if constexpr (std::is_same_v<Scalar, float>) {
            if (rounded_) kernels::round_floats(numbers_.data(), numbers_.size(), numbers_.data(), *set_);
        }
    }

    /// The products with all columns.
    /// \param rows [row_count, depth], row_stride elements apart
    /// \param results [row_count, columns], result_stride elements apart
    void multiply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
                  std::size_t result_stride) const {
        multiply(rows, row_stride, row_count, results, result_stride, columns_, depth_);
    }

    /// The products with the first `columns` columns, over the first `depth` numbers of rows and columns.
    void multiply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
                  std::size_t result_stride, std::size_t columns, std::size_t depth) const {
        const auto multiply_packed = [&](const auto& packed_rows, const auto& packed) {
            packed_rows.multiply(packed.data(), columns, results, result_stride, {}, 0, kernels::panel_count(columns),
                                 depth_);
        };
        if constexpr (std::is_same_v<Scalar, float>) {
            if (in_pairs_)
                return multiply_packed(
                    packed_rows<float>(kernels::number_format::bf16, rows, row_stride, row_count, depth, *set_),
                    pairs_);
            if (rounded_) {
                uninitialized_vector<float> rounded(row_count * depth);
                for (std::size_t row = 0; row < row_count; ++row)
                    kernels::round_floats(rows + row * row_stride, depth, rounded.data() + row * depth, *set_);
                return multiply_packed(packed_rows<float>({}, rounded.data(), depth, row_count, depth, *set_),
                                       numbers_);
            }
        }
        multiply_packed(packed_rows<Scalar>({}, rows, row_stride, row_count, depth, *set_), numbers_);
    }

   private:
    std::size_t columns_;
    std::size_t depth_;
    const kernels::table* set_;
    bool rounded_, in_pairs_;
    uninitialized_vector<Scalar> numbers_;       // packed numbers, or empty
    uninitialized_vector<std::uint32_t> pairs_;  // packed pairs in bfloat16, or empty
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::nn
