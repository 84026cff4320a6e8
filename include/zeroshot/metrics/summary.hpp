#pragma once
/// \file From answers to an evaluation: every metric that applies.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/metrics/accuracy.hpp>
#include <zeroshot/metrics/bootstrap.hpp>
#include <zeroshot/metrics/calibration.hpp>
#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/metrics/prediction.hpp>
#include <zeroshot/metrics/rejection.hpp>
#include <zeroshot/support/random.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Hands on the place and the logits of each image that could be read, in order; to be called as often as needed.
using score_pass = std::function<void(const std::function<void(std::size_t, std::span<const double>)>&)>;

namespace detail {

/// Log loss, reliability, and a temperature fitted on one half and judged on the other.
inline void calibrate(evaluation& found, std::span<const answer> answers, const score_pass& scores,
                      std::uint64_t seed) {
    const std::vector<claim> claims = claims_of(answers);
    found.reliability = reliability_of(claims);
    if (claims.empty()) return;
    found.expected_calibration_error = expected_calibration_error(found.reliability);
    const std::vector<bool> validation = random_half(answers.size(), seed);
    found.temperature = fitted_temperature([&](const auto& take) {
        scores([&](std::size_t place, std::span<const double> logits) {
            if (validation[place] && !answers[place].is_out_of_distribution())
                take(logits, answers[place].labels.front());
        });
    });
    double loss = 0;
    std::vector<claim> mended;
    std::vector<double> scaled;
    scores([&](std::size_t place, std::span<const double> logits) {
        const answer& said = answers[place];
        if (said.is_out_of_distribution()) return;
        loss += log_sum_exp(logits) - logits[said.labels.front()];
        if (validation[place] || !found.temperature) return;
        scaled.assign(logits.begin(), logits.end());
        for (double& logit : scaled) logit /= *found.temperature;
        mended.push_back({std::exp(*std::ranges::max_element(scaled) - log_sum_exp(scaled)), said.is_right()});
    });
    found.log_loss = loss / static_cast<double>(claims.size());
    if (!mended.empty()) found.calibrated_error = expected_calibration_error(reliability_of(mended));
}

/// What images scored for some consecutive classes; those that could not be read come last.
inline std::vector<std::vector<scored_truth>> columns_of(std::span<const answer> answers, const score_pass& scores,
                                                         std::size_t first, std::size_t count) {
    std::vector<std::vector<scored_truth>> columns(count);
    const auto add = [&](std::size_t place, const auto& score_of) {
        const label_list& labels = answers[place].labels;
        for (std::size_t i = 0; i < count; ++i) {
            columns[i].push_back({score_of(first + i), std::ranges::find(labels, first + i) != labels.end()});
        }
    };
    scores([&](std::size_t place, std::span<const double> logits) {
        add(place, [&](std::size_t label) { return logits[label]; });
    });
    for (std::size_t place = 0; place < answers.size(); ++place) {
        if (!answers[place].readable) add(place, [](std::size_t) { return std::numeric_limits<double>::lowest(); });
    }
    return columns;
}

/// Average precisions, some classes at a time, so that the table of all scores is never in memory.
inline void add_average_precisions(evaluation& found, std::span<const answer> answers, const score_pass& scores) {
    constexpr std::size_t most_scores = std::size_t{1} << 24;
    const std::size_t classes = found.classes.size();
    const std::size_t at_once =
        std::clamp<std::size_t>(most_scores / std::max<std::size_t>(answers.size(), 1), 1, classes);
    double sum = 0;
    for (std::size_t first = 0; first < classes; first += at_once) {
        std::size_t label = first;
        for (std::vector<scored_truth>& column :
             columns_of(answers, scores, first, std::min(at_once, classes - first))) {
            const double precision = average_precision(std::move(column));
            found.classes[label++].average_precision = precision;
            sum += precision;
        }
    }
    found.mean_average_precision = sum / static_cast<double>(classes);
}

}  // namespace detail

/// Fills in the figures. Where some image has several labels these are: top-1 and top-5 (one of its labels is hit)
/// and the mean average precision; else all others. \param answers one for each image; strangers count in no share
/// \param names of the classes
/// \throws data_set_error where there is no image of a listed class
inline void summarise(evaluation& found, std::span<const answer> answers, std::span<const std::string> names,
                      const score_pass& scores, std::uint64_t seed) {
    found.count = count_of_listed(answers);
    found.out_of_distribution = answers.size() - found.count;
    const auto is_lost = [](const answer& said) { return !said.readable && !said.is_out_of_distribution(); };
    found.unreadable = static_cast<std::size_t>(std::ranges::count_if(answers, is_lost));
    found.several_labels = std::ranges::any_of(answers, [](const answer& said) { return said.labels.size() > 1; });
    if (found.count == 0) {
        throw data_set_error(error_code::argument, {found.data, "no images of a listed class", "at least one", ""});
    }
    found.top1 = top_k(answers, 1);
    found.top5 = top_k(answers, 5);
    found.classes = per_class(answers, names);
    found.sure.seed = seed;
    found.sure = bootstrap(answers, names.size(), found.sure);
    found.rejection = rejection_curve(answers);
    found.out_of_distribution_auroc = out_of_distribution_auroc(answers);
    if (found.several_labels) {
        detail::add_average_precisions(found, answers, scores);
    } else {
        found.mean_per_class = mean_per_class(found.classes);
        found.confusion = confusion_of(answers);
        detail::calibrate(found, answers, scores, seed);
    }
}

}}  // namespace zeroshot::ZEROSHOT_ABI
