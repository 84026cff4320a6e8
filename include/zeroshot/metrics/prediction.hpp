#pragma once
/// \file Prediction for a labelled image, and its JSON.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <zeroshot/error.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace metrics {

/// Order of classes with equal scores.
enum class ties {
    first_label,  ///< as in numpy.argmax, torch.argmax and zeroshot::classifier
    last_label    ///< as in sklearn.metrics.top_k_accuracy_score
};

/// A class with its score.
struct scored_class {
    std::uint32_t label;
    double logit;
    double probability;
};

/// The prediction for an image, reduced to what the metrics need.
struct prediction {
    std::vector<std::uint32_t> labels{};  ///< true classes; empty for an out-of-distribution image
    bool readable = true;                 ///< an unreadable image counts as wrong
    std::uint32_t rank = 0;               ///< number of classes before the first true class
    std::uint32_t predicted = 0;          ///< the most probable class
    double confidence = 0;                ///< its probability

    bool is_out_of_distribution() const noexcept { return labels.empty(); }

    /// Whether a true class is among the k best.
    bool is_within(std::size_t k) const noexcept { return readable && !is_out_of_distribution() && rank < k; }
    bool is_correct() const noexcept { return is_within(1); }
};

/// A prediction with the probabilities of the best classes.
struct detailed_prediction : prediction {
    double probability = 0;           ///< of the best of the true classes
    std::vector<scored_class> top{};  ///< the five best classes, or all of fewer, most probable first
};

/// The prediction for an image that could not be read.
inline detailed_prediction unreadable_prediction(std::vector<std::uint32_t> labels) {
    detailed_prediction result;
    result.labels = std::move(labels);
    result.readable = false;
    return result;
}

/// log(sum(exp(logits))), without overflow.
inline double log_sum_exp(std::span<const double> logits) noexcept {
    const double highest = *std::ranges::max_element(logits);
    double sum = 0;
    for (const double logit : logits) sum += std::exp(logit - highest);
    return highest + std::log(sum);
}

/// The prediction for the logits of an image.
/// \param logits [classes], at least one class, all finite
/// \param labels below logits.size()
inline detailed_prediction prediction_of(std::span<const double> logits, std::vector<std::uint32_t> labels,
                                         ties order = ties::first_label) {
    const auto before = [&](std::uint32_t a, std::uint32_t b) {
        if (logits[a] != logits[b]) return logits[a] > logits[b];
        return order == ties::first_label ? a < b : a > b;
    };
    constexpr std::size_t max_top = 5;
    const double all = log_sum_exp(logits);
    const auto probability = [&](std::uint32_t label) { return std::exp(logits[label] - all); };
    detailed_prediction result;
    std::vector<std::uint32_t> classes(logits.size());
    std::iota(classes.begin(), classes.end(), 0U);
    const std::size_t count = (std::min)(max_top, classes.size());
    std::ranges::partial_sort(classes, classes.begin() + static_cast<std::ptrdiff_t>(count), before);
    for (const std::uint32_t label : std::span(classes).first(count))
        result.top.push_back({label, logits[label], probability(label)});
    result.predicted = result.top.front().label;
    result.confidence = result.top.front().probability;
    if (!labels.empty()) {
        const std::uint32_t best = *std::ranges::min_element(labels, before);
        for (std::uint32_t label = 0; label < classes.size(); ++label) result.rank += before(label, best) ? 1u : 0u;
        result.probability = probability(best);
    }
    result.labels = std::move(labels);
    return result;
}

/// Predictions for images with one label each, for example from an Eigen matrix in any storage order.
/// \param logits [images, classes], all finite
/// \param labels [images], indices of classes
template <class Logits>
std::vector<prediction> predictions_of(const Eigen::MatrixBase<Logits>& logits, std::span<const std::uint32_t> labels) {
    std::vector<prediction> predictions;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const Eigen::VectorXd row = logits.row(static_cast<Eigen::Index>(i)).template cast<double>();
        predictions.push_back(prediction_of({row.data(), static_cast<std::size_t>(row.size())}, {labels[i]}));
    }
    return predictions;
}

/// Reason why an image has no prediction.
struct reading_failure {
    error_code code;
    std::string sentence;
};

/// A prediction as a line of JSON, as `zeroshot evaluate --per-picture FILE` writes it:
///
///     {"name": "cat/1.png", "labels": [0], "rank": 1, "probability": 0.21,
///      "top": [{"class": 2, "probability": 0.7, "logit": 24.1}, ...at most five...]}
///     {"name": "cat/2.png", "labels": [0], "error": {"code": "FORMAT", "message": "..."}}
///
/// Classes are numbers from 0, indices of "per_class" in the evaluation. `rank` counts the classes before the
/// best true class: 0 is correct. An out-of-distribution image has no labels, and neither rank nor probability.
inline std::string json_line(std::string_view name, const detailed_prediction& prediction,
                             const std::optional<reading_failure>& failed = std::nullopt) {
    nlohmann::ordered_json line{{"name", name}, {"labels", prediction.labels}};
    if (!prediction.readable) {
        const auto [code, sentence] = failed.value_or(reading_failure{error_code::io, ""});
        line["error"] = {{"code", name_of(code)}, {"message", sentence}};
        return json_text_of(line);
    }
    if (!prediction.is_out_of_distribution()) {
        line["rank"] = prediction.rank;
        line["probability"] = json_number(prediction.probability);
    }
    line["top"] = nlohmann::ordered_json::array();
    for (const scored_class& each : prediction.top) {
        line["top"].push_back({{"class", each.label},
                               {"probability", json_number(each.probability)},
                               {"logit", json_number(each.logit)}});
    }
    return json_text_of(line);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::metrics
