/// \file Subcommand probe: a linear probe of image features, and its accuracy.

#include <cstddef>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/support/json.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "interrupt.hpp"
#include "npy.hpp"
#include "options.hpp"
#include "probe_fit.hpp"
#include "probe_input.hpp"

namespace program {

namespace {

std::string json_of(const probe_result& result, const probe_input& input, const probe_options& options) {
    using zeroshot::json_number;
    nlohmann::ordered_json search = nlohmann::ordered_json::array(), mixtures = search, few_shot = search,
                           cache = search;
    if (result.search) {
        for (const zeroshot::probe::searched_strength& one : result.search->strengths) {
            search.push_back({{"strength", json_number(one.strength)},
                              {"validation_top1", json_number(one.accuracy)},
                              {"iterations", one.iterations}});
        }
    }
    for (const mixture_point& one : result.mixtures) {
        mixtures.push_back({{"share", json_number(one.share)}, {"top1", json_number(one.top1)}});
    }
    for (const few_shot_point& one : result.few_shot) {
        few_shot.push_back({{"shots", one.shots}, {"top1", zeroshot::json_numbers(one.top1)}});
    }
    for (const cache_point& one : result.cache) {
        nlohmann::ordered_json alpha = nlohmann::ordered_json::array(), beta = alpha;
        for (const zeroshot::probe::tip_adapter_weights& each : one.weights) {
            alpha.push_back(json_number(each.alpha));
            beta.push_back(json_number(each.beta));
        }
        cache.push_back(
            {{"shots", one.shots}, {"top1", zeroshot::json_numbers(one.top1)}, {"alpha", alpha}, {"beta", beta}});
    }
    return zeroshot::json_text_of({{"top1", json_number(result.top1)},
                                   {"strength", json_number(result.fit.strength)},
                                   {"objective", json_number(result.fit.objective)},
                                   {"iterations", result.fit.iterations},
                                   {"converged", result.fit.converged},
                                   {"training_top1", json_number(result.training_top1)},
                                   {"train", options.train.empty() ? options.train_features : options.train},
                                   {"test", options.test.empty() ? options.test_features : options.test},
                                   {"model", input.model},
                                   {"classes", result.fit.classes.size()},
                                   {"columns", result.fit.weights.columns()},
                                   {"features", options.train.empty() ? "recorded" : options.features},
                                   {"train_count", input.training.count()},
                                   {"train_unreadable", input.training.unreadable},
                                   {"count", input.test.count()},
                                   {"unreadable", input.test.unreadable},
                                   {"search", search},
                                   {"zero_shot_top1", json_number(result.zero_shot_top1)},
                                   {"mixtures", mixtures},
                                   {"few_shot", few_shot},
                                   {"cache", cache},
                                   {"search_seconds", json_number(result.search_seconds)},
                                   {"fit_seconds", json_number(result.fit_seconds)}});
}

double mean(std::span<const double> numbers) {
    double sum = 0;
    for (const double x : numbers) sum += x;
    return sum / static_cast<double>(numbers.size());
}

/// A number with two to four decimals, or in scientific notation if it is very small or large.
std::string short_number(double x) {
    constexpr double smallest_fixed = 1e-3, smallest_large = 1e5;
    if (x < smallest_fixed || x >= smallest_large) return zeroshot::number_text(static_cast<float>(x));
    return fixed(x, x < 1 ? 4 : 2);
}

void print(const probe_result& result, const probe_input& input, console& out) {
    constexpr std::size_t name_columns = 24, bar_columns = 24;
    const auto title = [&](const std::string& text) { out.print(out.styled(text, text_style::bold)); };
    const auto line = [&](const std::string& name, double share) {
        out.print("  " + padded(name, name_columns) + percent(share) + "  " +
                  out.styled(blocks(share, bar_columns), text_style::green));
    };
    title(std::to_string(result.fit.classes.size()) + " classes, " +
          counted(input.training.features.rows(), "training row") + " of " +
          std::to_string(result.fit.weights.columns()) + " features, " + counted(input.test.count(), "test row"));
    line("linear probe", result.top1);
    if (result.zero_shot_top1) line("zero-shot", *result.zero_shot_top1);
    line("training set", result.training_top1);
    out.print("  " + padded("strength (C)", name_columns) + short_number(result.fit.strength));
    out.print("  " + padded("objective", name_columns) + short_number(result.fit.objective) + " after " +
              counted(result.fit.iterations, "iteration"));
    if (result.search) {
        title("validation accuracy by strength");
        for (const zeroshot::probe::searched_strength& one : result.search->strengths)
            line(short_number(one.strength), one.accuracy);
    }
    if (!result.mixtures.empty()) title("weights interpolated between zero-shot and probe (WiSE-FT)");
    for (const mixture_point& one : result.mixtures) line(fixed(one.share, 1) + " of the probe", one.top1);
    if (!result.few_shot.empty()) title("linear probe by labelled images per class");
    for (const few_shot_point& one : result.few_shot) line(std::to_string(one.shots), mean(one.top1));
    if (!result.cache.empty()) title("Tip-Adapter by labelled images per class");
    for (const cache_point& one : result.cache) line(std::to_string(one.shots), mean(one.top1));
}

void check_options(const probe_options& options) {
    const int recorded_parts = !options.train_features.empty() + !options.train_labels.empty() +
                               !options.test_features.empty() + !options.test_labels.empty();
    const int data_parts = !options.train.empty() + !options.test.empty();
    if (recorded_parts == 0 && data_parts == 0)
        throw usage_error(
            "nothing to fit; give --train and --test, or --train-features, --train-labels, --test-features and "
            "--test-labels");
    if (recorded_parts != 0 && data_parts != 0) throw usage_error("--train and --train-features exclude each other");
    if (data_parts == 1) throw usage_error("--train and --test must be given together");
    if (recorded_parts != 0 && recorded_parts != 4)
        throw usage_error("--train-features, --train-labels, --test-features and --test-labels must be given together");
    if (options.zero_shot && data_parts == 0) throw usage_error("--zero-shot needs the class names of --train");
    if (options.zero_shot && options.features != "embedding")
        throw usage_error("--zero-shot and --features " + options.features +
                          " exclude each other: zero-shot needs embeddings");
    if (recorded_parts != 0 && options.features != "embedding")
        throw usage_error("--features needs --train and --test");
    if (options.cache && (!options.zero_shot || options.few_shot.empty()))
        throw usage_error("--cache needs --zero-shot and --few-shot");
    for (const double strength : options.strengths) {
        if (!(strength > 0) || strength > (std::numeric_limits<double>::max)())
            throw usage_error("--strength takes positive numbers");
    }
    if (!(options.held_back > 0 && options.held_back < 1))
        throw usage_error("--held-back takes a share between 0 and 1");
    const std::vector<std::filesystem::path> inputs{options.train_features, options.train_labels, options.test_features,
                                                    options.test_labels};
    if (!options.save.empty()) check_output_path(options.save, inputs);
}

}  // namespace

void probe(const probe_options& options, command_context& context) {
    check_options(options);
    worker_pool workers(options.threads);
    probe_input input = options.train.empty() ? read_probe_data(options) : embed_probe_data(options, workers, context);
    const bool normalized = options.normalize || options.zero_shot;
    if (normalized) {
        normalize(input.training);
        normalize(input.test);
    }
    const std::size_t columns = input.training.features.columns, test_columns = input.test.features.columns;
    if (test_columns != columns) {
        throw zeroshot::argument_error(zeroshot::error_code::shape,
                                       {"test set", std::to_string(test_columns) + " features",
                                        std::to_string(columns) + ", as in the training set", ""});
    }
    const probe_result result = fit_probe(input, options, workers, context);
    if (!options.save.empty()) {
        const auto length =
            normalized ? zeroshot::probe::embedding_length::one : zeroshot::probe::embedding_length::unchanged;
        const defer_interrupts no_partial_file;
        zeroshot::probe::write_probe(options.save, classifier_of(result.fit, input.classes, length));
    }
    if (options.common.json) {
        context.out.print(json_of(result, input, options));
    } else {
        print(result, input, context.out);
    }
    if (!options.save.empty()) context.out.note("wrote " + options.save);
}

}  // namespace program
