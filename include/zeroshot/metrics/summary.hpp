#pragma once
/// \file Computation of an evaluation: every metric that applies to the predictions.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <zeroshot/metrics/accuracy.hpp>
#include <zeroshot/metrics/bootstrap.hpp>
#include <zeroshot/metrics/calibration.hpp>
#include <zeroshot/metrics/confusion.hpp>
#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/metrics/prediction.hpp>
#include <zeroshot/metrics/rejection.hpp>
#include <zeroshot/support/random.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace metrics {

/// Visits the index and the logits [classes] of each readable image, in order; may be called any number of times.
using score_pass = std::function<void(const std::function<void(std::size_t, std::span<const double>)>&)>;

namespace detail {

/// Log loss, reliability, and a temperature fitted on one half of the images and judged on the other.
inline void calibrate(evaluation& result, std::span<const prediction> predictions, const score_pass& scores,
                      std::uint64_t seed) {
    const std::vector<calibration_sample> samples = calibration_samples(predictions);
    result.reliability = reliability_of(samples);
    if (samples.empty()) return;
    result.expected_calibration_error = expected_calibration_error(result.reliability);
    const std::vector<bool> is_validation = random_half(predictions.size(), seed);
    result.temperature = fitted_temperature([&](const auto& visit) {
        scores([&](std::size_t image, std::span<const double> logits) {
            if (is_validation[image] && !predictions[image].is_out_of_distribution())
                visit(logits, predictions[image].labels.front());
        });
    });
    double loss = 0;
    std::vector<calibration_sample> calibrated;
    scores([&](std::size_t image, std::span<const double> logits) {
        const prediction& each = predictions[image];
        if (each.is_out_of_distribution()) return;
        loss += log_sum_exp(logits) - logits[each.labels.front()];
        if (is_validation[image] || !result.temperature) return;
        const Eigen::ArrayXd scaled =
            Eigen::Map<const Eigen::ArrayXd>(logits.data(), std::ssize(logits)) / *result.temperature;
        calibrated.push_back(
            {std::exp(scaled.maxCoeff() - log_sum_exp({scaled.data(), logits.size()})), each.is_correct()});
    });
    result.log_loss = loss / static_cast<double>(samples.size());
    if (!calibrated.empty()) result.calibrated_error = expected_calibration_error(reliability_of(calibrated));
}

/// Scores of all images for consecutive classes; unreadable images have the lowest score.
inline std::vector<std::vector<scored_truth>> columns_of(std::span<const prediction> predictions,
                                                         const score_pass& scores, std::size_t first,
                                                         std::size_t count) {
    std::vector<std::vector<scored_truth>> columns(count);
    const auto add = [&](std::size_t image, const auto& score_of) {
        const label_list& labels = predictions[image].labels;
        for (std::size_t i = 0; i < count; ++i) {
            columns[i].push_back({score_of(first + i), std::ranges::find(labels, first + i) != labels.end()});
        }
    };
    scores([&](std::size_t image, std::span<const double> logits) {
        add(image, [&](std::size_t label) { return logits[label]; });
    });
    for (std::size_t image = 0; image < predictions.size(); ++image) {
        if (!predictions[image].readable) add(image, [](std::size_t) { return std::numeric_limits<double>::lowest(); });
    }
    return columns;
}

/// Average precisions, some classes at a time, to bound the memory for scores.
inline void add_average_precisions(evaluation& result, std::span<const prediction> predictions,
                                   const score_pass& scores) {
    constexpr std::size_t most_scores = std::size_t{1} << 24;
    const std::size_t classes = result.classes.size();
    const std::size_t at_once =
        std::clamp<std::size_t>(most_scores / (std::max<std::size_t>)(predictions.size(), 1), 1, classes);
    double sum = 0;
    for (std::size_t first = 0; first < classes; first += at_once) {
        std::size_t label = first;
        for (std::vector<scored_truth>& column :
             columns_of(predictions, scores, first, (std::min)(at_once, classes - first))) {
            const double precision = average_precision(std::move(column));
            result.classes[label++].average_precision = precision;
            sum += precision;
        }
    }
    result.mean_average_precision = sum / static_cast<double>(classes);
}

}  // namespace detail

/// Computes all metrics: for images with several labels top-1 and top-5 (one of the labels is predicted) and the mean
/// average precision, otherwise all but the average precision.
/// \param predictions one for each image; out-of-distribution images count in no share
/// \param names of the classes
/// \throws data_set_error without images of listed classes
inline void summarise(evaluation& result, std::span<const prediction> predictions, std::span<const std::string> names,
                      const score_pass& scores, std::uint64_t seed) {
    result.count = count_in_distribution(predictions);
    result.out_of_distribution = predictions.size() - result.count;
    const auto is_unreadable = [](const prediction& each) { return !each.readable && !each.is_out_of_distribution(); };
    result.unreadable = static_cast<std::size_t>(std::ranges::count_if(predictions, is_unreadable));
    result.multi_label =
        std::ranges::any_of(predictions, [](const prediction& each) { return each.labels.size() > 1; });
    if (result.count == 0) {
        throw data_set_error(error_code::argument, {result.data, "no images of a listed class", "at least one", ""});
    }
    result.top1 = top_k_accuracy(predictions, 1);
    result.top5 = top_k_accuracy(predictions, 5);
    result.classes = class_results(predictions, names);
    result.intervals.seed = seed;
    result.intervals = bootstrap(predictions, names.size(), result.intervals);
    result.rejection = rejection_curve(predictions);
    result.out_of_distribution_auroc = out_of_distribution_auroc(predictions);
    if (result.multi_label) {
        detail::add_average_precisions(result, predictions, scores);
    } else {
        result.mean_per_class = mean_per_class_recall(result.classes);
        result.confusion = confusion_of(predictions);
        detail::calibrate(result, predictions, scores, seed);
    }
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::metrics
