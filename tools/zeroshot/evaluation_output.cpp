#include "evaluation_output.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/support/json.hpp>

#include "console.hpp"

namespace program {

namespace {

constexpr std::size_t name_columns = 40, bar_columns = 24, figure_columns = 30;

double recall_of(const zeroshot::metrics::class_result& one) {
    return one.count == 0 ? 0 : static_cast<double>(one.correct) / static_cast<double>(one.count);
}

/// Average precision for multi-label data, otherwise recall.
double score_of(const zeroshot::metrics::class_result& one) {
    return one.average_precision.value_or(recall_of(one));
}

std::string between(const zeroshot::metrics::interval& range) {
    return "  (" + fixed(100 * range.lower, 1) + " to " + fixed(100 * range.upper, 1) + ")";
}

void print_percentage(console& out, std::string_view name, double fraction, const std::string& suffix = "") {
    out.print("  " + padded(name, figure_columns) + out.styled(percent(fraction), text_style::bold) + suffix);
}

void print_number(console& out, std::string_view name, const std::optional<double>& number, int digits) {
    if (number) out.print("  " + padded(name, figure_columns) + " " + fixed(*number, digits));
}

void print_classes(const zeroshot::metrics::evaluation& result, console& out) {
    constexpr std::size_t maximum = 40;  // about a screen
    std::vector<const zeroshot::metrics::class_result*> order;
    std::size_t columns = 0;
    for (const zeroshot::metrics::class_result& one : result.classes) {
        if (one.count == 0) continue;
        order.push_back(&one);
        columns = std::max(columns, std::min(name_columns, columns_of(printable(one.name))));
    }
    std::ranges::stable_sort(order, std::greater<>{},
                             [](const zeroshot::metrics::class_result* one) { return score_of(*one); });
    out.print("");
    out.print(out.styled(result.multi_label ? "average precision per class" : "recall per class", text_style::bold));
    const bool cut = order.size() > maximum;
    for (std::size_t i = 0; i < order.size(); ++i) {
        if (cut && i == maximum / 2)
            out.print("  ... " + std::to_string(order.size() - maximum) + " more; --csv FILE writes all ...");
        if (cut && i >= maximum / 2 && i < order.size() - maximum / 2) continue;
        const zeroshot::metrics::class_result& one = *order[i];
        out.print("  " + padded(printable(one.name), columns) + "  " + percent(score_of(one)) + "  " +
                  out.styled(padded(blocks(score_of(one), bar_columns), bar_columns), text_style::green) +
                  out.styled("  of " + std::to_string(one.count), text_style::faint));
    }
}

void print_confusions(const zeroshot::metrics::evaluation& result, console& out) {
    constexpr std::size_t maximum = 5;
    std::vector<zeroshot::metrics::confusion_entry> wrong;
    std::ranges::copy_if(
        result.confusion, std::back_inserter(wrong),
        [](const zeroshot::metrics::confusion_entry& entry) { return entry.label != entry.predicted; });
    if (wrong.empty()) return;
    std::ranges::stable_sort(wrong, std::greater<>{}, &zeroshot::metrics::confusion_entry::count);
    out.print("");
    out.print(out.styled("most frequent confusions", text_style::bold));
    for (std::size_t i = 0; i < std::min(maximum, wrong.size()); ++i) {
        out.print("  " + printable(result.classes[wrong[i].label].name) + " classified as " +
                  printable(result.classes[wrong[i].predicted].name) + ": " + counted(wrong[i].count, "time"));
    }
}

void print_templates(const zeroshot::metrics::evaluation& result, console& out) {
    if (!result.choice) return;
    std::vector<zeroshot::metrics::template_result> order = result.each_template;
    std::ranges::stable_sort(order, std::greater<>{}, &zeroshot::metrics::template_result::top1);
    out.print("");
    out.print(out.styled("accuracy of each template", text_style::bold));
    for (const zeroshot::metrics::template_result& one : order)
        out.print("  " + percent(one.top1) + "  " + printable(one.sentence));
    const zeroshot::metrics::template_choice& choice = *result.choice;
    out.print("");
    out.print(out.styled("selected on " + counted(choice.validation_count, "image"), text_style::bold) +
              ", evaluated on the other " + std::to_string(choice.test_count) + ": " + percent(choice.test_top1) +
              "; all templates together: " + percent(choice.test_top1_of_all));
    for (std::size_t i = 0; i < choice.chosen.size(); ++i)
        out.print("  " + percent(choice.validation_top1[i]) + "  " + (i == 0 ? "  " : "+ ") +
                  printable(choice.chosen[i]));
}

std::string number(double value) {
    return zeroshot::number_text(value);
}

std::string quotient(std::size_t part, std::size_t whole) {
    return whole == 0 ? "" : number(static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

void print(const zeroshot::metrics::evaluation& result, console& out) {
    std::string head = counted(result.count, "image") + " of " + counted(result.classes.size(), "class");
    if (result.classes.size() != 1) head.insert(head.size() - 1, "e");
    if (result.unreadable > 0)
        head += ", " + std::to_string(result.unreadable) + " of them unreadable and counted as wrong";
    if (result.out_of_distribution > 0)
        head += "; " + std::to_string(result.out_of_distribution) + " out of distribution";
    out.print(out.styled(printable(result.data), text_style::bold) + ": " + head);
    print_percentage(out, "top-1", result.top1, between(result.intervals.top1));
    if (result.classes.size() > 5) print_percentage(out, "top-5", result.top5, between(result.intervals.top5));
    if (result.mean_per_class)
        print_percentage(out, "mean per class", *result.mean_per_class,
                         result.intervals.mean_per_class ? between(*result.intervals.mean_per_class) : "");
    if (result.mean_average_precision) print_percentage(out, "mean average precision", *result.mean_average_precision);
    if (result.expected_calibration_error)
        print_percentage(out, "expected calibration error", *result.expected_calibration_error);
    if (result.calibrated_error) print_percentage(out, "  at the fitted temperature", *result.calibrated_error);
    print_number(out, "fitted temperature", result.temperature, 3);
    print_number(out, "log loss", result.log_loss, 4);
    print_number(out, "out-of-distribution AUROC", result.out_of_distribution_auroc, 4);
    print_classes(result, out);
    print_confusions(result, out);
    print_templates(result, out);
}

std::string csv_of(const zeroshot::metrics::evaluation& result) {
    std::string text = "class,count,unreadable,predicted,right,recall,precision,average_precision\r\n";
    for (const zeroshot::metrics::class_result& one : result.classes) {
        text += csv_field(one.name) + "," + std::to_string(one.count) + "," + std::to_string(one.unreadable) + "," +
                std::to_string(one.predicted) + "," + std::to_string(one.correct) + "," +
                quotient(one.correct, one.count) + "," + quotient(one.correct, one.predicted) + "," +
                (one.average_precision ? number(*one.average_precision) : "") + "\r\n";
    }
    return text;
}

}  // namespace program
