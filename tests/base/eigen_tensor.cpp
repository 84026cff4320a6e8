#include <array>
#include <cstddef>

#include <zeroshot/eigen_tensor.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("a tensor and its Eigen view are the same memory with the same order of axes") {
    tensor<float, 4> images(2, 3, 4, 5);
    eigen_tensor(images)(1, 2, 3, 4) = 7;
    CHECK(images(1, 2, 3, 4) == 7);
    images(1, 0, 0, 1) = 2;
    const tensor<float, 4>& same = images;
    const auto view = eigen_tensor(same);
    CHECK(view.data() == images.data());
    CHECK(view.dimensions() == std::array<Eigen::Index, 4>{2, 3, 4, 5});
    const Eigen::Tensor<float, 1, Eigen::RowMajor> sums = view.sum(std::array<int, 3>{1, 2, 3});
    CHECK(sums(0) == 0);
    CHECK(sums(1) == 9);
}
