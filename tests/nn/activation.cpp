#include <array>
#include <cmath>
#include <vector>

#include <zeroshot/nn/activation.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

template <class Scalar>
Scalar activated(activation f, Scalar x) {
    activate(f, std::span(&x, 1));
    return x;
}

}  // namespace

// Values of torch 2.15 in double: x * sigmoid(1.702 x), nn.GELU(), nn.GELU(approximate="tanh").
TEST_CASE("the three GELUs are PyTorch's") {
    struct values {
        double x, quick, exact, tanh;
    };
    for (const auto& [x, quick, exact, tanh] :
         std::array<values, 4>{{{-3.0, -0.01807130970778597, -0.00404969409489031, -0.0036373920817729943},
                                {-0.5, -0.1496115633936199, -0.15426876936299344, -0.15428599017485606},
                                {0.25, 0.1511996499001942, 0.14967658142073093, 0.149675350701685},
                                {2.0, 1.9356586231442083, 1.9544997361036416, 1.954597694087775}}}) {
        CHECK(activated(activation::quick_gelu, x) == Approx(quick).epsilon(1e-14));
        CHECK(activated(activation::gelu, x) == Approx(exact).epsilon(1e-14));
        CHECK(activated(activation::gelu_tanh, x) == Approx(tanh).epsilon(1e-14));
        CHECK(static_cast<double>(activated(activation::quick_gelu, static_cast<float>(x))) ==
              Approx(quick).epsilon(1e-6));
    }
}

TEST_CASE("far from zero they are the identity or nothing, and no number is lost") {
    for (const activation function : all_activations) {
        std::vector<float> numbers{1e30f, -1e30f, 0.0f};
        activate(function, std::span(numbers));
        CHECK(numbers == std::vector<float>{1e30f, 0.0f, 0.0f});
    }
}
