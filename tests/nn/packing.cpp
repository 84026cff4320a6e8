#include <algorithm>

#include <zeroshot/nn/packing.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("every precision has the name it is asked for by") {
    CHECK(name_of(precision::f32) == "f32");
    CHECK(name_of(precision::bf16) == "bf16");
    CHECK(name_of(precision::int8) == "int8");
}

TEST_CASE("packed numbers are those that are made, and stay where others take them over") {
    const packing how{.name = "weight"};
    fixed_numbers<float> copy;
    {
        const fixed_numbers<float> numbers = how.numbers<float>(5, [](float* to) { std::fill_n(to, 5, 2.5f); });
        copy = numbers;
    }
    REQUIRE(copy.size() == 5);
    CHECK(std::ranges::count(copy.values(), 2.5f) == 5);
}
