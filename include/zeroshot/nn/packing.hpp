#pragma once
/// \file What a model's matrices are multiplied in, and how the numbers of a tensor become packed weights.

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <zeroshot/nn/packed_weight_cache.hpp>
#include <zeroshot/parallel.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// What the matrices of a model are multiplied in, and attention's queries, keys and values. Sums, residuals,
/// normalisations and softmax are float in each of them.
enum class precision {
    f32,   ///< float
    bf16,  ///< weights and what they are multiplied with rounded to bfloat16: half the memory, and twice the speed
           ///< where the processor multiplies them
    int8   ///< both rounded to 8 bits, with a scale for each output and for each row; in the layers that this would
           ///< harm to 16 bits: integers as well, or bfloat16 where those are no faster. Convolutions stay float in
           ///< both where 16 bits are no faster
};

constexpr std::string_view name_of(precision how) {
    constexpr std::array<std::string_view, 3> names{"f32", "bf16", "int8"};
    return names[static_cast<std::size_t>(how)];
}

/// How the numbers of a tensor become packed weights.
struct packing {
    precision arithmetic = precision::f32;        ///< of the products they are for
    executor* threads = nullptr;                  ///< those that pack; null: the calling thread alone
    std::shared_ptr<packed_weight_cache> kept{};  ///< where they are kept; null: nowhere
    std::string name{};                           ///< what they are kept as
    bool at_least_16_bits = false;                ///< a layer that 8 bits would harm
    bool many_rows = false;                       ///< share the weights: float where bf16 makes the products no faster

    /// What make(numbers) writes, or what was kept of it.
    template <class Number, class Make>
    fixed_numbers<Number> numbers(std::size_t count, const Make& make) const {
        return kept ? kept->numbers<Number>(name, count, make) : detail::made_numbers<Number>(count, make);
    }
};

}}  // namespace zeroshot::ZEROSHOT_ABI
