#pragma once
/// \file Conversions between float and the 16-bit formats IEEE binary16 and bfloat16, in portable code.

#include <bit>
#include <cstdint>

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The bits of an IEEE binary16.
struct half {
    std::uint16_t bits = 0;
};
/// The bits of a bfloat16.
struct bfloat16 {
    std::uint16_t bits = 0;
};

/// The exact value of an IEEE binary16, subnormals included; a NaN keeps its payload.
inline float float_from_half(std::uint16_t half) noexcept {
    const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
    const std::uint32_t magnitude = static_cast<std::uint32_t>(half & 0x7fffu) << 13;  // exponent and mantissa in place
    if (magnitude >= 0x7c00u << 13) return std::bit_cast<float>(sign | 0x7f800000u | magnitude);   // infinity, NaN
    if (magnitude >= 0x00800000u) return std::bit_cast<float>(sign | (magnitude + (112u << 23)));  // normal: new bias
    // Subnormal: m * 2^-24 as (2^-14 + m * 2^-24) - 2^-14. All three are normal floats, so it is exact even where the
    // host flushes subnormals to zero.
    constexpr float smallest_normal = 0x1p-14f;
    const float value = std::bit_cast<float>(magnitude + (113u << 23)) - smallest_normal;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
}

/// The nearest IEEE binary16, ties to even; infinity from 65520 on. A NaN stays a NaN.
inline std::uint16_t half_from_float(float value) noexcept {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    const auto with_sign = [sign](std::uint32_t half) { return static_cast<std::uint16_t>(sign | half); };
    if (magnitude > 0x7f800000u) return with_sign(0x7e00u | ((magnitude >> 13) & 0x1ffu));  // a quiet NaN
    if (magnitude >= 0x477ff000u) return with_sign(0x7c00u);                                // 65520 rounds to infinity
    std::uint32_t mantissa = magnitude - (112u << 23);  // a normal half: 10 of 23 bits stay
    std::uint32_t dropped = 13;
    if (magnitude < 0x38800000u) {                 // below 2^-14: a subnormal half, in steps of 2^-24
        if (magnitude < 0x33000000u) return sign;  // below 2^-25
        mantissa = (magnitude & 0x007fffffu) | 0x00800000u;
        dropped = 126 - (magnitude >> 23);
    }
    const std::uint32_t half = mantissa >> dropped;
    const std::uint32_t rest = mantissa & ((1u << dropped) - 1);
    const std::uint32_t middle = 1u << (dropped - 1);
    const bool up = rest > middle || (rest == middle && (half & 1u) != 0);
    return with_sign(half + (up ? 1 : 0));
}

/// The exact value of a bfloat16, the upper half of a float.
inline float float_from_bfloat(std::uint16_t bfloat) noexcept {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bfloat) << 16);
}

/// The nearest bfloat16, ties to even; a NaN stays a NaN.
inline std::uint16_t bfloat_from_float(float value) noexcept {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
    return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline bool is_finite(half number) noexcept {
    return (number.bits & 0x7c00u) != 0x7c00u;
}
inline bool is_finite(bfloat16 number) noexcept {
    return (number.bits & 0x7f80u) != 0x7f80u;
}

inline float widened(half number) noexcept {
    return float_from_half(number.bits);
}
inline float widened(bfloat16 number) noexcept {
    return float_from_bfloat(number.bits);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
