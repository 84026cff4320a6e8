#pragma once
/// \file Labels, templates and texts: files with one on each line.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace program {

class console;

/// A line of a file, and its number for people.
struct text_line {
    std::size_t number;
    std::string text;
};

/// The lines of a UTF-8 text file, or of standard input where the path is "-": with or without a byte order mark,
/// ending in LF, CRLF or CR. \throws zeroshot::file_error where it cannot be read; zeroshot::text_error (FORMAT, LIMIT)
/// naming the line for UTF-16, NUL,
///         what is not UTF-8, and lines beyond a megabyte
std::vector<text_line> read_lines(const std::filesystem::path& path);

/// Labels or templates: the lines without the spaces around them, blank lines left out.
/// \param what "labels" or the like, for the message
/// \throws as read_lines(), and zeroshot::text_error where there are none
std::vector<text_line> read_entries(const std::filesystem::path& path, const std::string& what);

/// Says which labels are there twice; both keep their place.
void note_duplicates(const std::vector<text_line>& labels, const std::string& file, console& out);

/// The whole of standard input.
/// \throws zeroshot::file_error (LIMIT) beyond so many bytes, (IO) where it cannot be read
std::string read_standard_input(std::size_t limit);

/// The next line of standard input without its end; nothing at the end of the input.
/// \throws zeroshot::file_error as above
std::optional<std::string> next_input_line();

}  // namespace program
