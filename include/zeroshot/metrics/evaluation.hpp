#pragma once
/// \file Results of an evaluation, and their JSON.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <zeroshot/support/json.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace metrics {

/// One bin of a reliability diagram: the images whose confidence is in (lower, upper].
struct reliability_bin {
    double lower = 0;
    double upper = 0;
    std::size_t count = 0;
    double confidence = 0;  ///< mean of these images; 0 without images
    double accuracy = 0;    ///< share of these images that are correct
};

/// A non-zero entry of the confusion matrix.
struct confusion_entry {
    std::uint32_t label;
    std::uint32_t predicted;
    std::size_t count;
};

/// Counts for one class.
struct class_result {
    std::string name{};
    std::size_t count = 0;  ///< images of the class, including unreadable ones
    std::size_t unreadable = 0;
    std::size_t predicted = 0;                  ///< images predicted as the class
    std::size_t correct = 0;                    ///< images of the class predicted as it
    std::optional<double> average_precision{};  ///< for images with several labels
};

/// A point of the rejection curve: images with a confidence below the threshold are rejected.
struct rejection_point {
    double threshold = 0;
    double coverage = 0;  ///< accepted share of the images of listed classes
    double accuracy = 0;  ///< correct share of the accepted images
    std::optional<double>
        out_of_distribution_accepted{};  ///< accepted share of the images of no listed class, if there are any
};

/// A percentile interval.
struct interval {
    double lower = 0;
    double upper = 0;
};

/// Bootstrap percentile intervals.
struct confidence_intervals {
    double level = 0.95;
    std::size_t resamples = 1000;
    std::uint64_t seed = 0;
    interval top1{};
    interval top5{};
    std::optional<interval> mean_per_class{};  ///< for images with one label each
};

/// The accuracy of a single template.
struct template_result {
    std::string sentence{};
    double top1 = 0;  ///< over all images
};

/// Greedy choice of templates on one half of the images, and its accuracy on the other half.
struct template_choice {
    std::vector<std::string> chosen{};      ///< in the order of the choice
    std::vector<double> validation_top1{};  ///< of the ensemble of the first one, the first two, ...
    double test_top1 = 0;                   ///< of the chosen ensemble
    double test_top1_of_all = 0;            ///< of the ensemble of all templates
    std::size_t validation_count = 0;
    std::size_t test_count = 0;
};

/// Results of an evaluation. Shares are of `count` images: unreadable ones are included and count as wrong, images of
/// no listed class are not included.
struct evaluation {
    std::string data{};
    std::string format{};
    std::string model{};
    std::vector<std::string> templates{};
    std::size_t count = 0;
    std::size_t unreadable = 0;
    std::size_t out_of_distribution = 0;  ///< images of no listed class
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
    std::optional<double> out_of_distribution_auroc{};  ///< area under the ROC curve of the confidence; if there are
                                                        ///< images of no listed class
    std::vector<template_result> each_template{};
    std::optional<template_choice> choice{};
    double seconds = 0;
};

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
inline nlohmann::ordered_json json_of_prompts(const evaluation& found) {
    if (!found.choice) return nullptr;
    const template_choice& choice = *found.choice;
    return {{"each", json_of(found.each_template)},
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
inline std::string json_line(const evaluation& found) {
    return json_text_of({{"data", found.data},
                         {"format", found.format},
                         {"model", found.model},
                         {"templates", found.templates},
                         {"count", found.count},
                         {"unreadable", found.unreadable},
                         {"strangers", found.out_of_distribution},
                         {"several_labels", found.multi_label},
                         {"top1", json_number(found.top1)},
                         {"top5", json_number(found.top5)},
                         {"mean_per_class", json_number(found.mean_per_class)},
                         {"mean_average_precision", json_number(found.mean_average_precision)},
                         {"log_loss", json_number(found.log_loss)},
                         {"expected_calibration_error", json_number(found.expected_calibration_error)},
                         {"temperature", json_number(found.temperature)},
                         {"calibrated_error", json_number(found.calibrated_error)},
                         {"intervals", detail::json_of(found.intervals)},
                         {"reliability", detail::json_of(found.reliability)},
                         {"per_class", detail::json_of(found.classes)},
                         {"confusion", detail::json_of(found.confusion)},
                         {"rejection", detail::json_of(found.rejection)},
                         {"stranger_auroc", json_number(found.out_of_distribution_auroc)},
                         {"prompts", detail::json_of_prompts(found)},
                         {"seconds", json_number(found.seconds)},
                         {"zeroshot", version}});
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::metrics
