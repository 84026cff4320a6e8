#pragma once
/// \file The three GELUs in the wild: which one a checkpoint was trained with is not in its tensors, and costs points.

#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>
#include <string_view>

#include <zeroshot/version.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// The non-linearity between the two linear maps of a transformer block.
enum class activation { quick_gelu, gelu, gelu_tanh };

inline constexpr std::array all_activations{activation::quick_gelu, activation::gelu, activation::gelu_tanh};

constexpr std::string_view name_of(activation function) {
    constexpr std::array<std::string_view, 3> names{"quick_gelu", "gelu", "gelu_tanh"};
    return names[static_cast<std::size_t>(function)];
}

/// x * sigmoid(1.702 x), as QuickGELU in openai/CLIP clip/model.py.
template <class Scalar>
Scalar quick_gelu(Scalar x) noexcept {
    return x / (1 + std::exp(Scalar(-1.702) * x));
}

/// x * Phi(x), as torch.nn.GELU().
template <class Scalar>
Scalar gelu(Scalar x) noexcept {
    return x * Scalar(0.5) * (1 + std::erf(x / std::numbers::sqrt2_v<Scalar>));
}

/// The approximation of torch.nn.GELU(approximate="tanh").
template <class Scalar>
Scalar gelu_tanh(Scalar x) noexcept {
    const Scalar root = std::sqrt(2 / std::numbers::pi_v<Scalar>);
    return x * Scalar(0.5) * (1 + std::tanh(root * (x + Scalar(0.044715) * x * x * x)));
}

/// Applies the function to every number.
template <class Scalar>
void activate(activation function, std::span<Scalar> numbers) noexcept {
    switch (function) {
        case activation::quick_gelu:
            for (Scalar& x : numbers) x = quick_gelu(x);
            break;
        case activation::gelu:
            for (Scalar& x : numbers) x = gelu(x);
            break;
        case activation::gelu_tanh:
            for (Scalar& x : numbers) x = gelu_tanh(x);
            break;
    }
}

}  // namespace zeroshot::inline ZEROSHOT_ABI
