#include "suggestions.hpp"

#include <algorithm>
#include <cstddef>

#include <zeroshot/support/edit_distance.hpp>

namespace program {

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
    constexpr std::size_t max_size = 100, min_prefix = 3;
    if (word.size() > max_size) return {};
    const std::size_t max_distance = std::max<std::size_t>(2, word.size() / 3);
    std::string best;
    std::size_t best_distance = max_distance + 1;
    for (const std::string& candidate : candidates) {
        const bool is_prefix = word.size() >= min_prefix && candidate.starts_with(word);  // "class" of "classify"
        const std::size_t distance = is_prefix ? 1 : zeroshot::detail::edit_distance(word, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
    const std::string suggestion = nearest(word, candidates);
    return suggestion.empty() ? "" : "; did you mean '" + suggestion + "'?";
}

}  // namespace program
