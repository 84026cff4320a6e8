#pragma once
/// \file Bootstrap confidence intervals, the same on every machine.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/metrics/accuracy.hpp>
#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/metrics/prediction.hpp>
#include <zeroshot/support/random.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace metrics {

/// A quantile with linear interpolation: numpy.percentile.
/// \param values at least one
inline double quantile(std::vector<double> values, double share) {
    std::ranges::sort(values);
    const double position = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const double rest = position - static_cast<double>(below);
    if (below + 1 >= values.size()) return values.back();
    return values[below] + rest * (values[below + 1] - values[below]);
}

/// Percentile intervals of top-1, top-5 and mean per-class recall, from images drawn with replacement.
/// \param classes number of classes
/// \param options level, number of resamples and seed
inline confidence_intervals bootstrap(std::span<const prediction> predictions, std::size_t classes,
                                      const confidence_intervals& options = {}) {
    struct outcome {
        std::uint32_t label;
        bool in_top1, in_top5;
    };
    std::vector<outcome> outcomes;
    bool single_label = true;
    for (const prediction& each : predictions) {
        if (each.is_out_of_distribution()) continue;
        outcomes.push_back({each.labels.front(), each.is_within(1), each.is_within(5)});
        single_label = single_label && each.labels.size() == 1;
    }
    confidence_intervals result = options;
    if (outcomes.empty() || options.resamples == 0) return result;
    random_generator random(options.seed);
    std::vector<double> top1, top5, recall;
    std::vector<class_result> drawn(classes);
    for (std::size_t resample = 0; resample < options.resamples; ++resample) {
        std::size_t hits1 = 0, hits5 = 0;
        for (class_result& counts : drawn) counts.count = counts.correct = 0;
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            const outcome& image = outcomes[random.below(outcomes.size())];
            hits1 += image.in_top1 ? 1 : 0;
            hits5 += image.in_top5 ? 1 : 0;
            ++drawn[image.label].count;
            drawn[image.label].correct += image.in_top1 ? 1 : 0;
        }
        top1.push_back(detail::share(hits1, outcomes.size()));
        top5.push_back(detail::share(hits5, outcomes.size()));
        recall.push_back(mean_per_class_recall(drawn));
    }
    const auto interval_of = [&](const std::vector<double>& values) -> interval {
        return {quantile(values, (1 - options.level) / 2), quantile(values, (1 + options.level) / 2)};
    };
    result.top1 = interval_of(top1);
    result.top5 = interval_of(top5);
    if (single_label) result.mean_per_class = interval_of(recall);
    return result;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::metrics
