#pragma once
/// \file Comparison of prompt templates: each alone, and a greedy choice of an ensemble.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <zeroshot/error.hpp>
#include <zeroshot/metrics/accuracy.hpp>
#include <zeroshot/metrics/prediction.hpp>
#include <zeroshot/support/random.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace metrics {

/// The accuracy of a single template.
struct template_result {
    std::string sentence{};
    double top1 = 0;  ///< over all images
};

/// Greedy choice of templates on one half of the images, and its accuracy on the other half.
struct template_choice {
    std::vector<std::string> chosen{};      ///< in the order of the choice
    std::vector<double> validation_top1{};  ///< of the ensemble of the first one, the first two, ...
    double test_top1 = 0;                   ///< of the chosen ensemble
    double test_top1_of_all = 0;            ///< of the ensemble of all templates
    std::size_t validation_count = 0;
    std::size_t test_count = 0;
};

/// Visits the index and the embedding of each readable image, in order; may be called any number of times.
using embedding_pass = std::function<void(const std::function<void(std::size_t, std::span<const float>)>&)>;

/// Result of a comparison of templates.
struct template_comparison {
    std::vector<template_result> each;
    template_choice choice;
};

namespace detail {

class template_comparer {
   public:
    template_comparer(std::span<const matrix<float>> classes, std::span<const prediction> predictions,
                      const embedding_pass& embeddings, std::uint64_t seed)
        : classes_(classes),
          predictions_(predictions),
          embeddings_(embeddings),
          is_validation_(random_half(predictions.size(), seed)) {}

    /// Top-1 of an ensemble of templates over the images that a predicate accepts.
    template <class Predicate>
    double top1_of(std::span<const std::size_t> templates, const Predicate& accepts) const {
        table scores = sum_of(templates);
        scores.array().colwise() /= norms_of(scores);
        std::size_t correct = 0;
        embeddings_([&](std::size_t image, std::span<const float> embedding) {
            if (accepts(image) && is_correct(image, scores * as_double(embedding))) ++correct;
        });
        return share(correct, count_of(accepts));
    }

    /// Adds the template that improves the ensemble most, until none improves it.
    template_choice choose(std::span<const std::string> sentences) const {
        const std::vector<image_cosines> images = validation_cosines();
        std::vector<Eigen::VectorXd> sums(images.size(), Eigen::VectorXd::Zero(class_count()));
        const auto is_test = [&](std::size_t image) { return !is_validation_[image]; };
        const std::size_t validation_count = count_of([&](std::size_t image) { return !is_test(image); });
        std::vector<std::size_t> chosen, all(classes_.size());
        std::iota(all.begin(), all.end(), std::size_t{0});
        template_choice result;
        std::size_t best_correct = 0;
        while (chosen.size() < classes_.size()) {
            std::optional<std::size_t> best;
            for (const std::size_t candidate : all) {
                if (std::ranges::find(chosen, candidate) != chosen.end()) continue;
                const std::size_t correct = correct_with(candidate, chosen, images, sums);
                if (correct <= best_correct) continue;
                best = candidate;
                best_correct = correct;
            }
            if (!best) break;
            chosen.push_back(*best);
            for (std::size_t i = 0; i < images.size(); ++i) sums[i] += images[i].of_template(*best);
            result.chosen.push_back(sentences[*best]);
            result.validation_top1.push_back(share(best_correct, validation_count));
        }
        if (chosen.empty()) {  // no template predicts any image correctly
            chosen.push_back(0);
            result.chosen.push_back(sentences[0]);
            result.validation_top1.push_back(0);
        }
        result.test_top1 = top1_of(chosen, is_test);
        result.test_top1_of_all = top1_of(all, is_test);
        result.validation_count = validation_count;
        result.test_count = count_of(is_test);
        return result;
    }

   private:
    using table = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

    /// Cosines of an image with the classes of all templates.
    struct image_cosines {
        std::size_t image;
        Eigen::MatrixXf cosines;  // [classes, templates]

        Eigen::VectorXd of_template(std::size_t index) const {
            return cosines.col(static_cast<Eigen::Index>(index)).cast<double>();
        }
    };

    Eigen::Index class_count() const { return classes_.front().eigen().rows(); }

    /// \throws numeric_error for an embedding of norm 0, or one that is not finite
    static Eigen::VectorXd as_double(std::span<const float> embedding) {
        const Eigen::VectorXd values =
            Eigen::Map<const Eigen::VectorXf>(embedding.data(), std::ssize(embedding)).cast<double>();
        check_norm(values.norm(), "image embedding");
        return values;
    }

    /// \throws as as_double()
    static Eigen::ArrayXd norms_of(const table& classes) {
        const Eigen::ArrayXd norms = classes.rowwise().norm();
        for (const double norm : norms) check_norm(norm, "class embedding");
        return norms;
    }

    static void check_norm(double norm, const char* name) {
        if (norm > 0 && is_finite(norm)) return;
        throw numeric_error(error_code::numeric, {name, "norm " + std::to_string(norm), "a positive, finite norm", ""});
    }

    /// Whether the class with the highest score is a true one; of equal scores the first class counts.
    bool is_correct(std::size_t image, const Eigen::VectorXd& scores) const {
        const std::size_t label = zeroshot::detail::argmax(scores);
        return std::ranges::find(predictions_[image].labels, label) != predictions_[image].labels.end();
    }

    /// Number of in-distribution images that a predicate accepts.
    template <class Predicate>
    std::size_t count_of(const Predicate& accepts) const {
        std::size_t count = 0;
        for (std::size_t image = 0; image < predictions_.size(); ++image)
            count += !predictions_[image].is_out_of_distribution() && accepts(image) ? 1 : 0;
        return count;
    }

    /// Class embeddings of an ensemble, not normalised: [classes, embedding].
    table sum_of(std::span<const std::size_t> templates) const {
        matrix<float> sum(classes_.front().rows(), classes_.front().columns());
        for (const std::size_t index : templates) sum += classes_[index];
        return sum.eigen().cast<double>();
    }

    /// Cosines of the validation images, of as many as fit a fixed amount of memory.
    std::vector<image_cosines> validation_cosines() const {
        constexpr std::size_t most_numbers = std::size_t{1} << 27;  // 512 MiB
        const std::size_t numbers = classes_.size() * classes_.front().rows();
        const std::size_t most_images = (std::max<std::size_t>)(1, most_numbers / numbers);
        table classes(static_cast<Eigen::Index>(numbers), classes_.front().eigen().cols());  // of all templates
        for (std::size_t i = 0; i < classes_.size(); ++i) {
            classes.middleRows(static_cast<Eigen::Index>(i) * class_count(), class_count()) =
                classes_[i].eigen().cast<double>();
        }
        classes.array().colwise() /= norms_of(classes);
        std::vector<image_cosines> images;
        embeddings_([&](std::size_t image, std::span<const float> embedding) {
            if (!is_validation_[image] || predictions_[image].is_out_of_distribution() || images.size() == most_images)
                return;
            const Eigen::VectorXf cosines = (classes * as_double(embedding).normalized()).cast<float>();
            images.push_back({image, cosines.reshaped(class_count(), std::ssize(classes_))});
        });
        return images;
    }

    /// Number of correct images of an ensemble with one more template. The cosine with a mean of embeddings is the sum
    /// of their cosines, divided by the norm of their sum.
    std::size_t correct_with(std::size_t candidate, std::vector<std::size_t> ensemble,
                             std::span<const image_cosines> images, std::span<const Eigen::VectorXd> sums) const {
        ensemble.push_back(candidate);
        const Eigen::ArrayXd norms = norms_of(sum_of(ensemble));
        std::size_t correct = 0;
        for (std::size_t i = 0; i < images.size(); ++i) {
            const Eigen::VectorXd cosines = images[i].of_template(candidate);
            correct += is_correct(images[i].image, (sums[i] + cosines).array() / norms) ? 1 : 0;
        }
        return correct;
    }

    std::span<const matrix<float>> classes_;
    std::span<const prediction> predictions_;
    const embedding_pass& embeddings_;
    std::vector<bool> is_validation_;
};

}  // namespace detail

/// Compares templates: the top-1 of each, and a greedy choice on one half of the images with its top-1 on the other.
/// \param classes for each template the class embeddings [classes, embedding], of length 1
/// \param predictions one for each image; only its labels and whether it is readable count
/// \throws argument_error without templates; numeric_error for an embedding of norm 0, or one that is not finite
inline template_comparison compare_templates(std::span<const std::string> sentences,
                                             std::span<const matrix<float>> classes,
                                             std::span<const prediction> predictions, const embedding_pass& embeddings,
                                             std::uint64_t seed) {
    if (classes.empty() || classes.size() != sentences.size())
        throw argument_error(error_code::argument, {"templates", "there are none to compare", "at least one", ""});
    const detail::template_comparer comparer(classes, predictions, embeddings, seed);
    template_comparison result{{}, comparer.choose(sentences)};
    for (std::size_t i = 0; i < sentences.size(); ++i)
        result.each.push_back({sentences[i], comparer.top1_of({&i, 1}, [](std::size_t) { return true; })});
    return result;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::metrics
