#pragma once
/// \file Top-k accuracy, mean per-class recall, average precision and area under the ROC curve.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/metrics/prediction.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace metrics {

namespace detail {

inline double share(std::size_t part, std::size_t whole) noexcept {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace detail

/// Number of images of listed classes, the denominator of accuracies.
inline std::size_t count_in_distribution(std::span<const prediction> predictions) noexcept {
    return static_cast<std::size_t>(std::ranges::count(predictions, false, &prediction::is_out_of_distribution));
}

/// The share of images with a true class among the k best; unreadable images count as wrong. Mirrors accuracy() in
/// CLIP_benchmark's zeroshot_classification.py, and sklearn.metrics.top_k_accuracy_score for predictions with
/// ties::last_label.
inline double top_k_accuracy(std::span<const prediction> predictions, std::size_t k) noexcept {
    const auto within = std::ranges::count_if(predictions, [k](const prediction& each) { return each.is_within(k); });
    return detail::share(static_cast<std::size_t>(within), count_in_distribution(predictions));
}

/// Counts for each class, by label, of images with one label each.
/// \param names of the classes
inline std::vector<class_result> class_results(std::span<const prediction> predictions,
                                               std::span<const std::string> names) {
    std::vector<class_result> results(names.size());
    for (std::size_t label = 0; label < names.size(); ++label) results[label].name = names[label];
    for (const prediction& each : predictions) {
        for (const std::uint32_t label : each.labels) {
            ++results[label].count;
            if (!each.readable) ++results[label].unreadable;
            if (each.readable && each.predicted() == label) ++results[label].correct;
        }
        if (each.readable && !each.is_out_of_distribution()) ++results[each.predicted()].predicted;
    }
    return results;
}

/// The mean recall of the classes that have images: sklearn.metrics.balanced_accuracy_score, CLIP_benchmark's
/// mean_per_class_recall. 0 without images.
inline double mean_per_class_recall(std::span<const class_result> classes) noexcept {
    double sum = 0;
    std::size_t present = 0;
    for (const class_result& one : classes) {
        if (one.count == 0) continue;
        sum += detail::share(one.correct, one.count);
        ++present;
    }
    return present == 0 ? 0 : sum / static_cast<double>(present);
}

/// Treatment of equal scores in a ranking.
enum class tied_scores {
    together,  ///< all at once: sklearn.metrics.average_precision_score
    in_order   ///< in the order of the images: CLIP_benchmark's average_precision_per_class, with a stable sort
};

/// The score of an image for a class, and whether the image is of that class.
struct scored_truth {
    double score;
    bool is_true;
};

/// The mean of the precisions at the true images, best score first; 0 without true images, as in both references.
inline double average_precision(std::vector<scored_truth> images, tied_scores tied = tied_scores::together) {
    std::ranges::stable_sort(images, std::greater<>{}, &scored_truth::score);
    double sum = 0;
    std::size_t right = 0, right_in_group = 0;
    for (std::size_t seen = 1; seen <= images.size(); ++seen) {
        right_in_group += images[seen - 1].is_true ? 1 : 0;
        const bool ends =
            tied == tied_scores::in_order || seen == images.size() || images[seen].score != images[seen - 1].score;
        if (!ends) continue;
        right += right_in_group;
        sum += static_cast<double>(right_in_group) * detail::share(right, seen);
        right_in_group = 0;
    }
    return right == 0 ? 0 : sum / static_cast<double>(right);
}

/// The probability that a true image has a higher score than a false one, ties counting half:
/// sklearn.metrics.roc_auc_score.
/// \return nothing if all images are true, or none
inline std::optional<double> area_under_roc(std::vector<scored_truth> images) {
    std::ranges::sort(images, {}, &scored_truth::score);
    double wins = 0;
    std::size_t all_true = 0, all_false = 0;
    for (std::size_t first = 0; first < images.size();) {
        std::size_t last = first, true_here = 0;
        for (; last < images.size() && images[last].score == images[first].score; ++last)
            true_here += images[last].is_true ? 1 : 0;
        const std::size_t false_here = last - first - true_here;
        wins += static_cast<double>(true_here) * (static_cast<double>(all_false) + static_cast<double>(false_here) / 2);
        all_true += true_here;
        all_false += false_here;
        first = last;
    }
    if (all_true == 0 || all_false == 0) return std::nullopt;
    return wins / (static_cast<double>(all_true) * static_cast<double>(all_false));
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::metrics
