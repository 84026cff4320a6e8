#pragma once
/// \file How sure a figure is: percentile intervals from images drawn again and again, the same on every machine.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/metrics/accuracy.hpp>
#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/metrics/prediction.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Random numbers that are the same everywhere: SplitMix64 (Steele, Lea and Flood 2014). Why not <random>? Its
/// distributions differ between standard libraries.
class random_numbers {
   public:
    explicit random_numbers(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        state_ += 0x9e3779b97f4a7c15;
        std::uint64_t mixed = state_;
        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
        return mixed ^ mixed >> 31;
    }

    /// A number from 0 to count - 1, by the upper bits of a product; its bias is below count / 2^32.
    /// \param count from 1 to 2^32
    std::size_t below(std::size_t count) noexcept {
        return static_cast<std::size_t>((next() >> 32) * static_cast<std::uint64_t>(count) >> 32);
    }

   private:
    std::uint64_t state_;
};

/// The numbers from 0 to count - 1 in random order: Fisher and Yates, from the last place to the first.
inline std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed) {
    std::vector<std::size_t> order(count);
    for (std::size_t i = 0; i < count; ++i) order[i] = i;
    random_numbers dice(seed);
    for (std::size_t left = count; left > 1; --left) std::swap(order[left - 1], order[dice.below(left)]);
    return order;
}

/// The value below which a share of the values lies, between neighbours in proportion: numpy.percentile.
/// \param values at least one
inline double quantile(std::vector<double> values, double share) {
    std::ranges::sort(values);
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const double rest = place - static_cast<double>(below);
    if (below + 1 >= values.size()) return values.back();
    return values[below] + rest * (values[below + 1] - values[below]);
}

/// Intervals of top-1, top-5 and mean per class recall: as many images as there are, drawn with repetition, so often.
/// \param classes how many
inline intervals bootstrap(std::span<const answer> answers, std::size_t classes, const intervals& how = {}) {
    struct outcome {
        std::uint32_t label;
        bool first, fifth;
    };
    std::vector<outcome> outcomes;
    bool one_label_each = true;
    for (const answer& said : answers) {
        if (said.is_out_of_distribution()) continue;
        outcomes.push_back({said.labels.front(), said.is_within(1), said.is_within(5)});
        one_label_each = one_label_each && said.labels.size() == 1;
    }
    intervals found = how;
    if (outcomes.empty() || how.resamples == 0) return found;
    random_numbers dice(how.seed);
    std::vector<double> top1, top5, recall;
    std::vector<class_result> drawn(classes);
    for (std::size_t resample = 0; resample < how.resamples; ++resample) {
        std::size_t first = 0, fifth = 0;
        for (class_result& one : drawn) one.count = one.right = 0;
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            const outcome& image = outcomes[dice.below(outcomes.size())];
            first += image.first ? 1 : 0;
            fifth += image.fifth ? 1 : 0;
            ++drawn[image.label].count;
            drawn[image.label].right += image.first ? 1 : 0;
        }
        top1.push_back(detail::share(first, outcomes.size()));
        top5.push_back(detail::share(fifth, outcomes.size()));
        recall.push_back(mean_per_class(drawn));
    }
    const auto middle = [&](const std::vector<double>& values) -> interval {
        return {quantile(values, (1 - how.level) / 2), quantile(values, (1 + how.level) / 2)};
    };
    found.top1 = middle(top1);
    found.top5 = middle(top5);
    if (one_label_each) found.mean_per_class = middle(recall);
    return found;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
