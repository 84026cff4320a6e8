#pragma once
/// \file Top-k accuracy, mean per-class recall, confusion matrix, average precision, area under the ROC curve, and
/// bootstrap confidence intervals.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/metrics/prediction.hpp>
#include <zeroshot/support/random.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace metrics {

namespace detail {

inline double share(std::size_t part, std::size_t whole) noexcept {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace detail

/// Number of in-distribution images, the denominator of accuracies.
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

/// Counts for one class.
struct class_result {
    std::string name{};
    std::size_t count = 0;  ///< images of the class, including unreadable ones
    std::size_t unreadable = 0;
    std::size_t predicted = 0;                  ///< images predicted as the class
    std::size_t correct = 0;                    ///< images of the class predicted as it
    std::optional<double> average_precision{};  ///< for images with several labels
};

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
            if (each.readable && each.predicted == label) ++results[label].correct;
        }
        if (each.readable && !each.is_out_of_distribution()) ++results[each.predicted].predicted;
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

/// A non-zero entry of the confusion matrix.
struct confusion_entry {
    std::uint32_t label;
    std::uint32_t predicted;
    std::size_t count;
};

/// The confusion matrix of images with one label each, without unreadable ones.
/// \return the entries that are not zero, sorted by label and prediction
inline std::vector<confusion_entry> confusion_of(std::span<const prediction> predictions) {
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> counts;
    for (const prediction& each : predictions) {
        if (each.readable && !each.is_out_of_distribution()) ++counts[{each.labels.front(), each.predicted}];
    }
    std::vector<confusion_entry> entries;
    for (const auto& [pair, count] : counts) entries.push_back({pair.first, pair.second, count});
    return entries;
}

/// Classes that are confused with one another.
struct confusion_group {
    std::vector<std::uint32_t> classes{};  ///< in ascending order
    std::size_t mistakes = 0;              ///< images of one of them predicted as another of them
    std::size_t images = 0;                ///< images of these classes
};

/// Groups of classes that are confused with one another: greedy merging of pairs that are confused in both directions,
/// the largest share of their images first, up to eight classes per group. Connected components of the matrix would
/// join nearly all classes of a data set with many classes and few images of each.
/// \param counts number of images of each class
/// \param confusion entries of these classes
/// \return groups by their mistakes, most first
inline std::vector<confusion_group> confusion_groups(std::span<const std::size_t> counts,
                                                     std::span<const confusion_entry> confusion) {
    constexpr std::size_t largest = 8;
    using class_pair = std::pair<std::uint32_t, std::uint32_t>;
    std::map<class_pair, std::size_t> mistakes;
    for (const confusion_entry& entry : confusion) {
        if (entry.label != entry.predicted) mistakes[{entry.label, entry.predicted}] += entry.count;
    }
    std::vector<std::pair<double, class_pair>> mutual;
    for (const auto& [from, count] : mistakes) {
        const auto back = mistakes.find({from.second, from.first});
        if (from.first > from.second || back == mistakes.end()) continue;
        const auto images = static_cast<double>(counts[from.first] + counts[from.second]);
        mutual.emplace_back(static_cast<double>(count + back->second) / images, from);
    }
    std::ranges::stable_sort(mutual, [](const auto& a, const auto& b) { return a.first > b.first; });

    std::vector<std::uint32_t> group_of(counts.size());
    std::iota(group_of.begin(), group_of.end(), 0U);
    std::map<std::uint32_t, confusion_group> groups;
    const auto group = [&](std::uint32_t label) -> confusion_group& {
        confusion_group& current = groups[group_of[label]];
        if (current.classes.empty()) current.classes = {label};
        return current;
    };
    for (const auto& [share, pair] : mutual) {
        const std::uint32_t target_id = group_of[pair.first], joined_id = group_of[pair.second];
        if (target_id == joined_id) continue;
        confusion_group &target = group(pair.first), &joined = group(pair.second);
        if (target.classes.size() + joined.classes.size() > largest) continue;
        for (const std::uint32_t label : joined.classes) group_of[label] = target_id;
        target.classes.insert(target.classes.end(), joined.classes.begin(), joined.classes.end());
        groups.erase(joined_id);
    }
    std::vector<confusion_group> result;
    for (auto& [first, merged] : groups) {
        if (merged.classes.size() < 2) continue;
        std::ranges::sort(merged.classes);
        for (const std::uint32_t label : merged.classes) merged.images += counts[label];
        for (const auto& [pair, count] : mistakes) {
            const bool is_inside = group_of[pair.first] == first && group_of[pair.second] == first;
            merged.mistakes += is_inside ? count : 0;
        }
        result.push_back(std::move(merged));
    }
    std::ranges::stable_sort(result, std::ranges::greater(), &confusion_group::mistakes);
    return result;
}

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

/// A quantile with linear interpolation: numpy.percentile.
/// \param values at least one
inline double quantile(std::vector<double> values, double share) {
    std::ranges::sort(values);
    const double position = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const double rest = position - static_cast<double>(below);
    if (below + 1 >= values.size()) return values.back();
    return values[below] + rest * (values[below + 1] - values[below]);
}

/// Percentile intervals of top-1, top-5 and mean per-class recall, from images drawn with replacement.
/// \param classes number of classes
/// \param options level, number of resamples and seed
inline confidence_intervals bootstrap(std::span<const prediction> predictions, std::size_t classes,
                                      const confidence_intervals& options = {}) {
    struct outcome {
        std::uint32_t label;
        bool in_top1, in_top5;
    };
    std::vector<outcome> outcomes;
    bool single_label = true;
    for (const prediction& each : predictions) {
        if (each.is_out_of_distribution()) continue;
        outcomes.push_back({each.labels.front(), each.is_within(1), each.is_within(5)});
        single_label = single_label && each.labels.size() == 1;
    }
    confidence_intervals result = options;
    if (outcomes.empty() || options.resamples == 0) return result;
    random_generator random(options.seed);
    std::vector<double> top1, top5, recall;
    std::vector<class_result> drawn(classes);
    for (std::size_t resample = 0; resample < options.resamples; ++resample) {
        std::size_t hits1 = 0, hits5 = 0;
        for (class_result& counts : drawn) counts.count = counts.correct = 0;
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            const outcome& image = outcomes[random.below(outcomes.size())];
            hits1 += image.in_top1 ? 1 : 0;
            hits5 += image.in_top5 ? 1 : 0;
            ++drawn[image.label].count;
            drawn[image.label].correct += image.in_top1 ? 1 : 0;
        }
        top1.push_back(detail::share(hits1, outcomes.size()));
        top5.push_back(detail::share(hits5, outcomes.size()));
        recall.push_back(mean_per_class_recall(drawn));
    }
    const auto interval_of = [&](const std::vector<double>& values) -> interval {
        return {quantile(values, (1 - options.level) / 2), quantile(values, (1 + options.level) / 2)};
    };
    result.top1 = interval_of(top1);
    result.top5 = interval_of(top5);
    if (single_label) result.mean_per_class = interval_of(recall);
    return result;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::metrics
