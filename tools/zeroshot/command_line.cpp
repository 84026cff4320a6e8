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

/// An option that takes many values, each as it stands: CLI11 would read "[a,b]" as two.
CLI::Option* many(CLI::Option* option) {
    constexpr int most = 10'000'000;
    return option->expected(1, most)->allow_extra_args(false);
}

/// The option takes one of the words; for others the nearest is suggested.
CLI::Option* one_of(CLI::Option* option, std::vector<std::string> words) {
    const auto check = [words = std::move(words)](const std::string& word) -> std::string {
        if (std::ranges::find(words, word) != words.end()) return {};
        std::string list;
        for (const std::string& each : words) list += (list.empty() ? "" : ", ") + each;
        return "'" + printable(word) + "' is none of " + list + did_you_mean(word, words);
    };
    return option->check(check, "", "");
}

/// The option takes a whole number of a range.
CLI::Option* at_least(CLI::Option* option, std::size_t least,
                      std::size_t most = std::numeric_limits<std::size_t>::max()) {
    const auto check = [least, most](const std::string& word) -> std::string {
        std::size_t number = 0;
        const char* const end = word.data() + word.size();
        const auto read_to = std::from_chars(word.data(), end, number);
        if (read_to.ec == std::errc() && read_to.ptr == end && number >= least && number <= most) return {};
        const bool bounded = most != std::numeric_limits<std::size_t>::max();
        return "'" + printable(word) + "' is no number " +
               (bounded ? "from " + std::to_string(least) + " to " + std::to_string(most)
                        : "of at least " + std::to_string(least));
    };
    return option->check(check, "", "");
}

/// Three numbers for red, green and blue, as three words or one with commas.
void add_colour(CLI::App& sub, const std::string& name, std::optional<std::array<float, 3>>& to,
                const std::string& about) {
    const auto read = [&to](const std::vector<std::string>& words) {
        std::array<float, 3> colour{};
        for (std::size_t i = 0; i < colour.size(); ++i) {
            const char* const end = words[i].data() + words[i].size();
            const auto read_to = std::from_chars(words[i].data(), end, colour[i]);
            if (read_to.ec != std::errc() || read_to.ptr != end || !std::isfinite(colour[i])) return false;
        }
        to = colour;
        return true;
    };
    sub.add_option(name, CLI::callback_t(read), about)
        ->option_text("R G B")
        ->expected(3)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->group("Checkpoint");
}

void add_precision(CLI::App& sub, std::string& to) {
    one_of(sub.add_option("--precision", to, "What the model's matrices are multiplied in: f32, bf16 or int8"),
           {"f32", "bf16", "int8"})
        ->type_name("NAME");
}

void add_manners(CLI::App& sub, manners& to) {
    sub.add_flag("--json", to.json, "One JSON object a line");
    sub.add_flag("-q,--quiet", to.quiet, "No notes and no progress; failures are still told");
}

/// What a bare checkpoint leaves open.
void add_checkpoint_choices(CLI::App& sub, model_options& to) {
    const std::string group = "Checkpoint";
    sub.add_option("--name", to.name,
                   "What a bare checkpoint is: ViT-B-32:laion2b_s34b_b79k, ViT-L/14, or a repository")
        ->type_name("NAME")
        ->group(group);
    one_of(sub.add_option("--activation", to.activation,
                          "quick_gelu, gelu or gelu_tanh, where the checkpoint does not say"),
           {"quick_gelu", "gelu", "gelu_tanh"})
        ->type_name("NAME")
        ->group(group);
    at_least(sub.add_option("--vision-heads", to.vision_heads, "Attention heads of the image tower"), 1)
        ->type_name("N")
        ->group(group);
    at_least(sub.add_option("--text-heads", to.text_heads, "Attention heads of the text tower"), 1)
        ->type_name("N")
        ->group(group);
    add_colour(sub, "--mean", to.mean, "What is subtracted from red, green and blue, of 0 to 1");
    add_colour(sub, "--std", to.std, "What they are then divided by");
    one_of(sub.add_option("--order", to.order, "Whose preprocessing: openai or hf"), {"openai", "hf"})
        ->type_name("NAME")
        ->group(group);
    at_least(
        sub.add_option("--image-size", to.image_size, "Pixels of the images, if not those the model was trained with"),
        1)
        ->type_name("N")
        ->group(group);
    sub.add_option("--config", to.config, "config.json, open_clip_config.json, or a file of our own form")
        ->type_name("FILE")
        ->group(group);
}

/// How a model is kept in memory, and whether it is what it was.
void add_keeping(CLI::App& sub, model_options& to) {
    sub.add_flag("--compact", to.compact,
                 "Keep 16-bit weights 16 bits wide in memory: the same numbers in half the space")
        ->group("Checkpoint");
    sub.add_option(
           "--keep-weights", to.keep_weights,
           "Keep the weights in this folder as they lie in memory, and map those that are there: a quicker start")
        ->type_name("FOLDER")
        ->group("Checkpoint");
    sub.add_flag("--verify", to.verify, "Replay the record that a converted checkpoint carries of itself")
        ->group("Checkpoint");
}

void add_model(CLI::App& sub, model_options& to) {
    sub.add_option(
           "-m,--model", to.model,
           "A checkpoint, a model folder, or a name such as openai/clip-vit-base-patch32; without it the bundled model")
        ->type_name("MODEL");
    add_precision(sub, to.precision);
    add_checkpoint_choices(sub, to);
    add_keeping(sub, to);
}

void add_threads(CLI::App& sub, std::size_t& to) {
    constexpr std::size_t most = 1024;
    at_least(sub.add_option("--threads", to, "How many threads; what the process may use unless said"), 1, most)
        ->type_name("N");
}

/// What every command takes, for those whose work is done before a second thread would help.
void add_idle_choices(CLI::App& sub, manners& to) {
    add_threads(sub, to.idle_threads);
    sub.get_option("--threads")->description("As for the other commands; this one needs a single thread");
    add_precision(sub, to.idle_precision);
}

/// The command, with what was asked of it.
template <class Options>
command chosen(const std::shared_ptr<Options>& options, void (*run)(const Options&, session&)) {
    return [options, run](session& with) {
        if (options->as.quiet) with.out.be_quiet();
        run(*options, with);
    };
}

void add_classify(CLI::App& program, command& to) {
    const auto options = std::make_shared<classify_options>();
    CLI::App* sub = program.add_subcommand("classify", "Images and labels in, probabilities out");
    sub->add_option("pictures", options->images, "Images: files, folders, or - for standard input")->type_name("IMAGE");
    many(sub->add_option("-l,--labels", options->labels, "What may be seen, in words; -- ends the list"))
        ->type_name("LABEL...");
    sub->add_option("--labels-from", options->labels_from, "Labels from a file, one on each line")->type_name("FILE");
    sub->add_option("-t,--template", options->templates, "A sentence with {} for the label; several make an ensemble")
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all()
        ->type_name("SENTENCE");
    sub->add_option("--templates-from", options->templates_from, "Templates from a file, one on each line")
        ->type_name("FILE");
    sub->add_option("--keep", options->keep,
                    "Keep the labels' embeddings in this folder, and take those that are there")
        ->type_name("FOLDER");
    at_least(sub->add_option("-k,--top", options->top, "How many labels to show, most probable first (5)"), 1)
        ->type_name("K");
    sub->add_flag("--truncate", options->truncate, "Cut prompts that are too long, instead of refusing them");
    sub->add_flag("--csv", options->csv, "A line for each image and label, with commas");
    add_manners(*sub, options->as);
    add_threads(*sub, options->threads);
    add_model(*sub, options->model);
    sub->footer(R"(Examples:
  zeroshot classify examples/images/openmoji-boar.png --labels boar cow elephant hedgehog rabbit

  zeroshot classify photos/ --model ViT-B-32.safetensors --labels-from animals.txt --template "a photo of a {}." --json)");
    sub->callback([options, &to] { to = chosen(options, classify); });
}

void add_tokenize(CLI::App& program, command& to) {
    const auto options = std::make_shared<tokenize_options>();
    CLI::App* sub = program.add_subcommand("tokenize", "Texts into ids: JSON strings in, JSON arrays out, a line each");
    sub->add_option("-t,--text", options->texts, "Show the pieces of this text instead of reading standard input")
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all()
        ->type_name("TEXT");
    sub->add_option("-m,--model", options->model.model, "Take the tokenizer of this model; without it CLIP's own")
        ->type_name("MODEL");
    add_manners(*sub, options->as);
    add_idle_choices(*sub, options->as);
    add_checkpoint_choices(*sub, options->model);
    sub->footer(R"(Examples:
  zeroshot tokenize --text "a photo of a dog"

  echo '"a diagram"' | zeroshot tokenize)");
    sub->callback([options, &to] { to = chosen(options, tokenize); });
}

void add_preprocess(CLI::App& program, command& to) {
    const auto options = std::make_shared<preprocess_options>();
    CLI::App* sub =
        program.add_subcommand("preprocess", "Images into exactly what the image encoder gets, as a NumPy file");
    sub->add_option("pictures", options->images, "Images: files, folders, or - for standard input")->type_name("IMAGE");
    sub->add_option("-o,--output", options->output, "The file to write: float32 [n, 3, size, size]")
        ->required()
        ->type_name("FILE.npy");
    sub->add_flag("--skip-bad", options->skip_bad,
                  "Leave out what cannot be read, and print the names that are in, in order");
    add_manners(*sub, options->as);
    add_threads(*sub, options->threads);
    add_model(*sub, options->model);
    sub->footer(R"(Example:
  zeroshot preprocess examples/images --output pixels.npy)");
    sub->callback([options, &to] { to = chosen(options, preprocess); });
}

void add_embed(CLI::App& program, command& to) {
    const auto options = std::make_shared<embed_options>();
    CLI::App* sub = program.add_subcommand("embed", "Images or texts into embeddings, as a NumPy file");
    sub->add_option("pictures", options->images, "Images: files, folders, or - for standard input")->type_name("IMAGE");
    sub->add_option("--pixels", options->pixels, "Instead: float32 [n, 3, size, size] as preprocess writes it")
        ->type_name("FILE.npy");
    sub->add_option("--texts-from", options->texts_from, "Instead: texts, one on each line, empty lines among them")
        ->type_name("FILE");
    sub->add_option("--ids", options->ids, "Instead: ids as tokenize prints them, or one JSON array of such arrays")
        ->type_name("FILE");
    sub->add_option("-o,--output", options->output, "The file to write: float32 [n, embedding]")
        ->required()
        ->type_name("FILE.npy");
    sub->add_flag("--normalize", options->normalize, "Scale each embedding to length 1");
    sub->add_flag("--skip-bad", options->skip_bad,
                  "Leave out what is bad, and print the names that are in, in order; pixels and ids are named by their "
                  "place, from 0");
    sub->add_flag("--truncate", options->truncate, "Cut texts that are too long, instead of refusing them");
    add_manners(*sub, options->as);
    add_threads(*sub, options->threads);
    add_model(*sub, options->model);
    sub->footer(R"(Examples:
  zeroshot embed examples/images --output images.npy --normalize

  zeroshot embed --texts-from captions.txt --output captions.npy --model ViT-B-32.safetensors)");
    sub->callback([options, &to] { to = chosen(options, embed); });
}

/// \param what begins the help: "What it is"
void add_format(CLI::App& sub, std::optional<std::string>& to, const std::string& what) {
    one_of(sub.add_option("--format", to,
                          what + ": folders, manifest, idx, cifar10, cifar100, webdataset or parquet; else recognised"),
           {"folders", "manifest", "idx", "cifar10", "cifar100", "webdataset", "parquet"})
        ->type_name("NAME");
}

void add_evaluate(CLI::App& program, command& to) {
    const auto options = std::make_shared<evaluate_options>();
    CLI::App* sub = program.add_subcommand("evaluate", "A data set in, how good zero-shot classification is out");
    sub->add_option("-d,--data", options->data, "A folder for each class, a manifest, or a data set as it is published")
        ->type_name("PATH");
    add_format(*sub, options->format, "What it is");
    one_of(sub->add_option("--split", options->split, "train or test, where both lie together (test)"),
           {"train", "test"})
        ->type_name("NAME");
    sub->add_option("--classes", options->classes,
                    "Class names from a file, one on each line; or imagenet. Else those of the data set")
        ->type_name("FILE");
    sub->add_option("--unknown", options->unknown, "A class of the data set that is to be none of the list; repeatable")
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all()
        ->type_name("CLASS");
    sub->add_option("-t,--template", options->templates, "A sentence with {} for the class; several make an ensemble")
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all()
        ->type_name("SENTENCE");
    sub->add_option("--templates-from", options->templates_from,
                    "Templates from a file, one on each line; or openai80, openai7")
        ->type_name("FILE");
    sub->add_flag("--compare-templates", options->compare_templates,
                  "What each template gives alone, and which are best together");
    sub->add_option("--features", options->features, "Instead of data: image embeddings [n, d]")->type_name("FILE.npy");
    sub->add_option("--labels", options->labels, "Of the embeddings: classes [n], or [n, classes] of 0 and 1")
        ->type_name("FILE.npy");
    sub->add_option("--class-embeddings", options->class_embeddings, "Of the classes: [classes, d]")
        ->type_name("FILE.npy");
    sub->add_option("--scale", options->scale,
                    "By which cosines become logits (that of the model; 100 for recorded embeddings)")
        ->type_name("NUMBER");
    sub->add_option("--per-picture", options->per_image, "Write a line of JSON for each image")
        ->type_name("FILE.jsonl");
    sub->add_option("--csv", options->csv, "Write a line for each class, with commas")->type_name("FILE.csv");
    sub->add_option("--embeddings", options->embeddings,
                    "Write the embeddings of the images that could be read: float32 [n, embedding]")
        ->type_name("FILE.npy");
    sub->add_option("--resume", options->resume, "Keep embeddings in this folder, and take those that are there")
        ->type_name("FOLDER");
    sub->add_option("--seed", options->seed, "Of the intervals and splits (0)")->type_name("N");
    sub->add_flag("--truncate", options->truncate, "Cut prompts that are too long, instead of refusing them");
    add_manners(*sub, options->as);
    add_threads(*sub, options->threads);
    add_model(*sub, options->model);
    sub->footer(R"(Examples:
  zeroshot evaluate --data photos/ --template "a photo of a {}."

  zeroshot evaluate --data cifar-10-batches-bin --model ViT-B-32.safetensors --templates-from openai7 --json)");
    sub->callback([options, &to] { to = chosen(options, evaluate); });
}

void add_probe(CLI::App& program, command& to) {
    const auto options = std::make_shared<probe_options>();
    CLI::App* sub =
        program.add_subcommand("probe", "Labelled images in, how far a linear classifier of their features gets out");
    sub->add_option("--train", options->train, "A data set to fit on, as evaluate takes it")->type_name("PATH");
    sub->add_option("--test", options->test, "A data set to judge by, with classes of the same names")
        ->type_name("PATH");
    add_format(*sub, options->format, "What they are");
    sub->add_option("--train-features", options->train_features, "Instead of data: features [n, d]")
        ->type_name("FILE.npy");
    sub->add_option("--train-labels", options->train_labels, "Their classes [n], counted from 0")
        ->type_name("FILE.npy");
    sub->add_option("--test-features", options->test_features, "The features to judge by")->type_name("FILE.npy");
    sub->add_option("--test-labels", options->test_labels, "Their classes")->type_name("FILE.npy");
    many(sub->add_option("-c,--strength", options->strengths,
                         "scikit-learn's C; the best of several; without it the paper's search from 1e-6 to 1e6"))
        ->type_name("C...");
    sub->add_option("--held-back", options->held_back, "Share of the training set that strengths are tried on (0.2)")
        ->type_name("SHARE");
    one_of(
        sub->add_option(
            "--features", options->features,
            "What an image's features are: embedding, or penultimate, what embeddings are projected from (embedding)"),
        {"embedding", "penultimate"})
        ->type_name("NAME");
    sub->add_flag("--normalize", options->normalize, "Scale features to length 1");
    sub->add_flag("--zero-shot", options->zero_shot,
                  "Also zero-shot, and the mixtures of its weights with the probe's (WiSE-FT); implies --normalize");
    sub->add_option("-t,--template", options->templates,
                    "For --zero-shot: a sentence with {} for the class; several make an ensemble")
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all()
        ->type_name("SENTENCE");
    sub->add_option("--templates-from", options->templates_from,
                    "Templates from a file, one on each line; or openai80, openai7")
        ->type_name("FILE");
    at_least(
        many(sub->add_option("--few-shot", options->few_shot, "Also fits on so many images of each class: 1 2 4 8 16")),
        1)
        ->type_name("N...");
    sub->add_flag(
        "--cache", options->cache,
        "Also a cache of those few beside zero-shot, without training (Tip-Adapter); needs --zero-shot and --few-shot");
    at_least(sub->add_option("--seeds", options->seeds, "How often those few are drawn (3)"), 1)->type_name("N");
    sub->add_option("--seed", options->seed, "Of what is held back and drawn (0)")->type_name("N");
    sub->add_option("-s,--save", options->save, "Write the fitted probe")->type_name("FILE.safetensors");
    sub->add_option("--resume", options->resume, "Keep embeddings in this folder, and take those that are there")
        ->type_name("FOLDER");
    add_manners(*sub, options->as);
    add_threads(*sub, options->threads);
    add_model(*sub, options->model);
    sub->footer(R"(Examples:
  zeroshot probe --train photos/train --test photos/test --zero-shot --template "a photo of a {}." --few-shot 1 2 4 8 16

  zeroshot probe --train-features x.npy --train-labels y.npy --test-features u.npy --test-labels v.npy --strength 0.316 --save probe.safetensors --json)");
    sub->callback([options, &to] { to = chosen(options, probe); });
}

void add_report(CLI::App& program, command& to) {
    const auto options = std::make_shared<report_options>();
    CLI::App* sub =
        program.add_subcommand("report", "What evaluations and probes found, as one page that needs nothing beside it");
    sub->add_option("suite", options->suite,
                    "A list of results: {\"title\": ..., \"results\": [{\"name\": ..., \"evaluation\": FILE, ...}]}")
        ->required()
        ->type_name("SUITE.json");
    sub->add_option("-o,--output", options->output, "The page to write")->required()->type_name("FILE.html");
    add_manners(*sub, options->as);
    add_idle_choices(*sub, options->as);
    sub->footer(
        R"(A result has a "name" and the file of its "evaluation" (evaluate --json), and may have "probe" (probe --json, or a list of such files), "bench" (bench --json),
"per_picture" (evaluate --per-picture) and the "folder" the images lie in, "about" and "credit" for the page to say. Files are looked for beside the suite.

Example:
  zeroshot report suite.json --output report.html)");
    sub->callback([options, &to] { to = chosen(options, report); });
}

void add_convert(CLI::App& program, command& to) {
    const auto options = std::make_shared<convert_call>();
    CLI::App* sub =
        program.add_subcommand("convert", "Any readable checkpoint into one file that needs nothing beside it");
    sub->add_option("input", options->model.model, "A checkpoint, a model folder, or a name")
        ->required()
        ->type_name("IN");
    sub->add_option("output", options->output,
                    "The file to write: weights, configuration, preprocessing, tokenizer, origin")
        ->required()
        ->type_name("OUT.safetensors");
    one_of(sub->add_option("--dtype", options->dtype,
                           "Type of the matrices: f32, f16 or bf16; as they are stored unless said"),
           {"f32", "f16", "bf16"})
        ->type_name("TYPE");
    sub->add_flag("--verify", options->model.verify,
                  "Load what was written, and compare what it gives with its record");
    add_manners(*sub, options->as);
    add_idle_choices(*sub, options->as);
    add_checkpoint_choices(*sub, options->model);
    sub->footer(R"(Examples:
  zeroshot convert ViT-B-32.safetensors b32.safetensors --dtype f16 --verify

  zeroshot convert open_clip_folder/ clip.safetensors)");
    sub->callback([options, &to] { to = chosen(options, convert); });
}

void add_inspect(CLI::App& program, command& to) {
    const auto options = std::make_shared<inspect_options>();
    CLI::App* sub =
        program.add_subcommand("inspect", "What a checkpoint is: architecture, sizes, preprocessing, temperature");
    sub->add_option(
           "model", options->model.model,
           "A checkpoint, a model folder, or a name such as openai/clip-vit-base-patch32; without it the bundled model")
        ->type_name("MODEL");
    sub->add_flag("--check", options->check,
                  "Look at every number, and replay the record that a converted checkpoint carries of itself");
    add_manners(*sub, options->as);
    add_idle_choices(*sub, options->as);
    add_checkpoint_choices(*sub, options->model);
    sub->footer(R"(Examples:
  zeroshot inspect pictograms

  zeroshot inspect ViT-B-32.safetensors --json)");
    sub->callback([options, &to] { to = chosen(options, inspect); });
}

void add_bench(CLI::App& program, command& to) {
    const auto options = std::make_shared<bench_options>();
    CLI::App* sub = program.add_subcommand("bench", "How long the model takes: images, texts, loading");
    at_least(
        sub->add_option("--repeat", options->repeat, "How often each is run, at least; the shortest time counts (7)"),
        1)
        ->type_name("N");
    add_manners(*sub, options->as);
    add_threads(*sub, options->threads);
    add_model(*sub, options->model);
    sub->footer(R"(Examples:
  zeroshot bench

  zeroshot bench --model ViT-B-32.safetensors --threads 1 --json)");
    sub->callback([options, &to] { to = chosen(options, bench); });
}

void describe(CLI::App& program, command& to) {
    program.description("CLIP in C++: an image and labels in, probabilities out.");
    program.name("zeroshot");
    program.require_subcommand(1);
    program.get_formatter()->column_width(34);
    program.get_formatter()->label("OPTIONS", "options");
    program.get_formatter()->label("SUBCOMMAND", "<command> ...");
    program.get_formatter()->label("Subcommands", "Commands");
    program.get_formatter()->label("Positionals", "Arguments");
    program.set_help_flag("-h,--help", "This page");
    program.add_flag(
        "--version", [](std::int64_t) {}, "Version, kernels in use, compiler");
    program.footer(
        "Example:\n  zeroshot classify dog.png --labels \"a dog\" \"a cat\"\n\nzeroshot <command> --help tells more of "
        "each.");
    add_classify(program, to);
    add_tokenize(program, to);
    add_preprocess(program, to);
    add_embed(program, to);
    add_evaluate(program, to);
    add_probe(program, to);
    add_report(program, to);
    add_convert(program, to);
    add_inspect(program, to);
    add_bench(program, to);
}

std::vector<std::string> names_of_commands(const CLI::App& program) {
    std::vector<std::string> names;
    for (const CLI::App* sub : program.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(sub->get_name());
    return names;
}

std::vector<std::string> names_of_options(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    return names;
}

/// The command the call is for, or the program itself.
const CLI::App& addressed(const CLI::App& program) {
    const std::vector<CLI::App*> parsed = const_cast<CLI::App&>(program).get_subcommands();
    return parsed.empty() ? program : *parsed.front();
}

/// CLI11's page without its surplus of empty lines.
std::string help_page(const CLI::App& program) {
    const CLI::App& app = addressed(program);
    std::string page = &app == &program ? app.help() : app.help(program.get_name());
    for (std::size_t at = page.find("\n\n\n"); at != std::string::npos; at = page.find("\n\n\n")) page.erase(at, 1);
    while (page.ends_with('\n')) page.pop_back();
    return page;
}

/// What is wrong with the call, from CLI11's account of it.
std::string complaint(const CLI::App& program, const CLI::ParseError& fault) {
    const CLI::App& app = addressed(program);
    const std::vector<std::string> rest = app.remaining();
    if (!rest.empty() && rest.front().starts_with("-")) {
        const std::string name = rest.front().substr(0, rest.front().find('='));
        return "there is no option '" + printable(name) + "'" + did_you_mean(name, names_of_options(app));
    }
    if (!rest.empty()) return "'" + printable(rest.front()) + "' is one too many";
    std::string sentence = fault.what();
    if (!sentence.empty() && sentence.back() == '.') sentence.pop_back();
    return sentence;
}

}  // namespace

call read_call(int count, char** words) {
    CLI::App program;
    command asked;
    describe(program, asked);
    const std::string first = count > 1 ? words[1] : "";
    const std::vector<std::string> commands = names_of_commands(program);
    const bool is_command = std::ranges::find(commands, first) != commands.end();
    if (first.empty()) return {"", {}, "no command"};
    if (first == "--version") return {"", [](session& with) { with.out.answer(version_text()); }, ""};
    if (!is_command && !first.starts_with("-"))
        return {"", {}, "there is no command '" + printable(first) + "'" + did_you_mean(first, commands)};
    const std::string name = is_command ? first : "";
    try {
        program.parse(count, words);
    } catch (const CLI::CallForHelp&) {
        return {name, [page = help_page(program)](session& with) { with.out.answer(page); }, ""};
    } catch (const CLI::ParseError& fault) {
        return {name, {}, complaint(program, fault)};
    }
    return {name, asked, ""};
}

}  // namespace program
