#pragma once
/// \file Multinomial logistic regression on features: the linear probe of the CLIP paper, with scikit-learn's
/// objective. Includes LBFGSpp (MIT), which the rest of the library does without; zeroshot.hpp therefore leaves this
/// header out.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
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

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Features with a class for each, read a part at a time.
struct labelled_features {
    std::size_t columns = 0;
    std::vector<std::uint32_t> labels{};  ///< one for each row
    /// Fills the rows from `first` on. Called from several threads at a time.
    std::function<void(std::size_t first, matrix<double>& rows)> read{};

    std::size_t rows() const noexcept { return labels.size(); }

    /// Some of the rows. \throws numeric_error where they are not finite
    matrix<double> finite(std::size_t first, std::size_t count) const {
        matrix<double> some(count, columns);
        read(first, some);
        if (!all_finite(some.values())) {
            throw numeric_error(error_code::numeric, {"features", "a number is NaN or infinite", "finite numbers", ""});
        }
        return some;
    }
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
    double gap = 1e-8;              ///< of the objective above its minimum, relative: what its curvature vouches for
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

class logistic_regression;

/// What the fits of one training set leave for the next: where their minima are, and how the loss bends on the way
/// there.
class fit_memory {
   private:
    friend class logistic_regression;

    struct minimum_of {
        double strength;
        double loss;               // the mean, without the penalty
        aligned_vector<double> x;  // [classes, columns + 1]
    };

    /// A step, and what it changed of the gradient of the loss. Without the penalty's share, which is known for any
    /// strength, it is as true for the next one.
    struct bend {
        aligned_vector<double> step, change;
    };

    static constexpr std::size_t most_minima = 16;

    std::deque<minimum_of> minima_;  // the latest last
    std::deque<bend> bends_;
};

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
            run_tasks(parts(), [&](std::size_t part) { kept_[part].emplace(packed(part)); },
                       {run.threads, run.stop, {}});
        }
    }

    const std::vector<std::uint32_t>& classes() const noexcept { return classes_; }
    std::size_t columns() const noexcept { return training_.columns; }

    /// Fits from zeros. The same bits on any number of threads.
    /// \param strength scikit-learn's C
    /// \throws argument_error for a strength that is not positive; cancelled_error
    logistic_fit fit(double strength, const run_options& run = {}) const {
        fit_memory nothing;
        return fit(strength, nothing, run);
    }

    /// Fits from where earlier fits of the same training set point to, with what they learnt of the loss.
    /// \param memory of these fits; this one is added
    /// \throws argument_error for a memory of other features or classes as well
    logistic_fit fit(double strength, fit_memory& memory, const run_options& run = {}) const {
        if (!(strength > 0) || !is_finite(strength)) {
            throw argument_error(error_code::argument, {"strength", std::to_string(strength), "a positive number", ""});
        }
        if (!memory.minima_.empty() && memory.minima_.front().x.size() != classes_.size() * stride()) {
            throw argument_error(error_code::argument, {"memory of fits", "its features or classes are others",
                                                        "one of the same training set", ""});
        }
        return result_of(minimise(strength, start_of(strength, memory, run), memory, run));
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
        vector spread{};    // [classes], the mean of p * (1 - p): how the loss bends along an intercept
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
        run_tasks(parts(), add, {run.threads, run.stop, {}});
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
    double mean_loss(const vector& x, vector& gradient, vector& spread, const run_options& run) const {
        const std::size_t classes = classes_.size();
        const run_options quietly{run.threads, run.stop, {}};
        std::vector<double> intercepts(classes), losses(parts());
        for (std::size_t k = 0; k < classes; ++k) intercepts[k] = unit_ * x[at(k, training_.columns)];
        gradient.setZero();
        spread = vector::Zero(static_cast<Eigen::Index>(classes));
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
            run_tasks(count, forth, quietly);
            add_gradient(rows, residuals, gradient, spread, quietly);
        }
        const double share = 1 / static_cast<double>(training_.rows());
        gradient *= share;
        spread *= share;
        return share * std::accumulate(losses.begin(), losses.end(), 0.0);
    }

    /// Adds residuals · features of some parts, always in the order of the parts.
    void add_gradient(std::span<const detail::packed_rows* const> rows,
                      std::span<const aligned_vector<double>> residuals, vector& gradient, vector& spread,
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
                    const std::span<const double> each(some + k * rows[i]->count(), rows[i]->count());
                    gradient[at(begin + k, training_.columns)] +=
                        unit_ * std::accumulate(each.begin(), each.end(), 0.0);
                    double& bend = spread[static_cast<Eigen::Index>(begin + k)];
                    for (const double residual : each) bend += std::abs(residual) * (1 - std::abs(residual));
                }
            }
        };
        run_tasks(groups * blocks, back, run);
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
    double value_of(double penalty, const vector& x, vector& gradient, vector& spread, const run_options& run) const {
        const double loss = mean_loss(x, gradient, spread, run);
        return loss + add_penalty(penalty, x, gradient);
    }

    /// How far the value may be above its minimum: |gradient|² / (2 * curvature). Along the weights the curvature is at
    /// least the penalty; along an intercept, which has none, it is taken from the loss where it is.
    double gap_of(const start& here, double penalty) const {
        constexpr double least = 1e-12;  // of the curvature of a class that all are sure of
        double gap = 0;
        for (std::size_t k = 0; k < classes_.size(); ++k) {
            const auto weights = here.gradient.segment(at(k, 0), static_cast<Eigen::Index>(training_.columns));
            const double slope = here.gradient[at(k, training_.columns)];
            const double bend = unit_ * unit_ * std::max(here.spread[static_cast<Eigen::Index>(k)], least);
            gap += weights.squaredNorm() / (2 * penalty) + slope * slope / (2 * bend);
        }
        return gap;
    }

    /// How many steps are remembered. Many are worth it where they stay near the processor, and where going over them
    /// costs little beside going over the rows. (scipy.optimize, as scikit-learn calls it, remembers 10.)
    std::size_t remembered() const noexcept {
        constexpr std::size_t least = 20, most = 100, rows_for_a_step = 16, near_bytes = std::size_t{1} << 21;
        const std::size_t each = 2 * sizeof(double) * classes_.size() * stride();
        return std::clamp(std::min(near_bytes / each, training_.rows() / rows_for_a_step), least, most);
    }

    /// L-BFGS: the curvature and the line search are LBFGSpp's. Why not its solver? It forgets the curvature when it is
    /// called again, and that is half of what a sweep learns.
    minimum minimise(double strength, start here, fit_memory& memory, const run_options& run) const {
        const double penalty = penalty_of(strength);
        LBFGSpp::LBFGSParam<double> how;
        how.linesearch = LBFGSpp::LBFGS_LINESEARCH_BACKTRACKING_STRONG_WOLFE;
        LBFGSpp::BFGSMat<double> curvature;
        bool is_blank = !recall(memory, curvature, penalty);
        minimum best;
        best.strength = strength;
        const auto evaluate = [&](const vector& point, vector& gradient) {
            const double value = value_of(penalty, point, gradient, here.spread, run);
            if (value < best.value) {
                best.value = value;
                best.x = point;
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
            const start before = here;
            double step = 1;
            if (is_blank) {
                direction = -here.gradient;
                step = 1 / (penalty + steepest());
            } else {
                curvature.apply_Hv(here.gradient, -1.0, direction);
            }
            try {
                search_along(evaluate, how, before.x, direction, step, here);
                is_blank = !remember(memory, curvature, before, here, penalty) && is_blank;
            } catch (const error&) {
                throw;
            } catch (const std::exception&) {  // rounding leaves no way down, or not in that direction
                best.converged = is_blank;
                memory.bends_.clear();
                is_blank = !recall(memory, curvature, penalty);
                here = before;
            }
        }
        add_to(memory, best, penalty);
        return best;
    }

    /// LBFGSpp's line search, called as its version 0.1 wants it, or as later ones do.
    template <class Evaluate>
    static void search_along(const Evaluate& evaluate, const LBFGSpp::LBFGSParam<double>& how, const vector& from,
                             const vector& direction, double& step, start& here) {
        using search = LBFGSpp::LineSearchNocedalWright<double>;
        if constexpr (requires {
                          search::LineSearch(evaluate, here.value, here.x, here.gradient, step, direction, from, how);
                      }) {
            search::LineSearch(evaluate, here.value, here.x, here.gradient, step, direction, from, how);
        } else {
            double slope = here.gradient.dot(direction);
            search::LineSearch(evaluate, how, from, direction, how.max_step, step, here.value, here.gradient, slope,
                               here.x);
        }
    }

    /// The most that the loss bends in any direction: half of the mean square of a row.
    double steepest() const noexcept { return unit_ * unit_ * static_cast<double>(stride()) / 2; }

    /// What earlier fits learnt, as it is with this penalty; false where that is nothing.
    bool recall(const fit_memory& memory, LBFGSpp::BFGSMat<double>& curvature, double penalty) const {
        curvature.reset(static_cast<int>(classes_.size() * stride()), static_cast<int>(remembered()));
        for (const fit_memory::bend& one : memory.bends_) {
            const vector step = mapped(one.step);
            vector change = mapped(one.change);
            add_penalty(penalty, step, change);
            curvature.add_correction(step, change);
        }
        return !memory.bends_.empty();
    }

    /// Adds a step that was taken; false where rounding made it a bend downwards. What the loss has no part in is for
    /// this penalty alone.
    bool remember(fit_memory& memory, LBFGSpp::BFGSMat<double>& curvature, const start& before, const start& after,
                  double penalty) const {
        constexpr double least_part = 1e-6;
        const vector step = after.x - before.x;
        vector change = after.gradient - before.gradient;
        const double bend = step.dot(change);
        if (!(bend > 0)) return false;
        curvature.add_correction(step, change);
        add_penalty(-penalty, step, change);
        if (step.dot(change) < least_part * bend) return true;
        memory.bends_.push_back({{step.begin(), step.end()}, {change.begin(), change.end()}});
        if (memory.bends_.size() > remembered()) memory.bends_.pop_front();
        return true;
    }

    void add_to(fit_memory& memory, const minimum& found, double penalty) const {
        vector ignored = found.x;
        const double loss = found.value - penalty * add_penalty(1, found.x, ignored);
        memory.minima_.push_back({found.strength, loss, {found.x.begin(), found.x.end()}});
        if (memory.minima_.size() > fit_memory::most_minima) memory.minima_.pop_front();
    }

    static Eigen::Map<const vector> mapped(const aligned_vector<double>& numbers) {
        return {numbers.data(), static_cast<Eigen::Index>(numbers.size())};
    }

    /// Where to begin: at the nearest of the earlier minima, or, where that is lower, where they point to.
    start start_of(double strength, const fit_memory& memory, const run_options& run) const {
        if (memory.minima_.empty()) return {vector::Zero(static_cast<Eigen::Index>(classes_.size() * stride()))};
        std::vector<const fit_memory::minimum_of*> near;
        for (const fit_memory::minimum_of& one : memory.minima_) near.push_back(&one);
        const auto distance = [&](const fit_memory::minimum_of* one) {
            return std::abs(std::log(strength / one->strength));
        };
        std::ranges::stable_sort(near, {}, distance);
        start nearest{mapped(near.front()->x)};
        if (distance(near.front()) == 0) return nearest;
        start pointed{pointed_to(strength, near), 0, vector(nearest.x.size())};
        const double penalty = penalty_of(strength);
        pointed.value = value_of(penalty, pointed.x, pointed.gradient, pointed.spread, run);
        vector ignored = nearest.x;
        const double value = near.front()->loss + penalty * add_penalty(1, nearest.x, ignored);
        return pointed.value < value ? pointed : nearest;  // false where it is no number
    }

    /// Below all strengths so far, weights shrink as the strength does. Else the minimum moves with its logarithm:
    /// Lagrange's polynomial through the nearest.
    vector pointed_to(double strength, std::span<const fit_memory::minimum_of* const> near) const {
        constexpr std::size_t most_nodes = 3;
        const auto is_stronger = [&](const fit_memory::minimum_of* one) { return one->strength > strength; };
        if (near.size() == 1 || std::ranges::all_of(near, is_stronger)) {
            vector x = mapped(near.front()->x);
            for (std::size_t k = 0; k < classes_.size(); ++k)
                x.segment(at(k, 0), static_cast<Eigen::Index>(training_.columns)) *= strength / near.front()->strength;
            return x;
        }
        const auto nodes = near.first(std::min(near.size(), most_nodes));
        vector x = vector::Zero(static_cast<Eigen::Index>(classes_.size() * stride()));
        for (const fit_memory::minimum_of* node : nodes) {
            double weight = 1;
            for (const fit_memory::minimum_of* other : nodes) {
                if (other != node)
                    weight *= std::log(strength / other->strength) / std::log(node->strength / other->strength);
            }
            x += weight * mapped(node->x);
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

}}  // namespace zeroshot::ZEROSHOT_ABI
