#pragma once
/// \file Multinomial logistic regression with scikit-learn's objective, and the search of its regularization: the
/// linear probe of the CLIP paper. Needs LBFGSpp.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>
#include <LBFGS.h>

#include <zeroshot/error.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/probe/features.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace probe {

/// A fitted probe: score of a class = weights . features + intercept.
struct logistic_fit {
    std::vector<std::uint32_t> classes{};  ///< the labels that occur, in ascending order: a row of weights for each
    matrix<double> weights{};              ///< [classes, columns]
    std::vector<double> intercepts{};      ///< [classes]
    double strength = 1;                   ///< scikit-learn's C, the inverse of the regularization
    double objective = 0;                  ///< strength * sum of log losses + half the squared weights
    std::size_t iterations = 0;
    bool converged = false;  ///< false if the limit of iterations was reached before
};

/// Stopping criteria and memory of a fit.
struct fit_limits {
    std::size_t iterations = 1000;  ///< Radford et al. 2021, "Learning Transferable Visual Models", appendix A.3
    double gap = 1e-8;              ///< of the objective above its minimum, relative, as its curvature bounds it
    std::size_t memory = std::size_t{4} << 30;  ///< bytes of features to hold; larger sets are read in every iteration
};

namespace detail {

/// Turns scores into residuals, the gradient of the log loss: probability - 1 for the true class, probability for the
/// others.
/// \param scores [rows, classes]
/// \param labels [rows], indices of classes
/// \return the sum of the rows' losses, -log(probability of the true class)
inline double to_residuals(Eigen::Map<tensor<double, 2>::row_major> scores, std::span<const std::uint32_t> labels) {
    scores.colwise() -= scores.rowwise().maxCoeff().eval();
    double loss = 0;
    for (std::size_t row = 0; row < labels.size(); ++row) loss -= scores(static_cast<Eigen::Index>(row), labels[row]);
    scores = scores.array().exp();
    const Eigen::ArrayXd sums = scores.rowwise().sum();
    scores.array().colwise() *= sums.inverse();
    for (std::size_t row = 0; row < labels.size(); ++row) scores(static_cast<Eigen::Index>(row), labels[row]) -= 1;
    return loss + sums.log().sum();
}

}  // namespace detail

/// Fits of one training set with any strength of regularization.
///
///     const probe::logistic_regression regression(training);
///     const probe::logistic_fit fit = regression.fit(0.316);
///
/// The minimum is that of scikit-learn's LogisticRegression(C=strength), whose intercepts are not penalised. For two
/// classes scikit-learn has one row of weights w; here the rows are -w/2 and w/2, and the penalty counts double.
class logistic_regression {
   public:
    /// \throws argument_error for an empty training set, or one with a single class; numeric_error for features that
    /// are not finite
    explicit logistic_regression(labelled_features training, const fit_limits& limits = {}, const run_options& run = {})
        : training_(std::move(training)), limits_(limits) {
        find_classes();
        find_means(run);
        if (sizeof(double) * training_.rows() * stride() > limits_.memory) return;
        parts_.resize(part_count());
        run_tasks(part_count(), [&](std::size_t part) { parts_[part] = centred(part); }, {run.threads, run.stop, {}});
    }

    /// Fits from weights of zero and intercepts of the classes' shares; the result has the same bits for any number of
    /// threads.
    /// \param strength scikit-learn's C
    /// \throws argument_error for a strength that is not positive; cancelled_error
    logistic_fit fit(double strength, const run_options& run = {}) const {
        vector x = vector::Zero(index(classes_.size() * stride()));
        for (const std::uint32_t label : labels_) table(x)(label, index(training_.columns)) += 1;
        auto intercepts = table(x).col(index(training_.columns));
        intercepts = (intercepts.array() / static_cast<double>(training_.rows())).log() / unit_;
        return minimise(strength, std::move(x), run);
    }

    /// Fits from the weights of an earlier fit with another strength: scikit-learn's warm_start.
    /// \throws argument_error also for a fit of other features or classes
    logistic_fit fit(double strength, const logistic_fit& start, const run_options& run = {}) const {
        if (start.classes != classes_ || start.weights.columns() != training_.columns) {
            throw argument_error(error_code::argument,
                                 {"start", "its features or classes differ", "a fit of the same training set", ""});
        }
        vector x(index(classes_.size() * stride()));
        table(x).leftCols(index(training_.columns)) = start.weights.eigen();
        const Eigen::Map<const vector> intercepts(start.intercepts.data(), index(classes_.size()));
        table(x).col(index(training_.columns)) =
            (intercepts + start.weights.eigen() * means_.eigen().row(0).transpose()) / unit_;
        return minimise(strength, std::move(x), run);
    }

   private:
    using vector = Eigen::VectorXd;
    using row_major = tensor<double, 2>::row_major;

    static constexpr std::size_t part_rows = 256;      // rows that are multiplied together
    static constexpr std::size_t parts_at_once = 16;   // parts whose residuals are in memory
    static constexpr std::size_t class_block = 128;    // of the gradient, for one thread
    static constexpr std::size_t feature_block = 256;  // of the gradient, for one thread

    static Eigen::Index index(std::size_t value) noexcept { return static_cast<Eigen::Index>(value); }

    std::size_t part_count() const noexcept { return (training_.rows() + part_rows - 1) / part_rows; }
    std::size_t rows_of(std::size_t part) const noexcept {
        return (std::min)(part_rows, training_.rows() - part * part_rows);
    }
    std::size_t stride() const noexcept { return training_.columns + 1; }

    /// x or a gradient as [classes, columns + 1].
    Eigen::Map<row_major> table(vector& x) const { return {x.data(), index(classes_.size()), index(stride())}; }
    Eigen::Map<const row_major> table(const vector& x) const {
        return {x.data(), index(classes_.size()), index(stride())};
    }
    auto weights(vector& x) const { return table(x).leftCols(index(training_.columns)); }
    auto weights(const vector& x) const { return table(x).leftCols(index(training_.columns)); }
    auto intercepts(const vector& x) const { return table(x).col(index(training_.columns)); }

    /// Replaces the labels by indices of the classes that occur.
    void find_classes() {
        if (training_.rows() == 0 || training_.columns == 0)
            throw argument_error(error_code::argument, {"training set", "it is empty", "features and labels", ""});
        classes_ = training_.labels;
        std::ranges::sort(classes_);
        classes_.erase(std::unique(classes_.begin(), classes_.end()), classes_.end());
        if (classes_.size() < 2) {
            throw argument_error(error_code::argument, {"training set", "every label is " + std::to_string(classes_[0]),
                                                        "at least two classes", ""});
        }
        for (const std::uint32_t label : training_.labels)
            labels_.push_back(static_cast<std::uint32_t>(std::ranges::lower_bound(classes_, label) - classes_.begin()));
    }

    /// Means of the features, and their mean standard deviation. Only weights are penalised, so the minimum is the same
    /// for centred features and much nearer: CLIP's features have large means.
    void find_means(const run_options& run) {
        matrix<double> sums(part_count(), training_.columns), squares(part_count(), training_.columns);
        const auto add = [&](std::size_t part) {
            const matrix<double> rows = training_.load(part * part_rows, rows_of(part));
            sums.eigen().row(index(part)) = rows.eigen().colwise().sum();
            squares.eigen().row(index(part)) = rows.eigen().colwise().squaredNorm();
        };
        run_tasks(part_count(), add, {run.threads, run.stop, {}});
        const auto count = static_cast<double>(training_.rows());
        means_ = sums.eigen().colwise().sum() / count;
        const Eigen::ArrayXXd variances =
            squares.eigen().colwise().sum().array() / count - means_.eigen().array().square();
        const double variance = variances.max(0.0).mean();
        unit_ = variance > 0 ? std::sqrt(variance) : 1;
    }

    /// A part of the rows, centred, with a constant column for the intercepts: [rows of the part, columns + 1].
    matrix<double> centred(std::size_t part) const {
        const matrix<double> rows = training_.load(part * part_rows, rows_of(part));
        auto result = matrix<double>::for_overwrite({rows.rows(), stride()});
        result.eigen().leftCols(index(training_.columns)) = rows.eigen().rowwise() - means_.eigen().row(0);
        result.eigen().rightCols(1).setConstant(unit_);
        return result;
    }

    /// The mean loss, its gradient and its curvature along the intercepts.
    double mean_loss(const vector& x, vector& gradient, vector& spread, const run_options& run) const {
        const run_options silent{run.threads, run.stop, {}};
        std::vector<double> losses(part_count());
        gradient.setZero();
        spread = vector::Zero(index(classes_.size()));
        for (std::size_t first = 0; first < part_count(); first += parts_at_once) {
            const std::size_t count = (std::min)(parts_at_once, part_count() - first);
            std::vector<matrix<double>> streamed(parts_.empty() ? count : 0);
            const matrix<double>* const parts = parts_.empty() ? streamed.data() : parts_.data() + first;
            std::vector<matrix<double>> residuals(count);  // [rows of the part, classes] each
            const auto forward = [&](std::size_t i) {
                if (parts_.empty()) streamed[i] = centred(first + i);
                residuals[i] = parts[i].eigen() * table(x).transpose();
                losses[first + i] = detail::to_residuals(
                    residuals[i].eigen(), std::span(labels_).subspan((first + i) * part_rows, residuals[i].rows()));
            };
            run_tasks(count, forward, silent);
            add_gradient({parts, count}, residuals, gradient, spread, silent);
        }
        const double share = 1 / static_cast<double>(training_.rows());
        gradient *= share;
        spread *= share;
        return share * std::accumulate(losses.begin(), losses.end(), 0.0);
    }

    /// Adds residuals^T . features, block by block, always in the order of the parts.
    void add_gradient(std::span<const matrix<double>> parts, std::span<const matrix<double>> residuals,
                      vector& gradient, vector& spread, const run_options& run) const {
        const std::size_t feature_blocks = (stride() + feature_block - 1) / feature_block;
        const std::size_t class_blocks = (classes_.size() + class_block - 1) / class_block;
        const auto backward = [&](std::size_t piece) {
            const std::size_t column = piece % feature_blocks * feature_block;
            const std::size_t first = piece / feature_blocks * class_block;
            const Eigen::Index width = index((std::min)(feature_block, stride() - column));
            const Eigen::Index classes = index((std::min)(class_block, classes_.size() - first));
            auto sum = table(gradient).block(index(first), index(column), classes, width);
            for (std::size_t i = 0; i < parts.size(); ++i) {
                const auto errors = residuals[i].eigen().middleCols(index(first), classes);
                sum.noalias() += errors.transpose() * parts[i].eigen().middleCols(index(column), width);
                if (column != 0) continue;
                const auto distance = errors.array().abs();
                spread.segment(index(first), classes) +=
                    (distance * (1 - distance)).colwise().sum().matrix().transpose();
            }
        };
        run_tasks(class_blocks * feature_blocks, backward, run);
    }

    /// Bound of the distance of a value to its minimum: |gradient|^2 / (2 * curvature). The curvature is at least the
    /// penalty along the weights; along an intercept it is that of the loss at this point.
    double gap_of(double penalty, const vector& gradient, const vector& spread) const {
        constexpr double least = 1e-12;  // spread of a class whose probabilities are all 0 or 1
        const Eigen::ArrayXd curvature = unit_ * unit_ * spread.array().max(least);
        return weights(gradient).squaredNorm() / (2 * penalty) +
               (intercepts(gradient).array().square() / (2 * curvature)).sum();
    }

    /// Minimises mean loss + penalty * half the squared weights by L-BFGS.
    logistic_fit minimise(double strength, vector start, const run_options& run) const {
        if (!(strength > 0) || !is_finite(strength))
            throw argument_error(error_code::argument, {"strength", std::to_string(strength), "a positive number", ""});
        const double penalty = (classes_.size() == 2 ? 2 : 1) / (strength * static_cast<double>(training_.rows()));
        vector x = start, spread;
        double lowest = std::numeric_limits<double>::infinity();  // the value at x
        bool converged = false;
        const auto evaluate = [&](const vector& point, vector& gradient) {
            const double loss = mean_loss(point, gradient, spread, run);
            const double value = loss + penalty / 2 * weights(point).squaredNorm();
            weights(gradient) += penalty * weights(point);
            if (value < lowest) {
                lowest = value;
                x = point;
            }
            converged = converged || gap_of(penalty, gradient, spread) <= limits_.gap * value;
            if (converged) gradient.setZero();  // which ends the solver
            return value;
        };
        LBFGSpp::LBFGSParam<double> parameters;
        parameters.m = 20;  // scikit-learn's solver has 10; more need fewer passes over the rows
        parameters.epsilon = parameters.epsilon_rel = 0;
        parameters.max_iterations = static_cast<int>(limits_.iterations);
        parameters.linesearch = LBFGSpp::LBFGS_LINESEARCH_BACKTRACKING_STRONG_WOLFE;
        LBFGSpp::LBFGSSolver<double, LBFGSpp::LineSearchNocedalWright> solver(parameters);
        std::size_t iterations = 0;
        try {
            double value = 0;
            iterations = static_cast<std::size_t>(solver.minimize(evaluate, start, value));
        } catch (const error&) {
            throw;
        } catch (const std::exception&) {  // rounding leaves no descent
            converged = true;
        }
        logistic_fit fit{classes_, weights(x), {}, strength, 0, iterations, converged};
        fit.objective = lowest * strength * static_cast<double>(training_.rows());
        const vector shifted = unit_ * intercepts(x) - weights(x) * means_.eigen().row(0).transpose();
        fit.intercepts.assign(shifted.begin(), shifted.end());
        return fit;
    }

    labelled_features training_;
    fit_limits limits_;
    std::vector<std::uint32_t> classes_;  // ascending
    std::vector<std::uint32_t> labels_;   // of each row, indices of classes_
    matrix<double> means_;                // [1, columns]
    double unit_ = 1;                     // the constant feature of the intercepts: as large as the others' deviation
    std::vector<matrix<double>> parts_;   // empty if they exceed the memory limit
};

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
    std::size_t correct = 0;
    for (std::size_t first = 0; first < rows.rows(); first += rows_at_once) {
        const matrix<double> part = rows.load(first, (std::min)(rows_at_once, rows.rows() - first));
        const matrix<double> scores = linear_scores(part, fit.weights, fit.intercepts);
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
