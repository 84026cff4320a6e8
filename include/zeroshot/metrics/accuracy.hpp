#pragma once
/// \file How good answers are: top-k accuracy, mean per class recall, confusion, average precision.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/metrics/prediction.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

inline double share(std::size_t part, std::size_t whole) noexcept {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace detail

/// How many images are of a listed class: what shares are of.
inline std::size_t count_of_listed(std::span<const answer> answers) noexcept {
    return static_cast<std::size_t>(std::ranges::count(answers, false, &answer::is_out_of_distribution));
}

/// The share of images with a true class among the first k; what could not be read is not. The formula of accuracy()
/// in CLIP_benchmark's zeroshot_classification.py, and of sklearn.metrics.top_k_accuracy_score where answers were made
/// with ties::last_label.
inline double top_k(std::span<const answer> answers, std::size_t k) noexcept {
    const auto within = std::ranges::count_if(answers, [k](const answer& said) { return said.is_within(k); });
    return detail::share(static_cast<std::size_t>(within), count_of_listed(answers));
}

/// What was found for each class, by label, from images with one label each.
/// \param names of the classes
inline std::vector<class_result> per_class(std::span<const answer> answers, std::span<const std::string> names) {
    std::vector<class_result> found(names.size());
    for (std::size_t label = 0; label < names.size(); ++label) found[label].name = names[label];
    for (const answer& said : answers) {
        for (const std::uint32_t label : said.labels) {
            ++found[label].count;
            if (!said.readable) ++found[label].unreadable;
            if (said.readable && said.predicted() == label) ++found[label].right;
        }
        if (said.readable && !said.is_out_of_distribution()) ++found[said.predicted()].predicted;
    }
    return found;
}

/// The mean of the classes' recalls, of those that have images: sklearn.metrics.balanced_accuracy_score, which
/// CLIP_benchmark calls mean_per_class_recall. 0 where none has.
inline double mean_per_class(std::span<const class_result> classes) noexcept {
    double sum = 0;
    std::size_t present = 0;
    for (const class_result& one : classes) {
        if (one.count == 0) continue;
        sum += detail::share(one.right, one.count);
        ++present;
    }
    return present == 0 ? 0 : sum / static_cast<double>(present);
}

/// How often each class was taken for each, from images with one label each; unreadable ones are in no entry.
/// \return what happened at all, sorted by label and prediction
inline std::vector<confusion_entry> confusion_of(std::span<const answer> answers) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
    for (const answer& said : answers) {
        if (said.readable && !said.is_out_of_distribution()) pairs.emplace_back(said.labels.front(), said.predicted());
    }
    std::ranges::sort(pairs);
    std::vector<confusion_entry> entries;
    for (const auto& [label, predicted] : pairs) {
        const bool again = !entries.empty() && entries.back().label == label && entries.back().predicted == predicted;
        if (!again) entries.push_back({label, predicted, 0});
        ++entries.back().count;
    }
    return entries;
}

/// How a ranking with equal scores is cut.
enum class tied_scores {
    together,  ///< all at once: sklearn.metrics.average_precision_score
    in_order   ///< in the order of the images: CLIP_benchmark's average_precision_per_class, with a stable sort
};

/// What an image scored for a class, and whether it is of it.
struct scored_truth {
    double score;
    bool is_true;
};

/// The mean of the precisions at the true ones, best score first; 0 where nothing is true, as both references have it.
inline double average_precision(std::vector<scored_truth> images, tied_scores cut = tied_scores::together) {
    std::ranges::stable_sort(images, std::greater<>{}, &scored_truth::score);
    double sum = 0;
    std::size_t right = 0, right_in_group = 0;
    for (std::size_t seen = 1; seen <= images.size(); ++seen) {
        right_in_group += images[seen - 1].is_true ? 1 : 0;
        const bool ends =
            cut == tied_scores::in_order || seen == images.size() || images[seen].score != images[seen - 1].score;
        if (!ends) continue;
        right += right_in_group;
        sum += static_cast<double>(right_in_group) * detail::share(right, seen);
        right_in_group = 0;
    }
    return right == 0 ? 0 : sum / static_cast<double>(right);
}

/// How often a random true one has a higher score than a random false one, ties counting half:
/// sklearn.metrics.roc_auc_score. Nothing where there are none of one kind.
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

}}  // namespace zeroshot::ZEROSHOT_ABI
