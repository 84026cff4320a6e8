#include <limits>

#include <zeroshot/checkpoint/tensor_health.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using support::raw;

TEST_CASE("what is not finite, subnormal or zero is counted, and the rest measured") {
    constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<std::byte> floats = support::bytes_of(raw<float>({1, -7, 0, -0.0f, inf, nan, 1e-40f, 0x1p-126f}));
    const tensor_health found = health_of({dtype::f32, {8}, floats});
    CHECK(found.count == 8);
    CHECK(found.not_finite == 2);
    CHECK(found.zero == 2);
    CHECK(found.subnormal == 1);
    CHECK(found.largest == 7);
    CHECK_FALSE(found.is_sound());
}

TEST_CASE("what is subnormal depends on the type") {
    const std::vector<std::byte> halves = support::bytes_of(raw<std::uint16_t>({0x0001, 0x03ff, 0x0400, 0x7bff}));
    CHECK(health_of({dtype::f16, {4}, halves}).subnormal == 2);
    CHECK(health_of({dtype::f16, {4}, halves}).largest == 65504);
    CHECK(health_of({dtype::bf16, {4}, halves}).subnormal == 1);  // from 2^-126 on they are normal there
}

TEST_CASE("a tensor of zeros is not sound, one without numbers is") {
    CHECK_FALSE(health_of({dtype::f32, {2}, std::vector<std::byte>(8)}).is_sound());
    CHECK(health_of({dtype::f32, {0}, {}}).is_sound());
}
