#include "html.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "console.hpp"

namespace program::html {

namespace {

std::string number(double x) {
    std::string text = fixed(x, 1);
    return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text,
                    const std::string& style = "") {
    return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\"" +
           (style.empty() ? "" : " class=\"" + style + "\"") + ">" + escaped(text) + "</text>";
}

std::string line_from(double x, double y, double to_x, double to_y, const std::string& style) {
    return "<line class=\"" + style + "\" x1=\"" + number(x) + "\" y1=\"" + number(y) + "\" x2=\"" + number(to_x) +
           "\" y2=\"" + number(to_y) + "\"/>";
}

std::string rectangle(double x, double y, double width, double height, const std::string& style, double opacity = 1) {
    return "<rect class=\"" + style + "\"" + (opacity < 1 ? " fill-opacity=\"" + fixed(opacity, 2) + "\"" : "") +
           " x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(width) + "\" height=\"" +
           number(height) + "\"/>";
}

/// Shapes with a tooltip.
std::string group(const std::string& tooltip, const std::string& shapes) {
    return "<g><title>" + escaped(tooltip) + "</title>" + shapes + "</g>";
}

std::string figure(const std::string& title, double width, double height, const std::string& content) {
    return "<figure><figcaption>" + escaped(title) + "</figcaption><svg role=\"img\" aria-label=\"" + escaped(title) +
           "\" viewBox=\"0 0 " + number(width) + " " + number(height) + "\">" + content + "</svg></figure>\n";
}

/// The name cut to a number of columns; charts show the full name as a tooltip.
std::string shortened(const std::string& name, std::size_t columns) {
    if (columns_of(name) <= columns) return name;
    std::size_t end = columns - 1;
    while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
    return name.substr(0, end) + "…";
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        switch (c) {
            case '&':
                safe += "&amp;";
                break;
            case '<':
                safe += "&lt;";
                break;
            case '>':
                safe += "&gt;";
                break;
            case '"':
                safe += "&quot;";
                break;
            default:
                safe += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
    }
    return safe;
}

std::string percentage(double fraction) {
    return fixed(100 * fraction, 1) + " %";
}

std::string bar_chart(const std::string& title, std::span<const bar> bars, double minimum, double maximum) {
    constexpr double width = 400, names = 130, numbers = 86, row = 22, thickness = 13;
    const double scale = (width - names - numbers) / (maximum - minimum), zero = names - scale * minimum;
    std::string svg = line_from(zero, 2, zero, row * static_cast<double>(bars.size()), "axis");
    double y = 0;
    for (const bar& each : bars) {
        const double end = zero + scale * each.value, left = std::min(zero, end), length = std::abs(end - zero);
        svg += group(each.name + ": " + each.text,
                     text_at(names - 8, y + 15, "end", shortened(each.name, 17)) +
                         rectangle(left, y + 4, length, thickness, each.value < 0 ? "fill-second" : "fill-first") +
                         text_at(std::max(zero, end) + 5, y + 15, "start", each.text, "note"));
        y += row;
    }
    return figure(title, width, y + 4, svg);
}

std::string line_chart(const std::string& title, std::span<const curve> curves,
                       std::span<const std::pair<double, std::string>> ticks, const std::string& x_label,
                       const std::string& y_label) {
    constexpr double left = 48, top = 24, side = 260, width = 400, below = 56, key_row = 20;
    const double height = top + side + below + key_row * static_cast<double>(curves.size());
    const auto x = [&](double at) { return left + (width - left - 26) * at; };
    const auto y = [&](double at) { return top + side * (1 - at); };
    std::string svg = text_at(left - 44, 14, "start", y_label, "note");
    for (int tenth = 0; tenth <= 10; tenth += 2) {
        svg += line_from(x(0), y(tenth / 10.0), x(1), y(tenth / 10.0), "axis") +
               text_at(left - 6, y(tenth / 10.0) + 4, "end", std::to_string(10 * tenth) + " %", "note");
    }
    for (const auto& [at, text] : ticks) svg += text_at(x(at), top + side + 20, "middle", text, "note");
    svg += text_at(x(0.5), top + side + 38, "middle", x_label, "note");
    double key = top + side + below + 6;
    for (const curve& each : curves) {
        std::string points;
        for (const auto& [a, b] : each.points) points += number(x(a)) + "," + number(y(b)) + " ";
        svg += "<polyline class=\"curve " + each.style + "\" points=\"" + points + "\"/>";
        svg += line_from(left, key - 4, left + 24, key - 4, "curve " + each.style) +
               text_at(left + 32, key, "start", each.name);
        key += key_row;
    }
    return figure(title, width, height, svg);
}

std::string matrix_chart(const std::string& title, std::span<const std::string> names, std::span<const double> shares) {
    constexpr double label = 100, side = 300, max_font_size = 12;
    const std::size_t count = names.size();
    const double cell = side / static_cast<double>(count);
    const auto offset = [&](std::size_t index) { return label + cell * static_cast<double>(index); };
    std::string svg = "<g style=\"font-size:" + number(std::min(max_font_size, cell)) + "px\">";
    for (std::size_t row = 0; row < count; ++row) {
        const std::string name = shortened(names[row], 15);
        svg += text_at(label - 6, offset(row) + cell / 2 + 4, "end", name);
        svg += "<text transform=\"translate(" + number(offset(row) + cell / 2 + 4) + "," + number(label - 6) +
               ") rotate(-90)\">" + escaped(name) + "</text>";
        for (std::size_t column = 0; column < count; ++column) {
            const double share = shares[row * count + column];
            if (share <= 0) continue;
            svg += group(names[row] + " classified as " + names[column] + ": " + percentage(share),
                         rectangle(offset(column), offset(row), cell - 0.5, cell - 0.5,
                                   row == column ? "fill-first" : "fill-second", 0.1 + 0.9 * share));
        }
    }
    svg += "</g>" + rectangle(label, label, side, side, "axis");
    return figure(title, label + side + 2, label + side + 2, svg);
}

std::string table(const std::string& caption, std::span<const std::string> head,
                  std::span<const std::vector<std::string>> rows) {
    const std::string label = " aria-label=\"" + escaped(caption) + "\"";
    std::string html = "<p class=\"caption\">" + escaped(caption) +
                       "</p><div class=\"scroll\" role=\"region\" tabindex=\"0\"" + label + "><table" + label +
                       "><thead><tr>";
    for (const std::string& cell : head) html += "<th scope=\"col\">" + escaped(cell) + "</th>";
    html += "</tr></thead><tbody>";
    for (const std::vector<std::string>& row : rows) {
        html += "<tr>";
        for (std::size_t i = 0; i < row.size(); ++i)
            html += (i == 0 ? "<th scope=\"row\">" : "<td>") + escaped(row[i]) + (i == 0 ? "</th>" : "</td>");
        html += "</tr>";
    }
    return html + "</tbody></table></div>\n";
}

std::string page(const std::string& title, const std::string& content) {
    return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
           "content=\"width=device-width,initial-scale=1\"><link rel=\"icon\" href=\"data:,\"><title>" +
           escaped(title) + "</title><style>" + style_sheet() + "</style></head>\n<body><main><h1>" + escaped(title) +
           "</h1>\n" + content + "</main></body></html>\n";
}

}  // namespace program::html
