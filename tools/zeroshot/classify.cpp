/// \file Subcommand classify: probabilities of labels for images.

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/support/json.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "image_files.hpp"
#include "label_lists.hpp"
#include "model_setup.hpp"
#include "options.hpp"
#include "prompt_templates.hpp"
#include "text_files.hpp"

namespace program {

namespace {

/// A label that is printed.
struct printed_label {
    std::size_t index;  // among the labels
    float probability, logit, score;
};

/// What is printed of an image: the labels with the highest scores, highest first.
using printed_labels = std::vector<printed_label>;

/// Which labels are printed, and with which scores.
struct label_selection {
    std::optional<zeroshot::scoring> scoring;  // as asked for
    std::optional<float> threshold;
    std::size_t top;

    zeroshot::scoring kind() const { return scoring.value_or(zeroshot::scoring::softmax); }

    printed_labels of(const zeroshot::classifier& classifier, const zeroshot::classification& result) const {
        const std::vector<float> scores = classifier.scores(result, kind());
        printed_labels labels;
        for (const std::size_t index : result.ranking()) {
            if (labels.size() == top || (threshold && scores[index] < *threshold)) break;
            labels.push_back({index, result.probabilities()[index], result.logits()[index], scores[index]});
        }
        return labels;
    }
};

std::string name_of(zeroshot::scoring scoring) {
    return scoring == zeroshot::scoring::softmax  ? "softmax"
           : scoring == zeroshot::scoring::cosine ? "cosine"
                                                  : "logit";
}

/// Writes classifications in an output format.
class result_writer {
   public:
    result_writer(console& out, const std::vector<std::string>& labels, const label_selection& selection)
        : out_(out), labels_(labels), selection_(selection) {}
    virtual ~result_writer() = default;
    virtual void begin() {}
    virtual void add(const std::string& image, const printed_labels& labels) = 0;
    virtual void add(const std::string&, const failure&) {}

   protected:
    console& out() const { return out_; }
    const std::string& name(const printed_label& label) const { return labels_[label.index]; }
    std::size_t label_count() const { return labels_.size(); }
    const label_selection& selection() const { return selection_; }

   private:
    console& out_;
    const std::vector<std::string>& labels_;
    const label_selection& selection_;
};

/// JSON, an object per line: {"picture": "a.png", "labels": [{"label": "a dog", "probability": 0.93, "logit": 24.1}]};
/// with --scores also {"scoring": "cosine"}, and a "score" for each label.
class json_results final : public result_writer {
   public:
    using result_writer::result_writer;

    void add(const std::string& image, const printed_labels& labels) override {
        nlohmann::ordered_json list = nlohmann::ordered_json::array();
        for (const printed_label& each : labels) {
            list.push_back({{"label", name(each)},
                            {"probability", zeroshot::json_number(each.probability)},
                            {"logit", zeroshot::json_number(each.logit)}});
            if (selection().scoring) list.back()["score"] = zeroshot::json_number(each.score);
        }
        nlohmann::ordered_json object{{"picture", image}};
        if (selection().scoring) object["scoring"] = name_of(*selection().scoring);
        object["labels"] = std::move(list);
        out().print(zeroshot::json_text_of(object));
    }

    void add(const std::string& image, const failure& error) override {
        out().print(zeroshot::json_text_of(
            {{"picture", image},
             {"error",
              {{"code", zeroshot::name_of(error.code)}, {"message", in_terms_of_the_program(error.message)}}}}));
    }
};

/// CSV (RFC 4180), a row for each image and label.
class csv_results final : public result_writer {
   public:
    using result_writer::result_writer;

    void begin() override {
        out().print(std::string("picture,rank,label,probability,logit") + (selection().scoring ? ",score" : ""));
    }

    void add(const std::string& image, const printed_labels& labels) override {
        std::size_t rank = 0;
        for (const printed_label& each : labels) {
            out().print(csv_field(image) + "," + std::to_string(++rank) + "," + csv_field(name(each)) + "," +
                        zeroshot::number_text(each.probability) + "," + zeroshot::number_text(each.logit) +
                        (selection().scoring ? "," + zeroshot::number_text(each.score) : ""));
        }
    }
};

/// Text: the labels of each image below its name, or on the same line if only the most probable one is printed.
class text_results final : public result_writer {
   public:
    text_results(console& out, const std::vector<std::string>& labels, const label_selection& selection,
                 const std::vector<image_source>& images)
        : result_writer(out, labels, selection) {
        for (const std::string& each : labels) label_columns_ = std::max(label_columns_, columns_of(printable(each)));
        for (const image_source& each : images)
            image_columns_ = std::max(image_columns_, columns_of(printable(each.name)));
        label_columns_ = std::min(label_columns_, max_label_columns);
        image_columns_ = std::min(image_columns_, max_image_columns);
    }

    void add(const std::string& image, const printed_labels& labels) override {
        const std::string name = printable(image);
        if (selection().top == 1 && label_count() > 1) {
            const std::string best = labels.empty() ? none() : line(labels.front(), true);
            out().print(padded(name, image_columns_) + "  " + best);
            return;
        }
        if (!std::exchange(is_first_, false)) out().print("");
        out().print(out().styled(name, text_style::bold));
        for (const printed_label& each : labels) out().print("  " + line(each, &each == &labels.front()));
        if (labels.empty()) out().print("  " + none());
    }

   private:
    static constexpr std::size_t max_label_columns = 40, max_image_columns = 64, bar_columns = 24;

    static std::string none() { return "no label above the threshold"; }

    std::string line(const printed_label& label, bool is_best) const {
        const auto score = static_cast<double>(label.score);
        const text_style style = is_best ? text_style::bold : text_style::plain;
        const bool is_logit = selection().kind() == zeroshot::scoring::logit;
        const bool is_share = selection().kind() == zeroshot::scoring::softmax;
        const std::string number = is_share ? percent(score) : fixed(score, is_logit ? 2 : 4);
        const std::string bar = is_logit ? "" : blocks(score, bar_columns);
        return out().styled(padded(printable(name(label)), label_columns_), style) + "  " +
               out().styled(number, style) +
               (bar.empty() ? "" : "  " + out().styled(bar, is_best ? text_style::green : text_style::faint));
    }

    std::size_t label_columns_ = 0;
    std::size_t image_columns_ = 0;
    bool is_first_ = true;
};

std::unique_ptr<result_writer> make_writer(const classify_options& options, console& out,
                                           const std::vector<std::string>& labels, const label_selection& selection,
                                           const std::vector<image_source>& images) {
    if (options.common.json) return std::make_unique<json_results>(out, labels, selection);
    if (options.csv) return std::make_unique<csv_results>(out, labels, selection);
    return std::make_unique<text_results>(out, labels, selection, images);
}

label_selection selection_of(const classify_options& options, std::size_t labels) {
    constexpr std::size_t usual_top = 5;
    std::optional<zeroshot::scoring> scoring;
    for (const auto kind : {zeroshot::scoring::softmax, zeroshot::scoring::cosine, zeroshot::scoring::logit}) {
        if (options.scores && *options.scores == name_of(kind)) scoring = kind;
    }
    const std::size_t top = options.top.value_or(options.threshold ? labels : usual_top);
    return {scoring, options.threshold, std::min(top, labels)};
}

void check_options(const classify_options& options) {
    if (options.labels.empty() && options.labels_from.empty())
        throw usage_error("no labels; give --labels \"a dog\" \"a cat\", or --labels-from FILE with one per line");
    if (options.images.empty()) {
        throw usage_error(options.labels.empty()
                              ? "no images"
                              : "no images; -- ends the list of labels: --labels \"a dog\" \"a cat\" -- image.png");
    }
    if (options.csv && options.common.json) throw usage_error("--csv and --json exclude each other");
    const auto standard_inputs =
        std::ranges::count(options.images, "-") + (options.labels_from == "-") + (options.templates_from == "-");
    if (standard_inputs > 1) throw usage_error("standard input (-) can be read only once");
    check_templates(options.templates);
}

/// Warns of labels that are names of files: --labels takes all arguments up to the next option.
void note_labels_that_are_files(const std::vector<std::string>& labels, console& out) {
    for (const std::string& label : labels) {
        std::error_code ignored;
        const bool looks_like_path = label.find_first_of("./") != std::string::npos;
        if (looks_like_path && std::filesystem::is_regular_file(label, ignored))
            out.note("warning: label '" + label + "' is the name of a file; -- ends the list of labels");
    }
}

/// The labels of the command line. One that is a list is read as its items, since a single label has no alternative.
std::vector<std::string> given_labels(const classify_options& options, console& out) {
    if (options.labels.size() != 1 || !options.labels_from.empty()) return options.labels;
    const std::optional<std::vector<std::string>> items = labels_in_line(options.labels.front());
    if (!items) return options.labels;
    std::string text;
    for (const std::string& each : *items) text += (text.empty() ? "" : ", ") + zeroshot::quoted(each);
    out.note("--labels is read as a list of " + std::to_string(items->size()) + ": " + text);
    return *items;
}

std::vector<std::string> labels_of(const classify_options& options, console& out) {
    std::vector<std::string> labels = given_labels(options, out);
    std::vector<text_line> given;
    for (const std::string& label : labels) given.push_back({given.size() + 1, label});
    note_labels_that_are_files(labels, out);
    note_odd_labels(given, "", out);
    note_duplicates(given, "", out);
    if (!options.labels_from.empty()) {
        const label_list list = read_label_list(options.labels_from, "labels");
        if (!list.note.empty()) out.note(list.note);
        note_odd_labels(list.labels, options.labels_from, out);
        note_duplicates(list.labels, options.labels_from, out);
        for (const text_line& line : list.labels) labels.push_back(line.text);
    }
    const bool is_softmax = options.scores.value_or("softmax") == "softmax";
    if (labels.size() == 1 && is_softmax)
        out.note("warning: the probability of a single label is always 100 %; give others, or --scores cosine");
    return labels;
}

/// \param pixels [images, 3, size, size]
std::vector<zeroshot::classification> classify_pixels(const zeroshot::classifier& classifier,
                                                      const zeroshot::tensor<float, 4>& pixels,
                                                      const zeroshot::run_options& run) {
    return classifier.of_embeddings(classifier.model().encode_pixels(pixels, run));
}

/// Classifies the images of a batch one by one. Adds the failures of those whose embedding is not finite.
/// \param sources the images of the batch
std::vector<zeroshot::classification> classify_one_by_one(const zeroshot::classifier& classifier, image_batch& batch,
                                                          std::span<const image_source> sources,
                                                          const zeroshot::run_options& run) {
    std::vector<zeroshot::classification> results;
    std::size_t row = 0;
    for (std::size_t i = 0; i < batch.failures.size(); ++i) {
        std::optional<failure>& error = batch.failures[i];
        if (error) continue;
        zeroshot::tensor<float, 4> pixels(std::size_t{1}, batch.pixels.extent(1), batch.pixels.extent(2),
                                          batch.pixels.extent(3));
        std::ranges::copy(batch.pixels.row(row++), pixels.row(0).begin());
        try {
            results.push_back(classify_pixels(classifier, pixels, run).front());
        } catch (const zeroshot::numeric_error&) {
            error = current_failure();
            error->message = sources[i].name + ": " + error->message;
        }
    }
    return results;
}

/// Classifies the images of a batch; a numeric error concerns only the image that caused it.
std::vector<zeroshot::classification> classify_batch(const zeroshot::classifier& classifier, image_batch& batch,
                                                     std::span<const image_source> sources,
                                                     const zeroshot::run_options& run) {
    try {
        return classify_pixels(classifier, batch.pixels, run);
    } catch (const zeroshot::numeric_error&) {
        return classify_one_by_one(classifier, batch, sources, run);
    }
}

/// Writes the results and failures of consecutive images.
void write_batch(result_writer& writer, console& out, std::span<const image_source> sources,
                 std::span<const std::optional<failure>> failures, std::span<const printed_labels> results) {
    auto next = results.begin();
    for (std::size_t i = 0; i < failures.size(); ++i) {
        if (failures[i]) {
            out.error(failures[i]->message);
            writer.add(sources[i].name, *failures[i]);
        } else {
            writer.add(sources[i].name, *next++);
        }
    }
}

}  // namespace

void classify(const classify_options& options, command_context& context) {
    check_options(options);
    console& out = context.out;
    const std::vector<std::string> labels = labels_of(options, out),
                                   templates = combine_templates(options.templates, options.templates_from);
    const std::vector<image_source> images = list_images(options.images, out);
    worker_pool workers(options.threads);
    const zeroshot::clip clip = load_model(options.model, out, workers.threads());
    const std::size_t prompts = labels.size() * std::max<std::size_t>(templates.size(), 1);
    const zeroshot::classifier classifier =
        make_classifier(clip, {labels, templates, options.truncate, options.cache},
                        workers.run_options(context, "prompts", 0, prompts, prompts), out);
    if (!options.cache.empty()) {
        out.note("the embeddings of " + counted(labels.size(), "label") +
                 (classifier.cache().hit ? " were read from " + printable(options.cache) : " were computed"));
    }

    const label_selection selection = selection_of(options, labels.size());
    const std::unique_ptr<result_writer> writer = make_writer(options, out, labels, selection, images);
    writer->begin();
    const auto classify_and_write = [&](image_batch batch, const zeroshot::run_options& run) {
        const auto sources = std::span(images).subspan(batch.first, batch.failures.size());
        std::vector<printed_labels> results;
        for (const zeroshot::classification& each : classify_batch(classifier, batch, sources, run))
            results.push_back(selection.of(classifier, each));
        return [&, first = batch.first, sources, failures = std::move(batch.failures), results = std::move(results)] {
            write_batch(*writer, out, sources, failures, results);
            out.progress("images", first + failures.size(), images.size());
        };
    };
    preprocess_images(images, {clip.preprocessing(), decode_options_of(options.reading), context.out},
                      workers.run_options(context), classify_and_write);
    out.end_progress();
}

}  // namespace program
