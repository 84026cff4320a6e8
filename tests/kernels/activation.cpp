#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/kernels/row.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

namespace {

constexpr double epsilon = std::numeric_limits<float>::epsilon();

/// Numbers close together from -12 to 12, and far ones.
std::vector<float> many_numbers() {
    std::vector<float> numbers;
    for (int i = -120'000; i <= 120'000; ++i) numbers.push_back(static_cast<float>(i) / 10'000.0f);
    for (const float far : {20.0f, 50.0f, 80.0f, 87.0f, 88.0f, 100.0f, 1e6f, 1e30f}) {
        numbers.push_back(far);
        numbers.push_back(-far);
    }
    return numbers;
}

/// The largest |result - exact| / bound(x, exact) over many numbers.
template <class Bound>
void check_function(activation f, const Bound& bound) {
    const std::vector<float> numbers = many_numbers();
    for (const table& set : available_tables()) {
        std::vector<float> result = numbers;
        apply(f, result.data(), result.size(), set);
        double worst = 0;
        float at = 0, value = 0;
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            const auto x = static_cast<double>(numbers[i]);
            const double exact = detail::exact(f, x);
            if (std::abs(exact) > 3e38) continue;  // beyond float
            const double excess = std::abs(static_cast<double>(result[i]) - exact) / bound(x, exact);
            if (!(excess <= worst)) {
                worst = excess;
                at = numbers[i];
                value = result[i];
            }
        }
        INFO(set.name << ": worst at " << at << ", " << value << ", " << worst << " of the bound");
        CHECK(worst <= 1);
    }
}

}  // namespace

// Every bound counts roundings of half an epsilon each.
TEST_CASE("exp is exact to two units in the last place") {
    check_function(activation::exponential, [](double, double exact) { return 2 * epsilon * exact + 1.2e-38; });
}
TEST_CASE("QuickGELU and the tanh GELU err by the rounding of their exponents") {
    // x / (1 + e): e carries the rounding of an exponent of about 1.7 |x|, whose absolute error is its relative error
    const auto bound = [](double x, double exact) {
        return epsilon * (4 + 2 * std::min(std::abs(x), 90.0)) * std::abs(exact) + 1e-36;
    };
    check_function(activation::quick_gelu, bound);
    // the exponent grows with the cube of x; 1 + tanh in double has no more than 16 digits
    check_function(activation::gelu_tanh, [](double x, double exact) {
        const double exponent = std::min(1.6 * std::abs(x + 0.044715 * x * x * x), 90.0);
        return epsilon * (4 + 4 * exponent) * std::abs(exact) + 1e-15 * std::abs(x);
    });
}
TEST_CASE("the GELU with erf errs by a few epsilons of its argument") {
    // half of x times 1 + erf: three epsilons of the rational function, one of the sum, two of the products
    check_function(activation::gelu, [](double x, double) { return 6 * epsilon * std::abs(x) / 2 + 1e-38; });
}
TEST_CASE("relu leaves no negative number") {
    check_function(activation::relu, [](double, double) { return 1e-300; });
}

TEST_CASE("an activation gives a number the same bits at any position") {
    for (const table& set : available_tables()) {
        for (const activation f :
             {activation::quick_gelu, activation::gelu, activation::gelu_tanh, activation::exponential}) {
            std::vector<float> numbers(37, 0.7251f);
            apply(f, numbers.data(), numbers.size(), set);
            CHECK(std::all_of(numbers.begin(), numbers.end(), [&](float number) { return number == numbers.front(); }));
        }
    }
}

TEST_CASE("activations of NaN are NaN") {
    for (const table& set : available_tables()) {
        for (const activation f : {activation::quick_gelu, activation::gelu, activation::gelu_tanh,
                                   activation::exponential, activation::relu, activation::identity}) {
            float number = std::numeric_limits<float>::quiet_NaN();
            apply(f, &number, 1, set);
            CHECK(number != number);
        }
    }
}
