#pragma once
/// \file All that an evaluation found, and the one line of JSON it is written as: what reports are made from.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <zeroshot/support/json_writer.hpp>
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

inline void put(json_writer& line, const std::optional<double>& number) {
    if (number) {
        line.value(*number);
    } else {
        line.null();
    }
}

inline void put(json_writer& line, const interval& range) {
    line.begin_array().value(range.lower).value(range.upper).end_array();
}

inline void put(json_writer& line, const std::vector<std::string>& texts) {
    line.begin_array();
    for (const std::string& text : texts) line.value(text);
    line.end_array();
}

inline void put(json_writer& line, const intervals& sure) {
    line.begin_object().key("level").value(sure.level).key("resamples").value(sure.resamples);
    line.key("seed").value(sure.seed);
    put(line.key("top1"), sure.top1);
    put(line.key("top5"), sure.top5);
    if (sure.mean_per_class) {
        put(line.key("mean_per_class"), *sure.mean_per_class);
    } else {
        line.key("mean_per_class").null();
    }
    line.end_object();
}

inline void put(json_writer& line, const reliability_bin& bin) {
    line.begin_object().key("lower").value(bin.lower).key("upper").value(bin.upper).key("count").value(bin.count);
    line.key("confidence").value(bin.confidence).key("accuracy").value(bin.accuracy).end_object();
}

/// Recall is of the images of a class, precision of those taken for it; null where there are none.
inline void put(json_writer& line, const class_result& one) {
    const auto share = [&](std::size_t of) -> std::optional<double> {
        if (of == 0) return std::nullopt;
        return static_cast<double>(one.right) / static_cast<double>(of);
    };
    line.begin_object().key("class").value(one.name).key("count").value(one.count);
    line.key("unreadable").value(one.unreadable).key("predicted").value(one.predicted).key("right").value(one.right);
    put(line.key("recall"), share(one.count));
    put(line.key("precision"), share(one.predicted));
    put(line.key("average_precision"), one.average_precision);
    line.end_object();
}

inline void put(json_writer& line, const rejection_point& point) {
    line.begin_object().key("threshold").value(point.threshold).key("answered").value(point.answered);
    line.key("accuracy").value(point.accuracy);
    put(line.key("strangers_answered"), point.out_of_distribution_accepted);
    line.end_object();
}

inline void put(json_writer& line, const template_result& one) {
    line.begin_object().key("template").value(one.sentence).key("top1").value(one.top1).end_object();
}

inline void put(json_writer& line, const confusion_entry& entry) {
    line.begin_array().value(entry.label).value(entry.predicted).value(entry.count).end_array();
}

template <class Items>
void put_all(json_writer& line, const char* key, const Items& items) {
    line.key(key).begin_array();
    for (const auto& item : items) put(line, item);
    line.end_array();
}

/// {"each": [...], "chosen": [...], ...}, or null where templates were not compared.
inline void put_prompts(json_writer& line, const evaluation& found) {
    if (!found.choice) {
        line.null();
        return;
    }
    const template_choice& choice = *found.choice;
    line.begin_object();
    put_all(line, "each", found.each_template);
    put(line.key("chosen"), choice.chosen);
    line.key("validation_top1").begin_array();
    for (const double share : choice.validation_top1) line.value(share);
    line.end_array().key("test_top1").value(choice.test_top1).key("test_top1_of_all").value(choice.test_top1_of_all);
    line.key("validation_count").value(choice.validation_count).key("test_count").value(choice.test_count).end_object();
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
    json_writer line;
    line.begin_object().key("data").value(found.data).key("format").value(found.format);
    line.key("model").value(found.model);
    detail::put(line.key("templates"), found.templates);
    line.key("count").value(found.count).key("unreadable").value(found.unreadable);
    line.key("strangers").value(found.out_of_distribution).key("several_labels").value(found.several_labels);
    line.key("top1").value(found.top1).key("top5").value(found.top5);
    detail::put(line.key("mean_per_class"), found.mean_per_class);
    detail::put(line.key("mean_average_precision"), found.mean_average_precision);
    detail::put(line.key("log_loss"), found.log_loss);
    detail::put(line.key("expected_calibration_error"), found.expected_calibration_error);
    detail::put(line.key("temperature"), found.temperature);
    detail::put(line.key("calibrated_error"), found.calibrated_error);
    detail::put(line.key("intervals"), found.sure);
    detail::put_all(line, "reliability", found.reliability);
    detail::put_all(line, "per_class", found.classes);
    detail::put_all(line, "confusion", found.confusion);
    detail::put_all(line, "rejection", found.rejection);
    detail::put(line.key("stranger_auroc"), found.out_of_distribution_auroc);
    detail::put_prompts(line.key("prompts"), found);
    line.key("seconds").value(found.seconds).key("zeroshot").value(version);
    return line.end_object().text();
}

}}  // namespace zeroshot::ZEROSHOT_ABI
