#include "console.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#else
#include <io.h>
#endif

#include <zeroshot/error.hpp>
#include <zeroshot/support/utf8.hpp>

#include "interrupt.hpp"

namespace program {

namespace {

bool is_terminal(std::FILE* stream) {
#if defined(__unix__) || defined(__APPLE__)
    return isatty(fileno(stream)) != 0;
#else
    return _isatty(_fileno(stream)) != 0;
#endif
}

bool wants_colour() {
    const char* no_colour = std::getenv("NO_COLOR");  // no-color.org: any value but an empty one
    const char* terminal = std::getenv("TERM");
    return (no_colour == nullptr || *no_colour == '\0') && terminal != nullptr && std::string_view(terminal) != "dumb";
}

/// Removes the first character of a text in UTF-8, and returns it.
zeroshot::detail::utf8_unit next_character(std::string_view& text) {
    const zeroshot::detail::utf8_unit character = zeroshot::detail::read_utf8(text);
    text.remove_prefix(character.size);
    return character;
}

bool is_between(char32_t character, char32_t first, char32_t last) {
    return character >= first && character <= last;
}

/// Combining marks, joiners, directional marks and variation selectors.
bool has_no_width(char32_t character) {
    return is_between(character, 0x300, 0x36F) || is_between(character, 0x200B, 0x200F) ||
           is_between(character, 0x202A, 0x202E) || is_between(character, 0x20D0, 0x20FF) ||
           is_between(character, 0xFE00, 0xFE0F) || character == 0xFEFF;
}

/// East Asian wide and full-width characters, and emoji.
bool is_wide(char32_t character) {
    return is_between(character, 0x1100, 0x115F) || is_between(character, 0x2E80, 0xA4CF) ||
           is_between(character, 0xAC00, 0xD7A3) || is_between(character, 0xF900, 0xFAFF) ||
           is_between(character, 0xFE30, 0xFE6F) || is_between(character, 0xFF00, 0xFF60) ||
           is_between(character, 0xFFE0, 0xFFE6) || is_between(character, 0x1F300, 0x1F64F) ||
           is_between(character, 0x1F680, 0x1F6FF) || is_between(character, 0x1F900, 0x1FAFF) ||
           is_between(character, 0x20000, 0x3FFFD);
}

std::string time_text(double seconds) {
    const auto whole = static_cast<long>(std::lround(seconds));
    if (whole < 60) return std::to_string(whole) + " s";
    if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
    return std::to_string(whole / 3600) + " h " + std::to_string(whole / 60 % 60) + " min";
}

}  // namespace

console::console() : colour_(is_terminal(stdout) && wants_colour()), shows_bar_(is_terminal(stderr)) {}

void console::print(std::string_view line) {
    const std::lock_guard lock(mutex_);
    const defer_interrupts no_partial_line;
    erase_bar();
    const bool written = std::fwrite(line.data(), 1, line.size(), stdout) == line.size() &&
                         std::fputc('\n', stdout) != EOF && std::fflush(stdout) == 0;
    if (!written) {
        const int number = errno;
        throw output_error("standard output: " + std::generic_category().message(number), number == EPIPE);
    }
}

namespace {

/// What the library's hints name, and what sets it in the program.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> names_of_the_library{
    {{"load_options::activation", "--activation"},
     {"load_options::vision_heads", "--vision-heads"},
     {"load_options::text_heads", "--text-heads"},
     {"load_options::name", "--name"},
     {"; use encode_tokens()", "; embed --ids takes token ids"},
     {"; raise decode_options::max_pixels if it is meant", "; --max-megapixels reads larger ones"},
     {"; raise decode_options::memory_budget if it is meant", "; --max-megapixels allows more memory, too"},
     {"; raise decode_options::max_scans if it is meant", "; save it as a baseline JPEG"}}};

}  // namespace

std::string in_terms_of_the_program(std::string message) {
    for (const auto& [name, option] : names_of_the_library) {
        for (std::size_t at = 0; (at = message.find(name, at)) != std::string::npos; at += option.size())
            message.replace(at, name.size(), option);
    }
    return message;
}

void console::note(std::string_view message) {
    if (!quiet_) print_to_stderr(message);
}

void console::error(std::string_view message) {
    failed_ = true;
    print_to_stderr(message);
}

void console::print_to_stderr(std::string_view message) {
    const std::lock_guard lock(mutex_);
    erase_bar();
    const std::string line = "zeroshot: " + printable(in_terms_of_the_program(std::string(message))) + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
}

std::string console::styled(std::string_view text, text_style style) const {
    if (!colour_ || style == text_style::plain) return std::string(text);
    constexpr std::array<std::string_view, 4> codes{"", "\x1b[1m", "\x1b[2m", "\x1b[32m"};
    return std::string(codes[static_cast<std::size_t>(style)]) + std::string(text) + "\x1b[0m";
}

void console::progress(std::string_view items, std::size_t done, std::size_t total) {
    constexpr double first_shown = 1.0, shown_every = 0.1;  // seconds
    if (!shows_bar_ || quiet_) return;
    const std::lock_guard lock(mutex_);
    const clock::time_point now = clock::now();
    if (!std::exchange(measuring_, true)) begin_ = last_ = now;
    const double passed = std::chrono::duration<double>(now - begin_).count();
    if (passed < first_shown || std::chrono::duration<double>(now - last_).count() < shown_every) return;
    last_ = now;
    draw_bar(items, done, total, passed);
}

void console::end_progress() {
    const std::lock_guard lock(mutex_);
    erase_bar();
    measuring_ = false;
}

void console::draw_bar(std::string_view items, std::size_t done, std::size_t total, double seconds) {
    constexpr std::size_t columns = 24;
    const double rate = static_cast<double>(done) / seconds;
    const double fraction = static_cast<double>(done) / static_cast<double>(std::max<std::size_t>(total, 1));
    std::string line = "\r\x1b[K" + padded(blocks(fraction, columns), columns) + " " + std::to_string(done) + " of " +
                       std::to_string(total) + " " + std::string(items) + ", " + fixed(rate, rate < 10 ? 1 : 0) +
                       " per second";
    if (done > 0) line += ", " + time_text(static_cast<double>(total - done) / rate) + " left";
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::fflush(stderr);
    bar_is_drawn_ = true;
}

void console::erase_bar() {
    if (!std::exchange(bar_is_drawn_, false)) return;
    std::fputs("\r\x1b[K", stderr);
    std::fflush(stderr);
}

std::size_t columns_of(std::string_view text) {
    std::size_t columns = 0;
    while (!text.empty()) {
        const char32_t character = next_character(text).code_point;
        columns += has_no_width(character) ? 0 : is_wide(character) ? 2 : 1;
    }
    return columns;
}

std::string printable(std::string_view text) {
    return zeroshot::detail::printable(text);
}

std::string padded(std::string_view text, std::size_t columns) {
    const std::size_t width = columns_of(text);
    return std::string(text) + std::string(columns > width ? columns - width : 0, ' ');
}

std::string blocks(double fraction, std::size_t columns) {
    constexpr std::array<std::string_view, 8> parts{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const auto eighths =
        static_cast<std::size_t>(std::lround(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(columns * 8)));
    std::string bar;
    for (std::size_t i = 0; i < eighths / 8; ++i) bar += "█";
    bar += parts[eighths % 8];
    return bar;
}

std::string percent(double fraction) {
    constexpr double smallest_shown = 0.0005;
    const std::string number = fraction > 0 && fraction < smallest_shown ? "< 0.1" : fixed(100 * fraction, 1);
    return std::string(number.size() < 5 ? 5 - number.size() : 0, ' ') + number + " %";
}

std::string fixed(double number, int digits) {
    std::array<char, 64> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed, digits);
    return end.ec == std::errc() ? std::string(text.data(), end.ptr) : std::to_string(number);
}

std::string csv_field(const std::string& text) {
    const bool plain =
        text.find_first_of(",\"\r\n") == std::string::npos && !text.starts_with(' ') && !text.ends_with(' ');
    if (plain) return text;
    std::string quoted = "\"";
    for (const char character : text) quoted += character == '"' ? "\"\"" : std::string(1, character);
    return quoted + "\"";
}

std::string counted(std::size_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace program
