#pragma once
/// \file Pieces of an HTML page: text made safe, tables, and charts as inline SVG that follow the page's colours.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace program::html {

/// The text with what HTML would take for markup written as entities.
std::string escaped(std::string_view text);

/// "93.1 %"
std::string share(double fraction);

/// A bar for each row, from zero to the left or right.
struct bar {
    std::string name;
    double value;
    std::string text;  ///< what stands beside it
};

/// \param least, most of the axis; zero lies between
std::string bar_chart(const std::string& title, std::span<const bar> bars, double least, double most);

/// Points joined by a line, in a square of [0, 1] upwards.
struct curve {
    std::string name;
    std::string look;  ///< a class of the style sheet: "first", "second", "third", "fourth", "guide"
    std::vector<std::pair<double, double>> points;
};

/// \param ticks of the horizontal axis: place from 0 to 1, and what is written there
std::string line_chart(const std::string& title, std::span<const curve> curves,
                       std::span<const std::pair<double, std::string>> ticks, const std::string& across,
                       const std::string& up);

/// Shares as shades: [rows, rows].
std::string matrix_chart(const std::string& title, std::span<const std::string> names, std::span<const double> shares);

/// A table; its first column names the rows.
std::string table(const std::string& caption, std::span<const std::string> head,
                  std::span<const std::vector<std::string>> rows);

/// A whole page around its content.
std::string page(const std::string& title, const std::string& content);

}  // namespace program::html
