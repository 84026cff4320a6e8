#pragma once
/// \file Placeholders of files: what a checkout or a download leaves where the file itself should be.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// A format, recognised by bytes at an offset or by the ending of a file's name, and a remedy.
struct foreign_format {
    std::size_t offset;
    std::string_view mark;
    const char* what;
    const char* hint;
};

inline constexpr const char* download_again = "download the file itself, not the page about it";

inline constexpr std::array placeholders{
    foreign_format{0, "version https://git-lfs", "a Git LFS pointer, not the file it stands for", "run git lfs pull"},
    foreign_format{0, "<!DOCTYPE", "an HTML page", download_again},
    foreign_format{0, "<!doctype", "an HTML page", download_again},
    foreign_format{0, "<html", "an HTML page", download_again},
    foreign_format{0, "<HTML", "an HTML page", download_again},
    foreign_format{0, "{\"error\"", "an error message in JSON", "download the file again; is it behind a login?"},
};

/// The placeholder that a file is, by its first bytes behind white space and a byte order mark; null for none.
inline const foreign_format* placeholder_of(std::string_view beginning) {
    beginning.remove_prefix((std::min)(beginning.find_first_not_of("\xef\xbb\xbf \t\r\n"), beginning.size()));
    const auto found = std::ranges::find_if(
        placeholders, [&](const foreign_format& each) { return beginning.starts_with(each.mark); });
    return found == placeholders.end() ? nullptr : &*found;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
