#pragma once
/// \file Text in records of cells: CSV (RFC 4180) with any separator, and lines of an image and a label.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/datasets/folder_walk.hpp>
#include <zeroshot/support/utf8.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets { namespace detail {

using zeroshot::detail::trimmed;

/// The text of a list in UTF-8, without a byte order mark.
/// \throws data_set_error FORMAT for another encoding, by its name
inline std::string_view utf8_text(std::string_view text, const std::string& location) {
    const auto refuse = [&](const std::string& where, const char* what, const char* hint) {
        throw_format_error(where, what, "UTF-8", hint);
    };
    if (zeroshot::detail::is_utf16(text)) refuse(location, "the encoding is UTF-16", "save it as UTF-8");
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    std::size_t line = 1;
    for (std::string_view rest = text; !rest.empty();) {
        const std::string where = location + ": line ";
        const std::size_t end = (std::min)(rest.find('\n'), rest.size() - 1) + 1;
        const std::string_view whole = rest.substr(0, end);
        if (whole.find('\0') != std::string_view::npos)
            refuse(where + std::to_string(line), "a NUL character", "is this a text file?");
        if (!zeroshot::detail::is_utf8(whole))
            refuse(where + std::to_string(line), "the text is not UTF-8; it may be Latin-1 (Windows-1252)",
                   "save it as UTF-8");
        rest.remove_prefix(end);
        ++line;
    }
    return text;
}

/// Reads records of cells, without the spaces around them.
class csv_reader {
   public:
    /// \param separator between cells; a space stands for lines "image.png label", in which the label has the rest
    csv_reader(std::string_view text, char separator, std::string location)
        : rest_(text), separator_(separator), ends_{separator, '\r', '\n'}, location_(std::move(location)) {}

    /// Number of the last line read, from 1.
    std::size_t line() const noexcept { return line_; }

    /// The cells of the next line that is not empty; nothing at the end.
    /// \throws data_set_error FORMAT for quotation marks that do not fit
    std::optional<std::vector<std::string>> next() {
        while (!rest_.empty()) {
            ++line_;
            std::vector<std::string> cells;
            if (separator_ == ' ') {
                cells = image_and_rest();
            } else {
                cells.push_back(cell());
                while (skip(separator_)) cells.push_back(cell());
            }
            skip('\r');
            skip('\n');
            if (cells.size() > 1 || !cells.front().empty()) return cells;
        }
        return std::nullopt;
    }

   private:
    bool skip(char expected) {
        if (!rest_.starts_with(expected)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    std::string_view unquoted(std::string_view until) {
        const std::string_view text = rest_.substr(0, rest_.find_first_of(until));
        rest_.remove_prefix(text.size());
        return text;
    }

    std::string cell() {
        const std::size_t first = rest_.find_first_not_of(' ');
        if (first != std::string_view::npos && rest_[first] == '"') {
            rest_.remove_prefix(first + 1);
            return quoted_cell();
        }
        return std::string(trimmed(unquoted({ends_, sizeof ends_})));
    }

    /// "some folder/a.png red circle" as a path, up to the first extension of an image, and the rest.
    std::vector<std::string> image_and_rest() {
        const std::string_view line = trimmed(unquoted("\r\n"));
        std::size_t word = 0;
        for (std::size_t space = line.find(' '); space != std::string_view::npos; space = line.find(' ', space + 1)) {
            if (has_image_extension(std::filesystem::path(line.substr(word, space - word))))
                return {std::string(line.substr(0, space)), std::string(trimmed(line.substr(space)))};
            word = space + 1;
        }
        return {std::string(line)};
    }

    std::string quoted_cell() {
        const std::string first_line = location_ + ": line " + std::to_string(line_);
        std::string text;
        while (true) {
            const std::size_t end = rest_.find('"');
            if (end == std::string_view::npos) throw_format_error(first_line, "a quotation mark is not closed");
            line_ += static_cast<std::size_t>(std::ranges::count(rest_.substr(0, end), '\n'));
            text += rest_.substr(0, end);
            rest_.remove_prefix(end + 1);
            if (!skip('"')) break;
            text += '"';
        }
        while (separator_ != ' ' && skip(' ')) continue;
        if (!rest_.empty() && rest_.find_first_of({ends_, sizeof ends_}) != 0)
            throw_format_error(first_line, "text follows a closing quotation mark");
        return std::string(trimmed(text));
    }

    std::string_view rest_;
    char separator_;
    char ends_[3];  // of a cell
    std::string location_;
    std::size_t line_ = 0;
};

}}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets::detail
