#pragma once
/// \file Softmax that survives extreme logits.

#include <algorithm>
#include <cmath>
#include <span>

#include <zeroshot/version.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// exp(x_i) / sum exp(x_j), in place. The largest number is subtracted first, so nothing overflows; an empty span is
/// left.
template <class Scalar>
void softmax(std::span<Scalar> numbers) noexcept {
    if (numbers.empty()) return;
    const Scalar largest = *std::max_element(numbers.begin(), numbers.end());
    double sum = 0;  // in float, a million shares would not sum to 1
    for (Scalar& number : numbers) {
        number = std::exp(number - largest);
        sum += static_cast<double>(number);
    }
    const auto scale = static_cast<Scalar>(1 / sum);
    for (Scalar& number : numbers) number *= scale;
}

}  // namespace zeroshot::inline ZEROSHOT_ABI
