#pragma once
/// \file Which prompt templates are worth having: each alone, and the best together by greedy choice.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/metrics/accuracy.hpp>
#include <zeroshot/metrics/class_scores.hpp>
#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/metrics/prediction.hpp>
#include <zeroshot/support/random.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Hands on the place and the embedding of each image that could be read, in order; to be called as often as needed.
using embedding_pass = std::function<void(const std::function<void(std::size_t, std::span<const float>)>&)>;

/// What a comparison of templates gave.
struct compared_templates {
    std::vector<template_result> each;
    template_choice choice;
};

namespace detail {

/// The templates, and the images they are compared on.
class template_comparison {
   public:
    template_comparison(std::span<const matrix<float>> classes, std::span<const answer> answers,
                        const embedding_pass& embeddings, std::uint64_t seed)
        : classes_(classes),
          answers_(answers),
          embeddings_(embeddings),
          validation_(random_half(answers.size(), seed)) {}

    /// Top-1 of some templates together, over the images that `counts` says yes to.
    template <class Counts>
    double top1_of(std::span<const std::size_t> templates, const Counts& counts) const {
        const class_scores scores(sum_of(templates));
        std::size_t right = 0;
        embeddings_([&](std::size_t place, std::span<const float> row) {
            if (counts(place) && is_right(place, detail::argmax(scores.logits(row)))) ++right;
        });
        return share(right, count_of(counts));
    }

    /// Takes the template that helps most, again and again, until none helps.
    template_choice choose(std::span<const std::string> sentences) const {
        const std::vector<kept_cosines> kept = cosines_of_validation();
        const std::size_t count = classes_.front().rows();
        std::vector<std::vector<double>> sums(kept.size(), std::vector<double>(count, 0));
        std::vector<std::size_t> taken;
        template_choice found;
        std::size_t best_right = 0;
        while (taken.size() < classes_.size()) {
            std::optional<std::size_t> best;
            for (std::size_t next = 0; next < classes_.size(); ++next) {
                if (std::ranges::find(taken, next) != taken.end()) continue;
                const std::size_t right = right_with(next, taken, kept, sums);
                if (right <= best_right) continue;
                best = next;
                best_right = right;
            }
            if (!best) break;
            taken.push_back(*best);
            for (std::size_t i = 0; i < kept.size(); ++i) {
                for (std::size_t label = 0; label < count; ++label)
                    sums[i][label] += static_cast<double>(kept[i].cosines[*best * count + label]);
            }
            found.chosen.push_back(sentences[*best]);
            found.validation_top1.push_back(share(best_right, validation_count()));
        }
        if (taken.empty()) {  // every image is wrong whatever is asked
            taken.push_back(0);
            found.chosen.push_back(sentences[0]);
            found.validation_top1.push_back(0);
        }
        std::vector<std::size_t> all(classes_.size());
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
        const auto is_test = [&](std::size_t place) { return !validation_[place]; };
        found.test_top1 = top1_of(taken, is_test);
        found.test_top1_of_all = top1_of(all, is_test);
        found.validation_count = validation_count();
        found.test_count = count_of(is_test);
        return found;
    }

   private:
    /// Cosines of an image with all templates and classes.
    struct kept_cosines {
        std::size_t place;
        std::vector<float> cosines;  // [templates, classes]
    };

    bool is_right(std::size_t place, std::size_t label) const {
        return std::ranges::find(answers_[place].labels, label) != answers_[place].labels.end();
    }

    template <class Counts>
    std::size_t count_of(const Counts& counts) const {
        std::size_t count = 0;
        for (std::size_t place = 0; place < answers_.size(); ++place)
            count += !answers_[place].is_out_of_distribution() && counts(place) ? 1 : 0;
        return count;
    }
    std::size_t validation_count() const {
        return count_of([&](std::size_t place) { return validation_[place]; });
    }

    /// Class embeddings of some templates together; their mean is as long as one likes.
    matrix<float> sum_of(std::span<const std::size_t> templates) const {
        matrix<float> sum(classes_.front().rows(), classes_.front().columns());
        for (const std::size_t each : templates) sum += classes_[each];
        return sum;
    }

    /// As many images of the validation half as fit a fixed amount of memory.
    std::vector<kept_cosines> cosines_of_validation() const {
        constexpr std::size_t most_numbers = std::size_t{1} << 27;  // 512 MiB
        std::vector<class_scores> scores(classes_.begin(), classes_.end());
        const std::size_t each = classes_.size() * classes_.front().rows();
        const std::size_t most = std::max<std::size_t>(1, most_numbers / each);
        std::vector<kept_cosines> kept;
        embeddings_([&](std::size_t place, std::span<const float> row) {
            if (!validation_[place] || answers_[place].is_out_of_distribution() || kept.size() == most) return;
            kept_cosines one{place, {}};
            one.cosines.reserve(each);
            for (const class_scores& of_template : scores) {
                for (const double cosine : of_template.logits(row)) one.cosines.push_back(static_cast<float>(cosine));
            }
            kept.push_back(std::move(one));
        });
        return kept;
    }

    /// How many images are right with one more template: the cosine with a mean is the sum of the cosines by its
    /// length.
    std::size_t right_with(std::size_t next, std::vector<std::size_t> taken, std::span<const kept_cosines> kept,
                           std::span<const std::vector<double>> sums) const {
        taken.push_back(next);
        const matrix<float> together = sum_of(taken);
        std::vector<double> lengths, scores(together.rows());
        for (std::size_t label = 0; label < together.rows(); ++label) {
            double squares = 0;
            for (const float number : together.row(label))
                squares += static_cast<double>(number) * static_cast<double>(number);
            lengths.push_back(std::sqrt(squares));
        }
        std::size_t right = 0;
        for (std::size_t i = 0; i < kept.size(); ++i) {
            const float* const cosines = kept[i].cosines.data() + next * scores.size();
            for (std::size_t label = 0; label < scores.size(); ++label)
                scores[label] = (sums[i][label] + static_cast<double>(cosines[label])) / lengths[label];
            right += is_right(kept[i].place, detail::argmax(scores)) ? 1 : 0;
        }
        return right;
    }

    std::span<const matrix<float>> classes_;
    std::span<const answer> answers_;
    const embedding_pass& embeddings_;
    std::vector<bool> validation_;
};

}  // namespace detail

/// Compares templates: the top-1 of each, and a greedy choice on one half of the images that is judged on the other.
/// \param classes for each template the class embeddings [classes, embedding], of length 1
/// \param answers one for each image; only whether it is readable and its labels count
/// \throws argument_error where there is no template; numeric_error for an embedding without direction
inline compared_templates compare_templates(std::span<const std::string> sentences,
                                            std::span<const matrix<float>> classes, std::span<const answer> answers,
                                            const embedding_pass& embeddings, std::uint64_t seed) {
    if (classes.empty() || classes.size() != sentences.size()) {
        throw argument_error(error_code::argument, {"templates", "there are none to compare", "at least one", ""});
    }
    const detail::template_comparison compared(classes, answers, embeddings, seed);
    compared_templates found{{}, compared.choose(sentences)};
    for (std::size_t i = 0; i < sentences.size(); ++i) {
        const double top1 = compared.top1_of(std::span(&i, 1), [](std::size_t) { return true; });
        found.each.push_back({sentences[i], top1});
    }
    return found;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
