/// \file Subcommand report: a self-contained HTML page of evaluations and probes.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/metrics/accuracy.hpp>
#include <zeroshot/support/atomic_file.hpp>
#include <zeroshot/support/json.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "html.hpp"
#include "interrupt.hpp"
#include "npy.hpp"
#include "options.hpp"
#include "report_input.hpp"
#include "thumbnail.hpp"

namespace program {

namespace {

using zeroshot::json;
using table_rows = std::vector<std::vector<std::string>>;
using axis_ticks = std::vector<std::pair<double, std::string>>;

std::string percentage_or_dash(const std::optional<double>& fraction) {
    return fraction ? html::percentage(*fraction) : "–";
}

std::string list_item(const std::string& text) {
    return "<li>" + html::escaped(text) + "</li>";
}

std::string list(const std::string& items) {
    return items.empty() ? "" : "<ul>" + items + "</ul>\n";
}

double mean(const json& numbers) {
    double sum = 0;
    for (const json& x : numbers.items()) sum += x.as_number();
    return sum / static_cast<double>(std::max<std::size_t>(numbers.size(), 1));
}

template <class Items>
auto first_of(const Items& items, std::size_t maximum) {
    return std::span(items).first(std::min(items.size(), maximum));
}

std::string summary(std::span<const report_entry> entries) {
    table_rows rows;
    std::string tasks;
    for (const report_entry& entry : entries) {
        const json& result = entry.evaluation;
        const json interval = result.at("intervals").at("top1");
        rows.push_back(
            {entry.name, std::to_string(result.at("count").as_size()), std::to_string(result.at("per_class").size()),
             std::to_string(result.at("unreadable").as_size()), html::percentage(result.at("top1").as_number()),
             html::percentage(interval.at(0).as_number()) + " – " + html::percentage(interval.at(1).as_number()),
             html::percentage(result.at("top5").as_number()), percentage_or_dash(number_at(result, "mean_per_class")),
             percentage_or_dash(number_at(result, "expected_calibration_error")),
             entry.probes.empty() ? "–" : html::percentage(entry.main_probe().at("top1").as_number())});
        if (!entry.about.empty()) tasks += list_item(entry.name + ": " + entry.about);
    }
    const std::vector<std::string> head{"data set",          "images",        "classes", "unreadable",
                                        "zero-shot top-1",   "95 % interval", "top-5",   "mean per class",
                                        "calibration error", "probe top-1"};
    return html::table("Results. Unreadable images count as wrong.", head, rows) + list(tasks);
}

/// Bar chart of the differences between zero-shot and linear probe.
std::string probe_differences(std::span<const report_entry> entries) {
    constexpr double smallest_range = 0.05, margin = 1.4;
    std::vector<html::bar> bars;
    double range = smallest_range;
    for (const report_entry& entry : entries) {
        if (entry.probes.empty()) continue;
        const double difference = entry.evaluation.at("top1").as_number() - entry.main_probe().at("top1").as_number();
        range = std::max(range, std::abs(difference));
        const std::string sign = difference < 0 ? "−" : "+";
        bars.push_back({entry.name, difference, sign + fixed(100 * std::abs(difference), 1) + " points"});
    }
    if (bars.empty()) return "";
    std::ranges::sort(bars, std::ranges::greater(), &html::bar::value);
    return html::bar_chart("Top-1 accuracy of zero-shot minus that of the linear probe, in percentage points", bars,
                           -margin * range, margin * range);
}

/// Position of a number of shots on the logarithmic axis from 1 to `maximum`.
double shots_position(const json& point, double maximum) {
    return maximum > 1 ? std::log2(point.at("shots").as_number()) / std::log2(maximum) : 0;
}

html::curve few_shot_curve(const json& points, const std::string& name, const std::string& style, double max_shots) {
    html::curve curve{name, style, {}};
    for (const json& point : points.items())
        curve.points.emplace_back(shots_position(point, max_shots), mean(point.at("top1")));
    return curve;
}

std::string few_shot(const report_entry& entry) {
    if (entry.probes.empty() || entry.probes.front().at("few_shot").size() < 2) return "";
    const std::vector<json> points = entry.probes.front().at("few_shot").items();
    const double max_shots = points.back().at("shots").as_number();
    axis_ticks ticks;
    for (const json& point : points)
        ticks.emplace_back(shots_position(point, max_shots), std::to_string(point.at("shots").as_size()));
    std::vector<html::curve> curves;
    for (const json& probe : entry.probes) {
        curves.push_back(
            is_penultimate(probe)
                ? few_shot_curve(probe.at("few_shot"), "linear probe of penultimate features", "third", max_shots)
                : few_shot_curve(probe.at("few_shot"), "linear probe", "first", max_shots));
        const std::optional<json> cache = probe.find("cache");
        if (cache && cache->size() > 1)
            curves.push_back(few_shot_curve(*cache, "zero-shot with Tip-Adapter", "fourth", max_shots));
    }
    const double zero_shot = entry.evaluation.at("top1").as_number();
    curves.push_back({"zero-shot", "second", {{0, zero_shot}, {1, zero_shot}}});
    return html::line_chart(entry.name + ": few-shot learning against zero-shot", curves, ticks,
                            "labelled images per class", "top-1");
}

std::string mixtures(const report_entry& entry) {
    if (entry.probes.empty() || entry.probes.front().at("mixtures").size() < 2) return "";
    html::curve curve{"interpolated weights", "first", {}};
    for (const json& point : entry.probes.front().at("mixtures").items())
        curve.points.emplace_back(point.at("share").as_number(), point.at("top1").as_number());
    const axis_ticks ticks{{0, "zero-shot"}, {0.5, "half"}, {1, "probe"}};
    return html::line_chart(entry.name + ": weights interpolated between zero-shot and the probe (WiSE-FT)",
                            std::vector{curve}, ticks, "share of the probe", "top-1");
}

/// Recall of the worst classes. Nothing if the classes have about one image each: recall would be 0 or 1.
std::string per_class(const report_entry& entry) {
    constexpr std::size_t maximum = 24;
    std::vector<html::bar> bars;
    for (const json& each : entry.evaluation.at("per_class").items()) {
        if (const std::optional<double> recall = number_at(each, "recall")) {
            bars.push_back({each.at("class").as_string(), *recall,
                            html::percentage(*recall) + " of " + std::to_string(each.at("count").as_size())});
        }
    }
    if (entry.evaluation.at("count").as_size() < 2 * bars.size()) return "";
    std::ranges::stable_sort(bars, {}, &html::bar::value);
    const std::string which = bars.size() > maximum ? ", the " + std::to_string(maximum) + " worst" : "";
    return html::bar_chart(entry.name + ": recall per class" + which, first_of(bars, maximum), 0, 1);
}

/// The confusion entries of an evaluation whose labels have a class name.
std::vector<zeroshot::metrics::confusion_entry> confusion_of(const report_entry& entry, std::size_t classes) {
    std::vector<zeroshot::metrics::confusion_entry> confusion;
    for (const json& each : entry.evaluation.at("confusion").items()) {
        const std::size_t label = each.at(0).as_size(), predicted = each.at(1).as_size();
        if (label < classes && predicted < classes) {
            confusion.push_back(
                {static_cast<std::uint32_t>(label), static_cast<std::uint32_t>(predicted), each.at(2).as_size()});
        }
    }
    return confusion;
}

constexpr std::size_t max_matrix_classes = 40;

std::string confusion_matrix(const std::string& title, const std::vector<std::string>& names,
                             std::span<const zeroshot::metrics::confusion_entry> confusion) {
    std::vector<double> totals(names.size()), shares(names.size() * names.size());
    for (const zeroshot::metrics::confusion_entry& each : confusion) {
        totals[each.label] += static_cast<double>(each.count);
        shares[each.label * names.size() + each.predicted] = static_cast<double>(each.count);
    }
    for (std::size_t i = 0; i < shares.size(); ++i) shares[i] /= std::max(1.0, totals[i / names.size()]);
    return html::matrix_chart(title, names, shares);
}

std::string frequent_confusions(const std::string& title, const std::vector<std::string>& names,
                                std::vector<zeroshot::metrics::confusion_entry> confusion) {
    constexpr std::size_t maximum = 12;
    std::erase_if(confusion, [](const auto& each) { return each.label == each.predicted || each.count < 2; });
    std::ranges::stable_sort(confusion, std::ranges::greater(), &zeroshot::metrics::confusion_entry::count);
    table_rows rows;
    for (const zeroshot::metrics::confusion_entry& each : first_of(confusion, maximum))
        rows.push_back({names[each.label], names[each.predicted], std::to_string(each.count)});
    return rows.empty() ? "" : html::table(title, std::vector<std::string>{"class", "predicted", "images"}, rows);
}

std::string confusion(const report_entry& entry) {
    const std::vector<std::string> names = entry.class_names();
    const std::vector<zeroshot::metrics::confusion_entry> confusion = confusion_of(entry, names.size());
    const bool has_matrix = names.size() > 1 && names.size() <= max_matrix_classes;
    return (has_matrix ? confusion_matrix(entry.name + ": true classes in rows, predicted classes in columns", names,
                                          confusion)
                       : "") +
           frequent_confusions(entry.name + ": most frequent confusions", names, confusion);
}

std::string reliability(const report_entry& entry) {
    html::curve measured{"measured", "first", {}}, perfect{"perfect calibration", "guide", {{0, 0}, {1, 1}}};
    for (const json& bin : entry.evaluation.at("reliability").items()) {
        if (bin.at("count").as_size() > 0)
            measured.points.emplace_back(bin.at("confidence").as_number(), bin.at("accuracy").as_number());
    }
    if (measured.points.size() < 2) return "";
    const axis_ticks ticks{{0, "0 %"}, {0.5, "50 %"}, {1, "100 %"}};
    return html::line_chart(entry.name + ": accuracy by confidence", std::vector{perfect, measured}, ticks,
                            "confidence", "accuracy");
}

double top_probability(const json& image) {
    return image.at("top").at(0).at("probability").as_number();
}

double margin(const json& image) {
    return top_probability(image) - image.at("top").at(1).at("probability").as_number();
}

std::string image_grid(const report_entry& entry, std::span<const json> images, const std::string& title) {
    if (images.empty() || entry.folder.empty()) return "";
    const std::vector<std::string> names = entry.class_names();
    const auto name_of = [&](const json& label) {
        return label.as_size() < names.size() ? names[label.as_size()] : std::to_string(label.as_size());
    };
    std::string grid = "<h3>" + html::escaped(entry.name + ": " + title) + "</h3><ul class=\"images\">";
    for (const json& image : images) {
        const std::string truth = name_of(image.at("labels").at(0));
        const std::string prediction = name_of(image.at("top").at(0).at("class"));
        grid += "<li><img alt=\"" + html::escaped(truth) + "\" src=\"" +
                thumbnail(entry.folder / image.at("name").as_string()) + "\">" + html::escaped("label: " + truth) +
                "<br>" + html::escaped("prediction: " + prediction + ", " + html::percentage(top_probability(image))) +
                "</li>";
    }
    return grid + "</ul>\n";
}

std::string images(const report_entry& entry) {
    constexpr std::size_t maximum = 12;
    std::vector<json> mistakes, by_margin;
    for (const json& image : entry.images) {
        if (!image.find("rank") || image.at("top").size() < 2 || image.at("labels").size() == 0) continue;
        if (image.at("rank").as_size() > 0) mistakes.push_back(image);
        by_margin.push_back(image);
    }
    std::ranges::stable_sort(mistakes, std::ranges::greater(), top_probability);
    std::ranges::stable_sort(by_margin, {}, margin);
    const std::string grids = image_grid(entry, first_of(mistakes, maximum), "most confident mistakes") +
                              image_grid(entry, first_of(by_margin, maximum), "smallest margins");
    if (grids.empty() || entry.credit.empty()) return grids;
    return grids + "<p class=\"caption\">" + html::escaped(entry.credit) + "</p>\n";
}

std::string prompts(const report_entry& entry) {
    constexpr std::size_t maximum = 20;
    const std::optional<json> comparison = entry.evaluation.find("prompts");
    if (!comparison || comparison->is_null()) return "";
    std::vector<std::pair<double, std::string>> each;
    for (const json& one : comparison->at("each").items())
        each.emplace_back(one.at("top1").as_number(), one.at("template").as_string());
    std::ranges::stable_sort(each, std::ranges::greater(), &std::pair<double, std::string>::first);
    table_rows rows;
    for (const auto& [top1, sentence] : first_of(each, maximum)) rows.push_back({sentence, html::percentage(top1)});
    std::string chosen;
    for (const json& sentence : comparison->at("chosen").items()) chosen += list_item(sentence.as_string());
    return html::table(entry.name + ": accuracy of each template" + (each.size() > maximum ? ", the best" : ""),
                       std::vector<std::string>{"template", "top-1"}, rows) +
           "<p>Templates selected greedily on half of the images. On the other half they reach " +
           html::percentage(comparison->at("test_top1").as_number()) + ", all templates together " +
           html::percentage(comparison->at("test_top1_of_all").as_number()) + ":</p><ol>" + chosen + "</ol>\n";
}

std::string models(std::span<const report_entry> entries) {
    table_rows rows;
    for (const report_entry& entry : entries) {
        if (!entry.bench) continue;
        const std::filesystem::path model(entry.evaluation.at("model").as_string());
        rows.push_back({entry.name, model.filename().string(),
                        html::percentage(entry.evaluation.at("top1").as_number()),
                        fixed(entry.bench->at("image b8").as_number(), 2) + " ms"});
    }
    if (rows.empty()) return "";
    return html::table("Accuracy and speed", std::vector<std::string>{"data set", "model", "top-1", "time per image"},
                       rows);
}

/// Whether a class name contains a digit or a number word.
bool has_number(const std::string& name) {
    constexpr std::array<std::string_view, 10> words{"one", "two",   "three", "four", "five",
                                                     "six", "seven", "eight", "nine", "ten"};
    const auto is_word = [&](std::string_view word) {
        const std::string padded = " " + name + " ";
        return padded.find(" " + std::string(word) + " ") != std::string::npos;
    };
    return std::ranges::any_of(words, is_word) ||
           std::ranges::any_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

/// Groups of classes that are confused with each other, if there are too many classes for a matrix.
std::string confusion_group_table(const report_entry& entry) {
    constexpr std::size_t maximum = 10;
    const std::vector<std::string> names = entry.class_names();
    if (names.size() <= max_matrix_classes) return "";
    std::vector<std::size_t> counts;
    for (const json& each : entry.evaluation.at("per_class").items()) counts.push_back(each.at("count").as_size());
    const std::vector<zeroshot::metrics::confusion_group> groups =
        zeroshot::metrics::confusion_groups(counts, confusion_of(entry, names.size()));
    table_rows rows;
    for (const zeroshot::metrics::confusion_group& group : first_of(groups, maximum)) {
        std::string classes;
        for (const std::uint32_t label : group.classes) classes += (classes.empty() ? "" : " · ") + names[label];
        rows.push_back({classes, std::to_string(group.mistakes), std::to_string(group.images)});
    }
    if (rows.empty()) return "";
    const std::string which = groups.size() > maximum ? ", the worst of " + std::to_string(groups.size()) : "";
    return html::table(entry.name + ": groups of classes confused with each other" + which,
                       std::vector<std::string>{"classes", "mistakes within the group", "images"}, rows);
}

/// Mean recall of some classes.
struct mean_recall {
    double sum = 0;
    std::size_t count = 0;

    void add(double recall) {
        sum += recall;
        ++count;
    }
    std::string text() const { return html::percentage(sum / static_cast<double>(count)); }
};

std::string never_predicted_correctly(const std::vector<std::string>& names) {
    constexpr std::size_t maximum = 12;
    if (names.empty()) return "";
    std::string text =
        std::to_string(names.size()) + (names.size() == 1 ? " class has" : " classes have") + " recall 0: ";
    for (std::size_t i = 0; i < std::min(maximum, names.size()); ++i) text += (i == 0 ? "" : ", ") + names[i];
    return list_item(text + (names.size() > maximum ? ", ..." : ""));
}

/// Classes with recall 0, duplicate names, class names with numbers, and groups of confused classes.
std::string weaknesses(const report_entry& entry) {
    std::map<std::string, std::size_t> uses;
    std::vector<std::string> missed;
    mean_recall with_number, without_number;
    for (const json& each : entry.evaluation.at("per_class").items()) {
        const std::string name = each.at("class").as_string();
        ++uses[name];
        const std::optional<double> recall = number_at(each, "recall");
        if (!recall) continue;
        if (*recall == 0) missed.push_back(name);
        (has_number(name) ? with_number : without_number).add(*recall);
    }
    std::string items = never_predicted_correctly(missed);
    for (const auto& [name, count] : uses) {
        if (count > 1) {
            items += list_item(std::to_string(count) + " classes have the same name '" + name +
                               "' and cannot be distinguished by it");
        }
    }
    if (with_number.count > 0 && without_number.count > 0) {
        items += list_item("mean recall of classes with a number in their name: " + with_number.text() +
                           ", of the others: " + without_number.text());
    }
    const std::string groups = confusion_group_table(entry);
    return items.empty() && groups.empty() ? "" : "<h3>" + html::escaped(entry.name) + "</h3>" + list(items) + groups;
}

std::string section(const std::string& title, const std::string& content) {
    return content.empty() ? "" : "<section><h2>" + html::escaped(title) + "</h2>\n" + content + "</section>\n";
}

template <class Part>
std::string for_each(std::span<const report_entry> entries, const Part& part) {
    std::string content;
    for (const report_entry& entry : entries) content += part(entry);
    return content;
}

std::string content_of(std::span<const report_entry> entries) {
    return section("Summary", summary(entries)) +
           section("Zero-shot against the linear probe",
                   probe_differences(entries) + for_each(entries, few_shot) + for_each(entries, mixtures)) +
           section("Classes", for_each(entries, per_class)) + section("Confusion", for_each(entries, confusion)) +
           section("Calibration", for_each(entries, reliability)) + section("Images", for_each(entries, images)) +
           section("Prompts", for_each(entries, prompts)) + section("Models", models(entries)) +
           section("Weaknesses", for_each(entries, weaknesses));
}

}  // namespace

void report(const report_options& options, command_context& context) {
    const std::filesystem::path file(options.suite);
    check_output_path(options.output, std::vector<std::filesystem::path>{file});
    const json suite = zeroshot::read_json(file);
    const std::vector<report_entry> entries = read_suite(suite, file.parent_path());
    const std::string page = html::page(text_at(suite, "title", "zeroshot report"), content_of(entries));
    const defer_interrupts no_partial_file;
    zeroshot::write_file(options.output, page);
    context.out.note("wrote " + options.output);
}

}  // namespace program
