#pragma once
/// \file Options of reading weights: precision, storage and checks.

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>

#include <zeroshot/parallel.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

class packed_weight_cache;
class weight_memory;

/// Precision of a model's matrix products, attention's included. Sums, residuals, normalisations and softmax are float
/// in all of them.
enum class precision {
    f32,   ///< float
    bf16,  ///< weights and activations rounded to bfloat16: half the memory, twice the speed where the processor
           ///< multiplies it; the products of Winograd's convolutions rounded to integers of 16 bits where those are
           ///< faster than float
    int8  ///< weights and activations rounded to 8 bits, with a scale per output and per row; to 16 bits in layers that
          ///< need them, as integers or, where those are no faster, as bfloat16
};

/// The name of a precision on the command line and in machine-readable output.
constexpr std::string_view name_of(precision which) {
    constexpr std::array<std::string_view, 3> names{"f32", "bf16", "int8"};
    return names[static_cast<std::size_t>(which)];
}

/// Storage of a model's matrices in memory.
enum class weight_storage {
    full,    ///< as the model computes
    compact  ///< those stored in 16 bits stay so and are widened in every product: the same results in half the memory
};

/// Whether reading weights looks for NaN and infinity.
enum class finite_check { checked, unchecked };

/// Options of reading weights, and the precision of the layers made of them.
struct weight_options {
    finite_check check = finite_check::checked;
    weight_storage storage = weight_storage::full;
    executor* threads = nullptr;  ///< for reading and packing; null: the calling thread alone
    zeroshot::precision precision = zeroshot::precision::f32;
    std::shared_ptr<packed_weight_cache> cache{};  ///< of packed weights; null: none
    std::shared_ptr<weight_memory> memory{};       ///< of packed weights; null: each has its own
    bool at_least_16_bits = false;                 ///< for layers where 8 bits cost accuracy
};

}}  // namespace zeroshot::ZEROSHOT_ABI
