#pragma once
/// \file Confusion matrix, and groups of classes that are confused with one another.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/metrics/prediction.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace metrics {

/// The confusion matrix of images with one label each, without unreadable ones.
/// \return the entries that are not zero, sorted by label and prediction
inline std::vector<confusion_entry> confusion_of(std::span<const prediction> predictions) {
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> counts;
    for (const prediction& each : predictions) {
        if (each.readable && !each.is_out_of_distribution()) ++counts[{each.labels.front(), each.predicted()}];
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

}}}  // namespace zeroshot::ZEROSHOT_ABI::metrics
