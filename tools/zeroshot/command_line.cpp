#include "command_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "console.hpp"
#include "options.hpp"
#include "suggestions.hpp"
#include "version.hpp"

namespace program {

namespace {

/// Number of an option's values, each taken literally: CLI11 would split "[a,b]" in two.
CLI::Option* list_of_values(CLI::Option* option) {
    constexpr int maximum = 10'000'000;
    return option->expected(1, maximum)->allow_extra_args(false);
}

/// An option that may be given several times, with one value each.
CLI::Option* repeatable(CLI::Option* option) {
    return option->expected(1)->allow_extra_args(false)->take_all();
}

/// Restricts the option to some words; the error of any other suggests the nearest one.
CLI::Option* one_of(CLI::Option* option, std::vector<std::string> words) {
    const auto check = [words = std::move(words)](const std::string& word) -> std::string {
        if (std::ranges::find(words, word) != words.end()) return {};
        std::string list;
        for (const std::string& each : words) list += (list.empty() ? "" : ", ") + each;
        return "'" + printable(word) + "' is not one of " + list + did_you_mean(word, words);
    };
    return option->check(check, "", "")->type_name("NAME");
}

/// Restricts the option to integers of a range.
CLI::Option* integer_from(std::size_t minimum, CLI::Option* option,
                          std::size_t maximum = (std::numeric_limits<std::size_t>::max)()) {
    const auto check = [minimum, maximum](const std::string& word) -> std::string {
        std::size_t number = 0;
        const char* const end = word.data() + word.size();
        const auto parsed = std::from_chars(word.data(), end, number);
        const bool is_integer = parsed.ec == std::errc() && parsed.ptr == end;
        if (is_integer && number >= minimum && number <= maximum) return {};
        const bool bounded = maximum != (std::numeric_limits<std::size_t>::max)();
        return "'" + printable(word) + "' is not an integer " +
               (bounded ? "from " + std::to_string(minimum) + " to " + std::to_string(maximum)
                        : ">= " + std::to_string(minimum));
    };
    return option->check(check, "", "")->type_name("N");
}

constexpr const char* checkpoint_group = "Checkpoint";
constexpr const char* images_help = "Images: files, folders, or - for standard input";
constexpr const char* model_help =
    "Checkpoint file, model folder, or name such as openai/clip-vit-base-patch32 (default: the bundled model)";
constexpr const char* truncate_help = "Truncate prompts longer than the model's context instead of refusing them";
constexpr const char* resume_help = "Cache embeddings in this folder, and reuse those of earlier runs";
constexpr const char* templates_help = "Templates from a file, one per line; or openai80, openai7";

/// Three numbers for red, green and blue, as three arguments or one with commas.
void add_colour(CLI::App& command, const std::string& name, std::optional<std::array<float, 3>>& target,
                const std::string& help) {
    const auto parse = [&target](const std::vector<std::string>& words) {
        std::array<float, 3> colour{};
        for (std::size_t i = 0; i < colour.size(); ++i) {
            const char* const end = words[i].data() + words[i].size();
            const auto parsed = std::from_chars(words[i].data(), end, colour[i]);
            if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(colour[i])) return false;
        }
        target = colour;
        return true;
    };
    command.add_option(name, CLI::callback_t(parse), help)
        ->option_text("R G B")
        ->expected(3)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->group(checkpoint_group);
}

void add_precision(CLI::App& command, std::string& target) {
    one_of(command.add_option("--precision", target, "Number format of matrix products: f32, bf16 or int8 (f32)"),
           {"f32", "bf16", "int8"});
}

void add_common_options(CLI::App& command, common_options& target) {
    command.add_flag("--json", target.json, "Print one JSON object per line");
    command.add_flag("-q,--quiet", target.quiet, "Print no notes and no progress bar; errors are still printed");
}

/// Settings that the tensors of a checkpoint do not determine.
void add_checkpoint_options(CLI::App& command, model_options& target) {
    command
        .add_option("--name", target.name,
                    "Known model that the checkpoint holds: ViT-B-32:laion2b_s34b_b79k, ViT-L/14, or a repository")
        ->type_name("NAME")
        ->group(checkpoint_group);
    one_of(command.add_option("--activation", target.activation,
                              "Activation, if the checkpoint does not specify it: quick_gelu, gelu or gelu_tanh"),
           {"quick_gelu", "gelu", "gelu_tanh"})
        ->group(checkpoint_group);
    integer_from(1, command.add_option("--vision-heads", target.vision_heads, "Attention heads of the image encoder"))
        ->group(checkpoint_group);
    integer_from(1, command.add_option("--text-heads", target.text_heads, "Attention heads of the text encoder"))
        ->group(checkpoint_group);
    add_colour(command, "--mean", target.mean, "Channel means subtracted in preprocessing, of values from 0 to 1");
    add_colour(command, "--std", target.standard_deviation, "Channel standard deviations to divide by");
    one_of(command.add_option("--order", target.order, "Order of the preprocessing steps: openai or hf"),
           {"openai", "hf"})
        ->group(checkpoint_group);
    command
        .add_option("--transparency", target.transparency,
                    "Transparent pixels: drop shows the colours beneath, white or #rrggbb lays them on a colour; by "
                    "default as the reference of the order")
        ->type_name("drop|white|#RRGGBB")
        ->group(checkpoint_group);
    integer_from(1, command.add_option("--image-size", target.image_size,
                                       "Input resolution in pixels, if not that of the training"))
        ->group(checkpoint_group);
    command
        .add_option("--config", target.config, "Configuration: config.json, open_clip_config.json, or zeroshot's own")
        ->type_name("FILE")
        ->group(checkpoint_group);
}

void add_weight_options(CLI::App& command, model_options& target) {
    command.add_flag("--compact", target.compact, "Keep 16-bit weights in 16 bits: the same results, half the memory")
        ->group(checkpoint_group);
    command
        .add_option("--weight-cache", target.weight_cache,
                    "Cache the packed weights in this folder; later starts map them and are faster")
        ->type_name("FOLDER")
        ->group(checkpoint_group);
    command.add_option("--keep-weights", target.weight_cache)->group("");  // its name in version 0.1
    command
        .add_flag("--verify", target.verify,
                  "Compare the model's outputs with those recorded in a converted checkpoint")
        ->group(checkpoint_group);
}

void add_model_options(CLI::App& command, model_options& target) {
    command.add_option("-m,--model", target.model, model_help)->type_name("MODEL");
    add_precision(command, target.precision);
    add_checkpoint_options(command, target);
    add_weight_options(command, target);
}

CLI::Option* add_threads(CLI::App& command, std::size_t& target) {
    constexpr std::size_t maximum = 1024;
    return integer_from(
        1, command.add_option("--threads", target, "Number of threads (default: all that the process may use)"),
        maximum);
}

void add_model_command_options(CLI::App& command, model_command_options& target) {
    add_common_options(command, target.common);
    add_threads(command, target.threads);
    add_model_options(command, target.model);
}

/// A model, and how images are read.
void add_image_command_options(CLI::App& command, image_command_options& target) {
    add_model_command_options(command, target);
    constexpr std::size_t maximum = 10'000;
    integer_from(1,
                 command.add_option("--max-megapixels", target.reading.max_megapixels,
                                    "Largest image that is read, in millions of pixels (178, as Pillow)"),
                 maximum);
    command.add_flag("--upright", target.reading.upright, "Turn images as their orientation in EXIF or XMP says");
}

/// Accepts --threads and --precision in commands where they have no effect, so that scripts may pass them anywhere.
void add_unused_options(CLI::App& command, common_options& target) {
    add_threads(command, target.unused_threads)->description("Accepted; without effect in this command");
    add_precision(command, target.unused_precision);
    command.get_option("--precision")->description("Accepted; without effect in this command");
}

void add_templates(CLI::App& command, std::vector<std::string>& target, const std::string& help) {
    repeatable(command.add_option("-t,--template", target, help))->type_name("SENTENCE");
}

/// The command with its parsed options.
template <class Options>
command with_options(const std::shared_ptr<Options>& options, void (*run)(const Options&, command_context&)) {
    return [options, run](command_context& context) {
        if (options->common.quiet) context.out.be_quiet();
        run(*options, context);
    };
}

void add_classify(CLI::App& program, command& selected) {
    const auto options = std::make_shared<classify_options>();
    CLI::App& command = *program.add_subcommand("classify", "Probabilities of labels for images");
    command.add_option("images", options->images, images_help)->type_name("IMAGE");
    list_of_values(command.add_option("-l,--labels", options->labels, "Labels to choose from; -- ends the list"))
        ->type_name("LABEL...");
    command
        .add_option("--labels-from", options->labels_from,
                    "Labels from a file: one per line, or a list as JSON, JSON lines or Python")
        ->type_name("FILE");
    add_templates(command, options->templates, "Sentence with {} for the label; several make an ensemble");
    command.add_option("--templates-from", options->templates_from, templates_help)->type_name("FILE");
    command
        .add_option("--cache", options->cache,
                    "Cache the labels' embeddings in this folder, and reuse those of earlier runs")
        ->type_name("FOLDER");
    command.add_option("--keep", options->cache)->group("");  // its name in version 0.1
    integer_from(1, command.add_option("-k,--top", options->top,
                                       "Number of labels to print, most probable first (5; all above --threshold)"))
        ->type_name("K");
    one_of(
        command.add_option("--scores", options->scores,
                           "Score of a label: softmax, its probability among the given labels, which sum to 1; cosine "
                           "or logit, which do not depend on the other labels (softmax)"),
        {"softmax", "cosine", "logit"});
    command
        .add_option("--threshold", options->threshold,
                    "Print only labels with at least this score: a probability from 0 to 1, a cosine, or a logit")
        ->type_name("NUMBER");
    command.add_flag("--truncate", options->truncate, truncate_help);
    command.add_flag("--csv", options->csv, "Print CSV: a row for each image and label");
    add_image_command_options(command, *options);
    command.footer(
        "Examples:\n"
        "  zeroshot classify examples/images/openmoji-boar.png --labels boar cow elephant hedgehog rabbit\n\n"
        "  zeroshot classify photos/ --model ViT-B-32.safetensors --labels-from animals.txt"
        " --template \"a photo of a {}.\" --json");
    command.callback([options, &selected] { selected = with_options(options, classify); });
}

void add_tokenize(CLI::App& program, command& selected) {
    const auto options = std::make_shared<tokenize_options>();
    CLI::App& command =
        *program.add_subcommand("tokenize", "Token ids of texts: a JSON string per line in, a JSON array per line out");
    repeatable(command.add_option("-t,--text", options->texts,
                                  "Print the tokens of this text instead of reading standard input"))
        ->type_name("TEXT");
    command.add_option("-m,--model", options->model.model, "Use the tokenizer of this model (default: CLIP's)")
        ->type_name("MODEL");
    add_common_options(command, options->common);
    add_unused_options(command, options->common);
    add_checkpoint_options(command, options->model);
    command.footer(R"(Examples:
  zeroshot tokenize --text "a photo of a dog"

  echo '"a diagram"' | zeroshot tokenize)");
    command.callback([options, &selected] { selected = with_options(options, tokenize); });
}

void add_preprocess(CLI::App& program, command& selected) {
    const auto options = std::make_shared<preprocess_options>();
    CLI::App& command = *program.add_subcommand("preprocess", "The image encoder's input for images, as a NumPy file");
    command.add_option("images", options->images, images_help)->type_name("IMAGE");
    command.add_option("-o,--output", options->output, "Output file: float32 [n, 3, size, size]")
        ->required()
        ->type_name("FILE.npy");
    command.add_flag("--skip-bad", options->skip_bad,
                     "Leave out images that cannot be read, and print the names of the others in order");
    add_image_command_options(command, *options);
    command.footer(R"(Example:
  zeroshot preprocess examples/images --output pixels.npy)");
    command.callback([options, &selected] { selected = with_options(options, preprocess); });
}

void add_embed(CLI::App& program, command& selected) {
    const auto options = std::make_shared<embed_options>();
    CLI::App& command = *program.add_subcommand("embed", "Embeddings of images or texts, as a NumPy file");
    command.add_option("images", options->images, images_help)->type_name("IMAGE");
    command
        .add_option("--pixels", options->pixels,
                    "Embed preprocessed images: float32 [n, 3, size, size] as written by preprocess")
        ->type_name("FILE.npy");
    command.add_option("--texts-from", options->texts_from, "Embed texts, one per line; an empty line is a text")
        ->type_name("FILE");
    command
        .add_option("--ids", options->ids, "Embed token ids as printed by tokenize, or one JSON array of such arrays")
        ->type_name("FILE");
    command.add_option("-o,--output", options->output, "Output file: float32 [n, embedding]")
        ->required()
        ->type_name("FILE.npy");
    command.add_flag("--normalize", options->normalize, "Scale each embedding to length 1");
    command.add_flag("--skip-bad", options->skip_bad,
                     "Leave out inputs that fail, and print the names of the others in order; pixels and ids are named "
                     "by their index from 0");
    command.add_flag("--truncate", options->truncate,
                     "Truncate texts longer than the model's context instead of refusing them");
    add_image_command_options(command, *options);
    command.footer(R"(Examples:
  zeroshot embed examples/images --output images.npy --normalize

  zeroshot embed --texts-from captions.txt --output captions.npy --model ViT-B-32.safetensors)");
    command.callback([options, &selected] { selected = with_options(options, embed); });
}

void add_format(CLI::App& command, std::optional<std::string>& target) {
    const std::vector<std::string> formats{"folders",  "manifest",   "idx",    "cifar10",
                                           "cifar100", "webdataset", "parquet"};
    one_of(command.add_option("--format", target,
                              "Format of the data: folders, manifest, idx, cifar10, cifar100, webdataset or parquet "
                              "(default: detected)"),
           formats);
}

void add_list_columns(CLI::App& command, std::string& image, std::string& label) {
    command
        .add_option("--image-column", image,
                    "Column of images in a list (.csv, .jsonl), by its name or its number from 1 (default: recognised)")
        ->type_name("COLUMN");
    command.add_option("--label-column", label, "Column of labels in a list, as --image-column")->type_name("COLUMN");
}

void add_recorded_embeddings(CLI::App& command, evaluate_options& options) {
    command.add_option("--features", options.features, "Image embeddings [n, d], instead of --data")
        ->type_name("FILE.npy");
    command.add_option("--labels", options.labels, "Labels of --features: class indices [n], or 0 and 1 [n, classes]")
        ->type_name("FILE.npy");
    command.add_option("--class-embeddings", options.class_embeddings, "Class embeddings for --features: [classes, d]")
        ->type_name("FILE.npy");
}

void add_evaluation_outputs(CLI::App& command, evaluate_options& options) {
    command.add_option("--per-picture", options.per_image, "Write a JSON object for each image")
        ->type_name("FILE.jsonl");
    command.add_option("--csv", options.csv, "Write a CSV row for each class")->type_name("FILE.csv");
    command
        .add_option("--embeddings", options.embeddings,
                    "Write the embeddings of the readable images: float32 [n, embedding]")
        ->type_name("FILE.npy");
}

void add_evaluate(CLI::App& program, command& selected) {
    const auto options = std::make_shared<evaluate_options>();
    CLI::App& command = *program.add_subcommand("evaluate", "Accuracy of zero-shot classification on a data set");
    command
        .add_option("-d,--data", options->data,
                    "Data set: a folder per class, also within train, val or test; a list of images and labels (.csv, "
                    ".tsv, .jsonl, .json); or a published data set")
        ->type_name("PATH");
    add_format(command, options->format);
    command
        .add_option("--split", options->split,
                    "Split of a data set that has several: train, val, test, or the name of a folder (default: test, "
                    "else validation)")
        ->type_name("NAME");
    add_list_columns(command, options->image_column, options->label_column);
    command
        .add_option("--classes", options->classes,
                    "Class names from a file, one per line; or imagenet (default: those of the data set). Labels that "
                    "are numbers are indices of these names, from 0")
        ->type_name("FILE");
    one_of(command.add_option("--class-names", options->class_names,
                              "Names of folders, and labels of lists, in prompts: words, which reads golden_retriever, "
                              "AnnualCrop and n02099601 as words, or as-is (words)"),
           {"words", "as-is"});
    repeatable(command.add_option("--unknown", options->unknown,
                                  "Class of the data set to treat as out of distribution; repeatable"))
        ->type_name("CLASS");
    add_templates(command, options->templates, "Sentence with {} for the class; several make an ensemble");
    command.add_option("--templates-from", options->templates_from, templates_help)->type_name("FILE");
    command.add_flag("--compare-templates", options->compare_templates,
                     "Accuracy of each template alone, and the best combination of them");
    add_recorded_embeddings(command, *options);
    command
        .add_option("--scale", options->scale,
                    "Logit scale, the factor of cosine similarities (the model's; 100 for --features)")
        ->type_name("NUMBER");
    add_evaluation_outputs(command, *options);
    command.add_option("--resume", options->resume, resume_help)->type_name("FOLDER");
    command.add_option("--seed", options->seed, "Seed of the bootstrap intervals and splits (0)")->type_name("N");
    command.add_flag("--truncate", options->truncate, truncate_help);
    add_image_command_options(command, *options);
    command.footer(R"(Examples:
  zeroshot evaluate --data photos/ --template "a photo of a {}."

  zeroshot evaluate --data cifar-10-batches-bin --model ViT-B-32.safetensors --templates-from openai7 --json)");
    command.callback([options, &selected] { selected = with_options(options, evaluate); });
}

void add_probe_data(CLI::App& command, probe_options& options) {
    command.add_option("--train", options.train, "Training data set, as --data of evaluate")->type_name("PATH");
    command.add_option("--test", options.test, "Test data set with the same class names")->type_name("PATH");
    add_format(command, options.format);
    add_list_columns(command, options.image_column, options.label_column);
    command
        .add_option("--classes", options.classes,
                    "Names of classes, for labels that are numbers: a file, that of class 0 first; or imagenet")
        ->type_name("FILE");
    command.add_option("--train-features", options.train_features, "Training features [n, d], instead of --train")
        ->type_name("FILE.npy");
    command.add_option("--train-labels", options.train_labels, "Labels of the training features: class indices [n]")
        ->type_name("FILE.npy");
    command.add_option("--test-features", options.test_features, "Test features [n, d]")->type_name("FILE.npy");
    command.add_option("--test-labels", options.test_labels, "Labels of the test features")->type_name("FILE.npy");
}

void add_zero_shot_and_few_shot(CLI::App& command, probe_options& options) {
    command.add_flag("--zero-shot", options.zero_shot,
                     "Also evaluate zero-shot classification and interpolated weights (WiSE-FT); implies --normalize");
    add_templates(command, options.templates,
                  "Sentence with {} for the class, for --zero-shot; several make an ensemble");
    command.add_option("--templates-from", options.templates_from, templates_help)->type_name("FILE");
    integer_from(1, list_of_values(command.add_option("--few-shot", options.few_shot,
                                                      "Also fit on this many images per class: 1 2 4 8 16")))
        ->type_name("N...");
    command.add_flag("--cache", options.cache,
                     "Also evaluate Tip-Adapter on the few-shot images; needs --zero-shot and --few-shot");
    integer_from(1, command.add_option("--seeds", options.seeds, "Number of random draws of few-shot images (3)"));
}

void add_probe(CLI::App& program, command& selected) {
    const auto options = std::make_shared<probe_options>();
    CLI::App& command = *program.add_subcommand("probe", "Linear probe: logistic regression on image features");
    add_probe_data(command, *options);
    list_of_values(command.add_option("-c,--strength", options->strengths,
                                      "scikit-learn's C; the best of several (default: the CLIP paper's search from "
                                      "1e-6 to 1e6)"))
        ->type_name("C...");
    command.add_option("--held-back", options->held_back, "Validation share of the training set, to choose C (0.2)")
        ->type_name("SHARE");
    one_of(command.add_option("--features", options->features,
                              "Image features: embedding, or penultimate for those before the projection (embedding)"),
           {"embedding", "penultimate"});
    command.add_flag("--normalize", options->normalize, "Scale features to length 1");
    add_zero_shot_and_few_shot(command, *options);
    command.add_option("--seed", options->seed, "Seed of the validation split and the few-shot draws (0)")
        ->type_name("N");
    command.add_option("-s,--save", options->save, "Write the fitted probe")->type_name("FILE.safetensors");
    command.add_option("--resume", options->resume, resume_help)->type_name("FOLDER");
    add_image_command_options(command, *options);
    command.footer(
        "Examples:\n"
        "  zeroshot probe --train photos/train --test photos/test --zero-shot --template \"a photo of a {}.\""
        " --few-shot 1 2 4 8 16\n\n"
        "  zeroshot probe --train-features x.npy --train-labels y.npy --test-features u.npy --test-labels v.npy"
        " --strength 0.316 --save probe.safetensors --json");
    command.callback([options, &selected] { selected = with_options(options, probe); });
}

void add_report(CLI::App& program, command& selected) {
    const auto options = std::make_shared<report_options>();
    CLI::App& command = *program.add_subcommand("report", "A self-contained HTML report of evaluations and probes");
    command
        .add_option("suite", options->suite,
                    "List of results: {\"title\": ..., \"results\": [{\"name\": ..., \"evaluation\": FILE, ...}]}")
        ->required()
        ->type_name("SUITE.json");
    command.add_option("-o,--output", options->output, "Output file")->required()->type_name("FILE.html");
    add_common_options(command, options->common);
    add_unused_options(command, options->common);
    command.footer(
        R"(Keys of a result; files are relative to the suite's folder:
  "name", "evaluation"   required; the evaluation is the output of evaluate --json
  "probe"                output of probe --json, or a list of such files
  "bench"                output of bench --json
  "per_picture"          file written by evaluate --per-picture
  "folder"               folder of the images
  "about", "credit"      texts to show

Example:
  zeroshot report suite.json --output report.html)");
    command.callback([options, &selected] { selected = with_options(options, report); });
}

void add_convert(CLI::App& program, command& selected) {
    const auto options = std::make_shared<convert_options>();
    CLI::App& command = *program.add_subcommand("convert", "Convert a checkpoint into one self-contained file");
    command.add_option("input", options->model.model, "Checkpoint file, model folder, or name")
        ->required()
        ->type_name("IN");
    command
        .add_option("output", options->output,
                    "Output file: weights, configuration, preprocessing, tokenizer and provenance")
        ->required()
        ->type_name("OUT.safetensors");
    one_of(command.add_option("--dtype", options->dtype,
                              "Data type of the matrices: f32, f16 or bf16 (default: as stored)"),
           {"f32", "f16", "bf16"})
        ->type_name("TYPE");
    command.add_flag("--verify", options->model.verify,
                     "Load the written file, and compare its outputs with those recorded in it");
    add_common_options(command, options->common);
    add_unused_options(command, options->common);
    add_checkpoint_options(command, options->model);
    command.footer(R"(Examples:
  zeroshot convert ViT-B-32.safetensors b32.safetensors --dtype f16 --verify

  zeroshot convert open_clip_folder/ clip.safetensors)");
    command.callback([options, &selected] { selected = with_options(options, convert); });
}

void add_inspect(CLI::App& program, command& selected) {
    const auto options = std::make_shared<inspect_options>();
    CLI::App& command =
        *program.add_subcommand("inspect", "Architecture, sizes, preprocessing and temperature of a checkpoint");
    command.add_option("model", options->model.model, model_help)->type_name("MODEL");
    command.add_flag("--check", options->check,
                     "Check every tensor for NaN and infinity, and the outputs recorded in a converted checkpoint");
    add_common_options(command, options->common);
    add_unused_options(command, options->common);
    add_checkpoint_options(command, options->model);
    command.footer(R"(Examples:
  zeroshot inspect pictograms

  zeroshot inspect ViT-B-32.safetensors --json)");
    command.callback([options, &selected] { selected = with_options(options, inspect); });
}

void add_bench(CLI::App& program, command& selected) {
    const auto options = std::make_shared<bench_options>();
    CLI::App& command = *program.add_subcommand("bench", "Speed of the model: images, texts, loading");
    integer_from(1, command.add_option("--repeat", options->repeat,
                                       "Minimum number of runs of each measurement; the fastest counts (7)"));
    add_model_command_options(command, *options);
    command.footer(R"(Examples:
  zeroshot bench

  zeroshot bench --model ViT-B-32.safetensors --threads 1 --json)");
    command.callback([options, &selected] { selected = with_options(options, bench); });
}

void add_commands(CLI::App& program, command& selected) {
    program.description("CLIP in C++: an image and labels in, probabilities out.");
    program.name("zeroshot");
    program.require_subcommand(1);
    program.get_formatter()->column_width(34);
    program.get_formatter()->label("OPTIONS", "options");
    program.get_formatter()->label("SUBCOMMAND", "<command> ...");
    program.get_formatter()->label("Subcommands", "Commands");
    program.get_formatter()->label("Positionals", "Arguments");
    program.set_help_flag("-h,--help", "Print this help");
    program.add_flag(
        "--version", [](std::int64_t) {}, "Print version, kernels in use, compiler and image formats");
    program.footer(
        "Example:\n  zeroshot classify dog.png --labels \"a dog\" \"a cat\"\n\n"
        "zeroshot <command> --help prints the options of a command.");
    add_classify(program, selected);
    add_tokenize(program, selected);
    add_preprocess(program, selected);
    add_embed(program, selected);
    add_evaluate(program, selected);
    add_probe(program, selected);
    add_report(program, selected);
    add_convert(program, selected);
    add_inspect(program, selected);
    add_bench(program, selected);
}

std::vector<std::string> command_names(const CLI::App& program) {
    std::vector<std::string> names;
    for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(command->get_name());
    return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    return names;
}

/// The parsed subcommand, or the program itself.
const CLI::App& parsed_app(const CLI::App& program) {
    const std::vector<CLI::App*> parsed = const_cast<CLI::App&>(program).get_subcommands();
    return parsed.empty() ? program : *parsed.front();
}

/// CLI11's help without its surplus empty lines.
std::string help_text(const CLI::App& program) {
    const CLI::App& app = parsed_app(program);
    std::string text = &app == &program ? app.help() : app.help(program.get_name());
    for (std::size_t at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n")) text.erase(at, 1);
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

std::string error_message(const CLI::App& program, const CLI::ParseError& fault) {
    const CLI::App& app = parsed_app(program);
    const std::vector<std::string> rest = app.remaining();
    if (!rest.empty() && rest.front().starts_with("-")) {
        const std::string name = rest.front().substr(0, rest.front().find('='));
        return "unknown option '" + printable(name) + "'" + did_you_mean(name, option_names(app));
    }
    if (!rest.empty()) return "unexpected argument '" + printable(rest.front()) + "'";
    std::string message = fault.what();
    if (!message.empty() && message.back() == '.') message.pop_back();
    return message;
}

}  // namespace

parsed_command parse_command_line(int count, char** arguments) {
    CLI::App program;
    command selected;
    add_commands(program, selected);
    const std::string first = count > 1 ? arguments[1] : "";
    const std::vector<std::string> commands = command_names(program);
    const bool is_command = std::ranges::find(commands, first) != commands.end();
    if (first.empty()) return {"", {}, "no command"};
    if (first == "--version") return {"", [](command_context& context) { context.out.print(version_text()); }, ""};
    if (!is_command && !first.starts_with("-"))
        return {"", {}, "unknown command '" + printable(first) + "'" + did_you_mean(first, commands)};
    const std::string name = is_command ? first : "";
    try {
        program.parse(count, arguments);
    } catch (const CLI::CallForHelp&) {
        return {name, [text = help_text(program)](command_context& context) { context.out.print(text); }, ""};
    } catch (const CLI::ParseError& fault) {
        return {name, {}, error_message(program, fault)};
    }
    return {name, selected, ""};
}

}  // namespace program
