#pragma once
/// \file Input of the probe: training and test features with labels.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <zeroshot/probe/linear_classifier.hpp>
#include <zeroshot/probe/logistic_regression.hpp>

#include "options.hpp"

namespace program {

class worker_pool;
struct command_context;

/// Features with labels, without the images that could not be read.
struct labelled_sample {
    zeroshot::probe::labelled_features features;
    std::size_t unreadable = 0;

    std::size_t count() const { return features.rows() + unreadable; }
};

/// Training and test data of a probe.
struct probe_input {
    std::string model;                 ///< empty for recorded features
    std::vector<std::string> classes;  ///< by label; numbers for recorded features
    labelled_sample training, test;
    std::optional<zeroshot::probe::linear_classifier> zero_shot;  ///< of the same classes, for --zero-shot
};

/// Embeds the data sets of --train and --test.
/// \throws usage_error, zeroshot::error
probe_input embed_probe_data(const probe_options& options, worker_pool& workers, command_context& context);

/// Reads the files of --train-features, --train-labels, --test-features and --test-labels.
/// \throws zeroshot::error
probe_input read_probe_data(const probe_options& options);

/// Scales all features to length 1.
void normalize(labelled_sample& sample);

}  // namespace program
