#pragma once
/// \file What is thrown when the world disappoints: one root, a leaf for each place the world comes in.

#include <array>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

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

/// What was found wrong, in the parts of one sentence: place, finding, expectation, remedy. Empty parts are left out.
struct finding {
    std::string where;     ///< file and byte offset, tensor name, JSON pointer, argument
    std::string what;      ///< what was found there
    std::string expected;  ///< what should have been there
    std::string hint;      ///< how to mend it
};

/// The root of everything this library throws on bad input.
class error : public std::runtime_error {
   public:
    error(error_code code, finding found)
        : std::runtime_error(sentence(found)), code_(code), found_(std::move(found)) {}

    error_code code() const noexcept { return code_; }
    const finding& found() const noexcept { return found_; }

   private:
    static std::string sentence(const finding& found) {
        std::string text = found.where;
        if (!found.what.empty()) text += (text.empty() ? "" : ": ") + found.what;
        if (!found.expected.empty()) text += ", expected " + found.expected;
        if (!found.hint.empty()) text += "; " + found.hint;
        return text;
    }

    error_code code_;
    finding found_;
};

/// Files: opening, reading, writing.
class file_error : public error {
   public:
    using error::error;
};

/// Checkpoints: containers, configuration, tensors.
class checkpoint_error : public error {
   public:
    using error::error;
};

/// Pictures: encoded bytes and the caller's own pixels.
class image_error : public error {
   public:
    using error::error;
};

/// Text, labels, prompt templates.
class text_error : public error {
   public:
    using error::error;
};

/// Data sets: their files, labels and class names.
class data_set_error : public error {
   public:
    using error::error;
};

/// Arguments of a call.
class argument_error : public error {
   public:
    using error::error;
};

/// Numbers that are no longer numbers.
class numeric_error : public error {
   public:
    using error::error;
};

/// A long call that was asked to stop.
class cancelled_error : public error {
   public:
    using error::error;
};

/// Untrusted text made safe to print: control characters and bytes beyond ASCII escaped, cut at 200 bytes, in quotes.
/// Why not a function? Argument-dependent lookup would find std::quoted for a std::string wherever <iomanip> is
/// included.
struct quoting {
    std::string operator()(std::string_view text) const {
        constexpr std::size_t longest = 200;
        constexpr std::string_view digits = "0123456789abcdef";
        std::string safe = "'";
        for (const char character : text.substr(0, longest)) {
            const auto byte = static_cast<unsigned char>(character);
            if (byte >= 0x20 && byte < 0x7f) {
                safe += character;
            } else {
                safe += "\\x";
                safe += digits[byte >> 4];
                safe += digits[byte & 15];
            }
        }
        return safe + (text.size() > longest ? "'..." : "'");
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

}}  // namespace zeroshot::ZEROSHOT_ABI
