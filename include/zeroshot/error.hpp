#pragma once
/// \file Exception types: `zeroshot::error` and one subclass per kind of input.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <zeroshot/utf8_unit.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The kind of fault, for programs; the sentence in what() is for people.
enum class error_code { io, format, unsupported, limit, shape, argument, numeric, no_memory, cancelled };

/// The code as scripts see it: "IO", "FORMAT", "ARG", ...
inline std::string_view name_of(error_code code) {
    constexpr std::array<std::string_view, 9> names{"IO",  "FORMAT",  "UNSUPPORTED", "LIMIT",    "SHAPE",
                                                    "ARG", "NUMERIC", "NOMEM",       "CANCELLED"};
    return names[static_cast<std::size_t>(code)];
}

/// What is wrong, in the parts of one sentence: place, finding, expectation, remedy. Empty parts are left out.
struct diagnostic {
    std::string where{};     ///< file and byte offset, tensor name, JSON pointer, argument
    std::string what{};      ///< the finding
    std::string expected{};  ///< the expectation
    std::string hint{};      ///< the remedy

    /// "WHERE: WHAT, expected EXPECTED; HINT"
    std::string sentence() const {
        std::string text = where;
        if (!what.empty()) text += (text.empty() ? "" : ": ") + what;
        if (!expected.empty()) text += ", expected " + expected;
        if (!hint.empty()) text += "; " + hint;
        return text;
    }
};

/// The base of every exception this library throws on bad input. Copying one neither allocates nor throws.
/// What else can leave a call: std::bad_alloc where memory runs out, std::system_error where a thread cannot be
/// started.
class error : public std::runtime_error {
   public:
    error(error_code code, zeroshot::diagnostic about)
        : std::runtime_error(about.sentence()),
          code_(code),
          diagnostic_(std::make_shared<const zeroshot::diagnostic>(std::move(about))) {}

    error_code code() const noexcept { return code_; }
    const zeroshot::diagnostic& diagnostic() const noexcept { return *diagnostic_; }

   private:
    error_code code_;
    std::shared_ptr<const zeroshot::diagnostic> diagnostic_;  // shared, so that copying does not throw
};

/// Files: opening, reading, writing.
struct file_error : error {
    using error::error;
};

/// Checkpoints: containers, configuration, tensors.
struct checkpoint_error : error {
    using error::error;
};

/// Images: encoded bytes and the caller's own pixels.
struct image_error : error {
    using error::error;
};

/// Text, labels, prompt templates.
struct text_error : error {
    using error::error;
};

/// Data sets: their files, labels and class names.
struct data_set_error : error {
    using error::error;
};

/// Arguments of a call.
struct argument_error : error {
    using error::error;
};

/// Numbers that are no longer numbers.
struct numeric_error : error {
    using error::error;
};

/// A long call that was asked to stop.
struct cancelled_error : error {
    using error::error;
};

namespace detail {

/// Refuses a number beyond a limit.
/// \throws Error (LIMIT) "WHERE: NUMBER THINGS, expected at most LIMIT; HINT"
template <class Error>
void expect_at_most(std::uintmax_t limit, std::uintmax_t number, const char* things, const std::string& where,
                    std::string hint = "") {
    if (number <= limit) return;
    throw Error(error_code::limit,
                {where, std::to_string(number) + " " + things, "at most " + std::to_string(limit), std::move(hint)});
}

}  // namespace detail

/// Untrusted text in quotes, safe to print: control characters, bidirectional formatting characters and bytes that are
/// not UTF-8 are escaped; cut at 200 bytes. Why not a function? Argument-dependent lookup would find std::quoted for a
/// std::string wherever `<iomanip>` is included.
struct quoting {
    std::string operator()(std::string_view text) const {
        constexpr std::size_t longest = 200;
        return "'" + detail::printable(detail::cut_text(text, longest)) + (text.size() > longest ? "'..." : "'");
    }
};
inline constexpr quoting quoted;

/// A shape as the sentences write it: "[768, 3, 32, 32]".
inline std::string shape_text(std::span<const std::size_t> shape) {
    std::string text = "[";
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        text += (axis == 0 ? "" : ", ") + std::to_string(shape[axis]);
    }
    return text + "]";
}

/// How a cache was used.
struct cache_report {
    bool hit = false;       ///< the values were read from the cache; otherwise they were computed
    std::string warning{};  ///< why a file was not used or not written; empty if nothing went wrong
};

}}  // namespace zeroshot::ZEROSHOT_ABI
