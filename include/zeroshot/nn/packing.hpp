#pragma once
/// \file Options for packing a tensor, and the number format of a layer.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/nn/packed_weight_cache.hpp>
#include <zeroshot/nn/shared_array.hpp>
#include <zeroshot/nn/weight_options.hpp>
#include <zeroshot/parallel.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace nn {

/// Options for packing a tensor.
struct packing {
    zeroshot::precision precision = zeroshot::precision::f32;
    executor* threads = nullptr;                   ///< null: the calling thread alone
    std::shared_ptr<packed_weight_cache> cache{};  ///< null: none
    std::shared_ptr<weight_memory> memory{};       ///< null: the array's own
    std::string name{};                            ///< in the cache
    bool at_least_16_bits = false;                 ///< for a layer where 8 bits cost accuracy
    bool many_rows = false;                        ///< per weight, such as the pixels of a convolution

    /// The elements from the cache, or those that `write(elements)` computes.
    template <class Element, class Write>
    shared_array<Element> elements(std::size_t count, const Write& write) const {
        const auto make = [&] {
            return memory ? memory->array<Element>(count, write)
                          : zeroshot::detail::make_shared_array<Element>(count, write);
        };
        return cache ? cache->array<Element>(name, count, make) : make();
    }
};

/// Sums of fewer products have 16 bits in int8: their errors average out less, and rounding the rows takes a larger
/// share of the time. Measured in docs/performance.md.
inline constexpr std::size_t shortest_int8_sum = 512;

/// The number format of a layer's weights and activations; nothing if they stay float.
/// \param depth number of products in a sum
inline std::optional<kernels::number_format> format_of(const packing& layer, std::size_t depth,
                                                       const kernels::table& set) {
    using enum kernels::number_format;
    if (layer.precision == precision::f32) return {};
    if (layer.precision == precision::int8) {
        if (!layer.at_least_16_bits && depth >= shortest_int8_sum) return int8;
        if (set.best_16_bit_format == int16 && depth <= kernels::deepest_int16) return int16;
    }
    // With many rows per weight the smaller size does not matter: bfloat16 only gains from an instruction.
    if (layer.many_rows && kernels::layout_of(set, bf16).as_floats) return {};
    return bf16;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::nn
