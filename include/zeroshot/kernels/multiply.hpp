#pragma once
/// \file The one product everything is made of: rows times packed weights, over raw pointers.
///
/// An element of the result is the sum over k in ascending order, whatever rows it is computed beside: the same row
/// gives the same bits in any batch and on any number of threads.

#include <cstddef>

#include <zeroshot/kernels/instruction_set.hpp>

namespace zeroshot::inline ZEROSHOT_ABI::kernels {

/// Weights lie in panels of this many columns: [columns / 16][depth][16], the last panel filled with zeros.
inline constexpr std::size_t panel_width = 16;

/// How many elements `columns` packed columns of the given depth take.
constexpr std::size_t packed_size(std::size_t columns, std::size_t depth) {
    return (columns + panel_width - 1) / panel_width * panel_width * depth;
}

/// Packs a matrix whose element (column, k) stands at source[column * column_stride + k * depth_stride].
template <class Scalar>
void pack(const Scalar* source, std::size_t column_stride, std::size_t depth_stride, std::size_t columns,
          std::size_t depth, Scalar* packed) noexcept {
    for (std::size_t first = 0; first < columns; first += panel_width) {
        for (std::size_t k = 0; k < depth; ++k) {
            for (std::size_t lane = 0; lane < panel_width; ++lane) {
                const std::size_t column = first + lane;
                *packed++ = column < columns ? source[column * column_stride + k * depth_stride] : Scalar{0};
            }
        }
    }
}

/// What a product works on. result[row, column] = sum over k of rows[row, k] * weights[column, k] (+ bias[column]).
template <class Scalar>
struct product {
    const Scalar* rows;         // [row_count, depth], row_stride elements apart
    std::size_t row_stride;     //
    std::size_t row_count;      //
    const Scalar* packed;       // packed weights of [columns, depth]
    const Scalar* bias;         // [columns], or null
    std::size_t columns;        //
    std::size_t depth;          //
    Scalar* result;             // [row_count, columns], result_stride elements apart
    std::size_t result_stride;  //
};

namespace detail {

/// As many numbers as one register of the instruction set holds.
#if defined(__GNUC__) || defined(__clang__)
template <class Scalar, std::size_t Lanes>
struct vector_of {
    typedef Scalar type __attribute__((vector_size(Lanes * sizeof(Scalar)), aligned(sizeof(Scalar)), may_alias));
};
#else
template <class Scalar, std::size_t Lanes>
struct vector_of {
    struct type {
        Scalar values[Lanes];
        type& operator+=(const type& other) {
            for (std::size_t i = 0; i < Lanes; ++i) values[i] += other.values[i];
            return *this;
        }
        friend type operator*(Scalar factor, type vector) {
            for (Scalar& value : vector.values) value *= factor;
            return vector;
        }
        Scalar operator[](std::size_t i) const { return values[i]; }
    };
};
#endif

/// Height x 16 results at once: the sums stay in registers while k runs.
template <std::size_t Height, std::size_t Lanes, class Scalar>
ZEROSHOT_ALWAYS_INLINE void multiply_tile(const product<Scalar>& p, std::size_t row, std::size_t column) noexcept {
    using vector = typename vector_of<Scalar, Lanes>::type;
    constexpr std::size_t width = panel_width / Lanes;
    const Scalar* rows = p.rows + row * p.row_stride;
    const Scalar* panel = p.packed + column * p.depth;
    vector sums[Height][width] = {};
    for (std::size_t k = 0; k < p.depth; ++k) {
        const vector* weights = reinterpret_cast<const vector*>(panel + k * panel_width);
#pragma GCC unroll 16
        for (std::size_t i = 0; i < Height; ++i) {
#pragma GCC unroll 16
            for (std::size_t j = 0; j < width; ++j) sums[i][j] += rows[i * p.row_stride + k] * weights[j];
        }
    }
    const std::size_t columns = p.columns - column < panel_width ? p.columns - column : panel_width;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < Height; ++i) {
        Scalar* result = p.result + (row + i) * p.result_stride + column;
        if (columns == panel_width) {
#pragma GCC unroll 16
            for (std::size_t j = 0; j < width; ++j) {
                if (p.bias != nullptr) sums[i][j] += reinterpret_cast<const vector*>(p.bias + column)[j];
                reinterpret_cast<vector*>(result)[j] = sums[i][j];
            }
        } else {
            for (std::size_t c = 0; c < columns; ++c) {
                const Scalar sum = sums[i][c / Lanes][c % Lanes];
                result[c] = p.bias != nullptr ? sum + p.bias[column + c] : sum;
            }
        }
    }
}

/// All rows of one panel: tiles of the full height, then what is left, halving.
template <std::size_t Height, std::size_t Lanes, class Scalar>
ZEROSHOT_ALWAYS_INLINE void multiply_panel(const product<Scalar>& p, std::size_t row, std::size_t column) noexcept {
    for (; row + Height <= p.row_count; row += Height) multiply_tile<Height, Lanes>(p, row, column);
    if constexpr (Height > 1) {
        if (row < p.row_count) multiply_panel<Height / 2, Lanes>(p, row, column);
    }
}

/// Register: its size in bytes. Height: such that the sums fill the registers but for the weights and one broadcast.
template <std::size_t Height, std::size_t Register, class Scalar>
ZEROSHOT_ALWAYS_INLINE void multiply_all(const product<Scalar>& p) noexcept {
    constexpr std::size_t lanes = Register / sizeof(Scalar);
    for (std::size_t column = 0; column < p.columns; column += panel_width) multiply_panel<Height, lanes>(p, 0, column);
}

template <class Scalar>
void multiply_portable(const product<Scalar>& p) noexcept {
    multiply_all<8 / sizeof(Scalar), 16>(p);  // SSE2, NEON: 16 registers or more
}

#if ZEROSHOT_KERNELS_X86
template <class Scalar>
ZEROSHOT_TARGET("avx2,fma")
void multiply_avx2(const product<Scalar>& p) noexcept {
    multiply_all<24 / sizeof(Scalar), 32>(p);
}

template <class Scalar>
ZEROSHOT_TARGET("avx512f,fma")
void multiply_avx512(const product<Scalar>& p) noexcept {
    multiply_all<48 / sizeof(Scalar), 64>(p);
}
#endif

}  // namespace detail

/// Computes the product with the given instruction set, which must be available.
template <class Scalar>
void multiply(const product<Scalar>& p, instruction_set set) noexcept {
#if ZEROSHOT_KERNELS_X86
    if (set == instruction_set::avx512) return detail::multiply_avx512(p);
    if (set == instruction_set::avx2) return detail::multiply_avx2(p);
#endif
    (void)set;
    detail::multiply_portable(p);
}

}  // namespace zeroshot::inline ZEROSHOT_ABI::kernels
