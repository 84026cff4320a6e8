#pragma once
/// \file Text files of labels, templates or texts, one per line, and standard input.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace program {

class console;

/// A line of a text file.
struct text_line {
    std::size_t number;  ///< from 1
    std::string text;
};

/// The lines of a UTF-8 text file, with or without a byte order mark, ending in LF, CRLF or CR.
/// \param path the file; "-" is standard input
/// \throws zeroshot::file_error if it cannot be read;
///         zeroshot::text_error with the line number: FORMAT for UTF-16, NUL and invalid UTF-8, LIMIT for lines above
///         1 MiB
std::vector<text_line> read_lines(const std::filesystem::path& path);

/// The non-blank lines of a text file, without surrounding spaces.
/// \param path the file; "-" is standard input
/// \param items name of the entries in messages, as "labels"
/// \throws zeroshot::file_error, zeroshot::text_error as read_lines(); zeroshot::text_error (FORMAT) for an empty list
std::vector<text_line> read_entries(const std::filesystem::path& path, const std::string& items);

/// Prints a note about each label that occurs twice.
/// \param file where the labels come from; empty for the command line
void note_duplicates(const std::vector<text_line>& labels, const std::string& file, console& out);

/// All bytes of standard input.
/// \throws zeroshot::file_error (LIMIT) for more than `limit` bytes, (IO) if it cannot be read
std::string read_standard_input(std::size_t limit);

/// The next line of standard input without its line feed; nothing at the end of the input.
/// \throws zeroshot::file_error (LIMIT) for a line above 256 MiB, (IO) if it cannot be read
std::optional<std::string> next_input_line();

}  // namespace program
