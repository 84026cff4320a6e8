#pragma once
/// \file Selective classification: accuracy versus coverage, and detection of out-of-distribution images.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <zeroshot/metrics/accuracy.hpp>
#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/metrics/prediction.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace metrics {

/// The rejection curve: for decreasing coverage the confidence threshold, and the accuracy of the accepted images.
/// Unreadable images are rejected.
/// \param points number of coverages from 1 down to 1 / points; images with equal confidence are accepted together, so
/// that the curve may have fewer points
inline std::vector<rejection_point> rejection_curve(std::span<const prediction> predictions, std::size_t points = 20) {
    struct outcome {
        double confidence;
        bool correct;
    };
    std::vector<outcome> in_distribution;
    std::vector<double> out_of_distribution;
    for (const prediction& each : predictions) {
        if (!each.readable) continue;
        if (each.is_out_of_distribution()) {
            out_of_distribution.push_back(each.confidence());
        } else {
            in_distribution.push_back({each.confidence(), each.is_correct()});
        }
    }
    std::ranges::sort(in_distribution, std::greater<>{}, &outcome::confidence);
    std::ranges::sort(out_of_distribution, std::greater<>{});
    std::vector<std::size_t> correct_among(in_distribution.size() + 1, 0);  // the most confident
    for (std::size_t i = 0; i < in_distribution.size(); ++i)
        correct_among[i + 1] = correct_among[i] + (in_distribution[i].correct ? 1 : 0);

    std::vector<rejection_point> curve;
    for (std::size_t point = points; point > 0; --point) {
        std::size_t count = (in_distribution.size() * point + points - 1) / points;
        if (count == 0) break;
        const double threshold = in_distribution[count - 1].confidence;
        while (count < in_distribution.size() && in_distribution[count].confidence == threshold) ++count;
        if (!curve.empty() && curve.back().threshold == threshold) continue;
        rejection_point next{threshold, detail::share(count, count_in_distribution(predictions)),
                             detail::share(correct_among[count], count)};
        if (!out_of_distribution.empty()) {
            const auto below = std::ranges::upper_bound(out_of_distribution, threshold, std::greater<>{});
            next.out_of_distribution_accepted = detail::share(
                static_cast<std::size_t>(below - out_of_distribution.begin()), out_of_distribution.size());
        }
        curve.push_back(next);
    }
    return curve;
}

/// Area under the ROC curve of the confidence, for telling images of listed classes from out-of-distribution ones.
/// \return nothing without images of both kinds
inline std::optional<double> out_of_distribution_auroc(std::span<const prediction> predictions) {
    std::vector<scored_truth> in_distribution;
    for (const prediction& each : predictions) {
        if (each.readable) in_distribution.push_back({each.confidence(), !each.is_out_of_distribution()});
    }
    return area_under_roc(in_distribution);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::metrics
