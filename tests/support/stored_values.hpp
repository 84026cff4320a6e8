#pragma once
/// \file All elements of a stored tensor, for comparisons.

#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

#include <zeroshot/checkpoint/tensor_values.hpp>

namespace support {

/// The elements in row-major order.
/// \param stored of a type that is_floating accepts
template <std::floating_point Scalar>
std::vector<Scalar> stored_values(const zeroshot::stored_tensor& stored) {
    std::vector<Scalar> values(zeroshot::element_count(stored.shape));
    std::size_t done = 0;
    zeroshot::in_chunks(stored, [&](const zeroshot::stored_numbers& block) {
        zeroshot::detail::convert(block, std::span<Scalar>(values).subspan(done, block.count));
        done += block.count;
    });
    return values;
}

}  // namespace support
