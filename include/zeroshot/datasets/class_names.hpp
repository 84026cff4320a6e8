#pragma once
/// \file Class names and templates in text files, one on each line; and labels that have none.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// The lines of a text file that are not empty.
inline std::vector<std::string> lines_of(const std::filesystem::path& file) {
    constexpr std::size_t largest = std::size_t{1} << 24;  // bytes
    const std::vector<std::byte> bytes = read_file(file, largest);
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (!line.empty()) lines.emplace_back(line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

[[noreturn]] inline void throw_no_such_label(const std::string& where, std::size_t label, std::size_t classes) {
    throw data_set_error(error_code::format, {where, "label " + std::to_string(label),
                                              "below " + std::to_string(classes) + ", the number of classes", ""});
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
