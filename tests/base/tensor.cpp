#include <cstdint>
#include <limits>

#include <zeroshot/tensor.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("a tensor is row-major zeros at a fixed alignment") {
    tensor<float, 3> pixels(2, 3, 4);
    CHECK(pixels.size() == 24);
    CHECK(reinterpret_cast<std::uintptr_t>(pixels.data()) % 64 == 0);
    pixels(1, 2, 3) = 7.0f;
    CHECK(pixels.values()[23] == 7.0f);
    CHECK(pixels.row(1)[11] == 7.0f);
    CHECK(pixels.map()(1, 11) == 7.0f);
    CHECK(pixels.map().sum() == 7.0f);
}

TEST_CASE("adding tensors adds element by element") {
    matrix<double> left(1, 2), right(1, 2);
    left(0, 0) = 1;
    right(0, 0) = 2;
    right(0, 1) = 3;
    left += right;
    CHECK(left(0, 0) == 3);
    CHECK(left(0, 1) == 3);
}

TEST_CASE("a shape whose product overflows is refused before anything is allocated") {
    const std::size_t half = std::numeric_limits<std::size_t>::max() / 2;
    CHECK_THROWS_AS((matrix<float>(half, 3)), argument_error);
}
