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
#include "model_setup.hpp"
#include "options.hpp"
#include "prompt_templates.hpp"
#include "text_files.hpp"

namespace program {

namespace {

/// Writes classifications in an output format.
class result_writer {
   public:
    result_writer(console& out, const std::vector<std::string>& labels) : out_(out), labels_(labels) {}
    virtual ~result_writer() = default;
    virtual void begin() {}
    virtual void add(const std::string& image, const zeroshot::classification& result, std::size_t top) = 0;
    virtual void add(const std::string&, const failure&) {}

   protected:
    console& out() const { return out_; }
    const std::string& label(std::size_t position) const { return labels_[position]; }
    std::size_t label_count() const { return labels_.size(); }

   private:
    console& out_;
    const std::vector<std::string>& labels_;
};

/// JSON, an object per line: {"picture": "a.png", "labels": [{"label": "a dog", "probability": 0.93, "logit": 24.1}]}
class json_results final : public result_writer {
   public:
    using result_writer::result_writer;

    void add(const std::string& image, const zeroshot::classification& result, std::size_t top) override {
        nlohmann::ordered_json labels = nlohmann::ordered_json::array();
        for (std::size_t rank = 0; rank < top; ++rank) {
            const std::size_t index = result.ranking()[rank];
            labels.push_back({{"label", label(index)},
                              {"probability", zeroshot::json_number(result.probabilities()[index])},
                              {"logit", zeroshot::json_number(result.logits()[index])}});
        }
        out().print(zeroshot::json_text_of({{"picture", image}, {"labels", labels}}));
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

    void begin() override { out().print("picture,rank,label,probability,logit"); }

    void add(const std::string& image, const zeroshot::classification& result, std::size_t top) override {
        for (std::size_t rank = 0; rank < top; ++rank) {
            const std::size_t index = result.ranking()[rank];
            out().print(csv_field(image) + "," + std::to_string(rank + 1) + "," + csv_field(label(index)) + "," +
                        zeroshot::number_text(result.probabilities()[index]) + "," +
                        zeroshot::number_text(result.logits()[index]));
        }
    }
};

/// Text: the labels of each image below its name, or on the same line if only the most probable one is printed.
class text_results final : public result_writer {
   public:
    text_results(console& out, const std::vector<std::string>& labels, const std::vector<image_source>& images)
        : result_writer(out, labels) {
        for (const std::string& each : labels) label_columns_ = std::max(label_columns_, columns_of(printable(each)));
        for (const image_source& each : images)
            image_columns_ = std::max(image_columns_, columns_of(printable(each.name)));
        label_columns_ = std::min(label_columns_, max_label_columns);
        image_columns_ = std::min(image_columns_, max_image_columns);
    }

    void add(const std::string& image, const zeroshot::classification& result, std::size_t top) override {
        const std::string name = printable(image);
        if (top == 1 && label_count() > 1) {
            out().print(padded(name, image_columns_) + "  " + line(result, 0));
            return;
        }
        if (!std::exchange(is_first_, false)) out().print("");
        out().print(out().styled(name, text_style::bold));
        for (std::size_t rank = 0; rank < top; ++rank) out().print("  " + line(result, rank));
    }

   private:
    static constexpr std::size_t max_label_columns = 40, max_image_columns = 64, bar_columns = 24;

    std::string line(const zeroshot::classification& result, std::size_t rank) const {
        const std::size_t index = result.ranking()[rank];
        const auto probability = static_cast<double>(result.probabilities()[index]);
        const text_style style = rank == 0 ? text_style::bold : text_style::plain;
        const std::string bar = blocks(probability, bar_columns);
        return out().styled(padded(printable(label(index)), label_columns_), style) + "  " +
               out().styled(percent(probability), style) +
               (bar.empty() ? "" : "  " + out().styled(bar, rank == 0 ? text_style::green : text_style::faint));
    }

    std::size_t label_columns_ = 0;
    std::size_t image_columns_ = 0;
    bool is_first_ = true;
};

std::unique_ptr<result_writer> make_writer(const classify_options& options, console& out,
                                           const std::vector<std::string>& labels,
                                           const std::vector<image_source>& images) {
    if (options.common.json) return std::make_unique<json_results>(out, labels);
    if (options.csv) return std::make_unique<csv_results>(out, labels);
    return std::make_unique<text_results>(out, labels, images);
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

std::vector<std::string> labels_of(const classify_options& options, console& out) {
    std::vector<text_line> given;
    for (const std::string& label : options.labels) given.push_back({given.size() + 1, label});
    note_labels_that_are_files(options.labels, out);
    note_duplicates(given, "", out);
    std::vector<std::string> labels = options.labels;
    if (options.labels_from.empty()) return labels;
    const std::vector<text_line> lines = read_entries(options.labels_from, "labels");
    note_duplicates(lines, options.labels_from, out);
    for (const text_line& line : lines) labels.push_back(line.text);
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
                 std::span<const std::optional<failure>> failures, std::span<const zeroshot::classification> results,
                 std::size_t top) {
    auto next = results.begin();
    for (std::size_t i = 0; i < failures.size(); ++i) {
        if (failures[i]) {
            out.error(failures[i]->message);
            writer.add(sources[i].name, *failures[i]);
        } else {
            writer.add(sources[i].name, *next++, top);
        }
    }
}

}  // namespace

void classify(const classify_options& options, command_context& context) {
    check_options(options);
    console& out = context.out;
    const std::vector<std::string> labels = labels_of(options, out),
                                   templates = combine_templates(options.templates, options.templates_from);
    const std::vector<image_source> images = list_images(options.images);
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

    const std::unique_ptr<result_writer> writer = make_writer(options, out, labels, images);
    const std::size_t top = std::min(options.top, labels.size());
    writer->begin();
    const auto classify_and_write = [&](image_batch batch, const zeroshot::run_options& run) {
        const auto sources = std::span(images).subspan(batch.first, batch.failures.size());
        std::vector<zeroshot::classification> results = classify_batch(classifier, batch, sources, run);
        return [&, first = batch.first, sources, failures = std::move(batch.failures), results = std::move(results)] {
            write_batch(*writer, out, sources, failures, results, top);
            out.progress("images", first + failures.size(), images.size());
        };
    };
    preprocess_images(images, {clip.preprocessing(), decode_options_of(options.reading), context.out},
                      workers.run_options(context), classify_and_write);
    out.end_progress();
}

}  // namespace program
