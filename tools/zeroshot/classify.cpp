/// \file zeroshot classify: images and labels in, probabilities out.

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "image_files.hpp"
#include "model.hpp"
#include "options.hpp"
#include "text_files.hpp"

namespace program {

namespace {

/// How answers are written.
class answer_sheet {
   public:
    answer_sheet(console& out, const std::vector<std::string>& labels) : out_(out), labels_(labels) {}
    virtual ~answer_sheet() = default;
    virtual void begin() {}
    virtual void add(const std::string& image, const ranking& answer, std::size_t top) = 0;
    virtual void add(const std::string&, const failure&) {}

   protected:
    console& out() const { return out_; }
    const std::string& label(std::size_t position) const { return labels_[position]; }
    std::size_t label_count() const { return labels_.size(); }

   private:
    console& out_;
    const std::vector<std::string>& labels_;
};

/// One object a line: {"picture": "a.png", "labels": [{"label": "a dog", "probability": 0.93, "logit": 24.1}]}
class json_sheet final : public answer_sheet {
   public:
    using answer_sheet::answer_sheet;

    void add(const std::string& image, const ranking& answer, std::size_t top) override {
        nlohmann::ordered_json labels = nlohmann::ordered_json::array();
        for (std::size_t place = 0; place < top; ++place) {
            const std::size_t which = answer.order[place];
            labels.push_back({{"label", label(which)},
                              {"probability", zeroshot::json_number(answer.probabilities[which])},
                              {"logit", zeroshot::json_number(answer.logits[which])}});
        }
        out().answer(zeroshot::json_text_of({{"picture", image}, {"labels", labels}}));
    }

    void add(const std::string& image, const failure& why) override {
        out().answer(zeroshot::json_text_of(
            {{"picture", image}, {"error", {{"code", zeroshot::name_of(why.code)}, {"message", why.sentence}}}}));
    }
};

/// As RFC 4180 has it: a line for each image and label, quotes around what needs them.
class csv_sheet final : public answer_sheet {
   public:
    using answer_sheet::answer_sheet;

    void begin() override { out().answer("image,rank,label,probability,logit"); }

    void add(const std::string& image, const ranking& answer, std::size_t top) override {
        for (std::size_t place = 0; place < top; ++place) {
            const std::size_t which = answer.order[place];
            out().answer(cell(image) + "," + std::to_string(place + 1) + "," + cell(label(which)) + "," +
                         zeroshot::number_text(answer.probabilities[which]) + "," +
                         zeroshot::number_text(answer.logits[which]));
        }
    }

   private:
    static std::string cell(const std::string& text) {
        const bool plain =
            text.find_first_of(",\"\r\n") == std::string::npos && !text.starts_with(' ') && !text.ends_with(' ');
        if (plain) return text;
        std::string quoted = "\"";
        for (const char character : text) quoted += character == '"' ? "\"\"" : std::string(1, character);
        return quoted + "\"";
    }
};

/// For a person: the labels of each image below its name, or everything on one line where the best label is all that is
/// asked for.
class table_sheet final : public answer_sheet {
   public:
    table_sheet(console& out, const std::vector<std::string>& labels, const std::vector<image>& images)
        : answer_sheet(out, labels) {
        for (const std::string& each : labels) label_columns_ = std::max(label_columns_, columns_of(printable(each)));
        for (const image& each : images) image_columns_ = std::max(image_columns_, columns_of(printable(each.name)));
        label_columns_ = std::min(label_columns_, widest_label);
        image_columns_ = std::min(image_columns_, widest_image);
    }

    void add(const std::string& image, const ranking& answer, std::size_t top) override {
        const std::string name = printable(image);
        if (top == 1 && label_count() > 1) {
            out().answer(padded(name, image_columns_) + "  " + line(answer, 0));
            return;
        }
        if (!std::exchange(is_first_, false)) out().answer("");
        out().answer(out().styled(name, look::strong));
        for (std::size_t place = 0; place < top; ++place) out().answer("  " + line(answer, place));
    }

   private:
    static constexpr std::size_t widest_label = 40, widest_image = 64, bar_columns = 24;

    std::string line(const ranking& answer, std::size_t place) const {
        const std::size_t which = answer.order[place];
        const auto probability = static_cast<double>(answer.probabilities[which]);
        const look how = place == 0 ? look::strong : look::plain;
        const std::string bar = blocks(probability, bar_columns);
        return out().styled(padded(printable(label(which)), label_columns_), how) + "  " +
               out().styled(percent(probability), how) +
               (bar.empty() ? "" : "  " + out().styled(bar, place == 0 ? look::good : look::faint));
    }

    std::size_t label_columns_ = 0;
    std::size_t image_columns_ = 0;
    bool is_first_ = true;
};

std::unique_ptr<answer_sheet> sheet_for(const classify_options& options, console& out,
                                        const std::vector<std::string>& labels, const std::vector<image>& images) {
    if (options.as.json) return std::make_unique<json_sheet>(out, labels);
    if (options.csv) return std::make_unique<csv_sheet>(out, labels);
    return std::make_unique<table_sheet>(out, labels, images);
}

void check_call(const classify_options& options) {
    if (options.labels.empty() && options.labels_from.empty()) {
        throw usage_error(
            "no labels; give some: --labels \"a dog\" \"a cat\", or --labels-from a file with one on each line");
    }
    if (options.images.empty()) {
        throw usage_error(options.labels.empty()
                              ? "no images"
                              : "no images; -- ends the list of labels: --labels \"a dog\" \"a cat\" -- image.png");
    }
    if (options.csv && options.as.json) throw usage_error("--csv and --json are two forms; ask for one");
    const auto reads =
        std::ranges::count(options.images, "-") + (options.labels_from == "-") + (options.templates_from == "-");
    if (reads > 1) throw usage_error("standard input, -, can be read once only");
    for (const std::string& sentence : options.templates) {
        try {
            zeroshot::prompt_template{sentence};
        } catch (const zeroshot::error& fault) {
            throw usage_error(fault.what());
        }
    }
}

/// A list of labels swallows the images that follow it; the user will wonder.
void note_swallowed_images(const std::vector<std::string>& labels, console& out) {
    for (const std::string& label : labels) {
        std::error_code unknown;
        const bool named_like_one = label.find_first_of("./") != std::string::npos;
        if (named_like_one && std::filesystem::is_regular_file(label, unknown)) {
            out.note("warning: label '" + label + "' is the name of a file; -- ends the list of labels");
        }
    }
}

std::vector<std::string> labels_of(const classify_options& options, console& out) {
    std::vector<text_line> given;
    for (const std::string& label : options.labels) given.push_back({given.size() + 1, label});
    note_swallowed_images(options.labels, out);
    note_duplicates(given, "", out);
    std::vector<std::string> labels = options.labels;
    if (options.labels_from.empty()) return labels;
    const std::vector<text_line> lines = read_entries(options.labels_from, "labels");
    note_duplicates(lines, options.labels_from, out);
    for (const text_line& line : lines) labels.push_back(line.text);
    return labels;
}

std::vector<std::string> templates_of(const classify_options& options) {
    std::vector<std::string> templates = options.templates;
    if (options.templates_from.empty()) return templates;
    for (const text_line& line : read_entries(options.templates_from, "templates")) {
        try {
            zeroshot::prompt_template{line.text};
        } catch (const zeroshot::error& fault) {
            zeroshot::diagnostic found = fault.diagnostic();
            found.where = zeroshot::path_text(options.templates_from) + ": line " + std::to_string(line.number) + ": " +
                          found.where;
            throw zeroshot::argument_error(fault.code(), std::move(found));
        }
        templates.push_back(line.text);
    }
    return templates;
}

/// Classifies what was prepared. An image whose numbers fail does not take its neighbours with it.
/// \param names of the images in it
std::vector<ranking> classified(const labeller& which, prepared& some, std::span<const image> names,
                                const zeroshot::run_options& run) {
    try {
        return which(some.pixels, run);
    } catch (const zeroshot::numeric_error&) {
        std::vector<ranking> answers;
        std::size_t row = 0;
        for (std::size_t i = 0; i < some.failures.size(); ++i) {
            std::optional<failure>& failed = some.failures[i];
            if (failed) continue;
            zeroshot::tensor<float, 4> one(std::size_t{1}, some.pixels.extent(1), some.pixels.extent(2),
                                           some.pixels.extent(3));
            std::ranges::copy(some.pixels.row(row++), one.row(0).begin());
            try {
                answers.push_back(which(one, run).front());
            } catch (const zeroshot::numeric_error&) {
                failed = current_failure();
                failed->sentence = names[i].name + ": " + failed->sentence;
            }
        }
        return answers;
    }
}

}  // namespace

void classify(const classify_options& options, session& with) {
    check_call(options);
    console& out = with.out;
    const std::vector<std::string> labels = labels_of(options, out), templates = templates_of(options);
    const std::vector<image> images = images_of(options.images);
    workers team(options.threads);
    const model clip(options.model, out, team.threads());
    const std::size_t prompts = labels.size() * std::max<std::size_t>(templates.size(), 1);
    const labeller which(clip, labels, templates, options.truncate, team.running(with, "prompts", 0, prompts, prompts),
                         options.keep, out);
    if (!options.keep.empty())
        out.note("the embeddings of " + counted(labels.size(), "label") +
                 (which.found() ? " come from " + printable(options.keep) : " were computed"));

    const std::unique_ptr<answer_sheet> sheet = sheet_for(options, out, labels, images);
    const std::size_t top = std::min(options.top, labels.size());
    sheet->begin();
    prepare(images, clip.preprocessing(), team.running(with), [&](prepared some, const zeroshot::run_options& run) {
        std::vector<ranking> answers =
            classified(which, some, std::span(images).subspan(some.first, some.failures.size()), run);
        return [&, first = some.first, failures = std::move(some.failures), answers = std::move(answers)] {
            auto next = answers.begin();
            for (std::size_t i = 0; i < failures.size(); ++i) {
                const std::string& name = images[first + i].name;
                if (failures[i]) {
                    out.complain(failures[i]->sentence);
                    sheet->add(name, *failures[i]);
                } else {
                    sheet->add(name, *next++, top);
                }
            }
            out.progress("pictures", first + failures.size(), images.size());
        };
    });
    out.end_progress();
}

}  // namespace program
