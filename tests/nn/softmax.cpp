#include <cmath>
#include <numeric>
#include <vector>

#include <zeroshot/nn/softmax.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

std::vector<float> softmaxed(std::vector<float> numbers) {
    softmax(std::span<float>(numbers));
    return numbers;
}

}  // namespace

TEST_CASE("softmax gives shares of the exponentials") {
    const auto shares = softmaxed({0.0f, std::log(3.0f)});
    CHECK(shares[0] == Approx(0.25));
    CHECK(shares[1] == Approx(0.75));
}

TEST_CASE("J6: softmax survives extreme logits") {
    CHECK(softmaxed({1e30f, -1e30f}) == std::vector<float>{1.0f, 0.0f});
    CHECK(softmaxed({-1e30f, -1e30f}) == std::vector<float>{0.5f, 0.5f});
    CHECK(softmaxed({7.0f}) == std::vector<float>{1.0f});
    CHECK(softmaxed({}).empty());
    const auto many = softmaxed(std::vector<float>(1'000'000, 3.0f));
    CHECK(std::accumulate(many.begin(), many.end(), 0.0) == Approx(1.0).margin(1e-6));
    std::vector<float> unequal(1'000'000);
    for (std::size_t i = 0; i < unequal.size(); ++i) unequal[i] = static_cast<float>(i % 97) / 10;
    const auto shares = softmaxed(unequal);
    CHECK(std::accumulate(shares.begin(), shares.end(), 0.0) == Approx(1.0).margin(1e-6));
}
