/// \file zeroshot report: what evaluations and probes found, as one page that needs nothing beside it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/metrics/confusion_groups.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "html.hpp"
#include "interrupt.hpp"
#include "npy.hpp"
#include "options.hpp"
#include "thumbnail.hpp"

namespace program {

namespace {

using zeroshot::json;

/// One data set with one model, and what was found.
struct entry {
    std::string name;
    std::string about;   // what the task is, in words
    std::string credit;  // whose the images are
    json evaluation;
    std::vector<json> probes;
    std::optional<json> bench;
    std::vector<json> images;      // a line for each, as --per-picture writes them
    std::filesystem::path folder;  // where the images lie; empty where they do not
};

std::string text_at(const json& object, std::string_view key, std::string otherwise = "") {
    const std::optional<json> found = object.find(key);
    return found && found->is_string() ? found->as_string() : otherwise;
}

std::optional<double> number_at(const json& object, std::string_view key) {
    const std::optional<json> found = object.find(key);
    if (!found || !found->is_number()) return std::nullopt;
    return found->as_number();
}

/// What is found under the key: nothing, one name, or several.
std::vector<std::string> texts_at(const json& object, std::string_view key) {
    const std::optional<json> found = object.find(key);
    if (!found || found->is_null()) return {};
    if (found->is_string()) return {found->as_string()};
    std::vector<std::string> texts;
    for (const json& one : found->items()) texts.push_back(one.as_string());
    return texts;
}

bool is_penultimate(const json& probe) {
    return text_at(probe, "features") == "penultimate";
}

/// The probe that the paper would report: of the features before the projection, where they were probed.
const json& best_known(std::span<const json> probes) {
    const auto found = std::ranges::find_if(probes, is_penultimate);
    return found == probes.end() ? probes.front() : *found;
}

std::string share_or_dash(const std::optional<double>& fraction) {
    return fraction ? html::percentage(*fraction) : "–";
}

/// The suite's entries; paths in it are seen from its own folder.
std::vector<entry> entries_of(const json& suite, const std::filesystem::path& folder) {
    std::vector<entry> found;
    for (const json& one : suite.at("results").items()) {
        entry made{one.at("name").as_string(),
                   text_at(one, "about"),
                   text_at(one, "credit"),
                   zeroshot::read_json(folder / one.at("evaluation").as_string()),
                   {},
                   {},
                   {},
                   {}};
        for (const std::string& file : texts_at(one, "probe"))
            made.probes.push_back(zeroshot::read_json(folder / file));
        if (const std::string file = text_at(one, "bench"); !file.empty())
            made.bench = zeroshot::read_json(folder / file);
        if (const std::string file = text_at(one, "folder"); !file.empty()) made.folder = folder / file;
        if (const std::string file = text_at(one, "per_picture"); !file.empty()) {
            const std::vector<std::byte> bytes = zeroshot::read_file(folder / file);
            std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            for (std::size_t line = 1; !text.empty(); ++line) {
                const std::size_t end = std::min(text.find('\n'), text.size());
                if (end > 0)
                    made.images.push_back(json::parse(text.substr(0, end), file + ": line " + std::to_string(line)));
                text.remove_prefix(std::min(end + 1, text.size()));
            }
        }
        found.push_back(std::move(made));
    }
    if (found.empty())
        throw zeroshot::data_set_error(zeroshot::error_code::argument,
                                       {suite.where(), "no results in it", "at least one", ""});
    return found;
}

std::string section(const std::string& title, const std::string& content) {
    return content.empty() ? "" : "<section><h2>" + html::escaped(title) + "</h2>\n" + content + "</section>\n";
}

std::string summary(std::span<const entry> all) {
    std::vector<std::vector<std::string>> rows;
    for (const entry& one : all) {
        const json& found = one.evaluation;
        const json interval = found.at("intervals").at("top1");
        rows.push_back(
            {one.name, std::to_string(found.at("count").as_size()), std::to_string(found.at("per_class").size()),
             std::to_string(found.at("unreadable").as_size()), html::percentage(found.at("top1").as_number()),
             html::percentage(interval.at(0).as_number()) + " – " + html::percentage(interval.at(1).as_number()),
             html::percentage(found.at("top5").as_number()), share_or_dash(number_at(found, "mean_per_class")),
             share_or_dash(number_at(found, "expected_calibration_error")),
             one.probes.empty() ? "–" : html::percentage(best_known(one.probes).at("top1").as_number())});
    }
    const std::vector<std::string> head{"data set",          "images",        "classes", "unreadable",
                                        "zero-shot top-1",   "95 % interval", "top-5",   "mean per class",
                                        "calibration error", "probe top-1"};
    std::string tasks;
    for (const entry& one : all) {
        if (!one.about.empty()) tasks += "<li>" + html::escaped(one.name + ": " + one.about) + "</li>";
    }
    return html::table("What was found. Images that could not be read count as wrong.", head, rows) +
           (tasks.empty() ? "" : "<ul>" + tasks + "</ul>\n");
}

std::string differences(std::span<const entry> all) {
    std::vector<html::bar> bars;
    double furthest = 0.05;
    for (const entry& one : all) {
        if (one.probes.empty()) continue;
        const double ahead = one.evaluation.at("top1").as_number() - best_known(one.probes).at("top1").as_number();
        furthest = std::max(furthest, std::abs(ahead));
        bars.push_back({one.name, ahead, (ahead < 0 ? "−" : "+") + fixed(100 * std::abs(ahead), 1) + " points"});
    }
    if (bars.empty()) return "";
    std::ranges::sort(bars, std::ranges::greater(), &html::bar::value);
    return html::bar_chart("How far zero-shot is ahead of the linear probe, in points of top-1 accuracy", bars,
                           -1.4 * furthest, 1.4 * furthest);
}

double mean_of(const json& numbers) {
    double sum = 0;
    for (const json& x : numbers.items()) sum += x.as_number();
    return sum / static_cast<double>(std::max<std::size_t>(numbers.size(), 1));
}

/// A curve of few-shot accuracies, over the logarithm of the shots.
html::curve few_shot_curve(const json& points, const std::string& name, const std::string& look, double most) {
    html::curve curve{name, look, {}};
    for (const json& point : points.items()) {
        const double at = most > 0 ? std::log2(point.at("shots").as_number()) / most : 0;
        curve.points.emplace_back(at, mean_of(point.at("top1")));
    }
    return curve;
}

std::string few_shot(const entry& one) {
    if (one.probes.empty() || one.probes.front().at("few_shot").size() < 2) return "";
    const std::vector<json> points = one.probes.front().at("few_shot").items();
    const double most = std::log2(points.back().at("shots").as_number());
    const double line = one.evaluation.at("top1").as_number();
    std::vector<std::pair<double, std::string>> ticks;
    for (const json& point : points)
        ticks.emplace_back(most > 0 ? std::log2(point.at("shots").as_number()) / most : 0,
                           std::to_string(point.at("shots").as_size()));
    std::vector<html::curve> curves;
    for (const json& probe : one.probes) {
        const bool before = is_penultimate(probe);
        curves.push_back(few_shot_curve(probe.at("few_shot"),
                                        before ? "linear probe, features before the projection" : "linear probe",
                                        before ? "third" : "first", most));
        const std::optional<json> cache = probe.find("cache");
        if (cache && cache->size() > 1)
            curves.push_back(few_shot_curve(*cache, "zero-shot with a cache of them", "fourth", most));
    }
    curves.push_back({"zero-shot", "second", {{0, line}, {1, line}}});
    return html::line_chart(one.name + ": a few labelled images of each class against zero-shot", curves, ticks,
                            "labelled images of each class", "top-1");
}

std::string mixtures(const entry& one) {
    if (one.probes.empty() || one.probes.front().at("mixtures").size() < 2) return "";
    html::curve curve{"mixture", "first", {}};
    for (const json& point : one.probes.front().at("mixtures").items())
        curve.points.emplace_back(point.at("share").as_number(), point.at("top1").as_number());
    const std::vector<std::pair<double, std::string>> ticks{{0, "zero-shot"}, {0.5, "half"}, {1, "probe"}};
    return html::line_chart(one.name + ": the weights of zero-shot and of the probe, mixed", std::vector{curve}, ticks,
                            "share of the probe", "top-1");
}

std::vector<std::string> class_names(const entry& one) {
    std::vector<std::string> names;
    for (const json& each : one.evaluation.at("per_class").items()) names.push_back(each.at("class").as_string());
    return names;
}

constexpr std::size_t most_in_matrix = 40;  // classes

std::string confusion(const entry& one) {
    constexpr std::size_t most_pairs = 12;
    const std::vector<std::string> names = class_names(one);
    struct pair_count {
        std::size_t label, predicted, count;
    };
    std::vector<pair_count> pairs;
    std::vector<double> totals(names.size()), shares(names.size() * names.size());
    for (const json& each : one.evaluation.at("confusion").items()) {
        const pair_count found{each.at(0).as_size(), each.at(1).as_size(), each.at(2).as_size()};
        if (found.label >= names.size() || found.predicted >= names.size()) continue;
        totals[found.label] += static_cast<double>(found.count);
        shares[found.label * names.size() + found.predicted] = static_cast<double>(found.count);
        if (found.label != found.predicted && found.count > 1) pairs.push_back(found);
    }
    std::string made;
    if (names.size() > 1 && names.size() <= most_in_matrix) {
        for (std::size_t i = 0; i < shares.size(); ++i) shares[i] /= std::max(1.0, totals[i / names.size()]);
        made += html::matrix_chart(one.name + ": rows are the true classes, columns what they were taken for", names,
                                   shares);
    }
    std::ranges::stable_sort(pairs, std::ranges::greater(), &pair_count::count);
    std::vector<std::vector<std::string>> rows;
    for (const pair_count& each : std::span(pairs).first(std::min(pairs.size(), most_pairs)))
        rows.push_back({names[each.label], names[each.predicted], std::to_string(each.count)});
    if (!rows.empty())
        made += html::table(one.name + ": what is most often taken for something else",
                            std::vector<std::string>{"class", "taken for", "images"}, rows);
    return made;
}

std::string reliability(const entry& one) {
    html::curve found{"as it is", "first", {}}, perfect{"were it sure rightly", "guide", {{0, 0}, {1, 1}}};
    for (const json& bin : one.evaluation.at("reliability").items()) {
        if (bin.at("count").as_size() > 0)
            found.points.emplace_back(bin.at("confidence").as_number(), bin.at("accuracy").as_number());
    }
    if (found.points.size() < 2) return "";
    const std::vector<std::pair<double, std::string>> ticks{{0, "0 %"}, {0.5, "50 %"}, {1, "100 %"}};
    return html::line_chart(one.name + ": how often it is right, by how sure it is", std::vector{perfect, found}, ticks,
                            "confidence", "accuracy");
}

/// Recall of the classes, the worst first. Nothing where there is about one image of each: it would be all or nothing.
std::string per_class(const entry& one) {
    constexpr std::size_t most = 24;
    std::vector<html::bar> bars;
    for (const json& each : one.evaluation.at("per_class").items()) {
        const std::optional<double> recall = number_at(each, "recall");
        if (recall)
            bars.push_back({each.at("class").as_string(), *recall,
                            html::percentage(*recall) + " of " + std::to_string(each.at("count").as_size())});
    }
    if (one.evaluation.at("count").as_size() < 2 * bars.size()) return "";
    std::ranges::stable_sort(bars, {}, &html::bar::value);
    const bool cut = bars.size() > most;
    if (cut) bars.resize(most);
    return html::bar_chart(
        one.name + ": how many of each class are right" + (cut ? ", the " + std::to_string(most) + " worst" : ""), bars,
        0, 1);
}

std::string image_grid(const entry& one, std::span<const json> images, const std::string& title) {
    if (images.empty() || one.folder.empty()) return "";
    const std::vector<std::string> names = class_names(one);
    const auto name_of = [&](std::size_t label) { return label < names.size() ? names[label] : std::to_string(label); };
    std::string made = "<h3>" + html::escaped(one.name + ": " + title) + "</h3><ul class=\"images\">";
    for (const json& image : images) {
        const std::string file = image.at("name").as_string();
        const std::string truth = name_of(image.at("labels").at(0).as_size());
        const json first = image.at("top").at(0);
        const std::string said =
            name_of(first.at("class").as_size()) + ", " + html::percentage(first.at("probability").as_number());
        made += "<li><img alt=\"" + html::escaped(truth) + "\" src=\"" + thumbnail(one.folder / file) + "\">" +
                html::escaped("is " + truth) + "<br>" + html::escaped("said " + said) + "</li>";
    }
    return made + "</ul>\n";
}

std::string images(const entry& one) {
    constexpr std::size_t most = 12;
    std::vector<json> mistakes, close;
    for (const json& image : one.images) {
        if (!image.find("rank") || image.at("top").size() < 2 || image.at("labels").size() == 0) continue;
        if (image.at("rank").as_size() > 0) mistakes.push_back(image);
        close.push_back(image);
    }
    const auto sure = [](const json& image) { return image.at("top").at(0).at("probability").as_number(); };
    const auto lead = [&](const json& image) {
        return sure(image) - image.at("top").at(1).at("probability").as_number();
    };
    std::ranges::stable_sort(mistakes, std::ranges::greater(), sure);
    std::ranges::stable_sort(close, {}, lead);
    const std::string grids =
        image_grid(one, std::span(mistakes).first(std::min(most, mistakes.size())), "the surest mistakes") +
        image_grid(one, std::span(close).first(std::min(most, close.size())), "the closest calls");
    return grids.empty() || one.credit.empty() ? grids
                                               : grids + "<p class=\"caption\">" + html::escaped(one.credit) + "</p>\n";
}

std::string prompts(const entry& one) {
    const std::optional<json> found = one.evaluation.find("prompts");
    if (!found || found->is_null()) return "";
    std::vector<std::pair<double, std::string>> each;
    for (const json& one_of_them : found->at("each").items())
        each.emplace_back(one_of_them.at("top1").as_number(), one_of_them.at("template").as_string());
    std::ranges::stable_sort(each, std::ranges::greater(), &std::pair<double, std::string>::first);
    constexpr std::size_t most = 20;
    std::vector<std::vector<std::string>> rows;
    for (const auto& [top1, sentence] : std::span(each).first(std::min(each.size(), most)))
        rows.push_back({sentence, html::percentage(top1)});
    const std::string made =
        html::table(one.name + ": what each template gives alone" + (each.size() > most ? ", the best of them" : ""),
                    std::vector<std::string>{"template", "top-1"}, rows);
    std::string chosen;
    for (const json& sentence : found->at("chosen").items())
        chosen += "<li>" + html::escaped(sentence.as_string()) + "</li>";
    return made + "<p>Chosen one after the other on half of the images; on the other half they give " +
           html::percentage(found->at("test_top1").as_number()) + ", all templates together " +
           html::percentage(found->at("test_top1_of_all").as_number()) + ":</p><ol>" + chosen + "</ol>\n";
}

std::string models(std::span<const entry> all) {
    std::vector<std::vector<std::string>> rows;
    for (const entry& one : all) {
        if (!one.bench) continue;
        rows.push_back({one.name, std::filesystem::path(one.evaluation.at("model").as_string()).filename().string(),
                        html::percentage(one.evaluation.at("top1").as_number()),
                        fixed(one.bench->at("image b8").as_number(), 2) + " ms"});
    }
    return rows.empty() ? ""
                        : html::table("Accuracy beside the time of an image",
                                      std::vector<std::string>{"data set", "model", "top-1", "time of an image"}, rows);
}

bool counts_something(const std::string& name) {
    for (const char* word : {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}) {
        const std::size_t at = name.find(word);
        if (at != std::string::npos && (at == 0 || name[at - 1] == ' ') &&
            (at + std::string(word).size() == name.size() || name[at + std::string(word).size()] == ' '))
            return true;
    }
    return std::ranges::any_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

/// Classes that are taken for one another, as groups; where there are few classes, the matrix shows more.
std::string taken_for_one_another(const entry& one) {
    constexpr std::size_t most = 10;
    const std::vector<std::string> names = class_names(one);
    if (names.size() <= most_in_matrix) return "";
    std::vector<std::size_t> counts;
    for (const json& each : one.evaluation.at("per_class").items()) counts.push_back(each.at("count").as_size());
    std::vector<zeroshot::confusion_entry> confusion;
    for (const json& each : one.evaluation.at("confusion").items()) {
        const std::size_t label = each.at(0).as_size(), predicted = each.at(1).as_size();
        if (label < names.size() && predicted < names.size())
            confusion.push_back(
                {static_cast<std::uint32_t>(label), static_cast<std::uint32_t>(predicted), each.at(2).as_size()});
    }
    const std::vector<zeroshot::confusion_group> groups = zeroshot::confusion_groups(counts, confusion);
    std::vector<std::vector<std::string>> rows;
    for (const zeroshot::confusion_group& group : std::span(groups).first(std::min(groups.size(), most))) {
        std::string listed;
        for (const std::uint32_t label : group.classes) listed += (listed.empty() ? "" : " · ") + names[label];
        rows.push_back({listed, std::to_string(group.mistakes), std::to_string(group.images)});
    }
    if (rows.empty()) return "";
    return html::table(one.name + ": classes that are taken for one another" +
                           (groups.size() > most ? ", the worst groups of " + std::to_string(groups.size()) : ""),
                       std::vector<std::string>{"classes", "mistakes among them", "images"}, rows);
}

/// What is weak, in words: classes never found, names given twice, counting words.
std::string weak_spots(const entry& one) {
    std::map<std::string, std::size_t> times;
    std::string never;
    std::size_t missed = 0;
    double counting = 0, others = 0;
    std::size_t counting_classes = 0, other_classes = 0;
    for (const json& each : one.evaluation.at("per_class").items()) {
        const std::string name = each.at("class").as_string();
        ++times[name];
        const std::optional<double> recall = number_at(each, "recall");
        if (!recall) continue;
        if (*recall == 0 && ++missed <= 12) never += (never.empty() ? "" : ", ") + name;
        (counts_something(name) ? counting : others) += *recall;
        ++(counts_something(name) ? counting_classes : other_classes);
    }
    std::string items;
    if (missed > 0)
        items += "<li>" +
                 html::escaped(std::string(missed == 1 ? "one class is" : std::to_string(missed) + " classes are") +
                               " never found: " + never + (missed > 12 ? ", ..." : "")) +
                 "</li>";
    for (const auto& [name, count] : times) {
        if (count > 1)
            items += "<li>" +
                     html::escaped("the name '" + name + "' is given to " + std::to_string(count) +
                                   " classes, which nothing can tell apart by it") +
                     "</li>";
    }
    if (counting_classes > 0 && other_classes > 0) {
        items += "<li>" +
                 html::escaped("classes that count or number something: " +
                               html::percentage(counting / static_cast<double>(counting_classes)) +
                               " of them are right, of the others " +
                               html::percentage(others / static_cast<double>(other_classes))) +
                 "</li>";
    }
    const std::string groups = taken_for_one_another(one);
    if (items.empty() && groups.empty()) return "";
    return "<h3>" + html::escaped(one.name) + "</h3>" + (items.empty() ? "" : "<ul>" + items + "</ul>\n") + groups;
}

template <class Part>
std::string for_each(std::span<const entry> all, const Part& part) {
    std::string made;
    for (const entry& one : all) made += part(one);
    return made;
}

}  // namespace

void report(const report_options& options, command_context& context) {
    const std::filesystem::path file(options.suite);
    const std::vector<std::filesystem::path> inputs{file};
    check_output_path(options.output, inputs);
    const json suite = zeroshot::read_json(file);
    const std::vector<entry> all = entries_of(suite, file.parent_path());
    const std::string title = text_at(suite, "title", "zeroshot: what was found");
    const std::string content = section("Summary", summary(all)) +
                                section("Zero-shot against the linear probe",
                                        differences(all) + for_each(all, few_shot) + for_each(all, mixtures)) +
                                section("Classes", for_each(all, per_class)) +
                                section("Confusion", for_each(all, confusion)) +
                                section("Is it as often right as it says?", for_each(all, reliability)) +
                                section("Images", for_each(all, images)) + section("Prompts", for_each(all, prompts)) +
                                section("Models", models(all)) + section("What is weak", for_each(all, weak_spots));
    const defer_interrupts no_partial_file;
    zeroshot::write_file(options.output, html::page(title, content));
    context.out.note("wrote " + options.output);
}

}  // namespace program
