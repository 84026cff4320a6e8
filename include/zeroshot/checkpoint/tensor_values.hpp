#pragma once
/// \file Elements of a stored tensor, converted from F16, BF16, F32 or F64 chunk by chunk, and their statistics.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/half.hpp>
#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Whether a type is F16, BF16, F32 or F64.
inline bool is_floating(dtype type) {
    return type == dtype::f16 || type == dtype::bf16 || type == dtype::f32 || type == dtype::f64;
}

/// Consecutive stored elements at any alignment.
struct stored_numbers {
    dtype type = dtype::f32;
    const std::byte* bytes = nullptr;
    std::size_t count = 0;
};

namespace detail {

inline constexpr std::size_t bytes_at_once = 1 << 16;  // still in the cache when they are converted and checked

inline std::size_t element_bytes(dtype type) {
    return bits_of(type) / 8;
}

template <class Stored>
Stored load(const std::byte* bytes, std::size_t index) noexcept {
    Stored value;
    std::memcpy(&value, bytes + index * sizeof(Stored), sizeof value);  // at any alignment
    return value;
}

/// Converts elements of a type that is_floating accepts.
template <std::floating_point Scalar>
void convert(const stored_numbers& from, std::span<Scalar> into) noexcept {
    const std::size_t count = into.size();
    const std::byte* const bytes = from.bytes;
    Scalar* const to = into.data();
    if (from.type == dtype::f16) {
        constexpr bool widens = std::is_same_v<Scalar, float>;
        if (widens && reinterpret_cast<std::uintptr_t>(bytes) % alignof(half) == 0) {
            kernels::widen(reinterpret_cast<const half*>(bytes), count, to, kernels::active());
            return;
        }
        for (std::size_t i = 0; i < count; ++i)
            to[i] = static_cast<Scalar>(float_from_half(load<std::uint16_t>(bytes, i)));
    } else if (from.type == dtype::bf16) {
        for (std::size_t i = 0; i < count; ++i)
            to[i] = static_cast<Scalar>(float_from_bfloat(load<std::uint16_t>(bytes, i)));
    } else if (from.type == dtype::f32) {
        for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<Scalar>(load<float>(bytes, i));
    } else {
        for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<Scalar>(load<double>(bytes, i));
    }
}

/// Copies elements of the wanted type.
template <class Stored>
requires(std::is_same_v<Stored, half> ||
         std::is_same_v<Stored, bfloat16>) void convert(const stored_numbers& from, std::span<Stored> into) noexcept {
    if (!into.empty()) std::memcpy(into.data(), from.bytes, into.size_bytes());
}

/// Collects the elements of a view in the order of its axes: [elements] * width bytes.
inline std::vector<std::byte> gathered(const stored_tensor& stored) {
    const std::vector<std::byte> all = stored.bytes.bytes();
    const std::size_t width = element_bytes(stored.type), axes = stored.shape.size();
    const std::size_t count = element_count(stored.shape);
    std::vector<std::byte> elements(count * width);
    std::vector<std::size_t> index(axes);
    std::size_t from = 0;
    for (std::size_t i = 0; i < count; ++i) {
        std::memcpy(elements.data() + i * width, all.data() + from * width, width);
        for (std::size_t axis = axes; axis-- > 0;) {  // the next index, the last axis first
            from += stored.strides[axis];
            if (++index[axis] < stored.shape[axis]) break;
            from -= stored.strides[axis] * index[axis];
            index[axis] = 0;
        }
    }
    return elements;
}

}  // namespace detail

/// A range of a tensor's elements in row-major order.
/// \param stored without strides
inline stored_tensor elements_of(const stored_tensor& stored, std::size_t first, std::size_t count) {
    const std::size_t width = detail::element_bytes(stored.type);
    return {stored.type, {count}, stored.bytes.part(first * width, count * width)};
}

/// Visits the elements of a tensor in row-major order.
/// \param visit called with stored_numbers, a chunk of them
/// \throws as byte_source::read
template <class Visit>
void in_chunks(const stored_tensor& stored, const Visit& visit) {
    const std::size_t width = detail::element_bytes(stored.type);
    const auto visit_bytes = [&](std::span<const std::byte> bytes) {
        visit(stored_numbers{stored.type, bytes.data(), bytes.size() / width});
    };
    if (stored.strides.empty()) return stored.bytes.in_chunks(detail::bytes_at_once, visit_bytes);
    const std::vector<std::byte> elements = detail::gathered(stored);
    byte_range(elements).in_chunks(detail::bytes_at_once, visit_bytes);
}

/// Counts of unusual elements of a tensor.
struct tensor_health {
    std::size_t count = 0;
    std::size_t not_finite = 0;  ///< NaN and infinity
    std::size_t subnormal = 0;   ///< below the type's smallest normal number: mostly a sign of damage
    std::size_t zero = 0;
    double largest = 0;  ///< largest magnitude of the finite elements

    bool is_sound() const noexcept { return not_finite == 0 && (count == 0 || zero < count); }
};

/// Counts NaN, infinite, subnormal and zero elements of a tensor of a type that is_floating accepts.
/// \throws as byte_source::read
inline tensor_health health_of(const stored_tensor& stored) {
    const double smallest_normal = stored.type == dtype::f16   ? 0x1p-14
                                   : stored.type == dtype::f64 ? 0x1p-1022
                                                               : 0x1p-126;  // bfloat16 has float's exponents
    tensor_health health;
    std::vector<double> numbers;
    in_chunks(stored, [&](const stored_numbers& chunk) {
        numbers.resize(chunk.count);
        detail::convert(chunk, std::span(numbers));
        for (const double number : numbers) {
            const double magnitude = std::abs(number);
            if (!is_finite(number)) {
                ++health.not_finite;
                continue;
            }
            health.zero += magnitude == 0 ? 1 : 0;
            health.subnormal += magnitude > 0 && magnitude < smallest_normal ? 1 : 0;
            health.largest = (std::max)(health.largest, magnitude);
        }
        health.count += chunk.count;
    });
    return health;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
