#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <thread>

#include <sys/wait.h>

#include <zeroshot/support/atomic_file.hpp>
#include <zeroshot/support/file.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using support::bytes_of;
using support::has;
using support::scratch_folder;
using support::text_of;
using support::thrown;

namespace {

std::size_t files_in(const std::filesystem::path& folder) {
    const std::filesystem::directory_iterator all(folder);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

int failing_call = 0;  // the call that fails, counted from 1
int calls_made = 0;

bool fails() {
    return ++calls_made == failing_call;
}

}  // namespace

TEST_CASE("a file is written whole, with the permissions of any new file") {
    const scratch_folder folder;
    const mode_t previous = ::umask(027);
    write_file(folder / "a", "one");
    ::umask(previous);
    struct stat status {};
    REQUIRE(::stat((folder / "a").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0640);  // not a temporary file's 0600
    write_file(folder / "a", "two");         // an existing target is replaced
    CHECK(text_of(read_file(folder / "a")) == "two");
    atomic_file pieces(folder / "a", 6);
    pieces.write("three");
    pieces.write(bytes_of("!"));
    CHECK(text_of(read_file(folder / "a")) == "two");
    pieces.commit();
    CHECK(text_of(read_file(folder / "a")) == "three!");
    CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a target that is not a regular file is refused") {
    const scratch_folder folder;
    CHECK(
        has(thrown<file_error>([&] { write_file(folder.path(), "x"); }), "this is a folder, expected a regular file"));
    CHECK(has(thrown<file_error>([&] { write_file("/dev/null", "x"); }), "/dev/null: this is a device"));
    CHECK(has(thrown<file_error>([&] { write_file(folder / "none" / "a", "x"); }), "No such file or directory"));
    CHECK(has(thrown<file_error>([&] { write_file((folder / "a").string() + std::string("\0", 1), "x"); }), "NUL"));
}

TEST_CASE("an exception while writing leaves the old file and no temporary file") {
    const scratch_folder folder;
    write_file(folder / "a", "old");
    try {
        atomic_file file(folder / "a");
        file.write("half of it");
        throw std::runtime_error("elsewhere");
    } catch (const std::runtime_error&) {
    }
    CHECK(text_of(read_file(folder / "a")) == "old");
    CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("when any system call fails while writing, the old file stays and no temporary file is left") {
    const scratch_folder folder;
    write_file(folder / "a", "old");
    detail::file_calls calls;
    calls.open = [](const char* name, int flags, mode_t mode) { return fails() ? -1 : ::open(name, flags, mode); };
    calls.write = [](int file, const void* bytes, std::size_t count) -> ssize_t {
        return fails() ? -1 : ::write(file, bytes, std::min<std::size_t>(count, 4));
    };
    calls.sync = [](int file) { return fails() ? -1 : ::fsync(file); };
    calls.close = [](int file) {
        const int result = ::close(file);
        return fails() ? -1 : result;
    };
    calls.rename = [](const char* from, const char* to) { return fails() ? -1 : ::rename(from, to); };
    const auto write = [&] {
        atomic_file file(folder / "a", 10, calls);
        file.write("0123456789");
        file.commit();
    };
    for (const int fault : {ENOSPC, EDQUOT, EIO, EROFS}) {
        for (failing_call = 1; failing_call <= 7; ++failing_call) {  // open, three writes, fsync, close, rename
            calls_made = 0;
            errno = fault;
            const std::string sentence = thrown<file_error>(write);
            INFO(failing_call << " " << sentence);
            CHECK(has(sentence, "IO " + (folder / "a").string() + ": cannot "));
            CHECK(text_of(read_file(folder / "a")) == "old");
            CHECK(files_in(folder.path()) == 1);
        }
    }
    calls.write = [](int file, const void* bytes, std::size_t count) -> ssize_t {
        errno = calls_made % 2 == 0 ? EINTR : ENOSPC;
        return fails() ? -1 : ::write(file, bytes, std::min<std::size_t>(count, 4));
    };
    calls_made = 0;
    failing_call = 3;  // interrupted: goes on
    write();
    CHECK(text_of(read_file(folder / "a")) == "0123456789");
}

TEST_CASE("a full disk is reported before anything is written") {
    const scratch_folder folder;
    const std::string sentence = thrown<file_error>([&] { atomic_file(folder / "a", std::uintmax_t{1} << 60); });
    CHECK(has(sentence, "a: needs 1152921504606846976 bytes, disk has "));
    CHECK(files_in(folder.path()) == 0);
}

TEST_CASE("a killed writer leaves the old file, and the next removes its temporary file") {
    const scratch_folder folder;
    write_file(folder / "a", "old");
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        atomic_file file(folder / "a");
        file.write("half");
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(text_of(read_file(folder / "a")) == "old");
    CHECK(files_in(folder.path()) == 2);
    write_file(folder / "b", "other");  // another target sweeps nothing of ours
    CHECK(files_in(folder.path()) == 3);
    write_file(folder / ".a.tmp-notes", "somebody's");  // a name that is not ours
    write_file(folder / "a", "new");
    CHECK(text_of(read_file(folder / "a")) == "new");
    CHECK(files_in(folder.path()) == 3);
}

TEST_CASE("two writers to one target do not mix, and the last to finish wins", "[threads]") {
    const scratch_folder folder;
    atomic_file first(folder / "a"), second(folder / "a");
    first.write("first");
    second.write("second");
    second.commit();
    CHECK(text_of(read_file(folder / "a")) == "second");
    first.commit();
    CHECK(text_of(read_file(folder / "a")) == "first");
    {
        std::vector<std::jthread> writers;
        for (char letter : {'x', 'y', 'z'}) {
            writers.emplace_back([&folder, letter] {
                for (int round = 0; round < 200; ++round) write_file(folder / "a", std::string(10'000, letter));
            });
        }
    }
    const std::string last = text_of(read_file(folder / "a"));
    CHECK(last == std::string(10'000, last.front()));
    CHECK(files_in(folder.path()) == 1);
}
