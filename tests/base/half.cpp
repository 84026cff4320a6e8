#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <zeroshot/half.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

/// What a binary16 means, by its definition in IEEE 754.
double meaning(std::uint16_t half) {
    const double sign = (half & 0x8000) != 0 ? -1.0 : 1.0;
    const int exponent = (half >> 10) & 31;
    const int mantissa = half & 1023;
    if (exponent == 0) return sign * std::ldexp(mantissa, -24);
    return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

bool is_special(std::uint16_t half) {
    return (half & 0x7c00) == 0x7c00;
}

}  // namespace

TEST_CASE("every half becomes the float it stands for, and comes back") {
    int wrong = 0;
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        const float value = float_from_half(half);
        if (is_special(half)) {
            const bool nan = (half & 0x3ff) != 0;
            wrong +=
                (nan ? std::isnan(value) : std::isinf(value)) && std::signbit(value) == ((half & 0x8000) != 0) ? 0 : 1;
            if (nan) wrong += std::isnan(float_from_half(half_from_float(value))) ? 0 : 1;
            if (!nan) wrong += half_from_float(value) == half ? 0 : 1;
        } else {
            wrong += double{value} == meaning(half) && std::signbit(value) == ((half & 0x8000) != 0) ? 0 : 1;
            wrong += half_from_float(value) == half ? 0 : 1;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("a float becomes the nearest half, ties to the even one") {
    int wrong = 0;
    for (std::uint16_t half = 0; half < 0x7bff; ++half) {  // between each positive half and the next
        const auto next = static_cast<std::uint16_t>(half + 1);
        const auto middle = static_cast<float>((meaning(half) + meaning(next)) / 2);  // exact: 12 bits
        const float below = std::nextafter(middle, 0.0f), above = std::nextafter(middle, 1e9f);
        const std::uint16_t even = half % 2 == 0 ? half : next;
        wrong +=
            half_from_float(below) == half && half_from_float(above) == next && half_from_float(middle) == even ? 0 : 1;
        wrong += half_from_float(-middle) == (even | 0x8000) ? 0 : 1;
    }
    CHECK(wrong == 0);
    CHECK(half_from_float(65519.99f) == 0x7bff);  // the largest half is 65504
    CHECK(half_from_float(65520.0f) == 0x7c00);
    CHECK(half_from_float(1e30f) == 0x7c00);
    CHECK(half_from_float(-1e30f) == 0xfc00);
    CHECK(half_from_float(std::numeric_limits<float>::denorm_min()) == 0);
    CHECK(half_from_float(-0.0f) == 0x8000);
    CHECK(half_from_float(0x1p-25f) == 0);
    CHECK(half_from_float(std::nextafter(0x1p-25f, 1.0f)) == 1);
}

TEST_CASE("every bfloat16 becomes the float it stands for, and comes back") {
    int wrong = 0;
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
        const auto bfloat = static_cast<std::uint16_t>(bits);
        const float value = float_from_bfloat(bfloat);
        if (std::isnan(value)) {
            wrong += std::isnan(float_from_bfloat(bfloat_from_float(value))) ? 0 : 1;
        } else {
            wrong += std::bit_cast<std::uint32_t>(value) == bits << 16 && bfloat_from_float(value) == bfloat ? 0 : 1;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("a float becomes the nearest bfloat16, ties to the even one") {
    CHECK(bfloat_from_float(std::bit_cast<float>(0x3f808000u)) == 0x3f80);  // a tie, down to even
    CHECK(bfloat_from_float(std::bit_cast<float>(0x3f818000u)) == 0x3f82);  // a tie, up to even
    CHECK(bfloat_from_float(std::bit_cast<float>(0x3f808001u)) == 0x3f81);
    CHECK(bfloat_from_float(std::bit_cast<float>(0x3f807fffu)) == 0x3f80);
    CHECK(bfloat_from_float(std::numeric_limits<float>::max()) == 0x7f80);  // rounds to infinity
    CHECK(
        std::isnan(float_from_bfloat(bfloat_from_float(std::bit_cast<float>(0x7f800001u)))));  // no payload left above
}
