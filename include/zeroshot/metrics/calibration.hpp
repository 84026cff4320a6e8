#pragma once
/// \file Is a classifier as often right as it says? Reliability, its expected error, and the temperature that mends it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/metrics/prediction.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// How many bins a reliability diagram has: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.
inline constexpr std::size_t usual_bins = 15;

/// How sure an answer was, and whether rightly.
struct claim {
    double confidence;
    bool right;
};

/// The claims of the images of listed classes that could be read.
inline std::vector<claim> claims_of(std::span<const answer> answers) {
    std::vector<claim> claims;
    for (const answer& said : answers) {
        if (said.readable && !said.is_out_of_distribution()) claims.push_back({said.confidence(), said.is_right()});
    }
    return claims;
}

/// Bins of equal width, each (lower, upper]; a confidence of 0 is in the first. ECELoss in gpleiss/temperature_scaling.
inline std::vector<reliability_bin> reliability_of(std::span<const claim> claims, std::size_t bins = usual_bins) {
    const auto edge = [bins](std::size_t i) { return static_cast<double>(i) / static_cast<double>(bins); };
    std::vector<reliability_bin> found(bins);
    for (std::size_t i = 0; i < bins; ++i) {
        found[i].lower = edge(i);
        found[i].upper = edge(i + 1);
    }
    for (const claim& one : claims) {
        const auto within = [](const reliability_bin& bin, double confidence) { return bin.upper < confidence; };
        const auto at = std::lower_bound(found.begin(), found.end() - 1, one.confidence, within);
        ++at->count;
        at->confidence += one.confidence;
        at->accuracy += one.right ? 1 : 0;
    }
    for (reliability_bin& bin : found) {
        if (bin.count == 0) continue;
        bin.confidence /= static_cast<double>(bin.count);
        bin.accuracy /= static_cast<double>(bin.count);
    }
    return found;
}

/// The mean distance of confidence and accuracy, over all images; 0 where there are none.
inline double expected_calibration_error(std::span<const reliability_bin> bins) noexcept {
    double sum = 0;
    std::size_t count = 0;
    for (const reliability_bin& bin : bins) {
        sum += static_cast<double>(bin.count) * std::abs(bin.accuracy - bin.confidence);
        count += bin.count;
    }
    return count == 0 ? 0 : sum / static_cast<double>(count);
}

/// Hands on the logits of one image after the other, with its label; to be called as often as needed.
using logit_pass = std::function<void(const std::function<void(std::span<const double>, std::uint32_t)>&)>;

/// The temperature T > 0 for which the mean of -log softmax(logits / T)[label] is least. The loss is convex in 1 / T:
/// Newton's steps on it, and half the bracket where a step leaves it. Nothing where the loss is least at an end: every
/// image is right, so that it falls for ever as T goes to 0; or chance does better, and T would be infinite.
inline std::optional<double> fitted_temperature(const logit_pass& pass) {
    constexpr double least = 1e-6, most = 1e6;  // of 1 / T
    constexpr int most_steps = 100;
    constexpr double close_enough = 1e-12;  // of 1 / T, relative
    struct derivatives {
        double first = 0, second = 0;
        bool all_right = true;
    };
    const auto at = [&](double inverse) {
        derivatives found;
        std::vector<double> scaled;
        pass([&](std::span<const double> logits, std::uint32_t label) {
            scaled.assign(logits.begin(), logits.end());
            for (double& logit : scaled) logit *= inverse;
            const double all = log_sum_exp(scaled);
            double mean = 0, square = 0;  // of the distance to the label's logit, under the softmax
            for (std::size_t i = 0; i < logits.size(); ++i) {
                const double weight = std::exp(scaled[i] - all), distance = logits[i] - logits[label];
                mean += weight * distance;
                square += weight * distance * distance;
                found.all_right = found.all_right && distance <= 0;
            }
            found.first += mean;
            found.second += square - mean * mean;
        });
        return found;
    };
    const derivatives flat = at(0);
    if (flat.all_right || flat.first >= 0) return std::nullopt;
    double low = least, high = most, inverse = 1;
    for (int step = 0; step < most_steps; ++step) {
        const derivatives slope = at(inverse);
        (slope.first > 0 ? high : low) = inverse;
        double next = inverse - slope.first / slope.second;
        if (!(next > low && next < high)) next = std::sqrt(low * high);
        if (std::abs(next - inverse) <= close_enough * inverse) return 1 / next;
        inverse = next;
    }
    return 1 / inverse;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
