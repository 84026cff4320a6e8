#include <cmath>
#include <limits>

#include <zeroshot/nn/linear.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot;
using namespace zeroshot::nn;
using namespace zeroshot_tests;

namespace {

/// Rounding of a sum of `terms` products of numbers below 1, and of the bias.
template <class Scalar>
double sum_bound(std::size_t terms) {
    return static_cast<double>(terms + 2) * static_cast<double>(terms + 1) *
           static_cast<double>(std::numeric_limits<Scalar>::epsilon());
}

template <class Scalar>
void check_linear() {
    const std::size_t inputs = 19, outputs = 37, rows = 5;
    random_weights made;
    made.add("weight", {outputs, inputs}).add("bias", {outputs});
    const linear<Scalar> layer(made.get(), inputs, outputs);
    const matrix<Scalar> x = random_matrix<Scalar>(rows, inputs, 9);
    const matrix<Scalar> y = layer(x);
    REQUIRE(y.shape() == std::array<std::size_t, 2>{rows, outputs});
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t o = 0; o < outputs; ++o) {
            double sum = made.values("bias")[o];
            for (std::size_t i = 0; i < inputs; ++i)
                sum += static_cast<double>(x(r, i)) * made.values("weight")[o * inputs + i];
            INFO("row " << r << " output " << o);
            CHECK(std::abs(static_cast<double>(y(r, o)) - sum) <= sum_bound<Scalar>(inputs));
        }
    }
}

}  // namespace

TEST_CASE("a linear layer is x W^T + b") {
    check_linear<double>();
    check_linear<float>();
}

TEST_CASE("a projection is stored as [inputs, outputs]") {
    random_weights made;
    made.add("proj", {4, 3}).add("bias", {3});
    const matrix<double> x = random_matrix<double>(2, 4, 2);
    matrix<double> transposed(3, 4);
    for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t o = 0; o < 3; ++o) transposed(o, i) = made.values("proj")[i * 3 + o];
    }
    const auto projection = [&](const char* bias) {
        return linear<double>::projection(made.get(), "proj", bias, 4, 3)(x);
    };
    CHECK(projection("none") == linear<double>(transposed)(x));
    const std::vector<double>& bias = made.values("bias");
    CHECK(projection("bias") == linear<double>(transposed, {bias.begin(), bias.end()})(x));
}

TEST_CASE("a linear layer adds its results to a sum of their shape") {
    random_weights made;
    made.add("weight", {4, 3}).add("bias", {4});
    const linear<double> layer(made.get(), 3, 4);
    const matrix<double> x = random_matrix<double>(2, 3, 2), before = random_matrix<double>(2, 4, 3);
    matrix<double> sum = before;
    sum += layer(x, nullptr);
    CHECK(sum == matrix<double>(before.eigen() + layer(x).eigen()));
    try {
        matrix<double> other(4, 2);
        other += layer(x, nullptr);
        FAIL("a sum of another shape");
    } catch (const argument_error& refused) {
        CHECK(refused.code() == error_code::shape);
        CHECK_THAT(refused.what(), Catch::Contains("[4, 2]") && Catch::Contains("[2, 4]"));
    }
}

TEST_CASE("a missing tensor is named by its full path") {
    random_weights made;
    made.add("mlp.c_fc.bias", {2});
    const weights w = made.get() / "mlp" / "c_fc";
    CHECK_THROWS_WITH((linear<float>(w, 3, 2)), Catch::Contains("tensor visual.mlp.c_fc.weight is missing"));
}
