#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include <zeroshot/nn/normalization.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot;
using namespace zeroshot::nn;
using namespace zeroshot_tests;

namespace {

std::vector<float> softmaxed(std::vector<float> numbers) {
    softmax(std::span<float>(numbers));
    return numbers;
}

}  // namespace

TEST_CASE("layer norm brings each row to mean 0 and variance 1, then applies gain and bias") {
    const std::size_t width = 40;
    random_weights made;
    made.add("weight", {width}, 2).add("bias", {width});
    const layer_norm<float> norm(made.get(), width, 1e-3);
    const matrix<float> x = random_matrix<float>(3, width, 8);
    const matrix<float> y = norm(x);
    for (std::size_t r = 0; r < x.rows(); ++r) {
        double mean = 0, variance = 0;
        for (const float value : x.row(r)) mean += static_cast<double>(value) / width;
        for (const float value : x.row(r))
            variance += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean) / width;
        for (std::size_t i = 0; i < width; ++i) {
            const double expected =
                (static_cast<double>(x(r, i)) - mean) / std::sqrt(variance + 1e-3) * made.values("weight")[i] +
                made.values("bias")[i];
            // sums of 40 numbers of either sign below 1, then gains below 3 and a scale of about 2
            CHECK(std::abs(static_cast<double>(y(r, i)) - expected) <= 40 * 6 * 1.2e-7);
        }
    }
}

TEST_CASE("layer norm of equal numbers is the bias") {
    random_weights made;
    made.add("weight", {4}).add("bias", {4});
    matrix<double> x(1, 4);
    for (double& value : x.values()) value = 5;
    const matrix<double> y = layer_norm<double>(made.get(), 4)(x);
    for (std::size_t i = 0; i < 4; ++i) CHECK(y(0, i) == made.values("bias")[i]);
}

TEST_CASE("softmax divides the exponentials by their sum") {
    const auto shares = softmaxed({0.0f, std::log(3.0f)});
    CHECK(shares[0] == Approx(0.25));
    CHECK(shares[1] == Approx(0.75));
}

TEST_CASE("softmax of extreme logits neither overflows nor loses precision") {
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
