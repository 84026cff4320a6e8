#pragma once
/// \file The tables of kernels, the choice of one, and the kernels as functions.
///
/// The implementations are compiled once in zeroshot::compiled where it is linked, otherwise in this header.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/winograd.hpp>
#if !defined(ZEROSHOT_COMPILED)
#include <zeroshot/kernels/neon.hpp>
#include <zeroshot/kernels/portable.hpp>
#include <zeroshot/kernels/simd128.hpp>
#include <zeroshot/kernels/tiles.hpp>
#include <zeroshot/kernels/x86.hpp>
#endif

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {

/// The tables of the family of processors that the program is compiled for, the best first; the last is the portable
/// one.
#if defined(ZEROSHOT_COMPILED)
std::span<const table* const> tables() noexcept;
#else
inline std::span<const table* const> tables() noexcept {
    return detail::all_tables;
}
#endif

/// The portable kernels: for double, the reference of the tests, the only ones.
#if defined(ZEROSHOT_COMPILED)
template <class Scalar>
const scalar_kernels<Scalar>& portable_kernels() noexcept;

/// As in tiles.hpp.
template <class Scalar>
void pack(const Scalar* source, std::size_t column_stride, std::size_t depth_stride, std::size_t columns,
          std::size_t depth, Scalar* packed) noexcept;
#else
template <class Scalar>
const scalar_kernels<Scalar>& portable_kernels() noexcept {
    return detail::portable_scalars<Scalar>;
}
#endif

/// The table of a name if this machine can run it, otherwise the best table that it can run.
/// \param name null for the best one
inline const table& choose(const char* name) noexcept {
    const table* best = nullptr;
    for (const table* each : tables()) {
        if (name != nullptr && each->name == name && each->is_available()) return *each;
        if (best == nullptr && each->is_preferred() && each->is_available()) best = each;
    }
    return *best;
}

/// The table in use, chosen at the first call.
///
/// The environment variable ZEROSHOT_KERNELS may name a table; it is read once, at the first call. A name that is
/// unknown, or that this machine cannot run, changes nothing.
inline const table& active() noexcept {
    static const table& chosen = choose(std::getenv("ZEROSHOT_KERNELS"));
    return chosen;
}

/// A table's kernels on float, or the portable ones on double.
template <class Scalar>
const scalar_kernels<Scalar>& kernels_of(const table& kernels) noexcept {
    if constexpr (std::is_same_v<Scalar, float>)
        return kernels.f32;
    else
        return portable_kernels<Scalar>();
}

/// Packs the rows of one of row_tiles(row_count, tile_height, 1), for tables whose products need that.
/// \param rows [row_count, depth], row_stride elements apart
/// \param tile [depth, row_count]; the rows of the tiles of a product follow each other
template <class Scalar>
void pack_tile(const Scalar* rows, std::size_t row_stride, std::size_t row_count, std::size_t depth, Scalar* tile,
               const table& kernels) noexcept {
    kernels_of<Scalar>(kernels).pack_tile(rows, row_stride, row_count, depth, tile);
}

/// Computes the columns of the panels from `panel` to before `end`.
/// \param p rows packed for the same table where it has a tile_height, otherwise as they are
template <class Scalar>
void multiply(const product<Scalar>& p, const table& kernels, std::size_t panel, std::size_t end) noexcept {
    kernels_of<Scalar>(kernels).multiply(p, panel, end);
}

/// Computes all columns.
template <class Scalar>
void multiply(const product<Scalar>& p, const table& kernels) noexcept {
    multiply(p, kernels, 0, panel_count(p.columns));
}

/// Computes the columns of the panels from `panel` to before `end`.
///
/// In bfloat16, an element is a sum of exact products in float: word after word, the lower half's product before the
/// upper's, each sum rounded. Tables without an instruction for pairs have the same bits; those with one round as the
/// processor does. Sums of integers are exact: of the same packed rows, all tables have the same.
/// \param p rows packed for the same table
inline void multiply(number_format format, const quantized_product& p, const table& kernels, std::size_t panel,
                     std::size_t end) noexcept {
    kernels.multiply_quantized[static_cast<std::size_t>(format)](p, panel, end);
}

/// Rounds and packs the rows of one of tiles_of(row_count, layout_of(kernels, format)).
/// \param rows [row_count, depth], row_stride elements apart
/// \param height of the tile, highest_tile at most; rows beyond row_count are zeros
/// \param packed of height * row_words; the rows of the tiles of a product follow each other
inline void pack_rows(number_format format, const float* rows, std::size_t row_stride, std::size_t row_count,
                      std::size_t height, std::size_t depth, std::uint32_t* packed, const table& kernels) noexcept {
    kernels.pack_rows(format, layout_of(kernels, format), rows, row_stride, row_count, height, depth, packed);
}

/// Rounds and packs weights whose element (column, k) is source[column * column_stride + k * depth_stride]: for all
/// tables, with the same bits by each.
/// \param depth of int16, deepest_int16 at most
/// \param packed of packed_size(format, columns, depth)
inline void pack(number_format format, const float* source, std::size_t column_stride, std::size_t depth_stride,
                 std::size_t columns, std::size_t depth, std::uint32_t* packed, const table& kernels) noexcept {
    kernels.pack_columns(format, source, column_stride, depth_stride, columns, depth, packed);
}

/// Rounds numbers to the nearest bfloat16 as floats: operands of products that are computed once, where no instruction
/// multiplies pairs. Products of two of them are exact, so all tables have the same sums.
/// \param rounded [count], which may be the numbers themselves
inline void round_floats(const float* numbers, std::size_t count, float* rounded, const table& kernels) noexcept {
    kernels.round_floats(numbers, count, rounded);
}

/// Widens numbers of 16 bits: exact, and fast enough to be repeated in every product.
template <class Stored, class Scalar>
void widen(const Stored* from, std::size_t count, Scalar* to, const table& kernels) noexcept {
    if constexpr (std::is_same_v<Scalar, float> && std::is_same_v<Stored, half>)
        kernels.widen_half(from, count, to);
    else if constexpr (std::is_same_v<Scalar, float>)
        kernels.widen_bfloat16(from, count, to);
    else
        for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<Scalar>(widened(from[i]));
}

/// Applies a function to each number, with the same bits at any position.
template <class Scalar>
void apply(activation function, Scalar* numbers, std::size_t count, const table& kernels) noexcept {
    kernels_of<Scalar>(kernels).apply(function, numbers, count);
}

/// exp(scale * x_i) / sum exp(scale * x_j), in place. The largest number is subtracted first, so nothing overflows.
/// \param scale positive
template <class Scalar>
void softmax(Scalar* numbers, std::size_t count, Scalar scale, const table& kernels) noexcept {
    if (count != 0) kernels_of<Scalar>(kernels).softmax(numbers, count, scale);
}

/// gain * (x - mean) / sqrt(variance + epsilon) + bias.
/// \param gain [width]
/// \param bias [width]
/// \param result [width], which may be the row itself
template <class Scalar>
void normalise(const Scalar* row, std::size_t width, const Scalar* gain, const Scalar* bias, Scalar epsilon,
               Scalar* result, const table& kernels) noexcept {
    kernels_of<Scalar>(kernels).normalise(row, width, gain, bias, epsilon, result);
}

/// Bᵀ d B of a patch.
/// \param patch its 36 pixels, each [channels]
/// \param points [36, channels], `stride` elements apart
template <class Scalar>
void winograd_transform(const Scalar* const* patch, std::size_t channels, Scalar* points, std::size_t stride,
                        const table& kernels) noexcept {
    kernels_of<Scalar>(kernels).winograd_transform(patch, channels, points, stride);
}

/// Aᵀ m A + bias [+ the result's old value], where m are the products at the 36 points.
/// \param points [36, channels], `stride` elements apart
/// \param bias [channels], or null
/// \param results the tile's 16 pixels, each [channels]
template <class Scalar>
void winograd_inverse(const Scalar* points, std::size_t stride, const Scalar* bias, std::size_t channels, bool add,
                      Scalar* const* results, const table& kernels) noexcept {
    kernels_of<Scalar>(kernels).winograd_inverse(points, stride, bias, channels, add, results);
}

/// Resampling of rows of pixels: each output pixel is a weighted sum of neighbouring pixels, in integers as Pillow
/// computes it, so all tables have the same bytes.
template <std::size_t Channels>
class pixel_sums {
   public:
    /// Both arrays must outlive this.
    /// \param sources [outputs], each of at least one pixel and at most `taps`
    /// \param weights [outputs, taps], fixed point of resample_bits; sums of their absolute values below 2
    pixel_sums(const pixel_range* sources, const std::int32_t* weights, std::size_t taps, std::size_t outputs,
               const table& kernels)
        : kernels_(&kernels), weights_{sources, weights, nullptr, taps, outputs} {
        if (const auto split = kernels.split_weights[Channels - 1]) split(weights_, split_);
    }

    /// \param rows [rows_at_once], readable up to read_beyond bytes behind the last needed pixel; a row may be repeated
    /// \param results [rows_at_once], each of outputs * Channels bytes
    void operator()(const std::uint8_t* const* rows, std::uint8_t* const* results) const noexcept {
        pixel_weights weights = weights_;
        weights.split = split_.data();
        kernels_->sum_pixels[Channels - 1](weights, rows, results);
    }

   private:
    const table* kernels_;
    pixel_weights weights_;
    std::vector<std::int16_t> split_{};
};

/// Resampling of columns: makes one row, the weighted sum of several.
/// \param rows [count]
/// \param weights [count], as those of pixel_sums
/// \param width in bytes; the output must not be one of the rows
inline void sum_rows(const std::uint8_t* const* rows, const std::int32_t* weights, std::size_t count, std::size_t width,
                     std::uint8_t* output, const table& kernels) noexcept {
    kernels.sum_rows(rows, weights, count, width, output);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
