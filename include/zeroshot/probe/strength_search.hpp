#pragma once
/// \file How strongly a probe is to be regularised: strengths tried on a part of the training set that was held back.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/probe/logistic_regression.hpp>
#include <zeroshot/support/random.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Positions of rows, in ascending order.
struct split {
    std::vector<std::size_t> training, validation;
};

/// Holds back a share of each class, at random; at least one row of each class stays.
inline split held_back(std::span<const std::uint32_t> labels, double share, std::uint64_t seed) {
    std::map<std::uint32_t, std::size_t> left;  // how many of each class may still be held back
    for (const std::uint32_t label : labels) ++left[label];
    for (auto& [label, count] : left) count = static_cast<std::size_t>(share * static_cast<double>(count));
    std::vector<bool> held(labels.size(), false);
    for (const std::size_t row : shuffled(labels.size(), seed)) {
        if (left[labels[row]] == 0) continue;
        --left[labels[row]];
        held[row] = true;
    }
    split parts;
    for (std::size_t row = 0; row < labels.size(); ++row)
        (held[row] ? parts.validation : parts.training).push_back(row);
    return parts;
}

/// As many rows of each class, chosen at random; all of a class that has fewer.
/// \return positions, in ascending order
inline std::vector<std::size_t> few_of_each(std::span<const std::uint32_t> labels, std::size_t each,
                                            std::uint64_t seed) {
    std::map<std::uint32_t, std::size_t> taken;
    std::vector<std::size_t> rows;
    for (const std::size_t row : shuffled(labels.size(), seed)) {
        if (taken[labels[row]]++ < each) rows.push_back(row);
    }
    std::ranges::sort(rows);
    return rows;
}

/// The share of rows whose class a fit ranks first; the class with the lower label where two are equal.
/// \throws argument_error SHAPE where the rows have other columns than the fit; numeric_error for what is not finite
inline double accuracy(const logistic_fit& fit, const labelled_features& rows) {
    if (rows.columns != fit.weights.columns()) {
        throw argument_error(error_code::shape,
                             {"features", std::to_string(rows.columns) + " columns",
                              std::to_string(fit.weights.columns()) + ", as those of the training set", ""});
    }
    if (rows.rows() == 0)
        throw argument_error(error_code::argument, {"test set", "it is empty", "features and labels", ""});
    constexpr std::size_t at_once = 256;
    const linear<double> scores(fit.weights, aligned_vector<double>(fit.intercepts.begin(), fit.intercepts.end()));
    std::size_t right = 0;
    for (std::size_t first = 0; first < rows.rows(); first += at_once) {
        const matrix<double> all = scores(rows.finite(first, std::min(at_once, rows.rows() - first)));
        for (std::size_t i = 0; i < all.rows(); ++i)
            right += fit.classes[detail::argmax(all.row(i))] == rows.labels[first + i] ? 1 : 0;
    }
    return static_cast<double>(right) / static_cast<double>(rows.rows());
}

/// A strength, and how good the fit with it was.
struct tried_strength {
    double strength;
    double accuracy;  ///< on the validation split
    std::size_t iterations;
};

/// The strength that is best on the validation split, the smaller one where several are, and all that were tried.
struct strength_search {
    double best = 0;
    std::vector<tried_strength> tried{};  ///< in ascending order
};

namespace detail {

inline void find_best(strength_search& found) {
    std::ranges::sort(found.tried, {}, &tried_strength::strength);
    found.best = std::ranges::max_element(found.tried, {}, &tried_strength::accuracy)->strength;
}

}  // namespace detail

/// When a fit ends that is only compared with others by its accuracy.
inline constexpr fit_limits search_limits{.gap = 1e-6};

/// Tries the strengths in ascending order, each fit from where those before it point to.
/// \param strengths at least one, all positive
inline strength_search try_strengths(const logistic_regression& training, const labelled_features& validation,
                                     std::vector<double> strengths, const run_options& run = {}) {
    std::ranges::sort(strengths);
    strength_search found;
    fit_memory memory;
    for (const double strength : strengths) {
        const logistic_fit fit = training.fit(strength, memory, run);
        found.tried.push_back({strength, accuracy(fit, validation), fit.iterations});
    }
    detail::find_best(found);
    return found;
}

/// Looks for the strength as the paper does: from 1e-6 to 1e6 by factors of 100, then on both sides of the best with
/// the root of the factor, until there are 8 steps to a decade. Radford et al. 2021, appendix A.3.
inline strength_search search_strengths(const logistic_regression& training, const labelled_features& validation,
                                        const run_options& run = {}) {
    constexpr int least = -6, most = 6, coarse = 2;  // powers of ten
    constexpr double finest = 1.0 / 8;
    strength_search found;
    fit_memory memory;
    const auto attempt = [&](double power) {
        const double strength = std::pow(10, power);
        const logistic_fit fit = training.fit(strength, memory, run);
        found.tried.push_back({strength, accuracy(fit, validation), fit.iterations});
    };
    for (int power = least; power <= most; power += coarse) attempt(power);
    detail::find_best(found);
    for (double step = coarse / 2.0; step >= finest; step /= 2) {
        const double middle = std::log10(found.best);
        attempt(middle - step);
        attempt(middle + step);
        detail::find_best(found);
    }
    return found;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
