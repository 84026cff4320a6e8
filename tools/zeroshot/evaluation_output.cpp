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

double recall_of(const zeroshot::class_result& one) {
    return one.count == 0 ? 0 : static_cast<double>(one.right) / static_cast<double>(one.count);
}

/// What a class is judged by.
double share_of(const zeroshot::class_result& one) {
    return one.average_precision.value_or(recall_of(one));
}

std::string between(const zeroshot::interval& range) {
    return "  (" + fixed(100 * range.lower, 1) + " to " + fixed(100 * range.upper, 1) + ")";
}

void print_share(console& out, std::string_view name, double share, const std::string& more = "") {
    out.answer("  " + padded(name, figure_columns) + out.styled(percent(share), text_style::bold) + more);
}

void print_number(console& out, std::string_view name, const std::optional<double>& number, int digits) {
    if (number) out.answer("  " + padded(name, figure_columns) + " " + fixed(*number, digits));
}

void print_classes(const zeroshot::evaluation& found, console& out) {
    constexpr std::size_t most = 40;  // a screen; all of them are in --csv and --json
    std::vector<const zeroshot::class_result*> order;
    std::size_t columns = 0;
    for (const zeroshot::class_result& one : found.classes) {
        if (one.count == 0) continue;
        order.push_back(&one);
        columns = std::max(columns, std::min(name_columns, columns_of(printable(one.name))));
    }
    std::ranges::stable_sort(order, std::greater<>{}, [](const zeroshot::class_result* one) { return share_of(*one); });
    out.answer("");
    out.answer(out.styled(found.several_labels ? "average precision of each class" : "recall of each class",
                          text_style::bold));
    const bool cut = order.size() > most;
    for (std::size_t i = 0; i < order.size(); ++i) {
        if (cut && i == most / 2)
            out.answer("  ... " + std::to_string(order.size() - most) + " more: --csv FILE writes all ...");
        if (cut && i >= most / 2 && i < order.size() - most / 2) continue;
        const zeroshot::class_result& one = *order[i];
        out.answer("  " + padded(printable(one.name), columns) + "  " + percent(share_of(one)) + "  " +
                   out.styled(padded(blocks(share_of(one), bar_columns), bar_columns), text_style::green) +
                   out.styled("  of " + std::to_string(one.count), text_style::faint));
    }
}

void print_confusions(const zeroshot::evaluation& found, console& out) {
    constexpr std::size_t most = 5;
    std::vector<zeroshot::confusion_entry> wrong;
    std::ranges::copy_if(found.confusion, std::back_inserter(wrong),
                         [](const zeroshot::confusion_entry& entry) { return entry.label != entry.predicted; });
    if (wrong.empty()) return;
    std::ranges::stable_sort(wrong, std::greater<>{}, &zeroshot::confusion_entry::count);
    out.answer("");
    out.answer(out.styled("confused most", text_style::bold));
    for (std::size_t i = 0; i < std::min(most, wrong.size()); ++i) {
        out.answer("  " + printable(found.classes[wrong[i].label].name) + " taken for " +
                   printable(found.classes[wrong[i].predicted].name) + ": " + counted(wrong[i].count, "time"));
    }
}

void print_templates(const zeroshot::evaluation& found, console& out) {
    if (!found.choice) return;
    std::vector<zeroshot::template_result> order = found.each_template;
    std::ranges::stable_sort(order, std::greater<>{}, &zeroshot::template_result::top1);
    out.answer("");
    out.answer(out.styled("each template alone", text_style::bold));
    for (const zeroshot::template_result& one : order)
        out.answer("  " + percent(one.top1) + "  " + printable(one.sentence));
    const zeroshot::template_choice& choice = *found.choice;
    out.answer("");
    out.answer(out.styled("chosen on " + counted(choice.validation_count, "picture"), text_style::bold) +
               ", judged on the other " + std::to_string(choice.test_count) + ": " + percent(choice.test_top1) +
               "; all templates together:" + percent(choice.test_top1_of_all));
    for (std::size_t i = 0; i < choice.chosen.size(); ++i)
        out.answer("  " + percent(choice.validation_top1[i]) + "  " + (i == 0 ? "  " : "+ ") +
                   printable(choice.chosen[i]));
}

std::string number(double value) {
    return zeroshot::number_text(value);
}

std::string quotient(std::size_t part, std::size_t whole) {
    return whole == 0 ? "" : number(static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

void print(const zeroshot::evaluation& found, console& out) {
    std::string head = counted(found.count, "picture") + " of " + counted(found.classes.size(), "class");
    if (found.classes.size() != 1) head.insert(head.size() - 1, "e");
    if (found.unreadable > 0)
        head += ", " + std::to_string(found.unreadable) + " of them unreadable and counted as wrong";
    if (found.out_of_distribution > 0) head += "; " + std::to_string(found.out_of_distribution) + " of unknown classes";
    out.answer(out.styled(printable(found.data), text_style::bold) + ": " + head);
    print_share(out, "top-1", found.top1, between(found.sure.top1));
    if (found.classes.size() > 5) print_share(out, "top-5", found.top5, between(found.sure.top5));
    if (found.mean_per_class)
        print_share(out, "mean per class", *found.mean_per_class,
                    found.sure.mean_per_class ? between(*found.sure.mean_per_class) : "");
    if (found.mean_average_precision) print_share(out, "mean average precision", *found.mean_average_precision);
    if (found.expected_calibration_error)
        print_share(out, "expected calibration error", *found.expected_calibration_error);
    if (found.calibrated_error) print_share(out, "  at the fitted temperature", *found.calibrated_error);
    print_number(out, "fitted temperature", found.temperature, 3);
    print_number(out, "log loss", found.log_loss, 4);
    print_number(out, "unknown told from known (AUROC)", found.out_of_distribution_auroc, 4);
    print_classes(found, out);
    print_confusions(found, out);
    print_templates(found, out);
}

std::string csv_of(const zeroshot::evaluation& found) {
    std::string text = "class,count,unreadable,predicted,right,recall,precision,average_precision\r\n";
    for (const zeroshot::class_result& one : found.classes) {
        text += csv_field(one.name) + "," + std::to_string(one.count) + "," + std::to_string(one.unreadable) + "," +
                std::to_string(one.predicted) + "," + std::to_string(one.right) + "," + quotient(one.right, one.count) +
                "," + quotient(one.right, one.predicted) + "," +
                (one.average_precision ? number(*one.average_precision) : "") + "\r\n";
    }
    return text;
}

}  // namespace program
