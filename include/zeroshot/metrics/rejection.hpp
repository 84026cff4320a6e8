#pragma once
/// \file What it is worth to say "I do not know": accuracy against how many images get an answer.

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

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Thresholds at which all, and then ever fewer, of the images of listed classes get an answer: those whose
/// confidence is at least the threshold. An image that cannot be read gets none. \param points how many shares from 1
/// down to 1 / points; images with the same confidence are answered together, so that there may be fewer
inline std::vector<rejection_point> rejection_curve(std::span<const answer> answers, std::size_t points = 20) {
    struct answered {
        double confidence;
        bool right;
    };
    std::vector<answered> known;
    std::vector<double> out_of_distribution;
    for (const answer& said : answers) {
        if (!said.readable) continue;
        if (said.is_out_of_distribution()) {
            out_of_distribution.push_back(said.confidence());
        } else {
            known.push_back({said.confidence(), said.is_right()});
        }
    }
    std::ranges::sort(known, std::greater<>{}, &answered::confidence);
    std::ranges::sort(out_of_distribution, std::greater<>{});
    std::vector<std::size_t> right(known.size() + 1, 0);  // among the first so many
    for (std::size_t i = 0; i < known.size(); ++i) right[i + 1] = right[i] + (known[i].right ? 1 : 0);

    std::vector<rejection_point> curve;
    for (std::size_t point = points; point > 0; --point) {
        std::size_t count = (known.size() * point + points - 1) / points;
        if (count == 0) break;
        const double threshold = known[count - 1].confidence;
        while (count < known.size() && known[count].confidence == threshold) ++count;
        if (!curve.empty() && curve.back().threshold == threshold) continue;
        rejection_point next{threshold, detail::share(count, count_of_listed(answers)),
                             detail::share(right[count], count)};
        if (!out_of_distribution.empty()) {
            const auto below = std::ranges::upper_bound(out_of_distribution, threshold, std::greater<>{});
            next.out_of_distribution_accepted = detail::share(
                static_cast<std::size_t>(below - out_of_distribution.begin()), out_of_distribution.size());
        }
        curve.push_back(next);
    }
    return curve;
}

/// How well confidence tells images of listed classes from strangers: the area under the ROC curve. Nothing where
/// there are none of one kind.
inline std::optional<double> out_of_distribution_auroc(std::span<const answer> answers) {
    std::vector<scored_truth> known;
    for (const answer& said : answers) {
        if (said.readable) known.push_back({said.confidence(), !said.is_out_of_distribution()});
    }
    return area_under_roc(known);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
