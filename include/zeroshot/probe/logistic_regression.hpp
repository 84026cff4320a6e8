#pragma once
/// \file Multinomial logistic regression with scikit-learn's objective: the linear probe of the CLIP paper. Needs
/// LBFGSpp.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
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

class logistic_regression;

/// What earlier fits of a training set contribute to the next: their minima, and the curvature of the loss.
class fit_history {
   private:
    friend class logistic_regression;

    struct earlier_minimum {
        double strength;
        double loss;               // mean over the rows, without the penalty
        aligned_vector<double> x;  // [classes, columns + 1]
    };

    /// A correction pair of L-BFGS: a step, and the change of the gradient of the loss along it. Without the penalty,
    /// which is known for every strength, it holds for the next strength as well.
    struct correction {
        aligned_vector<double> step, change;
    };

    static constexpr std::size_t most_minima = 16;

    std::deque<earlier_minimum> minima_;  // latest last
    std::deque<correction> corrections_;
};

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

    const std::vector<std::uint32_t>& classes() const noexcept { return classes_; }
    std::size_t columns() const noexcept { return training_.columns; }

    /// Fits from zeros; the result has the same bits for any number of threads.
    /// \param strength scikit-learn's C
    /// \throws argument_error for a strength that is not positive; cancelled_error
    logistic_fit fit(double strength, const run_options& run = {}) const {
        fit_history empty;
        return fit(strength, empty, run);
    }

    /// Fits from the extrapolated minima of earlier fits, with their curvature.
    /// \param history of earlier fits of this training set; this fit is added
    /// \throws argument_error also for a history of other features or classes
    logistic_fit fit(double strength, fit_history& history, const run_options& run = {}) const {
        if (!(strength > 0) || !is_finite(strength))
            throw argument_error(error_code::argument, {"strength", std::to_string(strength), "a positive number", ""});
        if (!history.minima_.empty() && history.minima_.front().x.size() != classes_.size() * stride()) {
            throw argument_error(error_code::argument, {"history of fits", "its features or classes differ",
                                                        "a history of the same training set", ""});
        }
        return result_of(minimise(strength, start_for(strength, history, run), history, run));
    }

   private:
    using vector = Eigen::VectorXd;
    using row_major = tensor<double, 2>::row_major;

    static constexpr std::size_t part_rows = 256;      // rows that are multiplied together
    static constexpr std::size_t parts_at_once = 16;   // parts whose residuals are in memory
    static constexpr std::size_t class_block = 64;     // of the gradient, for one thread
    static constexpr std::size_t feature_block = 128;  // of the gradient, for one thread

    /// Result of a minimisation of: mean loss + penalty * half the squared weights.
    struct minimum {
        vector x;  // [classes, columns + 1]: weights of the centred features, and of the constant
        double value = std::numeric_limits<double>::infinity();
        double strength = 1;
        std::size_t iterations = 0;
        bool converged = false;
    };

    struct point {
        vector x;
        double value = 0;
        vector gradient{};  // empty if not computed
        vector spread{};    // [classes], the mean of p * (1 - p): the curvature of the loss along an intercept
    };

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

    double penalty_of(double strength) const noexcept {
        return (classes_.size() == 2 ? 2 : 1) / (strength * static_cast<double>(training_.rows()));
    }

    /// Adds the gradient of the penalty.
    /// \return the penalty
    double add_penalty(double penalty, const vector& x, vector& gradient) const {
        weights(gradient) += penalty * weights(x);
        return penalty / 2 * weights(x).squaredNorm();
    }

    /// The mean loss with the penalty, and its gradient.
    double value_of(double penalty, const vector& x, vector& gradient, vector& spread, const run_options& run) const {
        const double loss = mean_loss(x, gradient, spread, run);
        return loss + add_penalty(penalty, x, gradient);
    }

    /// Bound of the value's distance to its minimum: |gradient|^2 / (2 * curvature). The curvature is at least the
    /// penalty along the weights; along an intercept it is that of the loss at this point.
    double gap_of(const point& here, double penalty) const {
        constexpr double least = 1e-12;  // spread of a class whose probabilities are all 0 or 1
        const Eigen::ArrayXd curvature = unit_ * unit_ * here.spread.array().max(least);
        return weights(here.gradient).squaredNorm() / (2 * penalty) +
               (intercepts(here.gradient).array().square() / (2 * curvature)).sum();
    }

    /// Number of correction pairs. Many pay off while they fit the cache and cost little beside a pass over the rows.
    /// (scipy.optimize, as scikit-learn calls it, holds 10.)
    std::size_t history_size() const noexcept {
        constexpr std::size_t least = 20, most = 100, rows_for_a_pair = 16, cache_bytes = std::size_t{1} << 21;
        const std::size_t pair_bytes = 2 * sizeof(double) * classes_.size() * stride();
        return std::clamp((std::min)(cache_bytes / pair_bytes, training_.rows() / rows_for_a_pair), least, most);
    }

    /// L-BFGS with the curvature and the line search of LBFGSpp. Its solver is not used because it discards the
    /// curvature between calls, which saves half of the iterations of a search.
    minimum minimise(double strength, point here, fit_history& history, const run_options& run) const {
        const double penalty = penalty_of(strength);
        LBFGSpp::LBFGSParam<double> parameters;
        parameters.linesearch = LBFGSpp::LBFGS_LINESEARCH_BACKTRACKING_STRONG_WOLFE;
        LBFGSpp::BFGSMat<double> curvature;
        bool is_first = !recall(history, curvature, penalty);
        minimum best;
        best.strength = strength;
        const auto evaluate = [&](const vector& x, vector& gradient) {
            const double value = value_of(penalty, x, gradient, here.spread, run);
            if (value < best.value) {
                best.value = value;
                best.x = x;
            }
            return value;
        };
        if (here.gradient.size() == 0) {
            here.gradient = vector(here.x.size());
            here.value = evaluate(here.x, here.gradient);
        } else {
            best.value = here.value;
            best.x = here.x;
        }
        vector direction(here.x.size());
        for (; best.iterations < limits_.iterations && !best.converged; ++best.iterations) {
            best.converged = gap_of(here, penalty) <= limits_.gap * here.value;
            if (best.converged) break;
            const point before = here;
            double step = 1;
            if (is_first) {
                direction = -here.gradient;
                step = 1 / (penalty + largest_curvature());
            } else {
                curvature.apply_Hv(here.gradient, -1.0, direction);
            }
            try {
                search_along(evaluate, parameters, before.x, direction, step, here);
                is_first = !remember(history, curvature, before, here, penalty) && is_first;
            } catch (const error&) {
                throw;
            } catch (const std::exception&) {  // rounding leaves no descent, at least in this direction
                best.converged = is_first;
                history.corrections_.clear();
                is_first = !recall(history, curvature, penalty);
                here = before;
            }
        }
        add_to(history, best, penalty);
        return best;
    }

    /// LBFGSpp's line search, in the signature of version 0.1 or of later ones.
    template <class Evaluate>
    static void search_along(const Evaluate& evaluate, const LBFGSpp::LBFGSParam<double>& parameters,
                             const vector& from, const vector& direction, double& step, point& here) {
        using search = LBFGSpp::LineSearchNocedalWright<double>;
        if constexpr (requires {
                          search::LineSearch(evaluate, here.value, here.x, here.gradient, step, direction, from,
                                             parameters);
                      }) {
            search::LineSearch(evaluate, here.value, here.x, here.gradient, step, direction, from, parameters);
        } else {
            double slope = here.gradient.dot(direction);
            search::LineSearch(evaluate, parameters, from, direction, parameters.max_step, step, here.value,
                               here.gradient, slope, here.x);
        }
    }

    /// Upper bound of the loss's curvature in any direction: half of the mean square of a row.
    double largest_curvature() const noexcept { return unit_ * unit_ * static_cast<double>(stride()) / 2; }

    /// Restores the curvature of earlier fits with this penalty.
    /// \return whether there is any
    bool recall(const fit_history& history, LBFGSpp::BFGSMat<double>& curvature, double penalty) const {
        curvature.reset(static_cast<int>(classes_.size() * stride()), static_cast<int>(history_size()));
        for (const fit_history::correction& pair : history.corrections_) {
            const vector step = mapped(pair.step);
            vector change = mapped(pair.change);
            add_penalty(penalty, step, change);
            curvature.add_correction(step, change);
        }
        return !history.corrections_.empty();
    }

    /// Adds a step to the curvature, and to the history unless its curvature is the penalty's alone.
    /// \return false for negative curvature, a rounding error
    bool remember(fit_history& history, LBFGSpp::BFGSMat<double>& curvature, const point& before, const point& after,
                  double penalty) const {
        constexpr double least_part = 1e-6;
        const vector step = after.x - before.x;
        vector change = after.gradient - before.gradient;
        const double curvature_along = step.dot(change);
        if (!(curvature_along > 0)) return false;
        curvature.add_correction(step, change);
        add_penalty(-penalty, step, change);
        if (step.dot(change) < least_part * curvature_along) return true;
        history.corrections_.push_back({{step.begin(), step.end()}, {change.begin(), change.end()}});
        if (history.corrections_.size() > history_size()) history.corrections_.pop_front();
        return true;
    }

    void add_to(fit_history& history, const minimum& result, double penalty) const {
        vector ignored = result.x;
        const double loss = result.value - penalty * add_penalty(1, result.x, ignored);
        history.minima_.push_back({result.strength, loss, {result.x.begin(), result.x.end()}});
        if (history.minima_.size() > fit_history::most_minima) history.minima_.pop_front();
    }

    static Eigen::Map<const vector> mapped(const aligned_vector<double>& numbers) {
        return {numbers.data(), static_cast<Eigen::Index>(numbers.size())};
    }

    /// The nearest of the earlier minima, or the point extrapolated from them if its value is lower.
    point start_for(double strength, const fit_history& history, const run_options& run) const {
        if (history.minima_.empty()) return {vector::Zero(index(classes_.size() * stride()))};
        std::vector<const fit_history::earlier_minimum*> minima;
        for (const fit_history::earlier_minimum& each : history.minima_) minima.push_back(&each);
        const auto distance = [&](const fit_history::earlier_minimum* each) {
            return std::abs(std::log(strength / each->strength));
        };
        std::ranges::stable_sort(minima, {}, distance);
        point nearest{mapped(minima.front()->x)};
        if (distance(minima.front()) == 0) return nearest;
        point extrapolated{extrapolate(strength, minima), 0, vector(nearest.x.size())};
        const double penalty = penalty_of(strength);
        extrapolated.value = value_of(penalty, extrapolated.x, extrapolated.gradient, extrapolated.spread, run);
        const double value = minima.front()->loss + penalty / 2 * weights(nearest.x).squaredNorm();
        return extrapolated.value < value ? extrapolated : nearest;  // false for NaN
    }

    /// Below all earlier strengths, weights shrink in proportion to the strength. Otherwise the minimum is a function
    /// of the logarithm of the strength: Lagrange's polynomial through the nearest three.
    /// \param minima nearest first
    vector extrapolate(double strength, std::span<const fit_history::earlier_minimum* const> minima) const {
        constexpr std::size_t most_nodes = 3;
        const auto is_stronger = [&](const fit_history::earlier_minimum* each) { return each->strength > strength; };
        if (minima.size() == 1 || std::ranges::all_of(minima, is_stronger)) {
            vector x = mapped(minima.front()->x);
            weights(x) *= strength / minima.front()->strength;
            return x;
        }
        const auto nodes = minima.first((std::min)(minima.size(), most_nodes));
        vector x = vector::Zero(index(classes_.size() * stride()));
        for (const fit_history::earlier_minimum* node : nodes) {
            double weight = 1;
            for (const fit_history::earlier_minimum* other : nodes) {
                if (other != node)
                    weight *= std::log(strength / other->strength) / std::log(node->strength / other->strength);
            }
            x += weight * mapped(node->x);
        }
        return x;
    }

    logistic_fit result_of(const minimum& result) const {
        logistic_fit fit{classes_, weights(result.x), {}, result.strength, 0, result.iterations, result.converged};
        fit.objective = result.value * result.strength * static_cast<double>(training_.rows());
        const vector shifted = unit_ * intercepts(result.x) - weights(result.x) * means_.eigen().row(0).transpose();
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

}}}  // namespace zeroshot::ZEROSHOT_ABI::probe
