/// \file zeroshot evaluate: a data set in, how good zero-shot classification is out.

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/evaluate/class_scores.hpp>
#include <zeroshot/evaluate/summary.hpp>
#include <zeroshot/io/file.hpp>

#include "console.hpp"
#include "data_sets.hpp"
#include "embedded.hpp"
#include "evaluation_text.hpp"
#include "interrupt.hpp"
#include "model.hpp"
#include "npy.hpp"
#include "options.hpp"
#include "session.hpp"

namespace program {

namespace {

void check_call(const evaluate_options& options) {
    const int recorded = !options.features.empty() + !options.labels.empty() + !options.class_embeddings.empty();
    if (options.data.empty() && recorded == 0) throw usage_error("nothing to evaluate; give --data, or --features with --labels and --class-embeddings");
    if (!options.data.empty() && recorded != 0) throw usage_error("--data and recorded --features are two things to evaluate; give one");
    if (recorded != 0 && recorded != 3) throw usage_error("--features, --labels and --class-embeddings go together");
    for (const std::string& sentence : options.templates) {
        try {
            zeroshot::prompt_template{sentence};
        } catch (const zeroshot::error& fault) {
            throw usage_error(fault.what());
        }
    }
    const std::vector<std::filesystem::path> inputs{options.features, options.labels, options.class_embeddings};
    for (const std::string& target : {options.embeddings, options.per_picture, options.csv}) {
        if (!target.empty()) check_target(target, inputs);
    }
}

/// The call's templates, else the data set's own, else none: the class names as they stand.
std::vector<std::string> templates_of(const evaluate_options& options, const zeroshot::data_set& pictures) {
    std::vector<std::string> templates = options.templates;
    if (options.templates_from) {
        for (std::string& sentence : templates_in(*options.templates_from)) templates.push_back(std::move(sentence));
    }
    return templates.empty() ? pictures.templates() : templates;
}

void note_empty_classes(const zeroshot::evaluation& found, console& out) {
    constexpr std::size_t most_named = 5;
    std::size_t empty = 0;
    for (const zeroshot::class_result& one : found.classes) {
        if (one.count == 0 && ++empty <= most_named) out.note("warning: class '" + one.name + "' has no pictures; it may be predicted, and is left out of the mean per class");
    }
    if (empty > most_named) out.note("warning: nor have " + counted(empty - most_named, "more") + " of the classes");
}

/// Scores of all pictures, as often as they are needed: from embeddings on disk, so that no table of them is kept.
class scored_set {
   public:
    scored_set(const embedded_set& pictures, const class_list& classes, const zeroshot::class_scores& scores, double scale, double bias)
        : pictures_(pictures), classes_(classes), scores_(scores), scale_(scale), bias_(bias) {}

    /// An answer for each picture, in order.
    std::vector<zeroshot::answer> answers() const {
        std::vector<zeroshot::answer> found;
        found.reserve(pictures_.pictures.size());
        for (const embedded_picture& one : pictures_.pictures) found.push_back(zeroshot::unreadable(classes_.labels_of(one.labels)));
        read([&](std::size_t place, std::span<const double> logits) { found[place] = zeroshot::answer_of(logits, std::move(found[place].labels)); });
        return found;
    }

    zeroshot::score_pass pass() const {
        return [this](const auto& take) { read(take); };
    }

   private:
    void read(const std::function<void(std::size_t, std::span<const double>)>& take) const {
        pictures_.read([&](std::size_t place, std::span<const float> row) { take(place, scores_.logits(row, scale_, bias_)); });
    }

    const embedded_set& pictures_;
    const class_list& classes_;
    const zeroshot::class_scores& scores_;
    double scale_, bias_;
};

void write_per_picture(const std::string& file, const embedded_set& pictures, std::span<const zeroshot::answer> answers) {
    const uninterrupted no_leftovers;
    zeroshot::atomic_file lines(file);
    for (std::size_t i = 0; i < answers.size(); ++i) {
        lines.write(zeroshot::json_line(pictures.pictures[i].name, answers[i], pictures.pictures[i].failed) + "\n");
    }
    lines.commit();
}

void write_embeddings(const std::string& file, const embedded_set& pictures) {
    npy_writer rows(file, {pictures.rows.rows(), pictures.rows.columns()});
    pictures.rows.read([&](std::size_t, std::span<const float> row) { rows.add(row); });
    rows.commit();
}

void tell(const zeroshot::evaluation& found, const evaluate_options& options, console& out) {
    if (!options.csv.empty()) zeroshot::write_file(options.csv, csv_of(found));
    if (options.as.json) {
        out.answer(zeroshot::json_line(found));
    } else {
        print(found, out);
    }
}

void evaluate_data(const evaluate_options& options, session& with) {
    const auto begin = std::chrono::steady_clock::now();
    console& out = with.out;
    const opened_data data = open_data(options.data, options.format);
    const class_list classes = classes_for(*data.pictures, options.classes, options.unknown);
    const model clip(options.model, out);
    workers team(options.threads);
    zeroshot::evaluation found;
    found.data = options.data;
    found.format = data.format;
    found.model = clip.place();
    found.templates = templates_of(options, *data.pictures);
    const std::size_t prompts = classes.names.size() * std::max<std::size_t>(found.templates.size(), 1);
    const labeller which(clip, classes.names, found.templates, options.truncate, team.running(with, "prompts", 0, prompts, prompts));
    out.end_progress();
    std::optional<kept_embeddings> keep;
    if (!options.resume.empty()) {
        std::filesystem::create_directories(options.resume);
        keep = kept_embeddings{options.resume, clip.digest()};
    }
    const embedded_set pictures = embed_all(*data.pictures, clip, team, with, keep ? &*keep : nullptr);
    const zeroshot::class_scores scores(which.text_embeddings());
    const scored_set scored(pictures, classes, scores, options.scale.value_or(static_cast<double>(clip.logit_scale())), static_cast<double>(clip.logit_bias()));
    const std::vector<zeroshot::answer> answers = scored.answers();
    zeroshot::summarise(found, answers, classes.names, scored.pass(), options.seed);
    if (!options.per_picture.empty()) write_per_picture(options.per_picture, pictures, answers);
    if (!options.embeddings.empty()) write_embeddings(options.embeddings, pictures);
    found.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    note_empty_classes(found, out);
    tell(found, options, out);
}

}  // namespace

void evaluate(const evaluate_options& options, session& with) {
    check_call(options);
    evaluate_data(options, with);
}

}  // namespace program
