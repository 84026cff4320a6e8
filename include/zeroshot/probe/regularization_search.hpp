#pragma once
/// \file Search of a probe's regularization strength on a validation split.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <zeroshot/error.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/probe/features.hpp>
#include <zeroshot/probe/logistic_regression.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace probe {

/// The share of rows whose class has the highest score; of equal scores the lower label counts.
/// \throws argument_error SHAPE for another number of columns, ARGUMENT for no rows; numeric_error for features that
/// are not finite
inline double accuracy(const logistic_fit& fit, const labelled_features& rows) {
    if (rows.columns != fit.weights.columns()) {
        throw argument_error(error_code::shape,
                             {"features", std::to_string(rows.columns) + " columns",
                              std::to_string(fit.weights.columns()) + ", as those of the training set", ""});
    }
    if (rows.rows() == 0)
        throw argument_error(error_code::argument, {"test set", "it is empty", "features and labels", ""});
    constexpr std::size_t rows_at_once = 256;
    const Eigen::Map<const Eigen::RowVectorXd> intercepts(fit.intercepts.data(), fit.weights.eigen().rows());
    std::size_t correct = 0;
    for (std::size_t first = 0; first < rows.rows(); first += rows_at_once) {
        const matrix<double> part = rows.load(first, (std::min)(rows_at_once, rows.rows() - first));
        matrix<double> scores = part.eigen() * fit.weights.eigen().transpose();
        scores.eigen().rowwise() += intercepts;
        for (std::size_t i = 0; i < part.rows(); ++i) {
            const std::size_t best = zeroshot::detail::argmax(scores.row(i));
            correct += fit.classes[best] == rows.labels[first + i] ? 1 : 0;
        }
    }
    return static_cast<double>(correct) / static_cast<double>(rows.rows());
}

/// A strength of a search, and the fit with it.
struct searched_strength {
    double strength;
    double accuracy;  ///< on the validation split
    std::size_t iterations;
};

/// Result of a search.
struct regularization_search {
    double best = 0;                             ///< of equally good strengths the smallest
    std::vector<searched_strength> strengths{};  ///< in ascending order
};

namespace detail {

inline void update_best(regularization_search& search) {
    std::ranges::sort(search.strengths, {}, &searched_strength::strength);
    search.best = std::ranges::max_element(search.strengths, {}, &searched_strength::accuracy)->strength;
}

}  // namespace detail

/// Limits for fits of which only the accuracies are compared.
inline constexpr fit_limits search_limits{.gap = 1e-6};

/// Fits with each of the strengths, in ascending order, every fit starting from the earlier ones.
/// \param strengths at least one, all positive
inline regularization_search search_strengths(const logistic_regression& training, const labelled_features& validation,
                                              std::vector<double> strengths, const run_options& run = {}) {
    std::ranges::sort(strengths);
    regularization_search search;
    fit_history history;
    for (const double strength : strengths) {
        const logistic_fit fit = training.fit(strength, history, run);
        search.strengths.push_back({strength, accuracy(fit, validation), fit.iterations});
    }
    detail::update_best(search);
    return search;
}

/// The search of the paper: from 1e-6 to 1e6 by factors of 100, then around the best with half the step, up to 8 steps
/// per decade. Radford et al. 2021, appendix A.3.
inline regularization_search search_strengths(const logistic_regression& training, const labelled_features& validation,
                                              const run_options& run = {}) {
    constexpr int lowest = -6, highest = 6, coarse = 2;  // powers of ten
    constexpr double finest = 1.0 / 8;
    regularization_search search;
    fit_history history;
    const auto attempt = [&](double power) {
        const double strength = std::pow(10, power);
        const logistic_fit fit = training.fit(strength, history, run);
        search.strengths.push_back({strength, accuracy(fit, validation), fit.iterations});
    };
    for (int power = lowest; power <= highest; power += coarse) attempt(power);
    detail::update_best(search);
    for (double step = coarse / 2.0; step >= finest; step /= 2) {
        const double middle = std::log10(search.best);
        attempt(middle - step);
        attempt(middle + step);
        detail::update_best(search);
    }
    return search;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::probe
