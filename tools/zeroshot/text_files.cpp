#include "text_files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <system_error>
#include <unordered_map>

#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/utf8.hpp>

#include "console.hpp"

namespace program {

namespace {

constexpr std::size_t max_line_size = 1 << 20;               // bytes
constexpr std::size_t max_file_size = std::size_t{1} << 28;  // bytes: ten million labels

bool is_standard_input(const std::filesystem::path& path) {
    return path == "-";
}

std::string name_of(const std::filesystem::path& path) {
    return is_standard_input(path) ? "standard input" : zeroshot::path_text(path);
}

std::string read_text(const std::filesystem::path& path) {
    if (is_standard_input(path)) return read_standard_input(max_file_size);
    const std::vector<std::byte> bytes = zeroshot::read_file(path, max_file_size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[noreturn]] void refuse(zeroshot::error_code code, const std::string& name, std::size_t line, std::string what,
                         std::string expected = "", std::string hint = "") {
    const std::string where = line == 0 ? name : name + ": line " + std::to_string(line);
    throw zeroshot::text_error(code, {where, std::move(what), std::move(expected), std::move(hint)});
}

void check_line(std::string_view line, const std::string& name, std::size_t number) {
    if (line.size() > max_line_size) {
        refuse(zeroshot::error_code::limit, name, number, std::to_string(line.size()) + " bytes",
               "at most " + std::to_string(max_line_size));
    }
    const std::size_t nul = line.find('\0');
    if (nul != std::string_view::npos) {
        refuse(zeroshot::error_code::format, name, number, "a NUL character at byte " + std::to_string(nul), "",
               "is this a text file?");
    }
    try {
        zeroshot::code_points(line, zeroshot::invalid_utf8::refuse);
    } catch (const zeroshot::error& fault) {
        refuse(zeroshot::error_code::format, name, number, fault.what(), "", "save the file as UTF-8");
    }
}

/// Throws if the last read from standard input failed.
void check_standard_input() {
    if (std::ferror(stdin) == 0) return;
    throw zeroshot::file_error(zeroshot::error_code::io,
                               {"standard input", "cannot read: " + std::generic_category().message(errno), "", ""});
}

}  // namespace

std::vector<text_line> read_lines(const std::filesystem::path& path) {
    const std::string all = read_text(path), name = name_of(path);
    if (zeroshot::detail::is_utf16(all))
        refuse(zeroshot::error_code::format, name, 0, "the encoding is UTF-16", "UTF-8", "save it as UTF-8");
    std::string_view text = all;
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    std::vector<text_line> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
        lines.push_back({lines.size() + 1, std::string(text.substr(0, end))});
        check_line(lines.back().text, name, lines.back().number);
        text.remove_prefix(end);
        if (!text.empty()) text.remove_prefix(text.starts_with("\r\n") ? 2 : 1);
    }
    return lines;
}

std::vector<text_line> read_entries(const std::filesystem::path& path, const std::string& items) {
    std::vector<text_line> entries;
    for (text_line& line : read_lines(path)) {
        const std::string_view text = zeroshot::detail::trimmed(line.text);
        if (!text.empty()) entries.push_back({line.number, std::string(text)});
    }
    if (entries.empty()) refuse(zeroshot::error_code::format, name_of(path), 0, "no " + items, "one per line");
    return entries;
}

void note_duplicates(const std::vector<text_line>& labels, const std::string& file, console& out) {
    constexpr std::size_t max_notes = 5;
    std::unordered_map<std::string_view, std::size_t> first_line;
    std::size_t duplicates = 0;
    for (const text_line& label : labels) {
        const auto [first, is_new] = first_line.emplace(label.text, label.number);
        if (is_new || ++duplicates > max_notes) continue;
        const std::string where = file.empty() ? "" : name_of(file) + ": line " + std::to_string(label.number) + ": ";
        const std::string original = file.empty() ? "" : " of line " + std::to_string(first->second);
        out.note("warning: " + where + "duplicate label '" + label.text + "'" + original +
                 "; both are kept and share the probability");
    }
    if (duplicates > max_notes) out.note("warning: " + counted(duplicates - max_notes, "more duplicate label"));
}

std::string read_standard_input(std::size_t limit) {
    std::string text;
    std::array<char, 1 << 16> chunk;
    while (const std::size_t count = std::fread(chunk.data(), 1, chunk.size(), stdin)) {
        text.append(chunk.data(), count);
        if (text.size() > limit) {
            throw zeroshot::file_error(zeroshot::error_code::limit,
                                       {"standard input", "more than " + std::to_string(limit) + " bytes", "", ""});
        }
    }
    check_standard_input();
    return text;
}

std::optional<std::string> next_input_line() {
    std::string line;
    for (int character = std::getc(stdin); character != '\n'; character = std::getc(stdin)) {
        if (character == EOF) {
            check_standard_input();
            return line.empty() ? std::nullopt : std::optional(line);
        }
        line += static_cast<char>(character);
        if (line.size() > max_file_size) {
            throw zeroshot::file_error(
                zeroshot::error_code::limit,
                {"standard input", "a line of more than " + std::to_string(max_file_size) + " bytes", "", ""});
        }
    }
    return line;
}

}  // namespace program
