#pragma once
/// \file HTML output: escaping, tables, and charts as inline SVG in the colours of the style sheet.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace program::html {

/// The text with HTML's special characters as entities and control characters as spaces.
std::string escaped(std::string_view text);

/// A fraction as "93.1 %".
std::string percentage(double fraction);

/// A row of a bar chart.
struct bar {
    std::string name;
    double value;
    std::string text;  ///< label at the end of the bar
};

/// Horizontal bars from zero to the left or right.
/// \param minimum, maximum range of the axis, which includes zero
std::string bar_chart(const std::string& title, std::span<const bar> bars, double minimum, double maximum);

/// A curve of a line chart.
struct curve {
    std::string name;
    std::string style;  ///< a class of the style sheet: first, second, third, fourth or guide
    std::vector<std::pair<double, double>> points;  ///< in the unit square
};

/// Curves in the unit square, with a vertical axis from 0 to 100 %.
/// \param ticks positions from 0 to 1 on the horizontal axis, and their labels
std::string line_chart(const std::string& title, std::span<const curve> curves,
                       std::span<const std::pair<double, std::string>> ticks, const std::string& x_label,
                       const std::string& y_label);

/// A heat map of fractions.
/// \param shares [names, names]
std::string matrix_chart(const std::string& title, std::span<const std::string> names, std::span<const double> shares);

/// A table whose first column holds the row headers.
std::string table(const std::string& caption, std::span<const std::string> head,
                  std::span<const std::vector<std::string>> rows);

/// The style sheet of a page: report.css.
const char* style_sheet();

/// A complete page.
std::string page(const std::string& title, const std::string& content);

}  // namespace program::html
