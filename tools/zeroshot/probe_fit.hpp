#pragma once
/// \file Fits of the probe and their accuracies.

#include <cstddef>
#include <optional>
#include <vector>

#include <zeroshot/probe/linear_classifier.hpp>
#include <zeroshot/probe/logistic_regression.hpp>
#include <zeroshot/probe/tip_adapter.hpp>

#include "options.hpp"
#include "probe_input.hpp"

namespace program {

/// Test accuracies of fits on a number of images per class, one for each random draw.
struct few_shot_point {
    std::size_t shots;
    std::vector<double> top1;
};

/// Test accuracies of Tip-Adapter on a number of images per class, and its weights, chosen on the validation split.
struct cache_point {
    std::size_t shots;
    std::vector<double> top1;
    std::vector<zeroshot::probe::tip_adapter_weights> weights;
};

/// Test accuracy of weights interpolated between zero-shot and probe.
struct mixture_point {
    double share;  ///< of the probe
    double top1;
};

/// All results of a probe. Accuracies are over all images; unreadable ones count as wrong.
struct probe_result {
    zeroshot::probe::logistic_fit fit;
    double top1 = 0;
    double training_top1 = 0;
    std::optional<zeroshot::probe::regularization_search> search;
    std::optional<double> zero_shot_top1;
    std::vector<mixture_point> mixtures;
    std::vector<few_shot_point> few_shot;
    std::vector<cache_point> cache;
    double search_seconds = 0, fit_seconds = 0;
};

/// Fits and evaluates everything that the options ask for.
/// \throws zeroshot::error
probe_result fit_probe(const probe_input& input, const probe_options& options, worker_pool& workers,
                       command_context& context);

/// The fit as a classifier.
zeroshot::probe::linear_classifier classifier_of(const zeroshot::probe::logistic_fit& fit,
                                                 const std::vector<std::string>& classes,
                                                 zeroshot::probe::embedding_length length);

}  // namespace program
