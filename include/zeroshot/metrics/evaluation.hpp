#pragma once
/// \file All that an evaluation found, and the one line of JSON it is written as: what reports are made from.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <zeroshot/support/json.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// One bin of a reliability diagram: the images whose confidence is in (lower, upper].
struct reliability_bin {
    double lower = 0;
    double upper = 0;
    std::size_t count = 0;
    double confidence = 0;  ///< their mean; 0 where there are none
    double accuracy = 0;    ///< the share of them that is right
};

/// A row of the confusion matrix is sparse: only what happened is kept.
struct confusion_entry {
    std::uint32_t label;
    std::uint32_t predicted;
    std::size_t count;
};

/// What was found for one class.
struct class_result {
    std::string name{};
    std::size_t count = 0;  ///< images of it, unreadable ones among them
    std::size_t unreadable = 0;
    std::size_t predicted = 0;                  ///< images taken for it
    std::size_t right = 0;                      ///< of these, the ones that are of it
    std::optional<double> average_precision{};  ///< where images have several labels
};

/// A place on the rejection curve: what happens if images less confident than the threshold get no answer.
struct rejection_point {
    double threshold = 0;
    double answered = 0;  ///< the share of images of listed classes
    double accuracy = 0;  ///< the share of the answered that is right
    std::optional<double>
        out_of_distribution_accepted{};  ///< the share of images of no listed class, where there are such
};

/// A percentile interval.
struct interval {
    double lower = 0;
    double upper = 0;
};

/// How sure the figures are: resampling of images.
struct intervals {
    double level = 0.95;
    std::size_t resamples = 1000;
    std::uint64_t seed = 0;
    interval top1{};
    interval top5{};
    std::optional<interval> mean_per_class{};  ///< where images have one label each
};

/// What a single template gives.
struct template_result {
    std::string sentence{};
    double top1 = 0;  ///< over all images
};

/// Templates chosen one after the other, each the one that helps most on one half of the images; judged on the other.
struct template_choice {
    std::vector<std::string> chosen{};      ///< in the order they were taken
    std::vector<double> validation_top1{};  ///< with the first one, the first two, ...
    double test_top1 = 0;                   ///< of the chosen together, on the other half
    double test_top1_of_all = 0;            ///< of all templates together, on the other half
    std::size_t validation_count = 0;
    std::size_t test_count = 0;
};

/// All that was found. Shares are of `count` images: what is unreadable is in it and counts as wrong; what is of no
/// listed class is not in it.
struct evaluation {
    std::string data{};
    std::string format{};
    std::string model{};
    std::vector<std::string> templates{};
    std::size_t count = 0;
    std::size_t unreadable = 0;
    std::size_t out_of_distribution = 0;  ///< images of no listed class
    bool several_labels = false;          ///< some image has more than one
    double top1 = 0;
    double top5 = 0;
    std::optional<double> mean_per_class{};          ///< where images have one label each, as is the case for:
    std::optional<double> mean_average_precision{};  ///< only where images have several labels
    std::optional<double> log_loss{};
    std::optional<double> expected_calibration_error{};
    std::optional<double> temperature{};       ///< by which logits are to be divided, fitted on one half of the images
    std::optional<double> calibrated_error{};  ///< the expected calibration error of the other half, so divided
    intervals sure{};
    std::vector<reliability_bin> reliability{};
    std::vector<class_result> classes{};
    std::vector<confusion_entry> confusion{};  ///< sorted by label, then by prediction
    std::vector<rejection_point> rejection{};  ///< from all images answered to few
    std::optional<double>
        out_of_distribution_auroc{};  ///< how well confidence tells strangers from the rest; where there are some
    std::vector<template_result> each_template{};
    std::optional<template_choice> choice{};
    double seconds = 0;
};

namespace detail {

inline nlohmann::ordered_json json_of(const interval& range) {
    return nlohmann::ordered_json::array({json_number(range.lower), json_number(range.upper)});
}

inline nlohmann::ordered_json json_of(const intervals& sure) {
    return {{"level", json_number(sure.level)},
            {"resamples", sure.resamples},
            {"seed", sure.seed},
            {"top1", json_of(sure.top1)},
            {"top5", json_of(sure.top5)},
            {"mean_per_class", sure.mean_per_class ? json_of(*sure.mean_per_class) : nullptr}};
}

inline nlohmann::ordered_json json_of(const reliability_bin& bin) {
    return {{"lower", json_number(bin.lower)},
            {"upper", json_number(bin.upper)},
            {"count", bin.count},
            {"confidence", json_number(bin.confidence)},
            {"accuracy", json_number(bin.accuracy)}};
}

/// Recall is a share of the images of a class, precision of those predicted as it; null where there are none.
inline nlohmann::ordered_json json_of(const class_result& one) {
    const auto share = [&](std::size_t of) -> nlohmann::ordered_json {
        if (of == 0) return nullptr;
        return json_number(static_cast<double>(one.right) / static_cast<double>(of));
    };
    return {{"class", one.name},
            {"count", one.count},
            {"unreadable", one.unreadable},
            {"predicted", one.predicted},
            {"right", one.right},
            {"recall", share(one.count)},
            {"precision", share(one.predicted)},
            {"average_precision", json_number(one.average_precision)}};
}

inline nlohmann::ordered_json json_of(const rejection_point& point) {
    return {{"threshold", json_number(point.threshold)},
            {"answered", json_number(point.answered)},
            {"accuracy", json_number(point.accuracy)},
            {"strangers_answered", json_number(point.out_of_distribution_accepted)}};
}

inline nlohmann::ordered_json json_of(const template_result& one) {
    return {{"template", one.sentence}, {"top1", json_number(one.top1)}};
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

/// {"each": [...], "chosen": [...], ...}, or null where templates were not compared.
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

/// An evaluation as one line of JSON, as `zeroshot evaluate --json` prints it. Numbers are shares from 0 to 1; what
/// does not apply is null. The keys, and no others without a new version of the library:
///
///     {"data": "photos", "format": "folder", "model": "models/pictograms.safetensors", "templates": ["a photo of
///     {}."],
///      "count": 1000, "unreadable": 1, "strangers": 0, "several_labels": false,
///      "top1": 0.91, "top5": 0.99, "mean_per_class": 0.9, "mean_average_precision": null, "log_loss": 0.3,
///      "expected_calibration_error": 0.02, "temperature": 1.1, "calibrated_error": 0.01,
///      "intervals": {"level": 0.95, "resamples": 1000, "seed": 0, "top1": [0.89, 0.93], "top5": [0.98, 1],
///                    "mean_per_class": [0.88, 0.92]},
///      "reliability": [{"lower": 0, "upper": 0.0667, "count": 0, "confidence": 0, "accuracy": 0}, ...15...],
///      "per_class": [{"class": "cat", "count": 50, "unreadable": 0, "predicted": 52, "right": 47, "recall": 0.94,
///                     "precision": 0.904, "average_precision": null}, ...in the order of the labels...],
///      "confusion": [[0, 0, 47], [0, 3, 3], ...label, prediction, how often; what never happened is left out...],
///      "rejection": [{"threshold": 0.1, "answered": 1, "accuracy": 0.91, "strangers_answered": null}, ...],
///      "stranger_auroc": null,
///      "prompts": null or {"each": [{"template": "a photo of {}.", "top1": 0.9}, ...],
///                          "chosen": ["..."], "validation_top1": [...], "test_top1": 0.92, "test_top1_of_all": 0.91,
///                          "validation_count": 500, "test_count": 500},
///      "seconds": 12.5, "zeroshot": "0.3.0"}
inline std::string json_line(const evaluation& found) {
    return json_text_of({{"data", found.data},
                         {"format", found.format},
                         {"model", found.model},
                         {"templates", found.templates},
                         {"count", found.count},
                         {"unreadable", found.unreadable},
                         {"strangers", found.out_of_distribution},
                         {"several_labels", found.several_labels},
                         {"top1", json_number(found.top1)},
                         {"top5", json_number(found.top5)},
                         {"mean_per_class", json_number(found.mean_per_class)},
                         {"mean_average_precision", json_number(found.mean_average_precision)},
                         {"log_loss", json_number(found.log_loss)},
                         {"expected_calibration_error", json_number(found.expected_calibration_error)},
                         {"temperature", json_number(found.temperature)},
                         {"calibrated_error", json_number(found.calibrated_error)},
                         {"intervals", detail::json_of(found.sure)},
                         {"reliability", detail::json_of(found.reliability)},
                         {"per_class", detail::json_of(found.classes)},
                         {"confusion", detail::json_of(found.confusion)},
                         {"rejection", detail::json_of(found.rejection)},
                         {"stranger_auroc", json_number(found.out_of_distribution_auroc)},
                         {"prompts", detail::json_of_prompts(found)},
                         {"seconds", json_number(found.seconds)},
                         {"zeroshot", version}});
}

}}  // namespace zeroshot::ZEROSHOT_ABI
