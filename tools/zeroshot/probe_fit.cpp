#include "probe_fit.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include <zeroshot/error.hpp>

#include "command_context.hpp"
#include "console.hpp"

namespace program {

namespace {

/// Accuracy over all images, from that over the readable ones.
double over_all(double accuracy, const labelled_sample& sample) {
    return accuracy * static_cast<double>(sample.features.rows()) / static_cast<double>(sample.count());
}

double accuracy_of(const zeroshot::probe::logistic_fit& fit, const labelled_sample& sample) {
    return over_all(zeroshot::probe::accuracy(fit, sample.features), sample);
}

/// The best strength on a validation split of the training set.
zeroshot::probe::regularization_search search_strength(const probe_input& input, const probe_options& options,
                                                       const zeroshot::run_options& run) {
    const zeroshot::probe::labelled_features& all = input.training.features;
    const zeroshot::probe::split parts = zeroshot::probe::stratified_split(all.labels, options.held_back, options.seed);
    if (parts.validation.empty()) {
        throw zeroshot::argument_error(
            zeroshot::error_code::argument,
            {"training set", "too few images per class for a validation split", "more images, or one --strength", ""});
    }
    const zeroshot::probe::logistic_regression training(zeroshot::probe::subset(all, parts.training),
                                                        zeroshot::probe::search_limits, run);
    const zeroshot::probe::labelled_features validation = zeroshot::probe::subset(all, parts.validation);
    if (options.strengths.empty()) return zeroshot::probe::search_strengths(training, validation, run);
    return zeroshot::probe::search_strengths(training, validation, options.strengths, run);
}

void add_few_shot(probe_result& result, const probe_input& input, const probe_options& options,
                  const zeroshot::run_options& run, console& out) {
    const zeroshot::probe::labelled_features& all = input.training.features;
    std::size_t done = 0;
    for (const std::size_t shots : options.few_shot) {
        few_shot_point point{shots, {}};
        for (std::size_t seed = 0; seed < options.seeds; ++seed) {
            const auto few = zeroshot::probe::few_shot_sample(all.labels, shots, options.seed + seed);
            const zeroshot::probe::logistic_regression training(zeroshot::probe::subset(all, few), {}, run);
            point.top1.push_back(accuracy_of(training.fit(result.fit.strength, run), input.test));
            out.progress("few-shot fits", ++done, options.few_shot.size() * options.seeds);
        }
        result.few_shot.push_back(std::move(point));
    }
    out.end_progress();
}

/// Tip-Adapter: keys are drawn from the training split, its weights are searched on the validation split.
void add_cache(probe_result& result, const probe_input& input, const probe_options& options,
               const zeroshot::run_options& run) {
    const zeroshot::probe::labelled_features& all = input.training.features;
    for (const std::size_t shots : options.few_shot) {
        cache_point point{shots, {}, {}};
        for (std::size_t seed = options.seed; seed < options.seed + options.seeds; ++seed) {
            const zeroshot::probe::split parts = zeroshot::probe::stratified_split(all.labels, options.held_back, seed);
            const zeroshot::probe::labelled_features candidates = zeroshot::probe::subset(all, parts.training);
            const zeroshot::probe::labelled_features keys =
                zeroshot::probe::subset(candidates, zeroshot::probe::few_shot_sample(candidates.labels, shots, seed));
            const zeroshot::probe::tip_adapter cache(*input.zero_shot, keys);
            point.weights.push_back(cache.search(zeroshot::probe::subset(all, parts.validation), run).best);
            point.top1.push_back(over_all(cache.accuracy(input.test.features, point.weights.back()), input.test));
        }
        result.cache.push_back(std::move(point));
    }
}

/// The zero-shot classifier of the classes that the probe was fitted on.
zeroshot::probe::linear_classifier zero_shot_of_fit(const zeroshot::probe::linear_classifier& zero_shot,
                                                    const zeroshot::probe::logistic_fit& fit,
                                                    std::vector<std::string> labels) {
    zeroshot::matrix<double> weights(fit.weights.shape());
    std::vector<double> intercepts;
    for (std::size_t k = 0; k < fit.classes.size(); ++k) {
        std::ranges::copy(zero_shot.weights().row(fit.classes[k]), weights.row(k).begin());
        intercepts.push_back(zero_shot.intercepts()[fit.classes[k]]);
    }
    return {std::move(labels), std::move(weights), std::move(intercepts), zeroshot::probe::embedding_length::one};
}

/// Accuracies of weights interpolated between zero-shot and probe (WiSE-FT).
void add_mixtures(probe_result& result, const probe_input& input) {
    constexpr std::size_t steps = 10;
    const zeroshot::probe::linear_classifier probe =
        classifier_of(result.fit, input.classes, zeroshot::probe::embedding_length::one);
    const zeroshot::probe::linear_classifier zero_shot = zero_shot_of_fit(*input.zero_shot, result.fit, probe.labels());
    for (std::size_t step = 0; step <= steps; ++step) {
        const double share = static_cast<double>(step) / steps;
        const zeroshot::probe::linear_classifier mixture = zeroshot::probe::mixed(zero_shot, probe, share);
        zeroshot::probe::logistic_fit fit = result.fit;  // its classes with the weights of the mixture
        fit.weights = mixture.weights();
        fit.intercepts = mixture.intercepts();
        result.mixtures.push_back({share, accuracy_of(fit, input.test)});
    }
    result.zero_shot_top1 = result.mixtures.front().top1;
}

}  // namespace

zeroshot::probe::linear_classifier classifier_of(const zeroshot::probe::logistic_fit& fit,
                                                 const std::vector<std::string>& classes,
                                                 zeroshot::probe::embedding_length length) {
    std::vector<std::string> labels;
    for (const std::uint32_t label : fit.classes) labels.push_back(classes[label]);
    return {std::move(labels), fit.weights, fit.intercepts, length};
}

probe_result fit_probe(const probe_input& input, const probe_options& options, worker_pool& workers,
                       command_context& context) {
    const zeroshot::run_options run = workers.run_options(context);
    probe_result result;
    if (options.strengths.size() != 1) {
        const stopwatch watch;
        result.search = search_strength(input, options, run);
        result.search_seconds = watch.seconds();
    }
    const stopwatch watch;
    const zeroshot::probe::logistic_regression training(input.training.features, {}, run);
    result.fit = training.fit(result.search ? result.search->best : options.strengths.front(), run);
    result.fit_seconds = watch.seconds();
    if (!result.fit.converged) {
        context.out.note("warning: no convergence after " + std::to_string(result.fit.iterations) +
                         " iterations; the objective may be above its minimum");
    }
    result.top1 = accuracy_of(result.fit, input.test);
    result.training_top1 = accuracy_of(result.fit, input.training);
    if (input.zero_shot) add_mixtures(result, input);
    add_few_shot(result, input, options, run, context.out);
    if (options.cache) add_cache(result, input, options, run);
    return result;
}

}  // namespace program
