#include <array>
#include <cstdint>
#include <limits>

#include <Eigen/Core>

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
}

TEST_CASE("a tensor is seen as an Eigen matrix whose rows are its first axis") {
    tensor<float, 3> pixels(2, 3, 4);
    pixels.eigen()(1, 11) = 7.0f;
    CHECK(pixels(1, 2, 3) == 7.0f);
    CHECK(pixels.eigen().sum() == 7.0f);
    const matrix<float> none(0, 5);
    CHECK(none.eigen().rows() == 0);
    CHECK(none.eigen().cols() == 5);
}

TEST_CASE("a matrix is made from Eigen matrices of either storage order and from expressions of them") {
    Eigen::MatrixXd columns(2, 3);
    columns << 1, 2, 3, 4, 5, 6;
    const auto sum = [](const matrix<double>& m) { return m.eigen().sum(); };
    CHECK(sum(columns) == 21);
    const matrix<double> rows = columns;
    CHECK(rows.shape() == std::array<std::size_t, 2>{2, 3});
    CHECK(rows(0, 2) == 3);
    CHECK(rows(1, 0) == 4);
    const matrix<double> product = rows.eigen() * columns.transpose();
    CHECK(product.shape() == std::array<std::size_t, 2>{2, 2});
    CHECK(product(0, 1) == 32);
    const matrix<double> vector = Eigen::Vector3d(1, 2, 3);
    CHECK(vector.shape() == std::array<std::size_t, 2>{3, 1});
}

TEST_CASE("adding tensors adds element by element, and refuses another shape") {
    matrix<double> left(1, 2), right(1, 2);
    left(0, 0) = 1;
    right(0, 0) = 2;
    right(0, 1) = 3;
    left += right;
    CHECK(left(0, 0) == 3);
    CHECK(left(0, 1) == 3);
    try {
        left += matrix<double>(2, 1);
        FAIL("a sum of different shapes");
    } catch (const argument_error& refused) {
        CHECK(refused.code() == error_code::shape);
        CHECK_THAT(refused.what(), Catch::Contains("[1, 2]") && Catch::Contains("[2, 1]"));
    }
}

TEST_CASE("a shape whose product overflows is refused before anything is allocated") {
    const std::size_t half = std::numeric_limits<std::size_t>::max() / 2;
    CHECK_THROWS_AS((matrix<float>(half, 3)), argument_error);
}
