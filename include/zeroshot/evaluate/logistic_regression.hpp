#pragma once
/// \file Multinomial logistic regression on features: the linear probe of the CLIP paper, with scikit-learn's
/// objective. Includes LBFGSpp (MIT), which the rest of the library does without; zeroshot.hpp therefore leaves this
/// header out.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <LBFGS.h>

#include <zeroshot/error.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// Features with a class for each, read a part at a time.
struct labelled_features {
    std::size_t columns = 0;
    std::vector<std::uint32_t> labels{};  ///< one for each row
    /// Fills the rows from `first` on. Called from several threads at a time.
    std::function<void(std::size_t first, matrix<double>& rows)> read{};

    std::size_t rows() const noexcept { return labels.size(); }
};

/// Features that are in memory already; a handle keeps them.
/// \param features [labels, columns]
/// \throws argument_error SHAPE where there is not one label for each row
template <class Scalar>
labelled_features labelled(std::shared_ptr<const matrix<Scalar>> features, std::vector<std::uint32_t> labels) {
    if (features->rows() != labels.size()) {
        throw argument_error(
            error_code::shape,
            {"features", shape_text(features->shape()) + " with " + std::to_string(labels.size()) + " labels",
             "a label for each row", ""});
    }
    const std::size_t columns = features->columns();
    return {columns, std::move(labels), [features = std::move(features)](std::size_t first, matrix<double>& rows) {
                const Scalar* from = features->data() + first * rows.columns();
                std::transform(from, from + rows.size(), rows.data(), [](Scalar x) { return static_cast<double>(x); });
            }};
}

/// Some of the rows, in the order given.
/// \param chosen positions of rows
inline labelled_features subset(const labelled_features& all, std::vector<std::size_t> chosen) {
    std::vector<std::uint32_t> labels;
    for (const std::size_t row : chosen) labels.push_back(all.labels[row]);
    const auto read = [from = all.read, chosen = std::move(chosen)](std::size_t first, matrix<double>& rows) {
        matrix<double> one(std::size_t{1}, rows.columns());
        for (std::size_t i = 0; i < rows.rows(); ++i) {
            from(chosen[first + i], one);
            std::ranges::copy(one.values(), rows.row(i).begin());
        }
    };
    return {all.columns, std::move(labels), read};
}

/// What a fit found: score of a class = weights · features + intercept.
struct logistic_fit {
    std::vector<std::uint32_t> classes{};  ///< the labels that occur, in ascending order: a row of weights for each
    matrix<double> weights{};              ///< [classes, columns]
    std::vector<double> intercepts{};      ///< [classes]
    double strength = 1;                   ///< scikit-learn's C
    double objective = 0;                  ///< strength * sum of log losses + half the squared weights
    std::size_t iterations = 0;
    bool converged = false;  ///< false where the iterations ran out before
};

/// When a fit ends.
struct fit_limits {
    std::size_t iterations = 1000;  ///< Radford et al. 2021, "Learning Transferable Visual Models", appendix A.3
    double gap = 1e-8;              ///< of the objective above its minimum, relative: what strong convexity vouches for
    std::size_t memory =
        std::size_t{4} << 30;  ///< bytes that packed features may keep; beyond, they are read each time
};

namespace detail {

/// Some consecutive rows of features, packed for both products of a gradient.
class packed_rows {
   public:
    static constexpr std::size_t feature_block = 128;

    /// \param rows [rows, columns]
    explicit packed_rows(const matrix<double>& rows) : to_scores_(rows) {
        for (std::size_t first = 0; first < rows.columns(); first += feature_block) {
            matrix<double> block(std::min(feature_block, rows.columns() - first), rows.rows());
            for (std::size_t column = 0; column < block.rows(); ++column) {
                for (std::size_t row = 0; row < rows.rows(); ++row) block(column, row) = rows(row, first + column);
            }
            to_gradient_.emplace_back(block);
        }
    }

    std::size_t count() const noexcept { return to_scores_.outputs(); }

    /// weights · featuresᵀ, some classes at a time, so that their weights stay near.
    /// \param weights [classes, columns], `stride` elements apart
    /// \param scores [classes, rows]
    void score(const double* weights, std::size_t stride, std::size_t classes, double* scores) const {
        constexpr std::size_t at_once = 60;  // a multiple of the kernels' tiles of 3, 4 and 6 rows
        for (std::size_t first = 0; first < classes; first += at_once) {
            to_scores_.apply(weights + first * stride, stride, std::min(at_once, classes - first),
                             scores + first * count());
        }
    }

    /// residuals · features, of one block of features.
    /// \param residuals [classes, rows]
    /// \param products [classes, features of the block]
    void multiply(std::size_t block, const double* residuals, std::size_t classes, matrix<double>& products) const {
        products = matrix<double>(classes, to_gradient_[block].outputs());
        to_gradient_[block].apply(residuals, count(), classes, products.data());
    }

   private:
    linear<double> to_scores_;                 // columns to rows
    std::vector<linear<double>> to_gradient_;  // rows to the columns of a block
};

/// Scores become residuals, probability - 1 for the true class and probability for the others: the gradient of the
/// loss. \param scores [classes, rows], without intercepts \param labels [rows], positions of classes \return the sum
/// of the rows' losses, -log(probability of the true class)
inline double to_residuals(std::span<const double> intercepts, std::span<const std::uint32_t> labels,
                           std::span<double> scores) {
    const std::size_t rows = labels.size(), classes = intercepts.size();
    std::vector<double> highest(rows, -std::numeric_limits<double>::infinity()), sums(rows), right(rows);
    for (std::size_t k = 0; k < classes; ++k) {
        double* const score = scores.data() + k * rows;
        for (std::size_t i = 0; i < rows; ++i) {
            score[i] += intercepts[k];
            highest[i] = score[i] > highest[i] ? score[i] : highest[i];
        }
    }
    for (std::size_t i = 0; i < rows; ++i) right[i] = scores[labels[i] * rows + i];
    for (std::size_t k = 0; k < classes; ++k) {
        double* const score = scores.data() + k * rows;
        for (std::size_t i = 0; i < rows; ++i) {
            score[i] = std::exp(score[i] - highest[i]);
            sums[i] += score[i];
        }
    }
    double loss = 0;
    for (std::size_t i = 0; i < rows; ++i) {
        loss += highest[i] + std::log(sums[i]) - right[i];
        sums[i] = 1 / sums[i];
    }
    for (std::size_t k = 0; k < classes; ++k) {
        double* const score = scores.data() + k * rows;
        for (std::size_t i = 0; i < rows; ++i) score[i] *= sums[i];
    }
    for (std::size_t i = 0; i < rows; ++i) scores[labels[i] * rows + i] -= 1;
    return loss;
}

}  // namespace detail

/// The fits of one training set, for any strength of regularisation: the features are packed once.
///
///     const logistic_regression probe(training);
///     const logistic_fit fit = probe.fit(0.316);
///
/// The minimum is that of scikit-learn's LogisticRegression(C=strength), whose intercepts are not penalised. With two
/// classes that has one row of weights w; here they are -w/2 and w/2, and the penalty counts double.
class logistic_regression {
   public:
    /// \throws argument_error for no rows, rows of one class only; numeric_error for features that are not finite
    explicit logistic_regression(labelled_features training, const fit_limits& limits = {}, const run_options& run = {})
        : training_(std::move(training)), limits_(limits) {
        find_classes();
        centre(run);
        if (2 * sizeof(double) * training_.rows() * training_.columns <= limits_.memory) {
            kept_.resize(parts());
            run_pieces(parts(), [&](std::size_t part) { kept_[part].emplace(packed(part)); },
                       {run.threads, run.stop, {}});
        }
    }

    const std::vector<std::uint32_t>& classes() const noexcept { return classes_; }
    std::size_t columns() const noexcept { return training_.columns; }

    /// Fits, from zeros or from where earlier fits of the same training set point to. The same bits on any number of
    /// threads.
    /// \param strength scikit-learn's C
    /// \throws argument_error for a strength that is not positive, a fit of other features or classes; cancelled_error
    logistic_fit fit(double strength, const run_options& run = {}, std::span<const logistic_fit> earlier = {}) const {
        if (!(strength > 0) || !is_finite(strength)) {
            throw argument_error(error_code::argument, {"strength", std::to_string(strength), "a positive number", ""});
        }
        return result_of(minimise(strength, start_of(strength, earlier, run), run));
    }

   private:
    using vector = Eigen::VectorXd;

    static constexpr std::size_t part_rows = 256;     // rows that are packed together
    static constexpr std::size_t parts_at_once = 16;  // whose residuals are in memory at a time
    static constexpr std::size_t class_block = 60;    // of a gradient that one thread sums up

    /// What a minimisation has come to: the mean loss + penalty * half the squared weights.
    struct minimum {
        vector x;  // [classes, columns + 1]: weights of centred features, and the intercept's
        double value = std::numeric_limits<double>::infinity();
        double strength = 1;
        std::size_t iterations = 0;
        bool converged = false;
    };

    /// A point, with what is known of it.
    struct start {
        vector x;
        double value = 0;
        vector gradient{};  // empty where it was not computed
    };

    std::size_t parts() const noexcept { return (training_.rows() + part_rows - 1) / part_rows; }
    std::size_t stride() const noexcept { return training_.columns + 1; }
    std::size_t rows_of(std::size_t part) const noexcept {
        return std::min(part_rows, training_.rows() - part * part_rows);
    }

    /// The labels become positions among those that occur.
    void find_classes() {
        if (training_.rows() == 0 || training_.columns == 0) {
            throw argument_error(error_code::argument, {"training set", "it is empty", "features and labels", ""});
        }
        classes_ = training_.labels;
        std::ranges::sort(classes_);
        classes_.erase(std::unique(classes_.begin(), classes_.end()), classes_.end());
        if (classes_.size() < 2) {
            throw argument_error(error_code::argument, {"training set", "every label is " + std::to_string(classes_[0]),
                                                        "at least two classes", ""});
        }
        for (const std::uint32_t label : training_.labels) {
            places_.push_back(static_cast<std::uint32_t>(std::ranges::lower_bound(classes_, label) - classes_.begin()));
        }
    }

    /// Means and spread of the features. What is penalised are the weights, not the intercepts, so the minimum is the
    /// same for features without their mean, and much nearer: CLIP's have a large one.
    void centre(const run_options& run) {
        const std::size_t columns = training_.columns;
        matrix<double> sums(parts(), columns), squares(parts(), columns);
        const auto add = [&](std::size_t part) {
            const matrix<double> rows = read(part);
            for (std::size_t i = 0; i < rows.rows(); ++i) {
                for (std::size_t j = 0; j < columns; ++j) {
                    sums(part, j) += rows(i, j);
                    squares(part, j) += rows(i, j) * rows(i, j);
                }
            }
        };
        run_pieces(parts(), add, {run.threads, run.stop, {}});
        const auto count = static_cast<double>(training_.rows());
        means_.assign(columns, 0);
        double variance = 0;
        for (std::size_t j = 0; j < columns; ++j) {
            double square = 0;
            for (std::size_t part = 0; part < parts(); ++part) {
                means_[j] += sums(part, j) / count;
                square += squares(part, j) / count;
            }
            variance += std::max(0.0, square - means_[j] * means_[j]);
        }
        unit_ = variance > 0 ? std::sqrt(variance / static_cast<double>(columns)) : 1;
    }

    /// \return [rows of the part, columns]
    matrix<double> read(std::size_t part) const {
        matrix<double> rows(rows_of(part), training_.columns);
        training_.read(part * part_rows, rows);
        for (std::size_t i = 0; i < rows.rows(); ++i) {
            if (all_finite(std::span<const double>(rows.row(i)))) continue;
            throw numeric_error(
                error_code::numeric,
                {"features", "row " + std::to_string(part * part_rows + i) + " holds a number that is NaN or infinite",
                 "finite numbers", ""});
        }
        return rows;
    }

    detail::packed_rows packed(std::size_t part) const {
        matrix<double> rows = read(part);
        for (std::size_t i = 0; i < rows.rows(); ++i) {
            for (std::size_t j = 0; j < rows.columns(); ++j) rows(i, j) -= means_[j];
        }
        return detail::packed_rows(rows);
    }

    /// The mean loss and its gradient.
    /// \param x, gradient [classes, columns + 1]
    double mean_loss(const vector& x, vector& gradient, const run_options& run) const {
        const std::size_t classes = classes_.size();
        const run_options quietly{run.threads, run.stop, {}};
        std::vector<double> intercepts(classes), losses(parts());
        for (std::size_t k = 0; k < classes; ++k) intercepts[k] = unit_ * x[at(k, training_.columns)];
        gradient.setZero();
        for (std::size_t first = 0; first < parts(); first += parts_at_once) {
            const std::size_t count = std::min(parts_at_once, parts() - first);
            std::vector<std::optional<detail::packed_rows>> fresh(kept_.empty() ? count : 0);
            std::vector<const detail::packed_rows*> rows(count);
            std::vector<aligned_vector<double>> residuals(count);  // [classes, rows of the part] each
            const auto forth = [&](std::size_t i) {
                const std::size_t part = first + i;
                rows[i] = kept_.empty() ? &fresh[i].emplace(packed(part)) : &*kept_[part];
                residuals[i].resize(classes * rows_of(part));
                rows[i]->score(x.data(), stride(), classes, residuals[i].data());
                losses[part] = detail::to_residuals(
                    intercepts, std::span(places_).subspan(part * part_rows, rows_of(part)), residuals[i]);
            };
            run_pieces(count, forth, quietly);
            add_gradient(rows, residuals, gradient, quietly);
        }
        const double share = 1 / static_cast<double>(training_.rows());
        gradient *= share;
        return share * std::accumulate(losses.begin(), losses.end(), 0.0);
    }

    /// Adds residuals · features of some parts, always in the order of the parts.
    void add_gradient(std::span<const detail::packed_rows* const> rows,
                      std::span<const aligned_vector<double>> residuals, vector& gradient,
                      const run_options& run) const {
        constexpr std::size_t width = detail::packed_rows::feature_block;
        const std::size_t blocks = (training_.columns + width - 1) / width;
        const std::size_t groups = (classes_.size() + class_block - 1) / class_block;
        const auto back = [&](std::size_t piece) {
            const std::size_t block = piece % blocks, group = piece / blocks;
            const std::size_t begin = group * class_block, count = std::min(class_block, classes_.size() - begin);
            matrix<double> products;
            for (std::size_t i = 0; i < rows.size(); ++i) {
                const double* const some = residuals[i].data() + begin * rows[i]->count();
                rows[i]->multiply(block, some, count, products);
                for (std::size_t k = 0; k < count; ++k) {
                    double* const sums = gradient.data() + at(begin + k, block * width);
                    for (std::size_t j = 0; j < products.columns(); ++j) sums[j] += products(k, j);
                    if (block != 0) continue;
                    const double* const each = some + k * rows[i]->count();
                    gradient[at(begin + k, training_.columns)] +=
                        unit_ * std::accumulate(each, each + rows[i]->count(), 0.0);
                }
            }
        };
        run_pieces(groups * blocks, back, run);
    }

    Eigen::Index at(std::size_t row, std::size_t column) const noexcept {
        return static_cast<Eigen::Index>(row * stride() + column);
    }

    double penalty_of(double strength) const noexcept {
        return (classes_.size() == 2 ? 2 : 1) / (strength * static_cast<double>(training_.rows()));
    }

    /// Adds the penalty and its gradient.
    double add_penalty(double penalty, const vector& x, vector& gradient) const {
        double squares = 0;
        for (std::size_t k = 0; k < classes_.size(); ++k) {
            for (std::size_t j = 0; j < training_.columns; ++j) {
                squares += x[at(k, j)] * x[at(k, j)];
                gradient[at(k, j)] += penalty * x[at(k, j)];
            }
        }
        return penalty / 2 * squares;
    }

    /// The mean loss with the penalty, and its gradient.
    double value_of(double penalty, const vector& x, vector& gradient, const run_options& run) const {
        const double loss = mean_loss(x, gradient, run);
        return loss + add_penalty(penalty, x, gradient);
    }

    /// How many steps the solver remembers: many are worth their memory where there is little else to keep.
    std::size_t remembered() const noexcept {
        constexpr std::size_t usual = 10;  // scipy.optimize's L-BFGS-B, as scikit-learn calls it
        constexpr std::size_t most = 30, most_bytes = std::size_t{1} << 28;
        const std::size_t each = 2 * sizeof(double) * classes_.size() * stride();
        return std::clamp(most_bytes / each, usual, most);
    }

    minimum minimise(double strength, start from, const run_options& run) const {
        const double penalty = penalty_of(strength);
        LBFGSpp::LBFGSParam<double> how;
        how.m = static_cast<int>(remembered());
        how.max_iterations = static_cast<int>(limits_.iterations);
        how.linesearch = LBFGSpp::LBFGS_LINESEARCH_BACKTRACKING_STRONG_WOLFE;
        how.epsilon_rel = 0;
        how.epsilon = 0;
        minimum best;
        best.strength = strength;
        // The value is at most |gradient|² / (2 * penalty) above the minimum, so that tells how small the gradient must
        // become; the solver looks at it after each step.
        const auto evaluate = [&](const vector& point, vector& gradient) {
            const bool is_known = from.gradient.size() != 0;
            const double value = is_known ? from.value : value_of(penalty, point, gradient, run);
            if (is_known) gradient = std::exchange(from.gradient, {});
            if (value < best.value) {
                best.value = value;
                best.x = point;
            }
            how.epsilon = std::sqrt(2 * penalty * limits_.gap * value);
            return value;
        };
        LBFGSpp::LBFGSSolver<double, LBFGSpp::LineSearchNocedalWright> solver(how);
        double value = 0;
        try {
            best.iterations = static_cast<std::size_t>(solver.minimize(evaluate, from.x, value));
            best.converged = best.iterations < limits_.iterations;
        } catch (const error&) {
            throw;
        } catch (const std::logic_error&) {  // rounding leaves no way down
            best.converged = true;
        } catch (const std::runtime_error&) {
            best.converged = true;
        }
        return best;
    }

    /// Where to begin: at the nearest of the earlier fits, or, where that is lower, where the nearest three point to as
    /// the minimum moves with the logarithm of the strength: Lagrange's polynomial.
    start start_of(double strength, std::span<const logistic_fit> earlier, const run_options& run) const {
        constexpr std::size_t most_nodes = 3;
        if (earlier.empty()) return {vector::Zero(static_cast<Eigen::Index>(classes_.size() * stride()))};
        std::vector<const logistic_fit*> near;
        for (const logistic_fit& fit : earlier) near.push_back(&fit);
        const auto distance = [&](const logistic_fit* fit) { return std::abs(std::log(strength / fit->strength)); };
        std::ranges::stable_sort(near, {}, distance);
        near.resize(std::min(near.size(), most_nodes));
        start nearest{parameters_of(*near.front())};
        if (near.size() == 1 || distance(near.front()) == 0) return nearest;
        start pointed{vector::Zero(nearest.x.size()), 0, vector(nearest.x.size())};
        for (const logistic_fit* node : near) {
            double weight = 1;
            for (const logistic_fit* other : near) {
                if (other != node)
                    weight *= std::log(strength / other->strength) / std::log(node->strength / other->strength);
            }
            pointed.x += weight * parameters_of(*node);
        }
        const double penalty = penalty_of(strength);
        pointed.value = value_of(penalty, pointed.x, pointed.gradient, run);
        vector ignored = nearest.x;
        const double squares = add_penalty(1, nearest.x, ignored);  // half of them
        const double loss = near.front()->objective / near.front()->strength / static_cast<double>(training_.rows()) -
                            penalty_of(near.front()->strength) * squares;
        return pointed.value < loss + penalty * squares ? pointed : nearest;  // false where it is no number
    }

    vector parameters_of(const logistic_fit& fit) const {
        if (fit.weights.columns() != training_.columns || fit.classes != classes_) {
            throw argument_error(error_code::argument, {"earlier fit", "its features or classes are others",
                                                        "a fit of the same training set", ""});
        }
        vector x(static_cast<Eigen::Index>(classes_.size() * stride()));
        for (std::size_t k = 0; k < classes_.size(); ++k) {
            const std::span<const double> row = fit.weights.row(k);
            std::ranges::copy(row, x.data() + at(k, 0));
            const double shift = std::inner_product(row.begin(), row.end(), means_.begin(), 0.0);
            x[at(k, training_.columns)] = (fit.intercepts[k] + shift) / unit_;
        }
        return x;
    }

    logistic_fit result_of(const minimum& found) const {
        logistic_fit fit{
            classes_,       matrix<double>(classes_.size(), training_.columns), {}, found.strength, 0, found.iterations,
            found.converged};
        fit.objective = found.value * found.strength * static_cast<double>(training_.rows());
        for (std::size_t k = 0; k < classes_.size(); ++k) {
            const std::span<double> row = fit.weights.row(k);
            std::copy_n(found.x.data() + at(k, 0), row.size(), row.begin());
            const double shift = std::inner_product(row.begin(), row.end(), means_.begin(), 0.0);
            fit.intercepts.push_back(unit_ * found.x[at(k, training_.columns)] - shift);
        }
        return fit;
    }

    labelled_features training_;
    fit_limits limits_;
    std::vector<std::uint32_t> classes_;  // ascending
    std::vector<std::uint32_t> places_;   // of each row's label among them
    std::vector<double> means_;           // of the features
    double unit_ = 1;                     // the feature that the intercepts weigh: as large as the others' spread
    std::vector<std::optional<detail::packed_rows>> kept_;  // empty where they do not fit in memory
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
