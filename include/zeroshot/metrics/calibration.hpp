#pragma once
/// \file Metrics of confidence: reliability diagram, expected calibration error, temperature scaling; accuracy versus
/// coverage, and detection of out-of-distribution images.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <zeroshot/metrics/accuracy.hpp>
#include <zeroshot/metrics/prediction.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace metrics {

/// Bins of a reliability diagram: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.
inline constexpr std::size_t default_bins = 15;

/// One bin of a reliability diagram: the images whose confidence is in (lower, upper].
struct reliability_bin {
    double lower = 0;
    double upper = 0;
    std::size_t count = 0;
    double confidence = 0;  ///< mean of these images; 0 without images
    double accuracy = 0;    ///< share of these images that are correct
};

/// The confidence of a prediction, and whether it is correct.
struct calibration_sample {
    double confidence;
    bool correct;
};

/// Samples of the readable in-distribution images.
inline std::vector<calibration_sample> calibration_samples(std::span<const prediction> predictions) {
    std::vector<calibration_sample> samples;
    for (const prediction& each : predictions) {
        if (each.readable && !each.is_out_of_distribution()) samples.push_back({each.confidence, each.is_correct()});
    }
    return samples;
}

/// Bins of equal width, each (lower, upper]; a confidence of 0 is in the first. ECELoss in gpleiss/temperature_scaling.
inline std::vector<reliability_bin> reliability_of(std::span<const calibration_sample> samples,
                                                   std::size_t bins = default_bins) {
    const auto edge = [bins](std::size_t i) { return static_cast<double>(i) / static_cast<double>(bins); };
    std::vector<reliability_bin> diagram(bins);
    for (std::size_t i = 0; i < bins; ++i) {
        diagram[i].lower = edge(i);
        diagram[i].upper = edge(i + 1);
    }
    for (const calibration_sample& sample : samples) {
        const auto within = [](const reliability_bin& bin, double confidence) { return bin.upper < confidence; };
        const auto at = std::lower_bound(diagram.begin(), diagram.end() - 1, sample.confidence, within);
        ++at->count;
        at->confidence += sample.confidence;
        at->accuracy += sample.correct ? 1 : 0;
    }
    for (reliability_bin& bin : diagram) {
        if (bin.count == 0) continue;
        bin.confidence /= static_cast<double>(bin.count);
        bin.accuracy /= static_cast<double>(bin.count);
    }
    return diagram;
}

/// The mean distance of confidence and accuracy over all images; 0 without images.
inline double expected_calibration_error(std::span<const reliability_bin> bins) noexcept {
    double sum = 0;
    std::size_t count = 0;
    for (const reliability_bin& bin : bins) {
        sum += static_cast<double>(bin.count) * std::abs(bin.accuracy - bin.confidence);
        count += bin.count;
    }
    return count == 0 ? 0 : sum / static_cast<double>(count);
}

/// Visits the logits [classes] and the label of each image; may be called any number of times.
using logit_pass = std::function<void(const std::function<void(std::span<const double>, std::uint32_t)>&)>;

/// The temperature T > 0 that minimises the mean of -log softmax(logits / T)[label]. The loss is convex in 1 / T:
/// Newton's method, with bisection for steps that leave the bracket.
/// \return nothing if T would be 0 (every image is correct) or infinite (worse than chance)
inline std::optional<double> fitted_temperature(const logit_pass& pass) {
    constexpr double lowest = 1e-6, highest = 1e6;  // of 1 / T
    constexpr int max_steps = 100;
    constexpr double tolerance = 1e-12;  // of 1 / T, relative
    struct derivatives {
        double first = 0, second = 0;
        bool all_correct = true;
    };
    const auto derivatives_at = [&](double inverse) {
        derivatives sum;
        pass([&](std::span<const double> logits, std::uint32_t label) {
            const Eigen::ArrayXd distances =
                Eigen::Map<const Eigen::ArrayXd>(logits.data(), std::ssize(logits)) - logits[label];
            const Eigen::ArrayXd scaled = inverse * distances;
            const Eigen::ArrayXd probabilities = (scaled - log_sum_exp({scaled.data(), logits.size()})).exp();
            const double mean = (probabilities * distances).sum();
            sum.first += mean;
            sum.second += (probabilities * distances.square()).sum() - mean * mean;
            sum.all_correct = sum.all_correct && (distances <= 0).all();
        });
        return sum;
    };
    const derivatives flat = derivatives_at(0);
    if (flat.all_correct || flat.first >= 0) return std::nullopt;
    double low = lowest, high = highest, inverse = 1;
    for (int step = 0; step < max_steps; ++step) {
        const derivatives slope = derivatives_at(inverse);
        (slope.first > 0 ? high : low) = inverse;
        double next = inverse - slope.first / slope.second;
        if (!(next > low && next < high)) next = std::sqrt(low * high);
        if (std::abs(next - inverse) <= tolerance * inverse) return 1 / next;
        inverse = next;
    }
    return 1 / inverse;
}

/// A point of the rejection curve: images with a confidence below the threshold are rejected.
struct rejection_point {
    double threshold = 0;
    double coverage = 0;                                   ///< accepted share of the in-distribution images
    double accuracy = 0;                                   ///< correct share of the accepted images
    std::optional<double> out_of_distribution_accepted{};  ///< accepted share of the out-of-distribution images
};

/// The rejection curve: for decreasing coverage the confidence threshold, and the accuracy of the accepted images.
/// Unreadable images are rejected.
/// \param points number of coverages from 1 down to 1 / points; images with equal confidence are accepted together, so
/// that the curve may have fewer points
inline std::vector<rejection_point> rejection_curve(std::span<const prediction> predictions, std::size_t points = 20) {
    struct outcome {
        double confidence;
        bool correct;
    };
    std::vector<outcome> in_distribution;
    std::vector<double> out_of_distribution;
    for (const prediction& each : predictions) {
        if (!each.readable) continue;
        if (each.is_out_of_distribution()) {
            out_of_distribution.push_back(each.confidence);
        } else {
            in_distribution.push_back({each.confidence, each.is_correct()});
        }
    }
    std::ranges::sort(in_distribution, std::greater<>{}, &outcome::confidence);
    std::ranges::sort(out_of_distribution, std::greater<>{});
    std::vector<std::size_t> correct_among(in_distribution.size() + 1, 0);  // the most confident
    for (std::size_t i = 0; i < in_distribution.size(); ++i)
        correct_among[i + 1] = correct_among[i] + (in_distribution[i].correct ? 1 : 0);

    std::vector<rejection_point> curve;
    for (std::size_t point = points; point > 0; --point) {
        std::size_t count = (in_distribution.size() * point + points - 1) / points;
        if (count == 0) break;
        const double threshold = in_distribution[count - 1].confidence;
        while (count < in_distribution.size() && in_distribution[count].confidence == threshold) ++count;
        if (!curve.empty() && curve.back().threshold == threshold) continue;
        rejection_point next{threshold, detail::share(count, count_in_distribution(predictions)),
                             detail::share(correct_among[count], count)};
        if (!out_of_distribution.empty()) {
            const auto below = std::ranges::upper_bound(out_of_distribution, threshold, std::greater<>{});
            next.out_of_distribution_accepted = detail::share(
                static_cast<std::size_t>(below - out_of_distribution.begin()), out_of_distribution.size());
        }
        curve.push_back(next);
    }
    return curve;
}

/// Area under the ROC curve of the confidence, as a detector of out-of-distribution images.
/// \return nothing without images of both kinds
inline std::optional<double> out_of_distribution_auroc(std::span<const prediction> predictions) {
    std::vector<scored_truth> images;
    for (const prediction& each : predictions) {
        if (each.readable) images.push_back({each.confidence, !each.is_out_of_distribution()});
    }
    return area_under_roc(std::move(images));
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::metrics
