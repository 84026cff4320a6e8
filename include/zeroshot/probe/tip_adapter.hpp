#pragma once
/// \file Tip-Adapter: few-shot classification with a zero-shot head and a cache of labelled features, without training.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <zeroshot/error.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/probe/features.hpp>
#include <zeroshot/probe/linear_classifier.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace probe {

/// Hyperparameters of Tip-Adapter.
struct tip_adapter_weights {
    double alpha = 0;  ///< weight of the cache; 0 is zero-shot alone
    double beta = 1;   ///< sharpness of the affinities
};

/// The best hyperparameters on a validation split.
struct tip_adapter_search {
    tip_adapter_weights best{};
    double accuracy = 0;
};

/// Scores of labelled features (the keys) added to those of a zero-shot head:
///
///     logit of a class = zero-shot's + alpha * sum over its keys of exp(-beta * (1 - <feature, key>))
///
/// Zhang et al. 2022, "Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification", equations 4 to 6,
/// without augmentation of the keys. All features are of length 1.
class tip_adapter {
   public:
    /// \param zero_shot for the same features
    /// \param keys with labels that are indices of labels of `zero_shot`
    /// \throws argument_error for keys that do not fit or are empty; numeric_error for keys that are not finite
    tip_adapter(const linear_classifier& zero_shot, const labelled_features& keys)
        : weights_(zero_shot.weights()),
          intercepts_(zero_shot.intercepts()),
          labels_(keys.labels),
          keys_(load(keys, 0, keys.rows())) {
        const auto unknown = std::ranges::find_if(labels_, [&](std::uint32_t label) { return label >= classes(); });
        if (unknown == labels_.end()) return;
        throw argument_error(error_code::argument,
                             {"labelled images", "label " + std::to_string(*unknown),
                              "below " + std::to_string(classes()) + ", the number of classes", ""});
    }

    /// \param features [images, columns], each of length 1
    /// \return logits [images, classes]
    matrix<double> logits(const matrix<double>& features, const tip_adapter_weights& weights) const {
        matrix<double> logits = zero_shot(features);
        logits.eigen() += weights.alpha * cache_logits(affinities(features), weights.beta).eigen();
        return logits;
    }

    /// The share of rows whose class has the highest logit.
    double accuracy(const labelled_features& test, const tip_adapter_weights& weights) const {
        std::size_t correct = 0;
        for (std::size_t first = 0; first < test.rows(); first += rows_at_once) {
            const matrix<double> rows = load(test, first, (std::min)(rows_at_once, test.rows() - first));
            correct += correct_in(logits(rows, weights), test, first);
        }
        return static_cast<double>(correct) / static_cast<double>(test.rows());
    }

    /// Grid search; of equally good weights the first count, zero-shot alone being the very first. Mirrors search_hp in
    /// Tip-Adapter's utils.py, with its ranges and fewer steps.
    /// \throws as the constructor
    tip_adapter_search search(const labelled_features& validation, const run_options& run = {}) const {
        constexpr double lowest = 0.1, highest_beta = 7, highest_alpha = 3;
        constexpr std::size_t betas = 24, alphas = 20, points = 1 + betas * alphas;
        const auto step = [](double highest, std::size_t index, std::size_t steps) {
            return lowest + (highest - lowest) * static_cast<double>(index) / static_cast<double>(steps);
        };
        const std::size_t parts = (validation.rows() + rows_at_once - 1) / rows_at_once;
        std::vector<std::array<std::size_t, points>> correct(parts);
        const auto evaluate = [&](std::size_t part) {
            const std::size_t first = part * rows_at_once;
            const matrix<double> rows = load(validation, first, (std::min)(rows_at_once, validation.rows() - first));
            const matrix<double> alone = zero_shot(rows), similar = affinities(rows);
            auto count = correct[part].begin();
            *count++ = correct_in(alone, validation, first);
            for (std::size_t b = 0; b < betas; ++b) {
                const matrix<double> cached = cache_logits(similar, step(highest_beta, b, betas));
                for (std::size_t a = 0; a < alphas; ++a) {
                    const double alpha = step(highest_alpha, a, alphas);
                    *count++ = correct_in(alone.eigen() + alpha * cached.eigen(), validation, first);
                }
            }
        };
        run_tasks(parts, evaluate, {run.threads, run.stop, {}});
        std::array<std::size_t, points> totals{};
        for (const auto& counts : correct) std::ranges::transform(totals, counts, totals.begin(), std::plus<>());
        const std::size_t best = zeroshot::detail::argmax(totals);
        tip_adapter_search result;
        result.accuracy =
            static_cast<double>(totals[best]) / static_cast<double>((std::max<std::size_t>)(validation.rows(), 1));
        if (best > 0) {
            result.best = {step(highest_alpha, (best - 1) % alphas, alphas),
                           step(highest_beta, (best - 1) / alphas, betas)};
        }
        return result;
    }

   private:
    static constexpr std::size_t rows_at_once = 64;

    std::size_t classes() const noexcept { return intercepts_.size(); }

    matrix<double> load(const labelled_features& features, std::size_t first, std::size_t count) const {
        if (features.columns != weights_.columns() || features.rows() == 0) {
            throw argument_error(error_code::shape,
                                 {"features", shape_text(std::array{features.rows(), features.columns}),
                                  "rows of " + std::to_string(weights_.columns()) + " numbers", ""});
        }
        return features.load(first, count);
    }

    matrix<double> zero_shot(const matrix<double>& features) const {
        return linear_scores(features, weights_, intercepts_);
    }

    /// Inner products of features and keys: [images, keys].
    matrix<double> affinities(const matrix<double>& features) const {
        return features.eigen() * keys_.eigen().transpose();
    }

    /// Sums of exp(-beta * (1 - affinity)) over the keys of each class: [images, classes].
    matrix<double> cache_logits(const matrix<double>& affinities, double beta) const {
        const matrix<double> similar = (beta * (affinities.eigen().array() - 1)).exp().matrix();
        matrix<double> sums(affinities.rows(), classes());
        for (std::size_t key = 0; key < labels_.size(); ++key)
            sums.eigen().col(labels_[key]) += similar.eigen().col(static_cast<Eigen::Index>(key));
        return sums;
    }

    static std::size_t correct_in(const matrix<double>& logits, const labelled_features& rows, std::size_t first) {
        std::size_t correct = 0;
        for (std::size_t i = 0; i < logits.rows(); ++i) {
            const std::size_t best = zeroshot::detail::argmax(logits.row(i));
            correct += best == rows.labels[first + i] ? 1 : 0;
        }
        return correct;
    }

    matrix<double> weights_;             // of zero-shot: [classes, columns]
    std::vector<double> intercepts_;     // of zero-shot
    std::vector<std::uint32_t> labels_;  // of the keys
    matrix<double> keys_;                // [keys, columns]
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::probe
