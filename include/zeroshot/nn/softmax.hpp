#pragma once
/// \file Softmax that survives extreme logits.

#include <span>

#include <zeroshot/kernels/row.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// exp(x_i) / sum exp(x_j), in place. The largest number is subtracted first, so nothing overflows; an empty span is
/// left.
template <class Scalar>
void softmax(std::span<Scalar> numbers) noexcept {
    kernels::softmax(numbers.data(), numbers.size(), Scalar{1}, kernels::active());
}

}}  // namespace zeroshot::ZEROSHOT_ABI
