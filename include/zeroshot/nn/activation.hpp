#pragma once
/// \file The three GELUs in the wild: which one a checkpoint was trained with is not in its tensors, and costs points.

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include <zeroshot/kernels/activation.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The non-linearity between the two linear maps of a transformer block.
enum class activation {
    quick_gelu,  ///< x * sigmoid(1.702 x), as QuickGELU in openai/CLIP clip/model.py
    gelu,        ///< x * Phi(x), as torch.nn.GELU()
    gelu_tanh    ///< the approximation of torch.nn.GELU(approximate="tanh")
};

inline constexpr std::array all_activations{activation::quick_gelu, activation::gelu, activation::gelu_tanh};

constexpr std::string_view name_of(activation function) {
    constexpr std::array<std::string_view, 3> names{"quick_gelu", "gelu", "gelu_tanh"};
    return names[static_cast<std::size_t>(function)];
}

/// The same as the kernels know it.
constexpr kernels::function kernel_of(activation f) {
    constexpr std::array functions{kernels::function::quick_gelu, kernels::function::gelu,
                                   kernels::function::gelu_tanh};
    return functions[static_cast<std::size_t>(f)];
}

/// Applies the function to every number.
template <class Scalar>
void activate(activation f, std::span<Scalar> numbers) noexcept {
    kernels::apply(kernel_of(f), numbers.data(), numbers.size(), kernels::active());
}

}}  // namespace zeroshot::ZEROSHOT_ABI
