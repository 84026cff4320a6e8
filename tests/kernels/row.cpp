#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <zeroshot/kernels/kernels.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

namespace {

constexpr double float_epsilon = std::numeric_limits<float>::epsilon();

std::vector<float> random_numbers(std::size_t count, float mean) {
    std::mt19937 generator(static_cast<unsigned>(count));
    std::normal_distribution<float> normal(mean, 2);
    std::vector<float> numbers(count);
    for (float& number : numbers) number = normal(generator);
    return numbers;
}

template <class Check>
void for_all(const Check& check) {
    for (const table& set : available_tables()) {
        for (const std::size_t count : {1u, 7u, 8u, 50u, 768u, 3001u}) {
            INFO(set.name << ", " << count << " numbers");
            check(set, count);
        }
    }
}

}  // namespace

TEST_CASE("softmax divides the scaled exponentials by their sum") {
    for_all([](const table& set, std::size_t count) {
        const std::vector<float> numbers = random_numbers(count, 0);
        std::vector<float> shares = numbers;
        softmax(shares.data(), count, 0.125f, set);
        double sum = 0, worst = 0;
        for (const float number : numbers) sum += std::exp(0.125 * static_cast<double>(number));
        for (std::size_t i = 0; i < count; ++i) {
            const double exact = std::exp(0.125 * static_cast<double>(numbers[i])) / sum;
            worst = std::max(worst, std::abs(static_cast<double>(shares[i]) - exact) / exact);
        }
        // an exponent below 3 rounded thrice, exp within 2 float_epsilons, a sum of at most 64 in float, a share
        // rounded twice
        CHECK(worst <= (5 + 2 + 8 + 1) * float_epsilon);
    });
}

TEST_CASE("normalisation brings a row far from zero to mean 0 and variance 1") {
    for_all([](const table& set, std::size_t count) {
        const std::vector<float> row = random_numbers(count, 30), gain = random_numbers(count, 1),
                                 bias = random_numbers(count, 0);
        std::vector<float> result(count);
        normalise(row.data(), count, gain.data(), bias.data(), 1e-5f, result.data(), set);
        double mean = 0, variance = 0, worst = 0;
        for (const float x : row) mean += static_cast<double>(x) / static_cast<double>(count);
        for (const float x : row) variance += std::pow(static_cast<double>(x) - mean, 2) / static_cast<double>(count);
        for (std::size_t i = 0; i < count; ++i) {
            const double exact = (static_cast<double>(row[i]) - mean) / std::sqrt(variance + 1e-5);
            const auto g = static_cast<double>(gain[i]), b = static_cast<double>(bias[i]);
            // the mean, of about 30, is rounded: an error of 30 float_epsilons against a deviation of about 2 or, for
            // one number, of the root of 1e-5
            const double bound =
                float_epsilon *
                (std::abs(g) * (2 * 30 / std::sqrt(variance + 1e-5) + 8 * std::abs(exact)) + std::abs(b));
            worst = std::max(worst, std::abs(static_cast<double>(result[i]) - (exact * g + b)) / bound);
        }
        CHECK(worst <= 1);
        std::vector<float> in_place = row;
        normalise(in_place.data(), count, gain.data(), bias.data(), 1e-5f, in_place.data(), set);
        CHECK(in_place == result);
    });
}
