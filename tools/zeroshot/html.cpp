#include "html.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "console.hpp"

namespace program::html {

namespace {

/// Written out by the browser's own fonts and colours; dark where the system is, black on white on paper.
constexpr std::string_view style =
    R"(:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--faint:#57606a;--line:#d0d7de;--first:#0b62c4;--second:#b35900;--third:#1a7f37;--fourth:#8250df}
@media (prefers-color-scheme:dark){:root{--paper:#0f1318;--ink:#e6edf3;--faint:#9aa6b2;--line:#333c47;--first:#6cb0ff;--second:#ffa657;--third:#56d364;--fourth:#d2a8ff}}
@media print{:root{--paper:#fff;--ink:#000;--faint:#444;--line:#bbb;--first:#0b62c4;--second:#b35900;--third:#1a7f37;--fourth:#8250df}section{break-inside:avoid-page}}
*{box-sizing:border-box}body{margin:0 auto;padding:1rem;max-width:64rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
h1{font-size:1.7rem;line-height:1.2}h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}p{max-width:44rem}.caption{color:var(--faint);margin:1rem 0 0}
.scroll{overflow-x:auto;margin:.3rem 0 1rem}table{border-collapse:collapse}th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left}tbody th:first-child{white-space:normal;min-width:9rem;max-width:32rem;font-weight:400}thead th{color:var(--faint);font-weight:600;white-space:normal}figure{display:inline-block;vertical-align:top;width:min(100%,29rem);margin:1.2rem 1rem 0 0}figcaption{color:var(--faint)}
svg{display:block;width:100%;height:auto;max-width:30rem;font:12px system-ui,sans-serif;fill:var(--ink)}
.axis{stroke:var(--line);fill:none}.first{stroke:var(--first)}.second{stroke:var(--second)}.third{stroke:var(--third);stroke-dasharray:9 3}.fourth{stroke:var(--fourth);stroke-dasharray:3 2}.guide{stroke:var(--faint);stroke-dasharray:5 4}
.curve{fill:none;stroke-width:2.5}.fill-first{fill:var(--first)}.fill-second{fill:var(--second)}.note{fill:var(--faint)}
.images{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));gap:.8rem;padding:0;list-style:none}
.images img{display:block;width:100%;aspect-ratio:1;object-fit:contain;background:#fff;border:1px solid var(--line)}.images li{font-size:.85rem;overflow-wrap:anywhere})";

std::string number(double x) {
    std::string text = fixed(x, 1);
    return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text,
                    const std::string& look = "") {
    return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\"" +
           (look.empty() ? "" : " class=\"" + look + "\"") + ">" + escaped(text) + "</text>";
}

std::string line_from(double x, double y, double to_x, double to_y, const std::string& look) {
    return "<line class=\"" + look + "\" x1=\"" + number(x) + "\" y1=\"" + number(y) + "\" x2=\"" + number(to_x) +
           "\" y2=\"" + number(to_y) + "\"/>";
}

std::string figure(const std::string& title, double width, double height, const std::string& content) {
    return "<figure><figcaption>" + escaped(title) + "</figcaption><svg role=\"img\" aria-label=\"" + escaped(title) +
           "\" viewBox=\"0 0 " + number(width) + " " + number(height) + "\">" + content + "</svg></figure>\n";
}

/// A name that fits its column; the whole of it is in the table or the tooltip.
std::string shortened(const std::string& name, std::size_t most) {
    if (columns_of(name) <= most) return name;
    std::size_t end = most - 1;
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

std::string share(double fraction) {
    return fixed(100 * fraction, 1) + " %";
}

std::string bar_chart(const std::string& title, std::span<const bar> bars, double least, double most) {
    constexpr double width = 400, names = 130, numbers = 86, row = 22, thickness = 13;
    const double across = width - names - numbers, zero = names + across * -least / (most - least);
    std::string drawn = line_from(zero, 2, zero, row * static_cast<double>(bars.size()), "axis");
    double y = 0;
    for (const bar& each : bars) {
        const double end = zero + across * each.value / (most - least), left = std::min(zero, end),
                     length = std::abs(end - zero);
        drawn += "<g><title>" + escaped(each.name + ": " + each.text) + "</title>" +
                 text_at(names - 8, y + 15, "end", shortened(each.name, 17));
        drawn += "<rect class=\"" + std::string(each.value < 0 ? "fill-second" : "fill-first") + "\" x=\"" +
                 number(left) + "\" y=\"" + number(y + 4) + "\" width=\"" + number(length) + "\" height=\"" +
                 number(thickness) + "\"/>";
        drawn += text_at(std::max(zero, end) + 5, y + 15, "start", each.text, "note") + "</g>";
        y += row;
    }
    return figure(title, width, y + 4, drawn);
}

std::string line_chart(const std::string& title, std::span<const curve> curves,
                       std::span<const std::pair<double, std::string>> ticks, const std::string& across,
                       const std::string& up) {
    constexpr double left = 48, top = 24, side = 260, width = 400, below = 56, key_row = 20;
    const double height = top + side + below + key_row * static_cast<double>(curves.size());
    const auto x = [&](double at) { return left + (width - left - 26) * at; };
    const auto y = [&](double at) { return top + side * (1 - at); };
    std::string drawn = text_at(left - 44, 14, "start", up, "note");
    for (int tenth = 0; tenth <= 10; tenth += 2) {
        drawn += line_from(x(0), y(tenth / 10.0), x(1), y(tenth / 10.0), "axis") +
                 text_at(left - 6, y(tenth / 10.0) + 4, "end", std::to_string(10 * tenth) + " %", "note");
    }
    for (const auto& [at, text] : ticks) drawn += text_at(x(at), top + side + 20, "middle", text, "note");
    drawn += text_at(x(0.5), top + side + 38, "middle", across, "note");
    double key = top + side + below + 6;
    for (const curve& each : curves) {
        std::string points;
        for (const auto& [a, b] : each.points) points += number(x(a)) + "," + number(y(b)) + " ";
        drawn += "<polyline class=\"curve " + each.look + "\" points=\"" + points + "\"/>";
        drawn += line_from(left, key - 4, left + 24, key - 4, "curve " + each.look) +
                 text_at(left + 32, key, "start", each.name);
        key += key_row;
    }
    return figure(title, width, height, drawn);
}

std::string matrix_chart(const std::string& title, std::span<const std::string> names, std::span<const double> shares) {
    const std::size_t count = names.size();
    constexpr double label = 100, side = 300, largest = 12;
    const double cell = side / static_cast<double>(count);
    std::string drawn = "<g style=\"font-size:" + number(std::min(largest, cell)) + "px\">";
    for (std::size_t row = 0; row < count; ++row) {
        const double y = label + cell * static_cast<double>(row);
        drawn += text_at(label - 6, y + cell / 2 + 4, "end", shortened(names[row], 15));
        drawn += "<text transform=\"translate(" + number(label + cell * (static_cast<double>(row) + 0.5) + 4) + "," +
                 number(label - 6) + ") rotate(-90)\">" + escaped(shortened(names[row], 15)) + "</text>";
        for (std::size_t column = 0; column < count; ++column) {
            const double part = shares[row * count + column];
            if (part <= 0) continue;
            drawn += "<rect class=\"" + std::string(row == column ? "fill-first" : "fill-second") +
                     "\" fill-opacity=\"" + fixed(0.1 + 0.9 * part, 2) + "\" x=\"" +
                     number(label + cell * static_cast<double>(column)) + "\" y=\"" + number(y) + "\" width=\"" +
                     number(cell - 0.5) + "\" height=\"" + number(cell - 0.5) + "\"><title>" +
                     escaped(names[row] + " taken for " + names[column] + ": " + share(part)) + "</title></rect>";
        }
    }
    drawn += "</g><rect class=\"axis\" x=\"" + number(label) + "\" y=\"" + number(label) + "\" width=\"" +
             number(side) + "\" height=\"" + number(side) + "\"/>";
    return figure(title, label + side + 2, label + side + 2, drawn);
}

std::string table(const std::string& caption, std::span<const std::string> head,
                  std::span<const std::vector<std::string>> rows) {
    const std::string label = " aria-label=\"" + escaped(caption) + "\"";
    std::string made = "<p class=\"caption\">" + escaped(caption) +
                       "</p><div class=\"scroll\" role=\"region\" tabindex=\"0\"" + label + "><table" + label +
                       "><thead><tr>";
    for (const std::string& cell : head) made += "<th scope=\"col\">" + escaped(cell) + "</th>";
    made += "</tr></thead><tbody>";
    for (const std::vector<std::string>& row : rows) {
        made += "<tr>";
        for (std::size_t i = 0; i < row.size(); ++i)
            made += (i == 0 ? "<th scope=\"row\">" : "<td>") + escaped(row[i]) + (i == 0 ? "</th>" : "</td>");
        made += "</tr>";
    }
    return made + "</tbody></table></div>\n";
}

std::string page(const std::string& title, const std::string& content) {
    return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
           "content=\"width=device-width,initial-scale=1\"><link rel=\"icon\" href=\"data:,\"><title>" +
           escaped(title) + "</title><style>" + std::string(style) + "</style></head>\n<body><main><h1>" +
           escaped(title) + "</h1>\n" + content + "</main></body></html>\n";
}

}  // namespace program::html
