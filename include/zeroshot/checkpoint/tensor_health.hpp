#pragma once
/// \file How sound the numbers of a tensor are: what a doctor looks at first.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/checkpoint/tensor_values.hpp>
#include <zeroshot/half.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// What a tensor's numbers are like.
struct tensor_health {
    std::size_t count = 0;
    std::size_t not_finite = 0;  ///< NaN and infinity
    std::size_t subnormal = 0;   ///< too small for the type's full precision: slow, and mostly a sign of damage
    std::size_t zero = 0;
    double largest = 0;  ///< the largest magnitude among the finite ones

    bool is_sound() const noexcept { return not_finite == 0 && (count == 0 || zero < count); }
};

namespace detail {

/// The smallest magnitude above zero that a type holds in full precision.
inline double smallest_normal(dtype type) noexcept {
    if (type == dtype::f16) return 0x1p-14;
    return type == dtype::f64 ? 0x1p-1022 : 0x1p-126;  // bfloat16 has float's exponents
}

}  // namespace detail

/// Looks at every number. Only for the types that is_floating names.
/// \throws as byte_source::read
inline tensor_health health_of(const stored_tensor& stored) {
    const double smallest = detail::smallest_normal(stored.type);
    tensor_health found;
    std::vector<double> numbers;
    in_blocks(stored, [&](const stored_numbers& block) {
        numbers.resize(block.count);
        detail::convert(block, std::span(numbers));
        for (const double number : numbers) {
            const double magnitude = std::abs(number);
            if (!is_finite(number)) {
                ++found.not_finite;
                continue;
            }
            found.zero += magnitude == 0 ? 1 : 0;
            found.subnormal += magnitude > 0 && magnitude < smallest ? 1 : 0;
            found.largest = std::max(found.largest, magnitude);
        }
        found.count += block.count;
    });
    return found;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
