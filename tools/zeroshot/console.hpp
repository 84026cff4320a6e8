#pragma once
/// \file Console output: results on stdout, notes, errors and a progress bar on stderr.

#include <chrono>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>

namespace program {

/// Wrong usage on the command line: exit status 2.
class usage_error : public std::runtime_error {
   public:
    using std::runtime_error::runtime_error;
};

/// Writing to standard output failed.
class output_error : public std::runtime_error {
   public:
    output_error(const std::string& message, bool pipe_closed)
        : std::runtime_error(message), pipe_closed_(pipe_closed) {}

    /// Whether the reading end of a pipe was closed, which is no error of the program.
    bool pipe_closed() const noexcept { return pipe_closed_; }

   private:
    bool pipe_closed_;
};

/// A message of the library with the program's options instead of the fields and functions of C++.
std::string in_terms_of_the_program(std::string message);

/// Style of a text on a terminal; without effect elsewhere.
enum class text_style { plain, bold, faint, green };

/// stdout and stderr, locked together, so that output lines erase the progress bar. One thread may print; any thread
/// may report progress.
class console {
   public:
    console();

    void be_quiet() noexcept { quiet_ = true; }
    bool quiet() const noexcept { return quiet_; }

    /// Prints a line of the result to stdout, and flushes it.
    /// \throws output_error
    void print(std::string_view line);

    /// Prints "zeroshot: <message>" to stderr, unless quiet.
    void note(std::string_view message);

    /// Prints the message to stderr, even if quiet, and makes the exit status 1.
    void error(std::string_view message);
    bool failed() const noexcept { return failed_; }

    /// The text with escape sequences for the style, if stdout is a terminal and NO_COLOR is not set.
    std::string styled(std::string_view text, text_style style) const;

    /// Shows a progress bar on a terminal, from the second second on. Any thread may call it.
    /// \param items name of the counted items, as "images"
    void progress(std::string_view items, std::size_t done, std::size_t total);
    void end_progress();

   private:
    using clock = std::chrono::steady_clock;

    void print_to_stderr(std::string_view message);
    void erase_bar();
    void draw_bar(std::string_view items, std::size_t done, std::size_t total, double seconds);

    std::mutex mutex_;
    bool quiet_ = false;
    bool failed_ = false;
    bool colour_ = false;     // stdout is a terminal that shows colours
    bool shows_bar_ = false;  // stderr is a terminal
    bool bar_is_drawn_ = false;
    bool measuring_ = false;
    clock::time_point begin_;
    clock::time_point last_;
};

/// Number of terminal columns of a text in UTF-8.
std::size_t columns_of(std::string_view text);

/// The text with control characters, bidirectional formatting characters and invalid bytes written as \x1b.
std::string printable(std::string_view text);

/// The text followed by spaces up to this number of columns.
std::string padded(std::string_view text, std::size_t columns);

/// A bar of block characters: a fraction of a number of columns, rounded to an eighth of a column.
std::string blocks(double fraction, std::size_t columns);

/// "93.1 %" or "< 0.1 %", padded to the width of "100.0 %".
std::string percent(double fraction);

/// A number in fixed notation.
std::string fixed(double number, int digits);

/// The text as a CSV field, quoted where RFC 4180 requires it, and with spaces at its ends.
std::string csv_field(const std::string& text);

/// "1 image", "12 images".
std::string counted(std::size_t count, std::string_view noun);

}  // namespace program
