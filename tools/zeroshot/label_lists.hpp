#pragma once
/// \file Lists of labels or class names: lines of a file, JSON, JSON lines, a Python list or dict, one line with
/// commas.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text_files.hpp"

namespace program {

class console;

/// Labels, and how their list was understood.
struct label_list {
    std::vector<text_line> labels;
    std::string note{};                  ///< empty for one label on each line
    std::vector<std::size_t> numbers{};  ///< those that the list gives its labels, ascending; empty where it has none
};

/// Reads a list of labels.
///
/// Recognised are JSON arrays and objects ({"0": "tench"}, {"0": ["n01440764", "tench"]}, {"tench": 0}, "id2label"),
/// the same as Python writes them, JSON lines (a text each, or an object with one text under "label", "name", "class"
/// or "text"), a single line with commas, lines with a number or an identifier of ImageNet before each label, quoted
/// lines, and tables with a header that names a column of labels, or has only one beside numbers.
/// All else is one label on each line. Labels with numbers are sorted by them.
/// \param path the file; "-" is standard input
/// \param items name of the entries in messages, as "labels"
/// \throws zeroshot::file_error, zeroshot::text_error as read_entries(); zeroshot::text_error (FORMAT) for JSON that
/// holds no labels, and for lines that look like a table or another format, and are not understood
label_list read_label_list(const std::filesystem::path& path, const std::string& items);

/// The labels of a text that is a list: JSON, Python, or separated by commas, semicolons or lines; nothing for other
/// texts.
std::optional<std::vector<std::string>> labels_in_line(std::string_view text);

/// Whether a text is a list of JSON or Python, by its first and its last line.
bool is_bracketed(std::string_view first, std::string_view last);

/// Prints notes about labels that look like something else: with a comma at their end, underscores for spaces, tabs,
/// identifiers, or numbers that count them.
void note_odd_labels(const std::vector<text_line>& labels, const std::string& file, console& out);

}  // namespace program
