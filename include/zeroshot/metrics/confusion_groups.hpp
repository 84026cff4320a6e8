#pragma once
/// \file Classes that are taken for one another: what a confusion matrix says of the fine-grained ones.

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

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Some classes, and how often one of them was taken for another of them.
struct confusion_group {
    std::vector<std::uint32_t> classes{};  ///< in ascending order
    std::size_t mistakes = 0;              ///< among them
    std::size_t images = 0;                ///< of them
};

/// Groups of classes that are taken for one another. Two classes belong together where one is taken for the other and
/// the other for the one; those that mix most, as a share of their images, join first, and a group grows to a size
/// that can still be read. Why not the connected parts of the matrix? Where there are many classes and few images of
/// each, nearly all of them hang together.
/// \param counts images of each class
/// \param confusion entries of these classes
/// \return the group with the most mistakes first
inline std::vector<confusion_group> confusion_groups(std::span<const std::size_t> counts,
                                                     std::span<const confusion_entry> confusion) {
    constexpr std::size_t largest = 8;
    using two_classes = std::pair<std::uint32_t, std::uint32_t>;
    std::map<two_classes, std::size_t> mistakes;
    for (const confusion_entry& entry : confusion) {
        if (entry.label != entry.predicted) mistakes[{entry.label, entry.predicted}] += entry.count;
    }
    std::vector<std::pair<double, two_classes>> mutual;
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
        confusion_group& found = groups[group_of[label]];
        if (found.classes.empty()) found.classes = {label};
        return found;
    };
    for (const auto& [share, both] : mutual) {
        const std::uint32_t into = group_of[both.first], from = group_of[both.second];
        if (into == from) continue;
        confusion_group &kept = group(both.first), &joined = group(both.second);
        if (kept.classes.size() + joined.classes.size() > largest) continue;
        for (const std::uint32_t label : joined.classes) group_of[label] = into;
        kept.classes.insert(kept.classes.end(), joined.classes.begin(), joined.classes.end());
        groups.erase(from);
    }
    std::vector<confusion_group> found;
    for (auto& [first, one] : groups) {
        if (one.classes.size() < 2) continue;
        std::ranges::sort(one.classes);
        for (const std::uint32_t label : one.classes) one.images += counts[label];
        for (const auto& [two, count] : mistakes) {
            const bool is_inside = group_of[two.first] == first && group_of[two.second] == first;
            one.mistakes += is_inside ? count : 0;
        }
        found.push_back(std::move(one));
    }
    std::ranges::stable_sort(found, std::ranges::greater(), &confusion_group::mistakes);
    return found;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
