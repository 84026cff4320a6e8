#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <zeroshot/probe/regularization_search.hpp>
#include <zeroshot/support/random.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::probe;
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
    return labelled(features, std::move(labels));
}

}  // namespace

TEST_CASE("the best strength has the highest accuracy on the validation split") {
    const labelled_features rows = noisy(200, 1), validation = noisy(101, 2);
    const logistic_regression training(rows);
    constexpr double few = 3.0 / 101;
    for (const regularization_search& search :
         {search_strengths(training, validation, {10, 0.001, 0.1}), search_strengths(training, validation)}) {
        double best = 0;
        for (const searched_strength& fitted : search.strengths) {
            // Both are at most the same gap above the minimum, so few rows lie between their borders.
            CHECK(std::abs(fitted.accuracy - accuracy(training.fit(fitted.strength), validation)) <= few);
            best = std::max(best, fitted.accuracy);
        }
        CHECK(std::ranges::is_sorted(search.strengths, {}, &searched_strength::strength));
        CHECK(std::ranges::find(search.strengths, best, &searched_strength::accuracy)->strength == search.best);
    }
}

TEST_CASE("accuracy refuses features of another size, none at all, and infinite ones") {
    const logistic_fit fit = logistic_regression(noisy(20, 1)).fit(1);
    CHECK_THROWS_WITH(accuracy(fit, labelled(std::make_shared<matrix<float>>(1, 3), {0})),
                      Contains("3 columns, expected 10"));
    CHECK_THROWS_WITH(accuracy(fit, labelled(std::make_shared<matrix<float>>(0, 10), {})),
                      Contains("test set: it is empty"));
    const auto broken = std::make_shared<matrix<float>>(1, 10);
    (*broken)(0, 3) = std::numeric_limits<float>::infinity();
    CHECK_THROWS_AS(accuracy(fit, labelled(broken, {0})), numeric_error);
}
