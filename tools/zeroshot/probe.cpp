/// \file zeroshot probe: a few labelled images, or many, and how far a linear classifier of their features gets.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/probe/linear_classifier.hpp>
#include <zeroshot/probe/logistic_regression.hpp>
#include <zeroshot/probe/strength_search.hpp>
#include <zeroshot/probe/tip_adapter.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "data_set_embeddings.hpp"
#include "data_sets.hpp"
#include "interrupt.hpp"
#include "model_setup.hpp"
#include "npy.hpp"
#include "options.hpp"
#include "prompt_templates.hpp"

namespace program {

namespace {

using clock = std::chrono::steady_clock;

double seconds_since(clock::time_point begin) {
    return std::chrono::duration<double>(clock::now() - begin).count();
}

/// Features with labels, and what could not be read of them.
struct sample {
    zeroshot::labelled_features features;
    std::size_t unreadable = 0;

    std::size_t count() const { return features.rows() + unreadable; }
};

/// What a probe is fitted on and judged by.
struct material {
    std::string model;                 ///< empty for recorded features
    std::vector<std::string> classes;  ///< by label; their numbers for recorded features
    sample training, test;
    std::optional<zeroshot::linear_classifier> zero_shot;  ///< of the same classes
};

constexpr std::uint32_t no_class = std::numeric_limits<std::uint32_t>::max();

[[noreturn]] void refuse(zeroshot::error_code code, const std::string& where, const std::string& what,
                         const std::string& expected) {
    throw zeroshot::argument_error(code, {where, what, expected, ""});
}

std::vector<std::uint32_t> labels_in(const std::string& file) {
    const npy_array array(file, npy_types::any);
    const std::string name = zeroshot::path_text(file);
    if (array.shape().size() != 1)
        refuse(zeroshot::error_code::shape, name, "shape " + zeroshot::shape_text(array.shape()),
               "[n]: a class for each row");
    const std::vector<double> numbers = array.numbers();
    std::vector<std::uint32_t> labels;
    for (std::size_t row = 0; row < numbers.size(); ++row) {
        constexpr double most = no_class;
        const bool is_label = numbers[row] >= 0 && numbers[row] < most && numbers[row] == std::floor(numbers[row]);
        if (!is_label)
            refuse(zeroshot::error_code::argument, name,
                   "label " + std::to_string(numbers[row]) + " in row " + std::to_string(row),
                   "a class, counted from 0");
        labels.push_back(static_cast<std::uint32_t>(numbers[row]));
    }
    return labels;
}

/// Features and labels of two files.
sample recorded(const std::string& features, const std::string& labels) {
    const npy_array array(features, npy_types::real);
    const std::string name = zeroshot::path_text(features);
    if (array.shape().size() != 2)
        refuse(zeroshot::error_code::shape, name, "shape " + zeroshot::shape_text(array.shape()),
               "[n, d]: a row of features for each image");
    const std::size_t rows = array.shape()[0], columns = array.shape()[1];
    if (rows == 0 || columns == 0)
        refuse(zeroshot::error_code::argument, name, "shape " + zeroshot::shape_text(array.shape()) + ": it is empty",
               "features");
    std::vector<std::uint32_t> classes = labels_in(labels);
    if (classes.size() != rows) {
        refuse(zeroshot::error_code::shape, zeroshot::path_text(labels), std::to_string(classes.size()) + " labels",
               std::to_string(rows) + ", one for each row of " + name);
    }
    if (array.type() == "<f4") {
        const auto kept = std::make_shared<zeroshot::matrix<float>>(rows, columns);
        array.copy(0, kept->values());
        return {zeroshot::labelled<float>(kept, std::move(classes))};
    }
    const auto kept = std::make_shared<zeroshot::matrix<double>>(rows, columns);
    std::ranges::copy(array.numbers(), kept->data());
    return {zeroshot::labelled<double>(kept, std::move(classes))};
}

/// Each row scaled to length 1 as it is read.
void scale_to_one(zeroshot::labelled_features& features) {
    features.read = [read = std::move(features.read)](std::size_t first, zeroshot::matrix<double>& some) {
        read(first, some);
        for (std::size_t row = 0; row < some.rows(); ++row) {
            double squares = 0;
            for (const double x : some.row(row)) squares += x * x;
            if (!(squares > 0)) {
                throw zeroshot::numeric_error(zeroshot::error_code::numeric,
                                              {"features", "row " + std::to_string(first + row) + " has no direction",
                                               "one that can be scaled to length 1", ""});
            }
            for (double& x : some.row(row)) x /= std::sqrt(squares);
        }
    };
}

/// A data set's images as features; labels are those of the training set's classes of the same name, or stand as they
/// are where the data set names none.
sample embedded(const opened_data& data, const std::vector<std::string>& classes, const image_encoder& rows_of,
                worker_pool& workers, command_context& context, const embedding_cache* keep) {
    std::vector<std::uint32_t> label_of;
    for (const std::string& name : data.images->classes()) {
        const auto at = std::ranges::find(classes, name);
        label_of.push_back(at == classes.end() ? no_class : static_cast<std::uint32_t>(at - classes.begin()));
        if (at == classes.end())
            context.out.note("warning: class '" + name + "' of " + data.images->location() +
                             " is none of the training set's; its images count as wrong");
    }
    const data_set_embeddings all = embed_data_set(*data.images, rows_of, workers, context, keep);
    const auto rows = std::make_shared<zeroshot::matrix<float>>(all.rows.rows(), all.rows.columns());
    std::vector<std::uint32_t> labels;
    sample found;
    found.unreadable = all.failures.size();
    all.read([&](std::size_t place, std::span<const float> row) {
        const zeroshot::label_list& own = all.labels[place];
        if (own.size() != 1)
            refuse(zeroshot::error_code::argument, all.names[place], std::to_string(own.size()) + " labels",
                   "one: a probe tells classes apart");
        std::ranges::copy(row, rows->row(labels.size()).begin());
        labels.push_back(label_of.empty() ? own.front() : label_of[own.front()]);
    });
    found.features = zeroshot::labelled<float>(rows, std::move(labels));
    return found;
}

/// The labels' numbers, as names of classes that have none.
std::vector<std::string> numbers_up_to(std::span<const std::uint32_t> labels, const std::string& place) {
    constexpr std::uint32_t most_classes = 1'000'000;
    const std::uint32_t highest = labels.empty() ? 0 : *std::ranges::max_element(labels);
    if (highest >= most_classes)
        refuse(zeroshot::error_code::limit, place, "label " + std::to_string(highest),
               "classes counted from 0, at most " + std::to_string(most_classes));
    std::vector<std::string> names;
    for (std::uint32_t label = 0; label <= highest; ++label) names.push_back(std::to_string(label));
    return names;
}

std::vector<std::string> templates_of(const probe_options& options, const zeroshot::datasets::data_set& images) {
    std::vector<std::string> templates = options.templates;
    if (options.templates_from) {
        for (std::string& sentence : read_templates(*options.templates_from)) templates.push_back(std::move(sentence));
    }
    return templates.empty() ? images.templates() : templates;
}

material from_data_sets(const probe_options& options, worker_pool& workers, command_context& context) {
    const opened_data training = open_data(options.train, options.format, "train"),
                      test = open_data(options.test, options.format, "test");
    const zeroshot::clip clip = load_model(options.model, context.out);
    std::optional<embedding_cache> keep;
    if (!options.resume.empty()) {
        std::filesystem::create_directories(options.resume);
        keep = embedding_cache{options.resume, digest_of(clip, options.model.precision) +
                                                   (options.features == "embedding" ? "" : " " + options.features)};
    }
    const image_encoder rows_of{clip,
                                options.features == "embedding" ? image_output::embedding : image_output::penultimate};
    const embedding_cache* const kept = keep ? &*keep : nullptr;
    material found;
    found.model = clip.provenance().place;
    found.classes = training.images->classes();
    if (options.zero_shot) {
        if (found.classes.empty())
            throw usage_error("--zero-shot needs class names, and " + options.train + " has none");
        const zeroshot::classifier classifier =
            make_classifier(clip, {found.classes, templates_of(options, *training.images), false, options.resume},
                            workers.run_options(context), context.out);
        found.zero_shot = zeroshot::linear_classifier::zero_shot(found.classes, classifier.text_embeddings(),
                                                                 static_cast<double>(clip.logit_scale()),
                                                                 static_cast<double>(clip.logit_bias()));
    }
    found.training = embedded(training, found.classes, rows_of, workers, context, kept);
    if (found.classes.empty()) found.classes = numbers_up_to(found.training.features.labels, options.train);
    found.test = embedded(test, found.classes, rows_of, workers, context, kept);
    context.out.end_progress();
    return found;
}

material from_recorded(const probe_options& options) {
    material found;
    found.training = recorded(options.train_features, options.train_labels);
    found.test = recorded(options.test_features, options.test_labels);
    found.classes = numbers_up_to(found.training.features.labels, zeroshot::path_text(options.train_labels));
    return found;
}

/// The accuracy over all images: those that could not be read are wrong.
/// The share of all images that is right, where `accuracy` is that of the readable ones.
double of_all(double accuracy, const sample& test) {
    return accuracy * static_cast<double>(test.features.rows()) / static_cast<double>(test.count());
}

double judged(const zeroshot::logistic_fit& fit, const sample& test) {
    return of_all(zeroshot::accuracy(fit, test.features), test);
}

/// A classifier of the fit's classes as a fit: for what judges fits.
zeroshot::logistic_fit as_fit(const zeroshot::linear_classifier& head, const zeroshot::logistic_fit& like) {
    zeroshot::logistic_fit fit = like;
    fit.weights = head.weights();
    fit.intercepts = head.intercepts();
    return fit;
}

zeroshot::linear_classifier classifier_of(const zeroshot::logistic_fit& fit, const material& from, bool of_length_one) {
    std::vector<std::string> labels;
    for (const std::uint32_t label : fit.classes) labels.push_back(from.classes[label]);
    return {std::move(labels), fit.weights, fit.intercepts,
            of_length_one ? zeroshot::embedding_length::one : zeroshot::embedding_length::as_it_is};
}

/// How well as many labelled examples of each class do, drawn with several seeds.
struct few_shot_point {
    std::size_t shots;
    std::vector<double> top1;
};

/// The same of a cache beside zero-shot, with the weights that were best on what was held back.
struct cache_point {
    std::size_t shots;
    std::vector<double> top1;
    std::vector<zeroshot::cache_weights> weights;
};

/// A share of the probe in its mixture with the zero-shot head.
struct mixture_point {
    double share;
    double top1;
};

/// All that a probe found.
struct probe_result {
    zeroshot::logistic_fit fit;
    double top1 = 0;
    double training_top1 = 0;
    std::optional<zeroshot::strength_search> search;
    std::optional<double> zero_shot_top1;
    std::vector<mixture_point> mixtures;
    std::vector<few_shot_point> few_shot;
    std::vector<cache_point> cache;
    double search_seconds = 0, fit_seconds = 0;
};

zeroshot::strength_search search(const material& from, const probe_options& options, const zeroshot::run_options& run) {
    const zeroshot::labelled_features& all = from.training.features;
    const zeroshot::split parts = zeroshot::held_back(all.labels, options.held_back, options.seed);
    if (parts.validation.empty()) {
        refuse(zeroshot::error_code::argument, "training set", "too few images of each class to hold some back",
               "some more, or one --strength");
    }
    const zeroshot::logistic_regression training(zeroshot::subset(all, parts.training), zeroshot::search_limits, run);
    const zeroshot::labelled_features validation = zeroshot::subset(all, parts.validation);
    if (options.strengths.empty()) return zeroshot::search_strengths(training, validation, run);
    return zeroshot::try_strengths(training, validation, options.strengths, run);
}

void add_few_shot(probe_result& found, const material& from, const probe_options& options,
                  const zeroshot::run_options& run, console& out) {
    const zeroshot::labelled_features& all = from.training.features;
    std::size_t done = 0;
    for (const std::size_t shots : options.few_shot) {
        few_shot_point point{shots, {}};
        for (std::size_t seed = 0; seed < options.seeds; ++seed) {
            const auto few = zeroshot::few_of_each(all.labels, shots, options.seed + seed);
            const zeroshot::logistic_regression training(zeroshot::subset(all, few), {}, run);
            point.top1.push_back(judged(training.fit(found.fit.strength, run), from.test));
            out.progress("few-shot fits", ++done, options.few_shot.size() * options.seeds);
        }
        found.few_shot.push_back(std::move(point));
    }
    out.end_progress();
}

/// Keys are drawn from what is not held back; alpha and beta are searched on what is.
void add_cache(probe_result& found, const material& from, const probe_options& options,
               const zeroshot::run_options& run) {
    const zeroshot::labelled_features& all = from.training.features;
    for (const std::size_t shots : options.few_shot) {
        cache_point point{shots, {}, {}};
        for (std::size_t seed = options.seed; seed < options.seed + options.seeds; ++seed) {
            const zeroshot::split parts = zeroshot::held_back(all.labels, options.held_back, seed);
            const zeroshot::labelled_features keys = zeroshot::subset(all, parts.training);
            const zeroshot::feature_cache cache(
                *from.zero_shot, zeroshot::subset(keys, zeroshot::few_of_each(keys.labels, shots, seed)));
            point.weights.push_back(cache.search(zeroshot::subset(all, parts.validation), run).best);
            point.top1.push_back(of_all(cache.accuracy(from.test.features, point.weights.back()), from.test));
        }
        found.cache.push_back(std::move(point));
    }
}

void add_mixtures(probe_result& found, const material& from) {
    constexpr std::size_t steps = 10;
    const zeroshot::linear_classifier probe = classifier_of(found.fit, from, true);
    zeroshot::matrix<double> weights(found.fit.weights.shape());
    std::vector<double> intercepts;
    for (std::size_t k = 0; k < found.fit.classes.size(); ++k) {
        std::ranges::copy(from.zero_shot->weights().row(found.fit.classes[k]), weights.row(k).begin());
        intercepts.push_back(from.zero_shot->intercepts()[found.fit.classes[k]]);
    }
    const zeroshot::linear_classifier zero_shot(probe.labels(), std::move(weights), std::move(intercepts),
                                                zeroshot::embedding_length::one);
    for (std::size_t step = 0; step <= steps; ++step) {
        const double share = static_cast<double>(step) / steps;
        found.mixtures.push_back(
            {share, judged(as_fit(zeroshot::mixed(zero_shot, probe, share), found.fit), from.test)});
    }
    found.zero_shot_top1 = found.mixtures.front().top1;
}

probe_result probed(const material& from, const probe_options& options, worker_pool& workers,
                    command_context& context) {
    const zeroshot::run_options run = workers.run_options(context);
    probe_result found;
    const clock::time_point begin = clock::now();
    if (options.strengths.size() != 1) {
        found.search = search(from, options, run);
        found.search_seconds = seconds_since(begin);
    }
    const clock::time_point fitting = clock::now();
    const zeroshot::logistic_regression training(from.training.features, {}, run);
    found.fit = training.fit(found.search ? found.search->best : options.strengths.front(), run);
    found.fit_seconds = seconds_since(fitting);
    if (!found.fit.converged)
        context.out.note("warning: " + std::to_string(found.fit.iterations) +
                         " iterations were not enough; the objective may be above its minimum");
    found.top1 = judged(found.fit, from.test);
    found.training_top1 = judged(found.fit, from.training);
    if (from.zero_shot) add_mixtures(found, from);
    add_few_shot(found, from, options, run, context.out);
    if (options.cache) add_cache(found, from, options, run);
    return found;
}

std::string json_of(const probe_result& found, const material& from, const probe_options& options) {
    using zeroshot::json_number;
    nlohmann::ordered_json search = nlohmann::ordered_json::array(), mixtures = search, few_shot = search,
                           cache = search;
    if (found.search) {
        for (const zeroshot::tried_strength& one : found.search->tried) {
            search.push_back({{"strength", json_number(one.strength)},
                              {"validation_top1", json_number(one.accuracy)},
                              {"iterations", one.iterations}});
        }
    }
    for (const mixture_point& one : found.mixtures) {
        mixtures.push_back({{"share", json_number(one.share)}, {"top1", json_number(one.top1)}});
    }
    for (const few_shot_point& one : found.few_shot) {
        few_shot.push_back({{"shots", one.shots}, {"top1", zeroshot::json_numbers(one.top1)}});
    }
    for (const cache_point& one : found.cache) {
        nlohmann::ordered_json alpha = nlohmann::ordered_json::array(), beta = alpha;
        for (const zeroshot::cache_weights& each : one.weights) {
            alpha.push_back(json_number(each.alpha));
            beta.push_back(json_number(each.beta));
        }
        cache.push_back(
            {{"shots", one.shots}, {"top1", zeroshot::json_numbers(one.top1)}, {"alpha", alpha}, {"beta", beta}});
    }
    return zeroshot::json_text_of({{"top1", json_number(found.top1)},
                                   {"strength", json_number(found.fit.strength)},
                                   {"objective", json_number(found.fit.objective)},
                                   {"iterations", found.fit.iterations},
                                   {"converged", found.fit.converged},
                                   {"training_top1", json_number(found.training_top1)},
                                   {"train", options.train.empty() ? options.train_features : options.train},
                                   {"test", options.test.empty() ? options.test_features : options.test},
                                   {"model", from.model},
                                   {"classes", found.fit.classes.size()},
                                   {"columns", found.fit.weights.columns()},
                                   {"features", options.train.empty() ? "recorded" : options.features},
                                   {"train_count", from.training.count()},
                                   {"train_unreadable", from.training.unreadable},
                                   {"count", from.test.count()},
                                   {"unreadable", from.test.unreadable},
                                   {"search", search},
                                   {"zero_shot_top1", json_number(found.zero_shot_top1)},
                                   {"mixtures", mixtures},
                                   {"few_shot", few_shot},
                                   {"cache", cache},
                                   {"search_seconds", json_number(found.search_seconds)},
                                   {"fit_seconds", json_number(found.fit_seconds)}});
}

double mean_of(std::span<const double> numbers) {
    double sum = 0;
    for (const double x : numbers) sum += x;
    return sum / static_cast<double>(numbers.size());
}

/// A number with as many digits as tell it from its neighbours in a sweep.
std::string short_number(double x) {
    constexpr double readable = 1e-3, many = 1e5;
    return x >= readable && x < many ? fixed(x, x < 1 ? 4 : 2) : zeroshot::number_text(static_cast<float>(x));
}

void show(const probe_result& found, const material& from, console& out) {
    constexpr std::size_t columns = 24, bar = 24;
    const auto line = [&](const std::string& name, double share) {
        out.answer("  " + padded(name, columns) + percent(share) + "  " +
                   out.styled(blocks(share, bar), text_style::green));
    };
    out.answer(out.styled(std::to_string(found.fit.classes.size()) + " classes, " +
                              counted(from.training.features.rows(), "row") + " of " +
                              std::to_string(found.fit.weights.columns()) + " features, judged on " +
                              std::to_string(from.test.count()),
                          text_style::bold));
    line("linear probe", found.top1);
    if (found.zero_shot_top1) line("zero-shot", *found.zero_shot_top1);
    line("on the training set", found.training_top1);
    out.answer("  " + padded("strength (C)", columns) + short_number(found.fit.strength));
    out.answer("  " + padded("objective", columns) + short_number(found.fit.objective) + " after " +
               counted(found.fit.iterations, "iteration"));
    if (found.search) {
        out.answer(out.styled("strengths, on what was held back", text_style::bold));
        for (const zeroshot::tried_strength& one : found.search->tried) line(short_number(one.strength), one.accuracy);
    }
    if (!found.mixtures.empty()) out.answer(out.styled("zero-shot weights mixed with the probe's", text_style::bold));
    for (const mixture_point& one : found.mixtures) line(fixed(one.share, 1) + " of the probe", one.top1);
    if (!found.few_shot.empty()) out.answer(out.styled("few labelled images of each class", text_style::bold));
    for (const few_shot_point& one : found.few_shot) line(std::to_string(one.shots), mean_of(one.top1));
    if (!found.cache.empty()) out.answer(out.styled("a cache of these few beside zero-shot", text_style::bold));
    for (const cache_point& one : found.cache) line(std::to_string(one.shots), mean_of(one.top1));
}

void check_call(const probe_options& options) {
    const int recorded_parts = !options.train_features.empty() + !options.train_labels.empty() +
                               !options.test_features.empty() + !options.test_labels.empty();
    const int data_parts = !options.train.empty() + !options.test.empty();
    if (recorded_parts == 0 && data_parts == 0)
        throw usage_error(
            "nothing to fit; give --train and --test, or --train-features, --train-labels, --test-features and "
            "--test-labels");
    if (recorded_parts != 0 && data_parts != 0)
        throw usage_error("data sets and recorded features are two things to fit; give one");
    if (data_parts == 1) throw usage_error("--train and --test go together");
    if (recorded_parts != 0 && recorded_parts != 4)
        throw usage_error("--train-features, --train-labels, --test-features and --test-labels go together");
    if (options.zero_shot && data_parts == 0) throw usage_error("--zero-shot needs the class names of --train");
    if (options.zero_shot && options.features != "embedding")
        throw usage_error("zero-shot compares embeddings; leave out --zero-shot or --features " + options.features);
    if (recorded_parts != 0 && options.features != "embedding")
        throw usage_error("recorded features are what they are; --features needs --train and --test");
    if (options.cache && (!options.zero_shot || options.few_shot.empty()))
        throw usage_error("--cache needs --zero-shot and --few-shot");
    for (const double strength : options.strengths) {
        if (!(strength > 0) || strength > std::numeric_limits<double>::max())
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
    check_call(options);
    worker_pool workers(options.threads);
    material from = options.train.empty() ? from_recorded(options) : from_data_sets(options, workers, context);
    const bool of_length_one = options.normalize || options.zero_shot;
    if (of_length_one) {
        scale_to_one(from.training.features);
        scale_to_one(from.test.features);
    }
    if (from.test.features.columns != from.training.features.columns) {
        refuse(zeroshot::error_code::shape, "test set", std::to_string(from.test.features.columns) + " features",
               std::to_string(from.training.features.columns) + ", as in the training set");
    }
    const probe_result found = probed(from, options, workers, context);
    if (!options.save.empty()) {
        const defer_interrupts no_partial_file;
        zeroshot::write_probe(options.save, classifier_of(found.fit, from, of_length_one));
    }
    if (options.common.json) {
        context.out.answer(json_of(found, from, options));
    } else {
        show(found, from, context.out);
    }
    if (!options.save.empty()) context.out.note("wrote " + options.save);
}

}  // namespace program
