#pragma once
/// \file A few labelled images beside zero-shot, without training: what looks like one of them is likely of its class
/// (Tip-Adapter).

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/probe/linear_classifier.hpp>
#include <zeroshot/probe/logistic_regression.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// How much the cache says, and how near an image must be to one of its images.
struct cache_weights {
    double alpha = 0;  ///< 0 is zero-shot alone
    double beta = 1;
};

/// The weights that do best on a validation split.
struct cache_search {
    cache_weights best{};
    double accuracy = 0;
};

/// Keys are the features of a few labelled images, values their classes:
///
///     logit of a class = zero-shot's + alpha * sum over its keys of exp(-beta * (1 - <feature, key>))
///
/// Zhang et al. 2022, "Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification", equations 4 to 6;
/// their images are augmented, these stand as they are. All features are of length 1.
class feature_cache {
   public:
    /// \param zero_shot of the same features
    /// \param few their labels are positions among the labels of `zero_shot`
    /// \throws argument_error where they do not fit together, or are none; numeric_error for features that are not
    /// finite
    feature_cache(const linear_classifier& zero_shot, const labelled_features& few)
        : classes_(zero_shot.labels().size()),
          columns_(zero_shot.weights().columns()),
          labels_(few.labels),
          zero_shot_(zero_shot.weights(),
                     aligned_vector<double>(zero_shot.intercepts().begin(), zero_shot.intercepts().end())),
          keys_(rows_of(few, 0, few.rows())) {
        const auto outlier = std::ranges::find_if(labels_, [&](std::uint32_t label) { return label >= classes_; });
        if (outlier == labels_.end()) return;
        throw argument_error(error_code::argument,
                             {"labelled images", "label " + std::to_string(*outlier),
                              "below " + std::to_string(classes_) + ", the number of classes", ""});
    }

    /// \param features [images, columns], each of length 1
    /// \return logits [images, classes]
    matrix<double> logits(const matrix<double>& features, const cache_weights& how) const {
        matrix<double> all = zero_shot_(features);
        add(all, said(keys_(features), how.beta), how.alpha);
        return all;
    }

    /// The share of rows whose class comes first.
    double accuracy(const labelled_features& test, const cache_weights& how) const {
        std::size_t right = 0;
        for (std::size_t first = 0; first < test.rows(); first += at_once) {
            const matrix<double> rows = rows_of(test, first, std::min(at_once, test.rows() - first));
            right += right_in(logits(rows, how), test, first);
        }
        return static_cast<double>(right) / static_cast<double>(test.rows());
    }

    /// Tries a grid of weights, zero-shot alone among them; of equally good ones the first counts. Mirrors
    /// search_hp in Tip-Adapter's utils.py, with its ranges and fewer steps.
    /// \throws as the constructor
    cache_search search(const labelled_features& validation, const run_options& run = {}) const {
        constexpr double least = 0.1, most_beta = 7, most_alpha = 3;
        constexpr std::size_t betas = 24, alphas = 20;
        const auto step = [](double most, std::size_t place, std::size_t steps) {
            return least + (most - least) * static_cast<double>(place) / static_cast<double>(steps);
        };
        const std::size_t parts = (validation.rows() + at_once - 1) / at_once;
        std::vector<std::size_t> right(parts * (1 + betas * alphas));
        const auto look = [&](std::size_t part) {
            const std::size_t first = part * at_once;
            const matrix<double> rows = rows_of(validation, first, std::min(at_once, validation.rows() - first));
            const matrix<double> alone = zero_shot_(rows), affinities = keys_(rows);
            std::size_t* found = right.data() + part * (1 + betas * alphas);
            *found++ = right_in(alone, validation, first);
            for (std::size_t b = 0; b < betas; ++b) {
                const matrix<double> sums = said(affinities, step(most_beta, b, betas));
                for (std::size_t a = 0; a < alphas; ++a) {
                    matrix<double> all = alone;
                    add(all, sums, step(most_alpha, a, alphas));
                    *found++ = right_in(all, validation, first);
                }
            }
        };
        run_tasks(parts, look, {run.threads, run.stop, {}});
        std::vector<std::size_t> totals(1 + betas * alphas);
        for (std::size_t i = 0; i < right.size(); ++i) totals[i % totals.size()] += right[i];
        const auto best = detail::argmax(totals);
        cache_search found;
        found.accuracy =
            static_cast<double>(totals[best]) / static_cast<double>(std::max<std::size_t>(validation.rows(), 1));
        if (best > 0) {
            found.best = {step(most_alpha, (best - 1) % alphas, alphas), step(most_beta, (best - 1) / alphas, betas)};
        }
        return found;
    }

   private:
    static constexpr std::size_t at_once = 64;  // rows that meet all keys together

    matrix<double> rows_of(const labelled_features& from, std::size_t first, std::size_t count) const {
        if (from.columns != columns_ || from.rows() == 0) {
            throw argument_error(error_code::shape, {"features", shape_text(std::array{from.rows(), from.columns}),
                                                     "rows of " + std::to_string(columns_) + " numbers", ""});
        }
        return from.finite(first, count);
    }

    /// What the keys of each class say: sums of exp(-beta * (1 - affinity)).
    /// \param affinities [images, keys]
    matrix<double> said(const matrix<double>& affinities, double beta) const {
        matrix<double> sums(affinities.rows(), classes_);
        for (std::size_t i = 0; i < affinities.rows(); ++i) {
            for (std::size_t key = 0; key < labels_.size(); ++key)
                sums(i, labels_[key]) += std::exp(beta * (affinities(i, key) - 1));
        }
        return sums;
    }

    static void add(matrix<double>& to, const matrix<double>& sums, double alpha) {
        for (std::size_t i = 0; i < to.size(); ++i) to.data()[i] += alpha * sums.data()[i];
    }

    static std::size_t right_in(const matrix<double>& logits, const labelled_features& rows, std::size_t first) {
        std::size_t right = 0;
        for (std::size_t i = 0; i < logits.rows(); ++i)
            right += detail::argmax(logits.row(i)) == rows.labels[first + i] ? 1 : 0;
        return right;
    }

    std::size_t classes_;
    std::size_t columns_;
    std::vector<std::uint32_t> labels_;  // of the keys
    linear<double> zero_shot_;           // columns to classes
    linear<double> keys_;                // columns to keys: affinities
};

}}  // namespace zeroshot::ZEROSHOT_ABI
