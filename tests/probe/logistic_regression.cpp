#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <zeroshot/probe/logistic_regression.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/support/random.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::probe;
using Catch::Contains;

namespace {

/// A record of scikit-learn's fits: tests/golden/check_probe.py --record.
struct record {
    std::shared_ptr<matrix<double>> features;
    std::vector<std::uint32_t> labels;
    json recorded;
};

std::vector<record> records() {
    const json all = read_json(std::string(ZEROSHOT_SOURCE_DIR) + "/tests/golden/probe.json");
    std::vector<record> all_records;
    for (const json& one : all.items()) {
        const auto rows = one.at("features").items();
        const auto features = std::make_shared<matrix<double>>(rows.size(), rows[0].items().size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            for (std::size_t j = 0; j < features->columns(); ++j) (*features)(i, j) = rows[i].items()[j].as_number();
        }
        record made{features, {}, one};
        for (const json& label : one.at("labels").items())
            made.labels.push_back(static_cast<std::uint32_t>(label.as_size()));
        all_records.push_back(std::move(made));
    }
    return all_records;
}

labelled_features training_of(const record& one) {
    return labelled(one.features, one.labels);
}

std::vector<double> probabilities(const logistic_fit& fit, std::span<const double> row) {
    std::vector<double> shares;
    for (std::size_t k = 0; k < fit.classes.size(); ++k) {
        shares.push_back(std::inner_product(row.begin(), row.end(), fit.weights.row(k).begin(), fit.intercepts[k]));
    }
    double sum = 0;
    for (double& x : shares) sum += x = std::exp(x);
    for (double& x : shares) x /= sum;
    return shares;
}

std::size_t predicted(const logistic_fit& fit, std::span<const double> row) {
    const std::vector<double> all = probabilities(fit, row);
    return fit.classes[static_cast<std::size_t>(std::ranges::max_element(all) - all.begin())];
}

/// More rows than are packed together, of classes that are not numbered in a row.
labelled_features many_rows(std::size_t rows, std::size_t columns) {
    const auto features = std::make_shared<matrix<float>>(rows, columns);
    std::vector<std::uint32_t> labels;
    std::uint32_t state = 7;
    for (std::size_t i = 0; i < rows; ++i) {
        labels.push_back(3 * static_cast<std::uint32_t>(i % 5));
        for (std::size_t j = 0; j < columns; ++j) {
            state = state * 1664525u + 1013904223u;  // Numerical Recipes' generator
            const float noise = static_cast<float>(state >> 8) / static_cast<float>(1u << 24);
            (*features)(i, j) = 5 + noise + (j % 5 == i % 5 ? 0.5f : 0.0f);
        }
    }
    return labelled(features, std::move(labels));
}

/// Two classes that differ in one of ten noisy features.
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

TEST_CASE("logistic regression reaches scikit-learn's minimum, and predicts the same") {
    for (const record& one : records()) {
        const logistic_regression training(training_of(one));
        for (const json& theirs : one.recorded.at("fits").items()) {
            const logistic_fit fit = training.fit(theirs.at("strength").as_number());
            const double objective = theirs.at("objective").as_number();
            INFO(fit.classes.size() << " classes, strength " << fit.strength << ": " << fit.objective << ", theirs "
                                    << objective);
            CHECK(fit.converged);
            CHECK(fit.objective <= objective * (1 + 1e-7));  // fit_limits::gap is 1e-8
            CHECK(fit.objective >= objective * (1 - 1e-9));  // theirs was fitted to 1e-13
            for (std::size_t i = 0; i < one.labels.size(); ++i) {
                CHECK(predicted(fit, one.features->row(i)) == theirs.at("predictions").items()[i].as_size());
            }
            const std::vector<double> first = probabilities(fit, one.features->row(0));
            for (std::size_t k = 0; k < first.size(); ++k) {
                // The value is 1e-8 above its minimum, so the point is the root of that away, relative.
                CHECK(std::abs(first[k] - theirs.at("probabilities").items()[k].as_number()) < 1e-3);
            }
        }
    }
}

TEST_CASE("a fit that starts from another reaches the same minimum in fewer iterations") {
    const logistic_regression training(many_rows(600, 20));
    const logistic_fit first = training.fit(1), alone = training.fit(1.1), next = training.fit(1.1, first);
    CHECK(std::abs(next.objective / alone.objective - 1) < 2e-8);  // both are at most 1e-8 above the minimum
    CHECK(next.iterations < alone.iterations);
    CHECK(training.fit(1, first).iterations <= 1);
}

TEST_CASE("a fit is the same to the bit on any number of threads, and with features that are read each time",
          "[threads]") {
    const labelled_features rows = many_rows(4500, 140);  // more than 16 parts, and more than one block of features
    fit_limits limits;
    limits.iterations = 4;
    const logistic_fit alone = logistic_regression(rows, limits).fit(1);
    thread_pool pool(4);
    const run_options run{&pool, {}, {}};
    const logistic_fit together = logistic_regression(rows, limits, run).fit(1, run);
    limits.memory = 0;
    const logistic_fit streamed = logistic_regression(rows, limits, run).fit(1, run);
    CHECK(alone.weights == together.weights);
    CHECK(alone.intercepts == together.intercepts);
    CHECK(alone.weights == streamed.weights);
    CHECK_FALSE(alone.converged);
    CHECK(alone.classes == std::vector<std::uint32_t>{0, 3, 6, 9, 12});
}

TEST_CASE("training sets and strengths that cannot be fitted are refused with the reason") {
    const auto features = std::make_shared<matrix<double>>(4, 2);
    const auto fit = [&](std::vector<std::uint32_t> labels) {
        logistic_regression(labelled(features, std::move(labels)));
    };
    CHECK_THROWS_WITH(fit({0, 1, 0}), Contains("[4, 2] with 3 labels, expected a label for each row"));
    CHECK_THROWS_WITH(fit({5, 5, 5, 5}), Contains("every label is 5, expected at least two classes"));
    CHECK_THROWS_WITH(logistic_regression(labelled_features{}), Contains("training set: it is empty"));
    (*features)(2, 1) = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_WITH(fit({0, 1, 0, 1}), Contains("row 2 contains NaN or infinity"));
    (*features)(2, 1) = 1;
    const logistic_regression training(labelled(features, {0, 1, 0, 1}));
    CHECK_THROWS_AS(training.fit(0), argument_error);
    CHECK_THROWS_AS(training.fit(std::numeric_limits<double>::infinity()), argument_error);
    const logistic_fit other = logistic_regression(many_rows(20, 3)).fit(1);
    CHECK_THROWS_WITH(training.fit(1, other), Contains("start: its features or classes differ"));
}

TEST_CASE("constant features are fitted by the intercepts alone") {
    const auto features = std::make_shared<matrix<double>>(4, 2);
    const logistic_fit fit = logistic_regression(labelled(features, {0, 1, 1, 1})).fit(1);
    // The intercepts alone: three of four.
    CHECK(std::abs(probabilities(fit, features->row(0))[1] - 0.75) < 1e-3);
}

TEST_CASE("a fit can be cancelled") {
    const logistic_regression training(many_rows(300, 4));
    const std::atomic<bool> stop{true};
    CHECK_THROWS_AS(training.fit(1, {nullptr, &stop, {}}), cancelled_error);
}

TEST_CASE("features may be an Eigen matrix in any storage order") {
    const labelled_features rows = many_rows(60, 7);
    const matrix<double> features = rows.load(0, rows.rows());
    const Eigen::MatrixXd by_column = features.eigen();
    const logistic_fit fit = logistic_regression(labelled(by_column, rows.labels)).fit(1);
    CHECK(fit.weights == logistic_regression(rows).fit(1).weights);
}

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
