#include <filesystem>
#include <string>

#include <zeroshot/parallel.hpp>
#include <zeroshot/support/cpu_quota.hpp>
#include <zeroshot/support/file.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;

namespace {

/// A system of its own: what its files say, by path.
std::size_t granted(std::initializer_list<std::pair<const char*, const char*>> files) {
    const support::scratch_folder root;
    for (const auto& [path, text] : files) {
        const std::filesystem::path file = root / path;
        std::filesystem::create_directories(file.parent_path());
        write_file(file, std::string_view(text));
    }
    return granted_processors((root / "").string());
}

constexpr const char* groups = "proc/self/cgroup";

}  // namespace

TEST_CASE("the processors that a control group grants are its quota over its period, rounded up") {
    CHECK(granted({{groups, "0::/\n"}, {"sys/fs/cgroup/cpu.max", "200000 100000\n"}}) == 2);
    CHECK(granted({{groups, "0::/\n"}, {"sys/fs/cgroup/cpu.max", "150000 100000\n"}}) == 2);
    CHECK(granted({{groups, "0::/\n"}, {"sys/fs/cgroup/cpu.max", "1000 100000\n"}}) == 1);
    CHECK(granted({{groups, "9:memory:/\n4:cpu,cpuacct:/\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}) == 3);
}

TEST_CASE("the groups above grant no more than they have, and a container may see its own as the root") {
    CHECK(granted({{groups, "0::/a/b\n"},
                   {"sys/fs/cgroup/a/b/cpu.max", "800000 100000\n"},
                   {"sys/fs/cgroup/a/cpu.max", "400000 100000\n"},
                   {"sys/fs/cgroup/cpu.max", "max 100000\n"}}) == 4);
    CHECK(granted({{groups, "1:cpu:/docker/0123\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "500000\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}) == 5);
}

TEST_CASE("without a readable limit there is none") {
    CHECK(granted({}) == 0);
    CHECK(granted({{groups, "0::/\n"}}) == 0);
    CHECK(granted({{groups, "0::/\n"}, {"sys/fs/cgroup/cpu.max", "max 100000\n"}}) == 0);
    CHECK(granted({{groups, "3:cpuset:/\n2:cpu:/\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}) == 0);
    for (const char* text : {"", "\n", "200000", "200000 0", "two 100000", "200000 -1", " "})
        CHECK(granted({{groups, "0::/\n"}, {"sys/fs/cgroup/cpu.max", text}}) == 0);
    for (const char* text : {"", ":", "::", "0", "\n\n:\n0:\n", "cpu", "1:cpu"}) granted({{groups, text}});
}

TEST_CASE("no more threads are available than control groups grant") {
    CHECK(available_threads() >= 1);
    const std::size_t granted_here = granted_processors();
    if (granted_here != 0) CHECK(available_threads() <= granted_here);
}
