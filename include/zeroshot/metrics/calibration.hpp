#pragma once
/// \file Calibration: reliability diagram, expected calibration error, temperature scaling.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <span>
#include <vector>

#include <Eigen/Core>

#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/metrics/prediction.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace metrics {

/// Bins of a reliability diagram: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.
inline constexpr std::size_t default_bins = 15;

/// The confidence of a prediction, and whether it is correct.
struct calibration_sample {
    double confidence;
    bool correct;
};

/// Samples of the readable images of listed classes.
inline std::vector<calibration_sample> calibration_samples(std::span<const prediction> predictions) {
    std::vector<calibration_sample> samples;
    for (const prediction& each : predictions) {
        if (each.readable && !each.is_out_of_distribution()) samples.push_back({each.confidence(), each.is_correct()});
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

}}}  // namespace zeroshot::ZEROSHOT_ABI::metrics
