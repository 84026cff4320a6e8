#pragma once
/// \file The commands, and what can be asked of each.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <zeroshot/parallel.hpp>

namespace program {

struct session;

/// As many threads as this process may use, asked once: control groups are files.
inline std::size_t usual_threads() {
    static const std::size_t threads = zeroshot::available_threads();
    return threads;
}

/// What every command takes.
struct manners {
    bool quiet = false;
    bool json = false;
    std::size_t idle_threads = 1;        ///< --threads of a command that needs only one
    std::string idle_precision = "f32";  ///< --precision of a command that computes nothing
};

/// Which model, and what its checkpoint leaves open.
struct model_options {
    std::string model;                ///< a file, a folder, a name; empty for the bundled one
    std::optional<std::string> name;  ///< the known model that a bare checkpoint is
    std::optional<std::string> activation;
    std::optional<std::size_t> vision_heads;
    std::optional<std::size_t> text_heads;
    std::optional<std::array<float, 3>> mean;
    std::optional<std::array<float, 3>> std;
    std::optional<std::string> order;
    std::optional<std::size_t> image_size;
    std::optional<std::string> config;
    bool compact = false;
    bool verify = false;
    std::string keep_weights;  ///< the folder of packed weights
    std::string precision = "f32";
};

struct classify_options {
    std::vector<std::string> images;
    std::vector<std::string> labels;
    std::string labels_from;
    std::vector<std::string> templates;
    std::string templates_from;
    std::string keep;  ///< the folder of class embeddings
    std::size_t top = 5;
    bool csv = false;
    bool truncate = false;
    std::size_t threads = usual_threads();
    model_options model;
    manners as;
};

/// Images and labels in, probabilities out.
/// \throws usage_error, zeroshot::error, output_error
void classify(const classify_options& options, session& with);

struct tokenize_options {
    std::vector<std::string> texts;
    model_options model;
    manners as;
};

/// Texts into ids.
/// \throws usage_error, zeroshot::error, output_error
void tokenize(const tokenize_options& options, session& with);

struct preprocess_options {
    std::vector<std::string> images;
    std::string output;
    bool skip_bad = false;
    std::size_t threads = usual_threads();
    model_options model;
    manners as;
};

/// Images into exactly what the image encoder gets.
/// \throws usage_error, zeroshot::error, output_error
void preprocess(const preprocess_options& options, session& with);

struct embed_options {
    std::vector<std::string> images;
    std::string pixels;
    std::string texts_from;
    std::string ids;
    std::string output;
    bool normalize = false;
    bool skip_bad = false;
    bool truncate = false;
    std::size_t threads = usual_threads();
    model_options model;
    manners as;
};

/// Images or texts into embeddings.
/// \throws usage_error, zeroshot::error, output_error
void embed(const embed_options& options, session& with);

struct evaluate_options {
    std::string data;
    std::optional<std::string> format;  ///< else recognised
    std::string split = "test";
    std::optional<std::string> classes;  ///< a file, or imagenet
    std::vector<std::string> unknown;    ///< classes of the data set that are to be none of the list
    std::vector<std::string> templates;
    std::optional<std::string> templates_from;  ///< a file, openai80 or openai7
    std::string features;
    std::string labels;
    std::string class_embeddings;
    std::optional<double> scale;
    std::string embeddings;
    std::string per_image;
    std::string csv;
    std::string resume;
    bool compare_templates = false;
    std::size_t seed = 0;
    bool truncate = false;
    std::size_t threads = usual_threads();
    model_options model;
    manners as;
};

/// Zero-shot on a data set, or on recorded embeddings: how good it is.
/// \throws usage_error, zeroshot::error, output_error
void evaluate(const evaluate_options& options, session& with);

struct probe_options {
    std::string train;
    std::string test;
    std::optional<std::string> format;  ///< else recognised
    std::string train_features;
    std::string train_labels;
    std::string test_features;
    std::string test_labels;
    std::vector<double> strengths;       ///< one to be taken, several to be tried, none for a search
    double held_back = 0.2;              ///< of the training set, while strengths are tried
    std::string features = "embedding";  ///< or penultimate: what embeddings are projected from
    bool normalize = false;
    bool zero_shot = false;
    bool cache = false;
    std::vector<std::string> templates;
    std::optional<std::string> templates_from;  ///< a file, openai80 or openai7
    std::vector<std::size_t> few_shot;
    std::size_t seeds = 3;
    std::size_t seed = 0;
    std::string save;
    std::string resume;
    std::size_t threads = usual_threads();
    model_options model;
    manners as;
};

/// Logistic regression on features, and how good it is.
/// \throws usage_error, zeroshot::error, output_error
void probe(const probe_options& options, session& with);

struct report_options {
    std::string suite;
    std::string output;
    manners as;
};

/// What evaluations and probes found, as a page.
/// \throws usage_error, zeroshot::error
void report(const report_options& options, session& with);

struct convert_call {
    std::string output;
    std::optional<std::string> dtype;
    model_options model;
    manners as;
};

/// Any readable checkpoint into one self-contained file.
/// \throws usage_error, zeroshot::error, output_error
void convert(const convert_call& options, session& with);

struct inspect_options {
    bool check = false;
    model_options model;
    manners as;
};

/// What a checkpoint is.
/// \throws usage_error, zeroshot::error, output_error
void inspect(const inspect_options& options, session& with);

struct bench_options {
    std::size_t repeat = 7;
    std::size_t threads = usual_threads();
    model_options model;
    manners as;
};

/// How long the encoders take.
/// \throws zeroshot::error, output_error
void bench(const bench_options& options, session& with);

}  // namespace program
