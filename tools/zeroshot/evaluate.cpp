/// \file Subcommand evaluate: accuracy of zero-shot classification on a data set or on recorded embeddings.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/classify/similarity.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/metrics/template_choice.hpp>
#include <zeroshot/support/atomic_file.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/tensor.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "data_set_embeddings.hpp"
#include "data_sets.hpp"
#include "evaluation_output.hpp"
#include "image_files.hpp"
#include "interrupt.hpp"
#include "model_setup.hpp"
#include "npy.hpp"
#include "options.hpp"
#include "prompt_templates.hpp"

namespace program {

namespace {

/// Logits of one image, in double: scale * cosine + bias for each class.
/// \param classes [classes, embedding], of length 1
template <class Scalar>
std::vector<double> logits_of(std::span<const Scalar> embedding, const zeroshot::matrix<double>& classes,
                              double scale = 1, double bias = 0) {
    const Eigen::Map<const Eigen::Matrix<Scalar, 1, Eigen::Dynamic>> row(embedding.data(), std::ssize(embedding));
    const auto image = zeroshot::normalized(row.template cast<double>(), "image embedding");
    const auto logits = zeroshot::similarity(image, classes, scale, bias);
    return {logits.values().begin(), logits.values().end()};
}

void check_options(const evaluate_options& options) {
    const int recorded = !options.features.empty() + !options.labels.empty() + !options.class_embeddings.empty();
    if (options.data.empty() && recorded == 0)
        throw usage_error("nothing to evaluate; give --data, or --features with --labels and --class-embeddings");
    if (!options.data.empty() && recorded != 0) throw usage_error("--data and --features exclude each other");
    if (recorded != 0 && recorded != 3)
        throw usage_error("--features, --labels and --class-embeddings must be given together");
    const bool needs_data =
        options.compare_templates || !options.embeddings.empty() || !options.resume.empty() || !options.unknown.empty();
    if (recorded != 0 && needs_data)
        throw usage_error("--compare-templates, --embeddings, --resume and --unknown need --data");
    check_templates(options.templates);
    const std::vector<std::filesystem::path> inputs{options.features, options.labels, options.class_embeddings};
    for (const std::string& output : {options.embeddings, options.per_image, options.csv}) {
        if (!output.empty()) check_output_path(output, inputs);
    }
}

void note_empty_classes(const zeroshot::metrics::evaluation& result, console& out) {
    constexpr std::size_t max_notes = 5;
    std::size_t empty = 0;
    for (const zeroshot::metrics::class_result& one : result.classes) {
        if (one.count == 0 && ++empty <= max_notes) {
            out.note("warning: class '" + one.name +
                     "' has no images; it can be predicted, and is left out of the mean per class");
        }
    }
    if (empty > max_notes) out.note("warning: " + std::to_string(empty - max_notes) + " more classes have no images");
}

using failure_map = std::map<std::size_t, zeroshot::metrics::reading_failure>;  // by the index of the image

/// Predictions of the images of an evaluation. Names and scores are read from files each time they are needed, because
/// a table of all scores may exceed the memory.
struct evaluated_images {
    std::function<std::string(std::size_t)> name_of;  // of the image at an index
    const failure_map& failures;
    std::vector<zeroshot::metrics::prediction> predictions{};  // of all images
    zeroshot::metrics::score_pass scores{};                    // visits the logits of the images without failure
};

/// Placeholders with the labels of the images, before their scores are known.
/// \param labels as in the data set
std::vector<zeroshot::metrics::prediction> unpredicted(std::vector<std::vector<std::uint32_t>> labels,
                                                       const class_list& classes) {
    std::vector<zeroshot::metrics::prediction> predictions;
    predictions.reserve(labels.size());
    for (const std::vector<std::uint32_t>& each : labels)
        predictions.push_back(zeroshot::metrics::unreadable_prediction(classes.classes_of({each.begin(), each.end()})));
    return predictions;
}

void predict(evaluated_images& images) {
    images.scores([&](std::size_t index, std::span<const double> logits) {
        images.predictions[index] = zeroshot::metrics::prediction_of(logits, images.predictions[index].labels);
    });
}

/// Writes a JSON line for each image.
void write_per_image(const std::string& file, const evaluated_images& images) {
    const defer_interrupts no_partial_file;
    zeroshot::atomic_file lines(file);
    std::size_t next = 0;
    const auto write_failures_before = [&](std::size_t index) {
        for (; next < index; ++next) {
            lines.write(
                zeroshot::metrics::json_line(images.name_of(next),
                                             zeroshot::metrics::unreadable_prediction(images.predictions[next].labels),
                                             images.failures.at(next)) +
                "\n");
        }
    };
    images.scores([&](std::size_t index, std::span<const double> logits) {
        write_failures_before(index);
        const auto prediction = zeroshot::metrics::prediction_of(logits, images.predictions[index].labels);
        lines.write(zeroshot::metrics::json_line(images.name_of(index), prediction) + "\n");
        ++next;
    });
    write_failures_before(images.predictions.size());
    lines.commit();
}

void write_embeddings(const std::string& file, const data_set_embeddings& images) {
    npy_writer rows(file, {images.rows.rows(), images.rows.columns()});
    images.rows.read([&](std::size_t, std::span<const float> row) { rows.add(row); });
    rows.commit();
}

/// Computes the metrics, and writes all outputs.
void finish(zeroshot::metrics::evaluation& result, const evaluated_images& images, std::span<const std::string> classes,
            const evaluate_options& options, console& out) {
    zeroshot::metrics::summarise(result, images.predictions, classes, images.scores, options.seed);
    if (!options.per_image.empty()) write_per_image(options.per_image, images);
    note_empty_classes(result, out);
    if (!options.csv.empty()) {
        const defer_interrupts no_partial_file;
        zeroshot::write_file(options.csv, csv_of(result));
    }
    if (options.common.json) {
        out.print(zeroshot::metrics::json_line(result));
    } else {
        print(result, out);
    }
}

/// Class embeddings with a model.
struct class_encoder {
    const evaluate_options& options;
    const zeroshot::clip& clip;
    const std::vector<std::string>& classes;
    worker_pool& workers;
    command_context& context;

    /// \return [classes, embedding], each of length 1
    zeroshot::matrix<float> operator()(const std::vector<std::string>& templates) const {
        const std::size_t prompts = classes.size() * std::max<std::size_t>(templates.size(), 1);
        return make_classifier(clip, {classes, templates, options.truncate, options.resume},
                               workers.run_options(context, "prompts", 0, prompts, prompts), context.out)
            .text_embeddings();
    }
};

/// Adds the accuracy of each template alone, and the best combination.
void compare_templates(zeroshot::metrics::evaluation& result, const evaluated_images& images,
                       const data_set_embeddings& embeddings, const class_encoder& encode, std::size_t seed) {
    std::vector<zeroshot::matrix<float>> each;
    for (const std::string& sentence : result.templates) each.push_back(encode({sentence}));
    const auto read = [&](const auto& visit) { embeddings.read(visit); };
    zeroshot::metrics::template_comparison compared =
        zeroshot::metrics::compare_templates(result.templates, each, images.predictions, read, seed);
    result.each_template = std::move(compared.each);
    result.choice = std::move(compared.choice);
}

data_set_embeddings embed_images(zeroshot::datasets::data_set& images, const evaluate_options& options,
                                 const zeroshot::clip& clip, worker_pool& workers, command_context& context) {
    const image_encoder encoder{clip, decode_options_of(options.reading)};
    if (options.resume.empty()) return embed_data_set(images, encoder, workers, context, nullptr);
    std::filesystem::create_directories(options.resume);
    const embedding_cache cache{options.resume, digest_of(clip, options.model.precision)};
    return embed_data_set(images, encoder, workers, context, &cache);
}

/// Warns where --split had no effect.
void note_missing_splits(const opened_data& data, const evaluate_options& options, console& out) {
    const auto names_split = [](const std::string& note) { return note.find(" split") != std::string::npos; };
    const bool has_none = std::ranges::none_of(data.images->notes(), names_split);
    const bool is_free = data.format == "folders" || data.format == "manifest";
    if (!options.split.empty() && is_free && has_none && data.images->location() == zeroshot::path_text(options.data))
        out.note("warning: " + data.images->location() + ": no splits are named in it; all of its images are read");
}

void evaluate_data(const evaluate_options& options, command_context& context) {
    const stopwatch watch;
    const opened_data data = open_data(options.data, options.format, options.split,
                                       {options.image_column, options.label_column}, context.out);
    note_missing_splits(data, options, context.out);
    const class_list classes =
        classes_for(data, options.classes, options.unknown, options.class_names == "words", context.out);
    zeroshot::metrics::evaluation result;
    result.data = options.data;
    result.format = data.format;
    result.templates = combine_templates(options.templates, options.templates_from, data.images->templates());
    if (options.compare_templates && result.templates.empty())
        throw usage_error("no templates to compare; give --template or --templates-from");
    worker_pool workers(options.threads);
    const zeroshot::clip clip = load_model(options.model, context.out, workers.threads());
    result.model = clip.provenance().place;

    const class_encoder encode{options, clip, classes.names, workers, context};
    const zeroshot::matrix<double> text_embeddings =
        zeroshot::normalized(encode(result.templates).eigen().cast<double>(), "class embedding");
    data_set_embeddings embeddings = embed_images(*data.images, options, clip, workers, context);
    const double scale = options.scale.value_or(static_cast<double>(clip.logit_scale()));
    const double bias = static_cast<double>(clip.logit_bias());
    evaluated_images images{[&](std::size_t index) { return embeddings.names[index]; }, embeddings.failures};
    images.predictions = unpredicted(std::move(embeddings.labels), classes);
    images.scores = [&](const auto& visit) {
        embeddings.read([&](std::size_t index, std::span<const float> row) {
            visit(index, logits_of(row, text_embeddings, scale, bias));
        });
    };
    predict(images);

    if (!options.embeddings.empty()) write_embeddings(options.embeddings, embeddings);
    if (options.compare_templates) compare_templates(result, images, embeddings, encode, options.seed);
    result.seconds = watch.seconds();
    finish(result, images, classes.names, options, context.out);
}

zeroshot::matrix<double> read_matrix(const std::string& file) {
    const npy_array array(file, npy_types::real);
    if (array.shape().size() != 2) {
        throw zeroshot::argument_error(
            zeroshot::error_code::shape,
            {zeroshot::path_text(file), "shape " + zeroshot::shape_text(array.shape()), "[rows, columns]", ""});
    }
    zeroshot::matrix<double> rows(array.shape()[0], array.shape()[1]);
    std::ranges::copy(array.numbers(), rows.values().begin());
    return rows;
}

using label_rows = std::vector<std::vector<std::uint32_t>>;  // the labels of each image

[[noreturn]] void refuse_label(const std::string& file, std::size_t row, double value, const std::string& expected) {
    throw zeroshot::data_set_error(zeroshot::error_code::argument,
                                   {zeroshot::path_text(file) + ": row " + std::to_string(row),
                                    "label " + zeroshot::number_text(value), expected, ""});
}

/// Class indices [n]; -1 is out of distribution.
label_rows labels_of_indices(const std::string& file, std::span<const double> values, std::size_t classes) {
    label_rows labels(values.size());
    for (std::size_t row = 0; row < values.size(); ++row) {
        const double value = values[row];
        if (value < -1 || value >= static_cast<double>(classes) || value != std::floor(value)) {
            refuse_label(file, row, value,
                         "a class from 0 to " + std::to_string(classes - 1) + ", or -1 for out of distribution");
        }
        if (value >= 0) labels[row].push_back(static_cast<std::uint32_t>(value));
    }
    return labels;
}

/// Indicators [n, classes] of 0 and 1.
label_rows labels_of_indicators(const std::string& file, std::span<const double> values, std::size_t classes) {
    label_rows labels(values.size() / classes);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t row = i / classes;
        if (values[i] != 0 && values[i] != 1) refuse_label(file, row, values[i], "0 or 1");
        if (values[i] == 1) labels[row].push_back(static_cast<std::uint32_t>(i % classes));
    }
    return labels;
}

label_rows read_labels(const std::string& file, std::size_t rows, std::size_t classes) {
    const npy_array array(file, npy_types::any);
    const std::vector<std::size_t>& shape = array.shape();
    const bool is_column = classes != 1 && shape == std::vector<std::size_t>{rows, 1};
    if (shape == std::vector{rows} || is_column) return labels_of_indices(file, array.numbers(), classes);
    if (shape == std::vector{rows, classes}) return labels_of_indicators(file, array.numbers(), classes);
    throw zeroshot::argument_error(zeroshot::error_code::shape,
                                   {zeroshot::path_text(file), "shape " + zeroshot::shape_text(shape),
                                    "[" + std::to_string(rows) + "] or [" + std::to_string(rows) + ", " +
                                        std::to_string(classes) + "], the numbers of features and classes",
                                    ""});
}

/// The names of --classes, or the numbers of the classes.
std::vector<std::string> names_of_recorded(const evaluate_options& options, std::size_t classes, console& out) {
    std::vector<std::string> names;
    if (!options.classes) {
        for (std::size_t label = 0; label < classes; ++label) names.push_back(std::to_string(label));
        return names;
    }
    names = read_class_names(*options.classes, out);
    if (names.size() != classes) {
        throw zeroshot::data_set_error(zeroshot::error_code::argument,
                                       {zeroshot::path_text(*options.classes), counted(names.size(), "name"),
                                        std::to_string(classes) + ", one for each class embedding", ""});
    }
    return names;
}

void evaluate_recorded(const evaluate_options& options, command_context& context) {
    constexpr double default_scale = 100;  // logit scale of OpenAI's models, and of CLIP_benchmark
    const stopwatch watch;
    const zeroshot::matrix<double> features = read_matrix(options.features),
                                   classes = read_matrix(options.class_embeddings);
    if (features.columns() != classes.columns() || classes.rows() == 0) {
        throw zeroshot::argument_error(
            zeroshot::error_code::shape,
            {zeroshot::path_text(options.class_embeddings), "shape " + zeroshot::shape_text(classes.shape()),
             "[classes, " + std::to_string(features.columns()) + "], the columns of the features", ""});
    }
    const std::vector<std::string> names = names_of_recorded(options, classes.rows(), context.out);
    const zeroshot::matrix<double> class_embeddings = zeroshot::normalized(classes, "class embedding");
    const double scale = options.scale.value_or(default_scale);
    failure_map failures;
    evaluated_images images{[](std::size_t row) { return std::to_string(row); }, failures};
    for (const std::vector<std::uint32_t>& labels : read_labels(options.labels, features.rows(), classes.rows())) {
        const std::size_t row = images.predictions.size();
        images.predictions.push_back(zeroshot::metrics::unreadable_prediction(labels));
        try {
            logits_of(features.row(row), class_embeddings);
        } catch (const zeroshot::numeric_error& fault) {
            const std::string location = zeroshot::path_text(options.features) + ": row " + std::to_string(row);
            failures[row] = {fault.code(), location + ": " + fault.what()};
            context.out.error(failures[row].sentence);
        }
    }
    images.scores = [&](const auto& visit) {
        for (std::size_t row = 0; row < features.rows(); ++row) {
            if (!failures.contains(row)) visit(row, logits_of(features.row(row), class_embeddings, scale));
        }
    };
    predict(images);
    zeroshot::metrics::evaluation result;
    result.data = options.features;
    result.format = "recorded";
    result.model = options.class_embeddings;
    result.seconds = watch.seconds();
    finish(result, images, names, options, context.out);
}

}  // namespace

void evaluate(const evaluate_options& options, command_context& context) {
    check_options(options);
    if (options.data.empty()) {
        evaluate_recorded(options, context);
    } else {
        evaluate_data(options, context);
    }
}

}  // namespace program
