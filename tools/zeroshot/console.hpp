#pragma once
/// \file What the program says: answers on stdout, everything else on stderr, and a bar while there is time for one.

#include <chrono>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>

namespace program {

/// The call was wrong: exit status 2.
class usage_error : public std::runtime_error {
   public:
    using std::runtime_error::runtime_error;
};

/// Standard output cannot be written.
class output_error : public std::runtime_error {
   public:
    output_error(const std::string& sentence, bool hung_up) : std::runtime_error(sentence), hung_up_(hung_up) {}
    bool hung_up() const noexcept { return hung_up_; }  ///< the reader has seen enough: nothing to complain about

   private:
    bool hung_up_;
};

/// How a piece of text looks on a terminal; nothing where there is none.
enum class look { plain, strong, faint, good };

/// stdout and stderr under one roof, so that lines and the bar do not tread on each other. For one thread, but for the
/// bar.
class console {
   public:
    console();

    void be_quiet() noexcept { quiet_ = true; }
    bool quiet() const noexcept { return quiet_; }

    /// A line of the result, handed on at once.
    /// \throws output_error
    void answer(std::string_view line);

    /// Something worth knowing: "zeroshot: <sentence>" on stderr, unless quiet.
    void note(std::string_view sentence);

    /// Something that failed: the same, even if quiet, and the exit status will be 1.
    void complain(std::string_view sentence);
    bool failed() const noexcept { return failed_; }

    /// The text in colour where stdout is a terminal that may have it.
    std::string styled(std::string_view text, look how) const;

    /// Shows how far a long piece of work has come; `what` is "pictures" or the like. Drawn on a terminal only, from
    /// the second second on. Any thread may call it.
    void progress(std::string_view what, std::size_t done, std::size_t total);
    void end_progress();

   private:
    using clock = std::chrono::steady_clock;

    void tell(std::string_view sentence);
    void erase_bar();
    void draw_bar(std::string_view what, std::size_t done, std::size_t total, double seconds);

    std::mutex mutex_;
    bool quiet_ = false;
    bool failed_ = false;
    bool colour_ = false;     // of stdout
    bool shows_bar_ = false;  // stderr is a terminal
    bool bar_is_drawn_ = false;
    bool measuring_ = false;
    clock::time_point begin_;
    clock::time_point last_;
};

/// How many columns a terminal needs for a text in UTF-8.
std::size_t columns_of(std::string_view text);

/// The text with what would disturb a terminal written as \x1b.
std::string printable(std::string_view text);

/// The text with spaces behind it, up to so many columns.
std::string padded(std::string_view text, std::size_t columns);

/// A bar of blocks: a fraction of so many columns, to an eighth of one.
std::string blocks(double fraction, std::size_t columns);

/// "93.1 %", "< 0.1 %", always as wide as "100.0 %".
std::string percent(double fraction);

/// A number in fixed notation.
std::string fixed(double number, int digits);

/// "1 image", "12 images".
std::string counted(std::size_t count, std::string_view noun);

}  // namespace program
