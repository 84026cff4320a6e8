#pragma once
/// \file The subcommands and their options.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <zeroshot/parallel.hpp>

namespace program {

struct command_context;

/// Number of threads that this process may use; cached, because it is read from the files of control groups.
inline std::size_t default_threads() {
    static const std::size_t threads = zeroshot::available_threads();
    return threads;
}

/// Options of every subcommand.
struct common_options {
    bool quiet = false;
    bool json = false;
    std::size_t unused_threads = 1;        ///< --threads of a command that needs a single thread
    std::string unused_precision = "f32";  ///< --precision of a command without a model's products
};

/// The model, and the settings that its checkpoint does not specify.
struct model_options {
    std::string model;                ///< file, folder or name; empty for the bundled model
    std::optional<std::string> name;  ///< known model that a bare checkpoint holds
    std::optional<std::string> activation;
    std::optional<std::size_t> vision_heads;
    std::optional<std::size_t> text_heads;
    std::optional<std::array<float, 3>> mean;
    std::optional<std::array<float, 3>> standard_deviation;
    std::optional<std::string> order;
    std::optional<std::string> transparency;
    std::optional<std::size_t> image_size;
    std::optional<std::string> config;
    bool compact = false;
    bool verify = false;
    std::string weight_cache;  ///< folder of the cache of packed weights; empty for none
    std::string precision = "f32";
};

/// Options of the commands that run a model.
struct model_command_options {
    std::size_t threads = default_threads();
    model_options model;
    common_options common;
};

/// How image files are read.
struct reading_options {
    std::optional<std::size_t> max_megapixels;  ///< Pillow's limit if empty
    bool upright = false;                       ///< as EXIF orientation says
};

/// Options of the commands that run a model on images.
struct image_command_options : model_command_options {
    reading_options reading;
};

struct classify_options : image_command_options {
    std::vector<std::string> images;
    std::vector<std::string> labels;
    std::string labels_from;
    std::vector<std::string> templates;
    std::string templates_from;
    std::string cache;                  ///< folder of the cache of class embeddings; empty for none
    std::optional<std::size_t> top;     ///< five if empty, or all above the threshold
    std::optional<std::string> scores;  ///< softmax, cosine or logit; softmax if empty
    std::optional<float> threshold;     ///< the lowest score that is printed
    bool csv = false;
    bool truncate = false;
};

/// Prints the probabilities of labels for images.
/// \throws usage_error, zeroshot::error, output_error
void classify(const classify_options& options, command_context& context);

struct tokenize_options {
    std::vector<std::string> texts;
    model_options model;
    common_options common;
};

/// Prints the token ids of texts.
/// \throws usage_error, zeroshot::error, output_error
void tokenize(const tokenize_options& options, command_context& context);

struct preprocess_options : image_command_options {
    std::vector<std::string> images;
    std::string output;
    bool skip_bad = false;
};

/// Writes the image encoder's input for images.
/// \throws usage_error, zeroshot::error, output_error
void preprocess(const preprocess_options& options, command_context& context);

struct embed_options : image_command_options {
    std::vector<std::string> images;
    std::string pixels;
    std::string texts_from;
    std::string ids;
    std::string output;
    bool normalize = false;
    bool skip_bad = false;
    bool truncate = false;
};

/// Writes the embeddings of images or texts.
/// \throws usage_error, zeroshot::error, output_error
void embed(const embed_options& options, command_context& context);

struct evaluate_options : image_command_options {
    std::string data;
    std::optional<std::string> format;  ///< detected if empty
    std::string split;                  ///< by default test, else validation
    std::string image_column;           ///< of a list; recognised if empty
    std::string label_column;
    std::string class_names = "words";   ///< or as-is
    std::optional<std::string> classes;  ///< file of class names, or imagenet
    std::vector<std::string> unknown;    ///< out-of-distribution classes of the data set
    std::vector<std::string> templates;
    std::string templates_from;  ///< file, openai80 or openai7
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
};

/// Evaluates zero-shot classification on a data set or on recorded embeddings.
/// \throws usage_error, zeroshot::error, output_error
void evaluate(const evaluate_options& options, command_context& context);

struct probe_options : image_command_options {
    std::string train;
    std::string test;
    std::optional<std::string> format;  ///< detected if empty
    std::string image_column;           ///< of lists; recognised if empty
    std::string label_column;
    std::optional<std::string> classes;  ///< file of names for labels that are numbers, or imagenet
    std::string train_features;
    std::string train_labels;
    std::string test_features;
    std::string test_labels;
    std::vector<double> strengths;       ///< one is used, of several the best, none starts a search
    double held_back = 0.2;              ///< share of the training set that strengths are validated on
    std::string features = "embedding";  ///< or penultimate: before the projection
    bool normalize = false;
    bool zero_shot = false;
    bool cache = false;
    std::vector<std::string> templates;
    std::string templates_from;  ///< file, openai80 or openai7
    std::vector<std::size_t> few_shot;
    std::size_t seeds = 3;
    std::size_t seed = 0;
    std::string save;
    std::string resume;
};

/// Fits and evaluates logistic regression on features.
/// \throws usage_error, zeroshot::error, output_error
void probe(const probe_options& options, command_context& context);

struct report_options {
    std::string suite;
    std::string output;
    common_options common;
};

/// Writes an HTML report of evaluations and probes.
/// \throws usage_error, zeroshot::error
void report(const report_options& options, command_context& context);

struct convert_options {
    std::string output;
    std::optional<std::string> dtype;
    model_options model;
    common_options common;
};

/// Converts a checkpoint into one self-contained file.
/// \throws usage_error, zeroshot::error, output_error
void convert(const convert_options& options, command_context& context);

struct inspect_options {
    bool check = false;
    model_options model;
    common_options common;
};

/// Describes a checkpoint.
/// \throws usage_error, zeroshot::error, output_error
void inspect(const inspect_options& options, command_context& context);

struct bench_options : model_command_options {
    std::size_t repeat = 7;
};

/// Measures the speed of the encoders.
/// \throws zeroshot::error, output_error
void bench(const bench_options& options, command_context& context);

}  // namespace program
