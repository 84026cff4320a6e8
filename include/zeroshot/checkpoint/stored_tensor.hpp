#pragma once
/// \file A tensor in a checkpoint: element type, shape, and range of bytes.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/half.hpp>
#include <zeroshot/support/byte_source.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

static_assert(std::endian::native == std::endian::little, "checkpoints are little-endian, and read here as they lie");

/// The element types of safetensors.
enum class dtype {
    boolean,
    f4,
    f6_e2m3,
    f6_e3m2,
    u8,
    i8,
    f8_e5m2,
    f8_e4m3,
    f8_e8m0,
    i16,
    u16,
    f16,
    bf16,
    i32,
    u32,
    f32,
    c64,
    f64,
    i64,
    u64,
};

namespace detail {

struct dtype_traits {
    std::string_view name;
    std::size_t bits;
};

inline constexpr std::array<dtype_traits, 20> dtypes{{
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},   {"I8", 8},    {"F8_E5M2", 8},
    {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16}, {"BF16", 16}, {"I32", 32},
    {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},    {"I64", 64}, {"U64", 64},
}};

/// The element type that stores a C++ type.
template <class Number>
constexpr dtype dtype_of() {
    if constexpr (std::is_same_v<Number, half>)
        return dtype::f16;
    else if constexpr (std::is_same_v<Number, bfloat16>)
        return dtype::bf16;
    else if constexpr (std::is_same_v<Number, std::uint32_t>)
        return dtype::u32;
    else
        return std::is_same_v<Number, float> ? dtype::f32 : dtype::f64;
}

}  // namespace detail

/// The type's name in safetensors: "BF16".
inline std::string_view name_of(dtype type) {
    return detail::dtypes[static_cast<std::size_t>(type)].name;
}

/// The size of one element in bits.
inline std::size_t bits_of(dtype type) {
    return detail::dtypes[static_cast<std::size_t>(type)].bits;
}

/// A tensor in its file: little-endian, at any alignment.
struct stored_tensor {
    dtype type = dtype::f32;
    std::vector<std::size_t> shape;
    byte_range bytes;                    ///< from the first element to the last
    std::vector<std::size_t> strides{};  ///< in elements, as PyTorch stores views; empty for row-major order
};

struct named_tensor {
    std::string name;
    stored_tensor tensor;
};

/// Free text beside the tensors, by name.
using tensor_metadata = std::map<std::string, std::string, std::less<>>;

/// The tensors and metadata of a checkpoint.
struct tensor_list {
    std::deque<named_tensor> tensors;    ///< in the file's order; a deque grows without holding everything twice
    std::vector<std::uint32_t> by_name;  ///< indices into tensors, sorted by name
    tensor_metadata metadata;
    std::vector<std::string> skipped{};  ///< names of other values in the file

    /// The tensor with a name, or null.
    const stored_tensor* find(std::string_view name) const {
        const auto name_at = [this](std::uint32_t index) -> std::string_view { return tensors[index].name; };
        const auto at = std::ranges::lower_bound(by_name, name, {}, name_at);
        return at != by_name.end() && name_at(*at) == name ? &tensors[*at].tensor : nullptr;
    }

    /// Fills by_name after the last tensor.
    /// \return two tensors with the same name, if any
    std::optional<std::pair<std::uint32_t, std::uint32_t>> sort_names() {
        by_name.resize(tensors.size());
        std::iota(by_name.begin(), by_name.end(), std::uint32_t{0});
        const auto name_at = [this](std::uint32_t index) -> std::string_view { return tensors[index].name; };
        std::ranges::sort(by_name, {}, [&](std::uint32_t index) { return std::pair(name_at(index), index); });
        const auto duplicates = std::ranges::adjacent_find(by_name, {}, name_at);
        if (duplicates == by_name.end()) return std::nullopt;
        return std::pair(duplicates[0], duplicates[1]);
    }
};

namespace detail {

/// The size of a tensor in bytes; nothing where it is above 64 bits or not whole. The product of the extents other than
/// 0 must fit as well, so that the order of the axes does not matter.
inline std::optional<std::size_t> stored_size(dtype type, std::span<const std::size_t> shape) {
    std::size_t bits = bits_of(type);
    for (const std::size_t extent : shape) {
        if (extent == 0) continue;
        if (bits > (std::numeric_limits<std::size_t>::max)() / extent) return std::nullopt;
        bits *= extent;
    }
    if (std::ranges::find(shape, std::size_t{0}) != shape.end()) return 0;
    return bits % 8 == 0 ? std::optional(bits / 8) : std::nullopt;
}

}  // namespace detail

}}  // namespace zeroshot::ZEROSHOT_ABI
