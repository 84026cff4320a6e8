#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <zeroshot/probe/strength_search.hpp>
#include <zeroshot/support/random.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using Catch::Contains;

namespace {

/// Two classes that one of ten features tells apart, but for noise.
labelled_features noisy(std::size_t rows, std::uint64_t seed) {
    const auto features = std::make_shared<matrix<float>>(rows, std::size_t{10});
    std::vector<std::uint32_t> labels;
    random_generator random(seed);
    for (std::size_t i = 0; i < rows; ++i) {
        labels.push_back(static_cast<std::uint32_t>(i % 2));
        for (float& x : features->row(i)) x = static_cast<float>(random.below(1000)) / 1000;
        (*features)(i, 0) += static_cast<float>(i % 2) / 2;
    }
    return labelled<float>(features, std::move(labels));
}

}  // namespace

TEST_CASE("a split holds back the same share of each class, and never all of one") {
    std::vector<std::uint32_t> labels(10, 4);
    labels.insert(labels.end(), 5, 2);
    labels.push_back(9);
    const split parts = held_back(labels, 0.4, 1);
    std::map<std::uint32_t, int> held;
    for (const std::size_t row : parts.validation) ++held[labels[row]];
    CHECK(held == std::map<std::uint32_t, int>{{2, 2}, {4, 4}});
    CHECK(parts.training.size() == 10);
    CHECK(held_back(labels, 0.4, 1).validation == parts.validation);
    CHECK(held_back(labels, 0.4, 2).validation != parts.validation);
}

TEST_CASE("a few of each class are drawn") {
    const std::vector<std::uint32_t> labels{0, 1, 0, 1, 0, 1, 0, 2};
    const std::vector<std::size_t> rows = few_of_each(labels, 2, 5);
    std::map<std::uint32_t, int> taken;
    for (const std::size_t row : rows) ++taken[labels[row]];
    CHECK(taken == std::map<std::uint32_t, int>{{0, 2}, {1, 2}, {2, 1}});
    CHECK(std::ranges::is_sorted(rows));
}

TEST_CASE("the best strength is the one that does best on what was held back") {
    const labelled_features rows = noisy(200, 1), validation = noisy(101, 2);
    const logistic_regression training(rows);
    constexpr double few = 3.0 / 101;
    for (const strength_search& found :
         {try_strengths(training, validation, {10, 0.001, 0.1}), search_strengths(training, validation)}) {
        double best = 0;
        for (const tried_strength& one : found.tried) {
            // Both are at most the same gap above the minimum, so few rows lie between their borders.
            CHECK(std::abs(one.accuracy - accuracy(training.fit(one.strength), validation)) <= few);
            best = std::max(best, one.accuracy);
        }
        CHECK(std::ranges::is_sorted(found.tried, {}, &tried_strength::strength));
        CHECK(std::ranges::find(found.tried, best, &tried_strength::accuracy)->strength == found.best);
    }
}

TEST_CASE("accuracy is refused where there is nothing to judge by") {
    const logistic_fit fit = logistic_regression(noisy(20, 1)).fit(1);
    CHECK_THROWS_WITH(accuracy(fit, labelled<float>(std::make_shared<matrix<float>>(1, 3), {0})),
                      Contains("3 columns, expected 10"));
    CHECK_THROWS_WITH(accuracy(fit, labelled<float>(std::make_shared<matrix<float>>(0, 10), {})),
                      Contains("test set: it is empty"));
    const auto broken = std::make_shared<matrix<float>>(1, 10);
    (*broken)(0, 3) = std::numeric_limits<float>::infinity();
    CHECK_THROWS_AS(accuracy(fit, labelled<float>(broken, {0})), numeric_error);
}
