#pragma once
/// \file Dense row-major tensors that own their memory, and their views as Eigen matrices.

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <zeroshot/error.hpp>
#include <zeroshot/half.hpp>
#include <zeroshot/memory.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The number of elements of a shape.
/// \throws argument_error (LIMIT) if the product does not fit std::size_t
inline std::size_t element_count(std::span<const std::size_t> shape) {
    std::size_t count = 1;
    for (const std::size_t extent : shape) {
        if (extent != 0 && count > (std::numeric_limits<std::size_t>::max)() / extent) {
            throw argument_error(error_code::limit,
                                 {"tensor", "shape " + shape_text(shape) + " has too many elements"});
        }
        count *= extent;
    }
    return count;
}

/// A dense row-major tensor that owns its memory. The first axis is that of a batch: row(i) is a contiguous view.
template <class Scalar, std::size_t Rank>
requires(Rank >= 1) class tensor {
   public:
    using value_type = Scalar;
    using shape_type = std::array<std::size_t, Rank>;
    using row_major = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

    tensor() = default;

    /// Zeros of the given shape: `tensor<float, 3> pixels(3, 224, 224)`.
    template <std::integral... Extents>
    requires(sizeof...(Extents) == Rank) explicit tensor(Extents... extents)
        : tensor(shape_type{static_cast<std::size_t>(extents)...}) {}

    /// Zeros of the given shape.
    explicit tensor(const shape_type& shape) : shape_(shape), values_(element_count(shape), Scalar{}) {}

    /// Uninitialised elements, for a result that is written in full.
    static tensor for_overwrite(const shape_type& shape) {
        tensor result;
        result.values_.resize(element_count(shape));
        result.shape_ = shape;
        return result;
    }

    /// The values of an Eigen matrix or expression: `matrix<float> scores = a.eigen() * b.eigen().transpose()`.
    template <class Expression>
    requires(Rank == 2 && std::same_as<typename Expression::Scalar, Scalar>)
        tensor(const Eigen::MatrixBase<Expression>& expression)
        : tensor(for_overwrite(
              {static_cast<std::size_t>(expression.rows()), static_cast<std::size_t>(expression.cols())})) {
        eigen().noalias() = expression;
    }

    const shape_type& shape() const noexcept { return shape_; }
    std::size_t extent(std::size_t axis) const noexcept { return shape_[axis]; }
    std::size_t rows() const noexcept { return shape_[0]; }
    std::size_t columns() const noexcept requires(Rank == 2) { return shape_[1]; }
    std::size_t size() const noexcept { return values_.size(); }
    bool empty() const noexcept { return values_.empty(); }

    Scalar* data() noexcept { return values_.data(); }
    const Scalar* data() const noexcept { return values_.data(); }
    std::span<Scalar> values() noexcept { return values_; }
    std::span<const Scalar> values() const noexcept { return values_; }

    /// The elements at one position of the first axis, contiguous.
    std::span<Scalar> row(std::size_t index) noexcept { return values().subspan(index * row_size(), row_size()); }
    std::span<const Scalar> row(std::size_t index) const noexcept {
        return values().subspan(index * row_size(), row_size());
    }
    std::size_t row_size() const noexcept { return shape_[0] == 0 ? 0 : values_.size() / shape_[0]; }

    template <std::integral... Indices>
    requires(sizeof...(Indices) == Rank) Scalar& operator()(Indices... indices) noexcept {
        return values_[offset({static_cast<std::size_t>(indices)...})];
    }
    template <std::integral... Indices>
    requires(sizeof...(Indices) == Rank) const Scalar& operator()(Indices... indices) const noexcept {
        return values_[offset({static_cast<std::size_t>(indices)...})];
    }

    /// View as an Eigen matrix: [first axis, product of the others].
    auto eigen() noexcept { return Eigen::Map<row_major>(data(), eigen_rows(), eigen_columns()); }
    auto eigen() const noexcept { return Eigen::Map<const row_major>(data(), eigen_rows(), eigen_columns()); }

    /// Adds element by element.
    /// \throws argument_error (SHAPE) if the shapes differ
    tensor& operator+=(const tensor& other) {
        if (shape_ != other.shape_) {
            throw argument_error(
                error_code::shape,
                {"tensor", "a sum of " + shape_text(shape_) + " and " + shape_text(other.shape_), "equal shapes"});
        }
        eigen() += other.eigen();
        return *this;
    }

    bool operator==(const tensor&) const = default;

    // A moved-from tensor is empty, its shape included.
    tensor(const tensor&) = default;
    tensor& operator=(const tensor&) = default;
    tensor(tensor&& other) noexcept
        : shape_(std::exchange(other.shape_, {})), values_(std::exchange(other.values_, {})) {}
    tensor& operator=(tensor&& other) noexcept {
        shape_ = std::exchange(other.shape_, {});
        values_ = std::exchange(other.values_, {});
        return *this;
    }
    ~tensor() = default;

   private:
    std::size_t offset(const shape_type& indices) const noexcept {
        std::size_t position = 0;
        for (std::size_t axis = 0; axis < Rank; ++axis) position = position * shape_[axis] + indices[axis];
        return position;
    }
    Eigen::Index eigen_rows() const noexcept { return static_cast<Eigen::Index>(shape_[0]); }
    Eigen::Index eigen_columns() const noexcept {
        return static_cast<Eigen::Index>(Rank == 2 ? shape_[Rank - 1] : row_size());
    }

    shape_type shape_{};
    uninitialized_vector<Scalar> values_;
};

/// A row-major matrix: tokens, pixels or embeddings are rows.
template <class Scalar>
using matrix = tensor<Scalar, 2>;

/// Whether a number is neither infinite nor NaN. Tests the bits: under -ffast-math compilers fold std::isfinite to
/// true.
template <std::floating_point Scalar>
bool is_finite(Scalar number) noexcept {
    using bits = std::conditional_t<sizeof(Scalar) == 4, std::uint32_t, std::uint64_t>;
    constexpr bits exponent = sizeof(Scalar) == 4 ? bits{0x7f800000} : static_cast<bits>(0x7ff0000000000000);
    return (std::bit_cast<bits>(number) & exponent) != exponent;
}

/// Whether all numbers are finite. Branch-free, so that it vectorises and runs at memory speed.
template <class Scalar>
bool all_finite(std::span<const Scalar> numbers) noexcept {
    // as wide as the numbers, otherwise compilers do not vectorise
    using flag = std::conditional_t<sizeof(Scalar) == 2, std::uint16_t, std::uint32_t>;
    flag all = 1;
    for (std::size_t i = 0; i < numbers.size(); ++i) all &= static_cast<flag>(is_finite(numbers[i]));
    return all != 0;
}
template <class Scalar>
bool all_finite(std::span<Scalar> numbers) noexcept {
    return all_finite(std::span<const Scalar>(numbers));
}

namespace detail {

/// The index of the first largest element.
template <class Range>
std::size_t argmax(const Range& range) {
    return static_cast<std::size_t>(std::max_element(range.begin(), range.end()) - range.begin());
}

}  // namespace detail

}}  // namespace zeroshot::ZEROSHOT_ABI
