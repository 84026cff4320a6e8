#pragma once
/// \file CPU quota of Linux control groups, as set by a container's --cpus.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// The text of a small system file; empty where it cannot be read.
inline std::string system_text(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "r"), std::fclose);
    std::array<char, 4096> text;
    return file ? std::string(text.data(), std::fread(text.data(), 1, text.size(), file.get())) : std::string();
}

/// Removes and returns the text before a separator.
inline std::string_view cut_off(std::string_view& text, char separator) {
    const std::size_t end = (std::min)(text.find(separator), text.size());
    const std::string_view before = text.substr(0, end);
    text.remove_prefix((std::min)(end + 1, text.size()));
    return before;
}

/// A number of microseconds; 0 for "max", -1 and anything else.
inline std::uint64_t microseconds(std::string_view text) {
    std::uint64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    return read.ec == std::errc() ? number : 0;
}

/// The processors that one group grants; 0 for no limit. Version 2 has quota and period in one file.
inline std::size_t granted_by_group(const std::string& folder, bool second_version) {
    const std::string quota = system_text(folder + (second_version ? "/cpu.max" : "/cpu.cfs_quota_us"));
    std::string_view rest = quota;
    const std::uint64_t granted = microseconds(cut_off(rest, ' '));
    if (granted == 0) return 0;
    const std::string period = second_version ? std::string(rest) : system_text(folder + "/cpu.cfs_period_us");
    const std::uint64_t of = microseconds(period);
    return of == 0 ? 0 : static_cast<std::size_t>(granted / of + (granted % of == 0 ? 0 : 1));
}

/// Whether a list of controllers such as "cpu,cpuacct" contains "cpu".
inline bool controls_processors(std::string_view controllers) {
    while (!controllers.empty()) {
        if (cut_off(controllers, ',') == "cpu") return true;
    }
    return false;
}

}  // namespace detail

/// The processors that the control groups (version 1 or 2) of this process and their ancestors grant, rounded up; 0 for
/// no limit. Follows cgroups(7) and Linux' Documentation/admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst.
/// \param root prefix of /proc and /sys, for tests
inline std::size_t granted_processors(const std::string& root = "") {
    std::size_t least = 0;
    const std::string groups = detail::system_text(root + "/proc/self/cgroup");
    for (std::string_view lines = groups; !lines.empty();) {
        std::string_view line = detail::cut_off(lines, '\n');  // "4:cpu,cpuacct:/path", or "0::/path" in version 2
        const bool second_version = detail::cut_off(line, ':') == "0";
        const std::string_view controllers = detail::cut_off(line, ':');
        if (!second_version && !detail::controls_processors(controllers)) continue;
        const std::string mount = root + "/sys/fs/cgroup" + (second_version ? "" : "/cpu");
        // A container may see its own group as the root, whatever the path says.
        for (std::string_view path = line == "/" ? "" : line;; path = path.substr(0, path.rfind('/'))) {
            const std::size_t granted = detail::granted_by_group(mount + std::string(path), second_version);
            if (granted != 0 && (least == 0 || granted < least)) least = granted;
            if (path.find('/') == std::string_view::npos) break;
        }
    }
    return least;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
