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

/// Limits for fits of which only the accuracies are compared.
inline constexpr fit_limits search_limits{.gap = 1e-6};

namespace detail {

/// Fits of a search, each started from earlier ones.
class strength_searcher {
   public:
    strength_searcher(const logistic_regression& training, const labelled_features& validation, const run_options& run)
        : training_(training), validation_(validation), run_(run) {}

    void add(double strength) {
        fits_.push_back(fits_.empty() ? training_.fit(strength, run_) : training_.fit(strength, start(strength), run_));
        result_.strengths.push_back({strength, accuracy(fits_.back(), validation_), fits_.back().iterations});
        std::ranges::sort(result_.strengths, {}, &searched_strength::strength);
        result_.best = std::ranges::max_element(result_.strengths, {}, &searched_strength::accuracy)->strength;
    }

    const regularization_search& result() const noexcept { return result_; }

   private:
    /// The line through the nearest two fits, as functions of the logarithm of the strength.
    logistic_fit start(double strength) {
        const auto distance = [&](const logistic_fit& fit) { return std::abs(std::log(strength / fit.strength)); };
        std::ranges::stable_sort(fits_, {}, distance);
        logistic_fit nearest = fits_[0];
        if (fits_.size() < 2 || distance(nearest) == 0) return nearest;
        const logistic_fit& next = fits_[1];
        const double share = std::log(strength / nearest.strength) / std::log(next.strength / nearest.strength);
        nearest.weights.eigen() += share * (next.weights.eigen() - nearest.weights.eigen());
        for (std::size_t i = 0; i < nearest.intercepts.size(); ++i)
            nearest.intercepts[i] += share * (next.intercepts[i] - nearest.intercepts[i]);
        return nearest;
    }

    const logistic_regression& training_;
    const labelled_features& validation_;
    run_options run_;
    std::vector<logistic_fit> fits_;
    regularization_search result_;
};

}  // namespace detail

/// Fits with each of the strengths, in ascending order.
/// \param strengths at least one, all positive
inline regularization_search search_strengths(const logistic_regression& training, const labelled_features& validation,
                                              std::vector<double> strengths, const run_options& run = {}) {
    std::ranges::sort(strengths);
    detail::strength_searcher search(training, validation, run);
    for (const double strength : strengths) search.add(strength);
    return search.result();
}

/// The search of the paper: from 1e-6 to 1e6 by factors of 100, then around the best with half the step, up to 8 steps
/// per decade. Radford et al. 2021, appendix A.3.
inline regularization_search search_strengths(const logistic_regression& training, const labelled_features& validation,
                                              const run_options& run = {}) {
    constexpr int lowest = -6, highest = 6, coarse = 2;  // powers of ten
    constexpr double finest = 1.0 / 8;
    detail::strength_searcher search(training, validation, run);
    for (int power = lowest; power <= highest; power += coarse) search.add(std::pow(10, power));
    for (double step = coarse / 2.0; step >= finest; step /= 2) {
        const double middle = std::log10(search.result().best);
        search.add(std::pow(10, middle - step));
        search.add(std::pow(10, middle + step));
    }
    return search.result();
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::probe
