#pragma once
/// \file Evaluation: every metric that applies to the predictions for a data set, and its JSON.

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

#include <zeroshot/error.hpp>
#include <zeroshot/metrics/accuracy.hpp>
#include <zeroshot/metrics/calibration.hpp>
#include <zeroshot/metrics/prediction.hpp>
#include <zeroshot/metrics/template_choice.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/support/random.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace metrics {

/// Results of an evaluation. Shares are of `count` images: unreadable ones are included and count as wrong,
/// out-of-distribution ones (without a label among the classes) are not included.
struct evaluation {
    std::string data{};
    std::string format{};
    std::string model{};
    std::vector<std::string> templates{};
    std::size_t count = 0;
    std::size_t unreadable = 0;
    std::size_t out_of_distribution = 0;  ///< number of such images
    bool multi_label = false;             ///< an image has more than one label
    double top1 = 0;
    double top5 = 0;
    std::optional<double> mean_per_class{};          ///< for images with one label each, as are:
    std::optional<double> mean_average_precision{};  ///< for images with several labels
    std::optional<double> log_loss{};
    std::optional<double> expected_calibration_error{};
    std::optional<double> temperature{};       ///< divisor of the logits, fitted on one half of the images
    std::optional<double> calibrated_error{};  ///< expected calibration error of the other half with this temperature
    confidence_intervals intervals{};
    std::vector<reliability_bin> reliability{};
    std::vector<class_result> classes{};
    std::vector<confusion_entry> confusion{};           ///< sorted by label, then by prediction
    std::vector<rejection_point> rejection{};           ///< by decreasing coverage
    std::optional<double> out_of_distribution_auroc{};  ///< area under the ROC curve of the confidence
    std::vector<template_result> each_template{};
    std::optional<template_choice> choice{};
    double seconds = 0;
};

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
        const std::vector<std::uint32_t>& labels = predictions[image].labels;
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
/// \throws data_set_error without in-distribution images
inline void summarise(evaluation& result, std::span<const prediction> predictions, std::span<const std::string> names,
                      const score_pass& scores, std::uint64_t seed) {
    result.count = count_in_distribution(predictions);
    result.out_of_distribution = predictions.size() - result.count;
    const auto is_unreadable = [](const prediction& each) { return !each.readable && !each.is_out_of_distribution(); };
    result.unreadable = static_cast<std::size_t>(std::ranges::count_if(predictions, is_unreadable));
    result.multi_label =
        std::ranges::any_of(predictions, [](const prediction& each) { return each.labels.size() > 1; });
    if (result.count == 0) {
        throw data_set_error(error_code::argument,
                             {result.data, "no image has a label among the classes", "at least one", ""});
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

namespace detail {

inline nlohmann::ordered_json json_of(const interval& range) {
    return nlohmann::ordered_json::array({json_number(range.lower), json_number(range.upper)});
}

inline nlohmann::ordered_json json_of(const confidence_intervals& intervals) {
    return {{"level", json_number(intervals.level)},
            {"resamples", intervals.resamples},
            {"seed", intervals.seed},
            {"top1", json_of(intervals.top1)},
            {"top5", json_of(intervals.top5)},
            {"mean_per_class", intervals.mean_per_class ? json_of(*intervals.mean_per_class) : nullptr}};
}

inline nlohmann::ordered_json json_of(const reliability_bin& bin) {
    return {{"lower", json_number(bin.lower)},
            {"upper", json_number(bin.upper)},
            {"count", bin.count},
            {"confidence", json_number(bin.confidence)},
            {"accuracy", json_number(bin.accuracy)}};
}

/// Recall is a share of the images of a class, precision of those predicted as it; null where there are none.
inline nlohmann::ordered_json json_of(const class_result& result) {
    const auto share = [&](std::size_t of) -> nlohmann::ordered_json {
        if (of == 0) return nullptr;
        return json_number(static_cast<double>(result.correct) / static_cast<double>(of));
    };
    return {{"class", result.name},
            {"count", result.count},
            {"unreadable", result.unreadable},
            {"predicted", result.predicted},
            {"right", result.correct},
            {"recall", share(result.count)},
            {"precision", share(result.predicted)},
            {"average_precision", json_number(result.average_precision)}};
}

inline nlohmann::ordered_json json_of(const rejection_point& point) {
    return {{"threshold", json_number(point.threshold)},
            {"answered", json_number(point.coverage)},
            {"accuracy", json_number(point.accuracy)},
            {"strangers_answered", json_number(point.out_of_distribution_accepted)}};
}

inline nlohmann::ordered_json json_of(const template_result& result) {
    return {{"template", result.sentence}, {"top1", json_number(result.top1)}};
}

inline nlohmann::ordered_json json_of(const confusion_entry& entry) {
    return nlohmann::ordered_json::array({entry.label, entry.predicted, entry.count});
}

template <class Item>
nlohmann::ordered_json json_of(const std::vector<Item>& items) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const Item& item : items) all.push_back(json_of(item));
    return all;
}

/// {"each": [...], "chosen": [...], ...}, or null if templates were not compared.
inline nlohmann::ordered_json json_of_prompts(const evaluation& result) {
    if (!result.choice) return nullptr;
    const template_choice& choice = *result.choice;
    return {{"each", json_of(result.each_template)},
            {"chosen", choice.chosen},
            {"validation_top1", json_numbers(choice.validation_top1)},
            {"test_top1", json_number(choice.test_top1)},
            {"test_top1_of_all", json_number(choice.test_top1_of_all)},
            {"validation_count", choice.validation_count},
            {"test_count", choice.test_count}};
}

}  // namespace detail

/// An evaluation as one line of JSON, the output of `zeroshot evaluate --json`. Shares are from 0 to 1; results that do
/// not apply are null. The keys change only with the version of the library:
///
///     {"data": "photos", "format": "folders", "model": "models/pictograms.safetensors", "templates": ["a photo of
///     {}."],
///      "count": 1000, "unreadable": 1, "strangers": 0, "several_labels": false,
///      "top1": 0.91, "top5": 0.99, "mean_per_class": 0.9, "mean_average_precision": null, "log_loss": 0.3,
///      "expected_calibration_error": 0.02, "temperature": 1.1, "calibrated_error": 0.01,
///      "intervals": {"level": 0.95, "resamples": 1000, "seed": 0, "top1": [0.89, 0.93], "top5": [0.98, 1],
///                    "mean_per_class": [0.88, 0.92]},
///      "reliability": [{"lower": 0, "upper": 0.0667, "count": 0, "confidence": 0, "accuracy": 0}, ...15...],
///      "per_class": [{"class": "cat", "count": 50, "unreadable": 0, "predicted": 52, "right": 47, "recall": 0.94,
///                     "precision": 0.904, "average_precision": null}, ...in the order of the labels...],
///      "confusion": [[0, 0, 47], [0, 3, 3], ...label, prediction, count, for counts above 0...],
///      "rejection": [{"threshold": 0.1, "answered": 1, "accuracy": 0.91, "strangers_answered": null}, ...],
///      "stranger_auroc": null,
///      "prompts": null or {"each": [{"template": "a photo of {}.", "top1": 0.9}, ...],
///                          "chosen": ["..."], "validation_top1": [...], "test_top1": 0.92, "test_top1_of_all": 0.91,
///                          "validation_count": 500, "test_count": 500},
///      "seconds": 12.5, "zeroshot": "0.2.0"}
inline std::string json_line(const evaluation& result) {
    return json_text_of({{"data", result.data},
                         {"format", result.format},
                         {"model", result.model},
                         {"templates", result.templates},
                         {"count", result.count},
                         {"unreadable", result.unreadable},
                         {"strangers", result.out_of_distribution},
                         {"several_labels", result.multi_label},
                         {"top1", json_number(result.top1)},
                         {"top5", json_number(result.top5)},
                         {"mean_per_class", json_number(result.mean_per_class)},
                         {"mean_average_precision", json_number(result.mean_average_precision)},
                         {"log_loss", json_number(result.log_loss)},
                         {"expected_calibration_error", json_number(result.expected_calibration_error)},
                         {"temperature", json_number(result.temperature)},
                         {"calibrated_error", json_number(result.calibrated_error)},
                         {"intervals", detail::json_of(result.intervals)},
                         {"reliability", detail::json_of(result.reliability)},
                         {"per_class", detail::json_of(result.classes)},
                         {"confusion", detail::json_of(result.confusion)},
                         {"rejection", detail::json_of(result.rejection)},
                         {"stranger_auroc", json_number(result.out_of_distribution_auroc)},
                         {"prompts", detail::json_of_prompts(result)},
                         {"seconds", json_number(result.seconds)},
                         {"zeroshot", version}});
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::metrics
