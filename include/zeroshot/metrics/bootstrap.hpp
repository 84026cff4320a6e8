#pragma once
/// \file How sure a figure is: percentile intervals from images drawn again and again, the same on every machine.

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

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The value below which a share of the values lies, between neighbours in proportion: numpy.percentile.
/// \param values at least one
inline double quantile(std::vector<double> values, double share) {
    std::ranges::sort(values);
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const double rest = place - static_cast<double>(below);
    if (below + 1 >= values.size()) return values.back();
    return values[below] + rest * (values[below + 1] - values[below]);
}

/// Intervals of top-1, top-5 and mean per class recall: as many images as there are, drawn with repetition, so often.
/// \param classes how many
inline intervals bootstrap(std::span<const answer> answers, std::size_t classes, const intervals& how = {}) {
    struct outcome {
        std::uint32_t label;
        bool first, fifth;
    };
    std::vector<outcome> outcomes;
    bool one_label_each = true;
    for (const answer& said : answers) {
        if (said.is_out_of_distribution()) continue;
        outcomes.push_back({said.labels.front(), said.is_within(1), said.is_within(5)});
        one_label_each = one_label_each && said.labels.size() == 1;
    }
    intervals found = how;
    if (outcomes.empty() || how.resamples == 0) return found;
    random_generator random(how.seed);
    std::vector<double> top1, top5, recall;
    std::vector<class_result> drawn(classes);
    for (std::size_t resample = 0; resample < how.resamples; ++resample) {
        std::size_t first = 0, fifth = 0;
        for (class_result& one : drawn) one.count = one.right = 0;
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            const outcome& image = outcomes[random.below(outcomes.size())];
            first += image.first ? 1 : 0;
            fifth += image.fifth ? 1 : 0;
            ++drawn[image.label].count;
            drawn[image.label].right += image.first ? 1 : 0;
        }
        top1.push_back(detail::share(first, outcomes.size()));
        top5.push_back(detail::share(fifth, outcomes.size()));
        recall.push_back(mean_per_class(drawn));
    }
    const auto middle = [&](const std::vector<double>& values) -> interval {
        return {quantile(values, (1 - how.level) / 2), quantile(values, (1 + how.level) / 2)};
    };
    found.top1 = middle(top1);
    found.top5 = middle(top5);
    if (one_label_each) found.mean_per_class = middle(recall);
    return found;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
