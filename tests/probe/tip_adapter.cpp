#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/probe/tip_adapter.hpp>
#include <zeroshot/support/random.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::probe;
using Catch::Contains;

namespace {

constexpr std::size_t columns = 6, classes = 3;

/// Directions of length 1 around one of their own for each class.
labelled_features directions(std::size_t rows, double noise, std::uint64_t seed) {
    const auto features = std::make_shared<matrix<double>>(rows, columns);
    std::vector<std::uint32_t> labels;
    random_generator random(seed);
    for (std::size_t i = 0; i < rows; ++i) {
        labels.push_back(static_cast<std::uint32_t>(i % classes));
        double squares = 0;
        for (std::size_t k = 0; k < columns; ++k) {
            double& x = (*features)(i, k);
            x = (k == labels.back() ? 1 : 0) + noise * (static_cast<double>(random.below(2001)) / 1000 - 1);
            squares += x * x;
        }
        for (double& x : features->row(i)) x /= std::sqrt(squares);
    }
    return labelled(features, std::move(labels));
}

/// A zero-shot head with equal scores for all classes.
linear_classifier uninformed() {
    return {{"a", "b", "c"}, matrix<double>(classes, columns), std::vector<double>(classes), embedding_length::one};
}

}  // namespace

TEST_CASE("Tip-Adapter adds the affinities of its keys to the zero-shot logits") {
    matrix<double> weights(classes, columns);
    for (std::size_t i = 0; i < weights.size(); ++i) weights.data()[i] = static_cast<double>(i % 5) - 2;
    const linear_classifier zero_shot({"a", "b", "c"}, weights, {0.5, -0.25, 0}, embedding_length::one);
    const labelled_features few = directions(7, 0.8, 1), test = directions(4, 0.8, 2);
    matrix<double> keys(few.rows(), columns), rows(test.rows(), columns);
    few.read(0, keys);
    test.read(0, rows);
    const tip_adapter_weights how{1.5, 4};
    const matrix<double> result = tip_adapter(zero_shot, few).logits(rows, how);
    for (std::size_t i = 0; i < rows.rows(); ++i) {
        for (std::size_t label = 0; label < classes; ++label) {
            double expected = zero_shot.intercepts()[label];
            for (std::size_t k = 0; k < columns; ++k) expected += weights(label, k) * rows(i, k);
            for (std::size_t key = label; key < few.rows(); key += classes) {
                double affinity = 0;
                for (std::size_t k = 0; k < columns; ++k) affinity += keys(key, k) * rows(i, k);
                expected += how.alpha * std::exp(-how.beta * (1 - affinity));
            }
            CHECK(result(i, label) == Approx(expected).epsilon(1e-13));  // sums of a dozen numbers near 1 in double
        }
    }
}

TEST_CASE("the search finds the best weights on the validation split, or zero-shot alone") {
    const labelled_features few = directions(9, 0.6, 3), validation = directions(150, 0.6, 4);
    const tip_adapter adapter(uninformed(), few);
    const tip_adapter_search result = adapter.search(validation);
    CHECK(result.accuracy == adapter.accuracy(validation, result.best));
    CHECK(result.accuracy > 0.8);
    CHECK(adapter.accuracy(validation, {}) == Approx(1.0 / 3));  // the first of equal classes
    thread_pool threads(2);
    CHECK(adapter.search(validation, {&threads, {}, {}}).best.beta == result.best.beta);

    matrix<double> knows(classes, columns);
    for (std::size_t k = 0; k < classes; ++k) knows(k, k) = 100;
    const linear_classifier all({"a", "b", "c"}, knows, std::vector<double>(classes), embedding_length::one);
    CHECK(tip_adapter(all, few).search(directions(60, 0.1, 5)).best.alpha == 0);
}

TEST_CASE("keys of another size, of unknown classes, or not finite are refused") {
    const labelled_features few = directions(3, 0.5, 1);
    CHECK_THROWS_WITH(tip_adapter(uninformed(), labelled(std::make_shared<matrix<double>>(1, 5), {0})),
                      Contains("[1, 5], expected rows of 6 numbers"));
    CHECK_THROWS_WITH(tip_adapter(uninformed(), labelled(std::make_shared<matrix<double>>(1, 6), {3})),
                      Contains("label 3, expected below 3"));
    CHECK_THROWS_AS(tip_adapter(uninformed(), subset(few, {})), argument_error);
    const auto broken = std::make_shared<matrix<double>>(1, 6);
    (*broken)(0, 2) = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_AS(tip_adapter(uninformed(), labelled(broken, {0})), numeric_error);
}
