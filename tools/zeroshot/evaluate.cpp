/// \file zeroshot evaluate: a data set in, how good zero-shot classification is out.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/metrics/class_scores.hpp>
#include <zeroshot/metrics/summary.hpp>
#include <zeroshot/metrics/template_choice.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/tensor.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "data_set_embeddings.hpp"
#include "data_sets.hpp"
#include "evaluation_output.hpp"
#include "interrupt.hpp"
#include "model_setup.hpp"
#include "npy.hpp"
#include "options.hpp"
#include "prompt_templates.hpp"

namespace program {

namespace {

void check_call(const evaluate_options& options) {
    const int recorded = !options.features.empty() + !options.labels.empty() + !options.class_embeddings.empty();
    if (options.data.empty() && recorded == 0)
        throw usage_error("nothing to evaluate; give --data, or --features with --labels and --class-embeddings");
    if (!options.data.empty() && recorded != 0)
        throw usage_error("--data and recorded --features are two things to evaluate; give one");
    if (recorded != 0 && recorded != 3) throw usage_error("--features, --labels and --class-embeddings go together");
    const bool asks_for_more =
        options.compare_templates || !options.embeddings.empty() || !options.resume.empty() || !options.unknown.empty();
    if (recorded != 0 && asks_for_more)
        throw usage_error("--compare-templates, --embeddings, --resume and --unknown need --data");
    for (const std::string& sentence : options.templates) {
        try {
            zeroshot::prompt_template{sentence};
        } catch (const zeroshot::error& fault) {
            throw usage_error(fault.what());
        }
    }
    const std::vector<std::filesystem::path> inputs{options.features, options.labels, options.class_embeddings};
    for (const std::string& target : {options.embeddings, options.per_image, options.csv}) {
        if (!target.empty()) check_output_path(target, inputs);
    }
}

/// The call's templates, else the data set's own, else none: the class names as they stand.
std::vector<std::string> templates_of(const evaluate_options& options, const zeroshot::datasets::data_set& images) {
    std::vector<std::string> templates = options.templates;
    if (options.templates_from) {
        for (std::string& sentence : read_templates(*options.templates_from)) templates.push_back(std::move(sentence));
    }
    return templates.empty() ? images.templates() : templates;
}

void note_empty_classes(const zeroshot::evaluation& found, console& out) {
    constexpr std::size_t most_named = 5;
    std::size_t empty = 0;
    for (const zeroshot::class_result& one : found.classes) {
        if (one.count == 0 && ++empty <= most_named)
            out.note("warning: class '" + one.name +
                     "' has no images; it may be predicted, and is left out of the mean per class");
    }
    if (empty > most_named) out.note("warning: nor have " + counted(empty - most_named, "more") + " of the classes");
}

using failure_map = std::map<std::size_t, zeroshot::reading_failure>;  // by the image's place

/// What is evaluated: who each image is, and its scores as often as they are needed. Names and scores come from files,
/// so that no table of them is kept.
struct subject {
    std::function<std::string(std::size_t)> name_of;  // the image at that place
    const failure_map& failures;
    std::vector<zeroshot::answer> answers{};
    zeroshot::score_pass scores{};
};

/// What is known before an image is answered.
/// \param own labels of the images, as the data set has them; not needed any more
std::vector<zeroshot::answer> without_answers(std::vector<zeroshot::label_list> own, const class_list& classes) {
    std::vector<zeroshot::answer> all;
    all.reserve(own.size());
    for (const zeroshot::label_list& labels : own)
        all.push_back(zeroshot::unreadable(classes.classes_of({labels.begin(), labels.end()})));
    return all;
}

void answer_all(subject& what) {
    what.scores([&](std::size_t place, std::span<const double> logits) {
        what.answers[place] = zeroshot::prediction_of(logits, what.answers[place].labels);
    });
}

void write_per_image(const std::string& file, const subject& what) {
    const defer_interrupts no_partial_file;
    zeroshot::atomic_file lines(file);
    std::size_t next = 0;
    const auto write_failures_up_to = [&](std::size_t place) {
        for (; next < place; ++next) {
            lines.write(zeroshot::json_line(what.name_of(next), zeroshot::unreadable(what.answers[next].labels),
                                            what.failures.at(next)) +
                        "\n");
        }
    };
    what.scores([&](std::size_t place, std::span<const double> logits) {
        write_failures_up_to(place);
        lines.write(
            zeroshot::json_line(what.name_of(place), zeroshot::prediction_of(logits, what.answers[place].labels)) +
            "\n");
        ++next;
    });
    write_failures_up_to(what.answers.size());
    lines.commit();
}

void write_embeddings(const std::string& file, const data_set_embeddings& images) {
    npy_writer rows(file, {images.rows.rows(), images.rows.columns()});
    images.rows.read([&](std::size_t, std::span<const float> row) { rows.add(row); });
    rows.commit();
}

/// All figures, to where they were asked for.
void conclude(zeroshot::evaluation& found, const subject& what, std::span<const std::string> classes,
              const evaluate_options& options, console& out) {
    zeroshot::summarise(found, what.answers, classes, what.scores, options.seed);
    if (!options.per_image.empty()) write_per_image(options.per_image, what);
    note_empty_classes(found, out);
    if (!options.csv.empty()) {
        const defer_interrupts no_partial_file;
        zeroshot::write_file(options.csv, csv_of(found));
    }
    if (options.common.json) {
        out.answer(zeroshot::json_line(found));
    } else {
        print(found, out);
    }
}

using clock = std::chrono::steady_clock;

double seconds_since(clock::time_point begin) {
    return std::chrono::duration<double>(clock::now() - begin).count();
}

zeroshot::matrix<float> embedded_classes(const evaluate_options& options, const zeroshot::clip& clip,
                                         const std::vector<std::string>& classes,
                                         const std::vector<std::string>& templates, worker_pool& workers,
                                         command_context& context) {
    const std::size_t prompts = classes.size() * std::max<std::size_t>(templates.size(), 1);
    return make_classifier(clip, {classes, templates, options.truncate, options.resume},
                           workers.run_options(context, "prompts", 0, prompts, prompts), context.out)
        .text_embeddings();
}

/// What each template gives alone, and which are best together.
void compare(zeroshot::evaluation& found, const subject& what, const data_set_embeddings& images,
             const evaluate_options& options, const zeroshot::clip& clip, const std::vector<std::string>& classes,
             worker_pool& workers, command_context& context) {
    std::vector<zeroshot::matrix<float>> each;
    for (const std::string& sentence : found.templates)
        each.push_back(embedded_classes(options, clip, classes, {sentence}, workers, context));
    const auto embeddings = [&](const auto& take) { images.read(take); };
    zeroshot::compared_templates compared =
        zeroshot::compare_templates(found.templates, each, what.answers, embeddings, options.seed);
    found.each_template = std::move(compared.each);
    found.choice = std::move(compared.choice);
}

void evaluate_data(const evaluate_options& options, command_context& context) {
    const clock::time_point begin = clock::now();
    const opened_data data = open_data(options.data, options.format, options.split);
    const class_list classes = classes_for(*data.images, options.classes, options.unknown);
    zeroshot::evaluation found;
    found.data = options.data;
    found.format = data.format;
    found.templates = templates_of(options, *data.images);
    if (options.compare_templates && found.templates.empty())
        throw usage_error("no templates to compare; give some: --template, or --templates-from");
    worker_pool workers(options.threads);
    const zeroshot::clip clip = load_model(options.model, context.out, workers.threads());
    found.model = clip.provenance().place;
    const zeroshot::class_scores scores(
        embedded_classes(options, clip, classes.names, found.templates, workers, context));
    std::optional<embedding_cache> keep;
    if (!options.resume.empty()) {
        std::filesystem::create_directories(options.resume);
        keep = embedding_cache{options.resume, digest_of(clip, options.model.precision)};
    }
    data_set_embeddings images = embed_data_set(*data.images, {clip}, workers, context, keep ? &*keep : nullptr);
    const double scale = options.scale.value_or(static_cast<double>(clip.logit_scale())),
                 bias = static_cast<double>(clip.logit_bias());
    subject what{[&](std::size_t place) { return images.names[place]; }, images.failures};
    what.answers = without_answers(std::move(images.labels), classes);
    what.scores = [&](const auto& take) {
        images.read(
            [&](std::size_t place, std::span<const float> row) { take(place, scores.logits(row, scale, bias)); });
    };
    answer_all(what);
    if (!options.embeddings.empty()) write_embeddings(options.embeddings, images);
    if (options.compare_templates) compare(found, what, images, options, clip, classes.names, workers, context);
    found.seconds = seconds_since(begin);
    conclude(found, what, classes.names, options, context.out);
}

/// The rows of a file, as double.
zeroshot::matrix<double> matrix_in(const std::string& file) {
    const npy_array array(file, npy_types::real);
    if (array.shape().size() != 2) {
        throw zeroshot::argument_error(
            zeroshot::error_code::shape,
            {zeroshot::path_text(file), "shape " + zeroshot::shape_text(array.shape()), "[rows, numbers]", ""});
    }
    zeroshot::matrix<double> rows(array.shape()[0], array.shape()[1]);
    std::ranges::copy(array.numbers(), rows.values().begin());
    return rows;
}

/// Classes [n], where -1 is none of them, or [n, classes] of 0 and 1.
std::vector<std::vector<std::uint32_t>> labels_in(const std::string& file, std::size_t rows, std::size_t classes) {
    const npy_array array(file, npy_types::any);
    const std::vector<double> numbers = array.numbers();
    const std::vector<std::size_t>& shape = array.shape();
    const bool one_each = shape == std::vector{rows}, several = shape == std::vector{rows, classes};
    if (!one_each && !several) {
        throw zeroshot::argument_error(zeroshot::error_code::shape,
                                       {zeroshot::path_text(file), "shape " + zeroshot::shape_text(shape),
                                        "[" + std::to_string(rows) + "], or [" + std::to_string(rows) + ", " +
                                            std::to_string(classes) + "], as there are features and classes",
                                        ""});
    }
    std::vector<std::vector<std::uint32_t>> labels(rows);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const double number = numbers[i];
        const bool good = several
                              ? number == 0 || number == 1
                              : number >= -1 && number < static_cast<double>(classes) && number == std::floor(number);
        if (!good) {
            throw zeroshot::data_set_error(
                zeroshot::error_code::argument,
                {zeroshot::path_text(file) + ": row " + std::to_string(several ? i / classes : i),
                 "label " + zeroshot::number_text(number),
                 several ? "0 or 1" : "a class from 0 to " + std::to_string(classes - 1) + ", or -1 for none of them",
                 ""});
        }
        if (several && number == 1) labels[i / classes].push_back(static_cast<std::uint32_t>(i % classes));
        if (!several && number >= 0) labels[i].push_back(static_cast<std::uint32_t>(number));
    }
    return labels;
}

std::vector<std::string> recorded_names(const evaluate_options& options, std::size_t classes) {
    std::vector<std::string> names;
    if (!options.classes) {
        for (std::size_t label = 0; label < classes; ++label) names.push_back(std::to_string(label));
        return names;
    }
    names = read_class_names(*options.classes);
    if (names.size() != classes) {
        throw zeroshot::data_set_error(zeroshot::error_code::argument,
                                       {zeroshot::path_text(*options.classes), counted(names.size(), "name"),
                                        std::to_string(classes) + " as there are class embeddings", ""});
    }
    return names;
}

void evaluate_recorded(const evaluate_options& options, command_context& context) {
    constexpr double usual_scale = 100;  // the factor of OpenAI's models, and CLIP_benchmark's
    const clock::time_point begin = clock::now();
    const zeroshot::matrix<double> features = matrix_in(options.features),
                                   classes = matrix_in(options.class_embeddings);
    if (features.columns() != classes.columns() || classes.rows() == 0) {
        throw zeroshot::argument_error(
            zeroshot::error_code::shape,
            {zeroshot::path_text(options.class_embeddings), "shape " + zeroshot::shape_text(classes.shape()),
             "[classes, " + std::to_string(features.columns()) + "] as the features have", ""});
    }
    const std::vector<std::string> names = recorded_names(options, classes.rows());
    const zeroshot::class_scores scores(classes);
    const double scale = options.scale.value_or(usual_scale);
    failure_map failures;
    subject what{[](std::size_t row) { return std::to_string(row); }, failures};
    for (const std::vector<std::uint32_t>& labels : labels_in(options.labels, features.rows(), classes.rows())) {
        const std::size_t row = what.answers.size();
        what.answers.push_back(zeroshot::unreadable(labels));
        try {
            scores.logits(std::span(features.row(row)));
        } catch (const zeroshot::numeric_error& fault) {
            failures[row] = {fault.code(), zeroshot::path_text(options.features) + ": row " + std::to_string(row) +
                                               ": " + fault.what()};
            context.out.error(failures[row].sentence);
        }
    }
    what.scores = [&](const auto& take) {
        for (std::size_t row = 0; row < features.rows(); ++row) {
            if (!failures.contains(row)) take(row, scores.logits(std::span(features.row(row)), scale));
        }
    };
    answer_all(what);
    zeroshot::evaluation found;
    found.data = options.features;
    found.format = "recorded";
    found.model = options.class_embeddings;
    found.seconds = seconds_since(begin);
    conclude(found, what, names, options, context.out);
}

}  // namespace

void evaluate(const evaluate_options& options, command_context& context) {
    check_call(options);
    if (options.data.empty()) {
        evaluate_recorded(options, context);
    } else {
        evaluate_data(options, context);
    }
}

}  // namespace program
