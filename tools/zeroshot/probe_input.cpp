#include "probe_input.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "data_set_embeddings.hpp"
#include "data_sets.hpp"
#include "image_files.hpp"
#include "model_setup.hpp"
#include "npy.hpp"
#include "prompt_templates.hpp"

namespace program {

namespace {

constexpr std::uint32_t no_class = (std::numeric_limits<std::uint32_t>::max)();

[[noreturn]] void refuse(zeroshot::error_code code, const std::string& where, const std::string& what,
                         const std::string& expected) {
    throw zeroshot::argument_error(code, {where, what, expected, ""});
}

std::vector<std::uint32_t> read_labels(const std::string& file) {
    const npy_array array(file, npy_types::any);
    const std::string name = zeroshot::path_text(file);
    const std::vector<std::size_t>& shape = array.shape();
    if (shape.size() != 1 && !(shape.size() == 2 && shape[1] == 1))
        refuse(zeroshot::error_code::shape, name, "shape " + zeroshot::shape_text(shape), "[n], a class for each row");
    const std::vector<double> values = array.numbers();
    std::vector<std::uint32_t> labels;
    for (std::size_t row = 0; row < values.size(); ++row) {
        constexpr double limit = no_class;
        const bool is_label = values[row] >= 0 && values[row] < limit && values[row] == std::floor(values[row]);
        if (!is_label)
            refuse(zeroshot::error_code::argument, name + ": row " + std::to_string(row),
                   "label " + std::to_string(values[row]), "a class, counted from 0");
        labels.push_back(static_cast<std::uint32_t>(values[row]));
    }
    return labels;
}

labelled_sample read_sample(const std::string& features, const std::string& labels) {
    const npy_array array(features, npy_types::real);
    const std::string name = zeroshot::path_text(features);
    const std::string shape = "shape " + zeroshot::shape_text(array.shape());
    if (array.shape().size() != 2) refuse(zeroshot::error_code::shape, name, shape, "[n, d], a row for each image");
    const std::size_t rows = array.shape()[0], columns = array.shape()[1];
    if (rows == 0 || columns == 0) refuse(zeroshot::error_code::argument, name, shape, "features");
    std::vector<std::uint32_t> classes = read_labels(labels);
    if (classes.size() != rows) {
        refuse(zeroshot::error_code::shape, zeroshot::path_text(labels), std::to_string(classes.size()) + " labels",
               std::to_string(rows) + ", one for each row of " + name);
    }
    if (array.fits_float()) {
        const auto matrix = std::make_shared<zeroshot::matrix<float>>(rows, columns);
        array.copy(0, matrix->values());
        return {zeroshot::probe::labelled(matrix, std::move(classes))};
    }
    const auto matrix = std::make_shared<zeroshot::matrix<double>>(rows, columns);
    std::ranges::copy(array.numbers(), matrix->data());
    return {zeroshot::probe::labelled(matrix, std::move(classes))};
}

/// For each class of the data set, the training class of the same name.
std::vector<std::uint32_t> match_classes(const zeroshot::datasets::data_set& images,
                                         const std::vector<std::string>& training_classes, console& out) {
    std::vector<std::uint32_t> matches;
    for (const std::string& name : images.classes()) {
        const auto match = std::ranges::find(training_classes, name);
        const bool is_known = match != training_classes.end();
        matches.push_back(is_known ? static_cast<std::uint32_t>(match - training_classes.begin()) : no_class);
        if (!is_known) {
            out.note("warning: class '" + name + "' of " + images.location() +
                     " is not in the training set; its images count as wrong");
        }
    }
    return matches;
}

/// The images of a data set as features. Labels are those of the training classes of the same names, or unchanged if
/// the data set does not name its classes.
labelled_sample embed_sample(const opened_data& data, const std::vector<std::string>& training_classes,
                             const image_encoder& encoder, worker_pool& workers, command_context& context,
                             const embedding_cache* cache) {
    const std::vector<std::uint32_t> class_of = match_classes(*data.images, training_classes, context.out);
    const data_set_embeddings images = embed_data_set(*data.images, encoder, workers, context, cache);
    const auto matrix = std::make_shared<zeroshot::matrix<float>>(images.rows.rows(), images.rows.columns());
    std::vector<std::uint32_t> labels;
    images.read([&](std::size_t index, std::span<const float> row) {
        const std::vector<std::uint32_t>& own = images.labels[index];
        if (own.size() != 1)
            refuse(zeroshot::error_code::argument, images.names[index], std::to_string(own.size()) + " labels",
                   "one label per image");
        std::ranges::copy(row, matrix->row(labels.size()).begin());
        labels.push_back(class_of.empty() ? own.front() : class_of[own.front()]);
    });
    return {zeroshot::probe::labelled(matrix, std::move(labels)), images.failures.size()};
}

/// "0", "1", "2", ...: names for the classes of these labels.
std::vector<std::string> numbered_classes(std::span<const std::uint32_t> labels, const std::string& location) {
    constexpr std::uint32_t max_classes = 1'000'000;
    const std::uint32_t last = labels.empty() ? 0 : *std::ranges::max_element(labels);
    if (last >= max_classes)
        refuse(zeroshot::error_code::limit, location, "label " + std::to_string(last),
               "classes counted from 0, at most " + std::to_string(max_classes));
    std::vector<std::string> names;
    for (std::uint32_t label = 0; label <= last; ++label) names.push_back(std::to_string(label));
    return names;
}

/// \param prompted the names of the classes in prompts
zeroshot::probe::linear_classifier zero_shot_classifier(const zeroshot::clip& clip,
                                                        const std::vector<std::string>& classes,
                                                        const std::vector<std::string>& prompted,
                                                        const std::vector<std::string>& templates,
                                                        const probe_options& options, worker_pool& workers,
                                                        command_context& context) {
    if (classes.empty()) throw usage_error("--zero-shot needs class names, and " + options.train + " has none");
    const zeroshot::classifier classifier =
        make_classifier(clip, {prompted, templates, false, options.resume}, workers.run_options(context), context.out);
    return zeroshot::probe::linear_classifier::zero_shot(classes, classifier.text_embeddings(),
                                                         static_cast<double>(clip.logit_scale()),
                                                         static_cast<double>(clip.logit_bias()));
}

std::optional<embedding_cache> open_cache(const probe_options& options, const zeroshot::clip& clip) {
    if (options.resume.empty()) return std::nullopt;
    std::filesystem::create_directories(options.resume);
    const std::string output = options.features == "embedding" ? "" : " " + options.features;
    return embedding_cache{options.resume, digest_of(clip, options.model.precision) + output};
}

}  // namespace

probe_input embed_probe_data(const probe_options& options, worker_pool& workers, command_context& context) {
    const zeroshot::datasets::list_columns columns{options.image_column, options.label_column};
    const opened_data training = open_data(options.train, options.format, "train", columns, context.out),
                      test = open_data(options.test, options.format, "", columns, context.out);
    const zeroshot::clip clip = load_model(options.model, context.out, workers.threads());
    const std::optional<embedding_cache> cache = open_cache(options, clip);
    const embedding_cache* const cache_pointer = cache ? &*cache : nullptr;
    const bool is_embedding = options.features == "embedding";
    const image_encoder encoder{clip, decode_options_of(options.reading),
                                is_embedding ? image_output::embedding : image_output::penultimate};

    probe_input input;
    input.model = clip.provenance().place;
    input.classes = training.images->classes();
    const bool are_named = input.classes.empty() && options.classes;
    if (are_named) input.classes = read_names_of_indices(*options.classes, options.train, context.out);
    if (options.zero_shot) {
        const std::vector<std::string> templates =
            combine_templates(options.templates, options.templates_from, training.images->templates());
        const std::vector<std::string> prompted = are_named ? input.classes : names_for_prompts(training, context.out);
        input.zero_shot = zero_shot_classifier(clip, input.classes, prompted, templates, options, workers, context);
    }
    input.training = embed_sample(training, input.classes, encoder, workers, context, cache_pointer);
    const std::vector<std::uint32_t>& labels = input.training.features.labels;
    if (are_named && !labels.empty() && *std::ranges::max_element(labels) >= input.classes.size()) {
        refuse(zeroshot::error_code::argument, zeroshot::path_text(options.train),
               "label " + std::to_string(*std::ranges::max_element(labels)),
               "below " + std::to_string(input.classes.size()) + ", the number of names in " +
                   zeroshot::path_text(*options.classes));
    }
    if (input.classes.empty()) input.classes = numbered_classes(labels, options.train);
    input.test = embed_sample(test, input.classes, encoder, workers, context, cache_pointer);
    context.out.end_progress();
    return input;
}

probe_input read_probe_data(const probe_options& options) {
    probe_input input;
    input.training = read_sample(options.train_features, options.train_labels);
    input.test = read_sample(options.test_features, options.test_labels);
    input.classes = numbered_classes(input.training.features.labels, zeroshot::path_text(options.train_labels));
    return input;
}

void normalize(labelled_sample& sample) {
    sample.features.read = [read = std::move(sample.features.read)](std::size_t first, zeroshot::matrix<double>& rows) {
        read(first, rows);
        for (std::size_t row = 0; row < rows.rows(); ++row) {
            double squares = 0;
            for (const double x : rows.row(row)) squares += x * x;
            if (!(squares > 0)) {
                throw zeroshot::numeric_error(
                    zeroshot::error_code::numeric,
                    {"features", "row " + std::to_string(first + row) + " has length 0", "another length", ""});
            }
            for (double& x : rows.row(row)) x /= std::sqrt(squares);
        }
    };
}

}  // namespace program
