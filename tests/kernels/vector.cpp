#include <zeroshot/kernels/vector.hpp>

#include "tests/catch.hpp"

using namespace zeroshot::kernels::detail;

TEST_CASE("a vector is read from and written to any address") {
    float numbers[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    vector_at<4>(numbers + 1).vector += vector_at<4>(static_cast<const float*>(numbers + 5)).vector;
    CHECK(numbers[0] == 0);
    CHECK(numbers[1] == 6);
    CHECK(numbers[4] == 12);
    CHECK(numbers[5] == 5);
}
