#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <fstream>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

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

std::string refusal(const std::filesystem::path& path) {
    return thrown<file_error>([&] { read_file(path); });
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

}  // namespace

TEST_CASE("a file is read whole, and no further than the limit") {
    const scratch_folder folder;
    write_file(folder / "a", "some bytes");
    CHECK(text_of(read_file(folder / "a")) == "some bytes");
    CHECK(text_of(read_file(folder / "a", 10)) == "some bytes");
    CHECK(has(thrown<file_error>([&] { read_file(folder / "a", 9); }), "LIMIT"));
    CHECK(has(thrown<file_error>([&] { read_file(folder / "a", 9); }), "a: 10 bytes, expected at most 9"));
    write_file(folder / "empty", "");
    CHECK(read_file(folder / "empty").empty());
    std::filesystem::create_symlink(folder / "a", folder / "link");
    CHECK(text_of(read_file(folder / "link")) == "some bytes");
}

TEST_CASE("a file that cannot be read is refused with its path and the reason") {
    const scratch_folder folder;
    SECTION("not found") {
        CHECK(refusal(folder / "none.bin") ==
              "IO " + (folder / "none.bin").string() + ": cannot open: No such file or directory");
        CHECK(has(refusal(""), "cannot open: No such file"));
    }
    SECTION("permission denied") {
        write_file(folder / "secret", "x");
        std::filesystem::permissions(folder / "secret", std::filesystem::perms::none);
        constexpr uid_t nobody = 65534;
        const uid_t me = ::geteuid();
        if (me == 0 && ::seteuid(nobody) != 0) {  // root may read everything
            WARN("not checked: root cannot become somebody else here");
        } else {
            const std::string sentence = refusal(folder / "secret");
            if (me == 0) REQUIRE(::seteuid(me) == 0);
            CHECK(has(sentence, "cannot open: Permission denied"));
        }
    }
    SECTION("a folder, a pipe, a device, a socket: without blocking") {
        CHECK(has(refusal(folder.path()), "this is a folder, expected a regular file"));
        REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
        CHECK(has(refusal(folder / "pipe"), "this is a pipe, expected a regular file"));
        CHECK(has(refusal("/dev/zero"), "/dev/zero: this is a device, expected a regular file"));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, (folder / "socket").c_str(), sizeof address.sun_path - 1);
        const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
        REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        CHECK(has(refusal(folder / "socket"), "this is a socket, expected a regular file"));
        ::close(listener);
    }
    SECTION("dangling link, loop of links") {
        std::filesystem::create_symlink(folder / "nowhere", folder / "dangling");
        CHECK(has(refusal(folder / "dangling"), "No such file or directory"));
        std::filesystem::create_symlink(folder / "loop", folder / "loop");
        CHECK(has(refusal(folder / "loop"), "Too many levels of symbolic links"));
    }
    SECTION("invalid paths") {
        const std::string nul = (folder / "a").string() + std::string("\0b", 2);
        CHECK(has(refusal(nul), "a\\x00b: the path contains a NUL character"));
        CHECK(has(refusal(std::string(5'000, 'x')), "File name too long"));
        CHECK(refusal(std::string(5'000, 'x')).size() < 300);
        CHECK(has(refusal(folder / "\xff\xfe"), "\\xff\\xfe: cannot open"));
        write_file(folder / "\xff", "bytes");
        CHECK(text_of(read_file(folder / "\xff")) == "bytes");
    }
}

namespace {

// What the calls to the platform do in the tests below; set before each.
int failing_call = 0;  // the call that fails, counted from 1
int calls_made = 0;
int failing_with = 0;
std::filesystem::path touched;

bool fails() {
    return ++calls_made == failing_call;
}

detail::file_calls counting_read() {
    detail::file_calls calls;
    calls.read = [](int file, void* bytes, std::size_t count, off_t offset) -> ssize_t {
        if (fails()) {
            errno = failing_with;
            return -1;
        }
        return ::pread(file, bytes, std::min<std::size_t>(count, 3), offset);  // short reads
    };
    return calls;
}

}  // namespace

TEST_CASE("a file that changes while it is read is refused") {
    const scratch_folder folder;
    touched = folder / "a";
    detail::file_calls calls;
    const auto read = [&] { detail::read_whole(open_file(touched, largest_file, calls)); };
    SECTION("it shrinks") {
        write_file(touched, std::string(1000, 'x'));
        calls.read = [](int file, void* bytes, std::size_t count, off_t offset) {
            std::filesystem::resize_file(touched, 100);
            return ::pread(file, bytes, count, offset);
        };
        CHECK(has(thrown<file_error>(read), "IO " + touched.string() + ": the file changed while reading; try again"));
    }
    SECTION("it grows") {
        write_file(touched, std::string(1000, 'x'));
        calls.read = [](int file, void* bytes, std::size_t count, off_t offset) {
            std::filesystem::resize_file(touched, 2000);
            return ::pread(file, bytes, count, offset);
        };
        CHECK(has(thrown<file_error>(read), "the file changed while reading"));
    }
    SECTION("it is rewritten in place") {
        write_file(touched, std::string(1000, 'x'));
        using namespace std::chrono_literals;
        std::filesystem::last_write_time(touched, std::filesystem::file_time_type::clock::now() - 1h);
        calls.read = [](int file, void* bytes, std::size_t count, off_t offset) {
            const ssize_t done = ::pread(file, bytes, count, offset);
            const int other = ::open(touched.c_str(), O_WRONLY);
            if (::write(other, "y", 1) != 1) return ssize_t{-1};
            ::close(other);
            return done;
        };
        CHECK(has(thrown<file_error>(read), "the file changed while reading"));
    }
}

TEST_CASE("a file replaced while it is read is the old one, whole") {
    const scratch_folder folder;
    touched = folder / "a";
    write_file(touched, std::string(1000, 'x'));
    detail::file_calls calls;
    calls.read = [](int file, void* bytes, std::size_t count, off_t offset) {
        write_file(touched, std::string(1000, 'y'));
        return ::pread(file, bytes, std::min<std::size_t>(count, 300), offset);
    };
    CHECK(text_of(detail::read_whole(open_file(touched, largest_file, calls))) == std::string(1000, 'x'));
    CHECK(text_of(read_file(touched)) == std::string(1000, 'y'));
}

TEST_CASE("interrupted and short reads go on, a failing one names the byte") {
    const scratch_folder folder;
    write_file(folder / "a", "0123456789");
    const detail::file_calls calls = counting_read();
    const auto read = [&] { return detail::read_whole(open_file(folder / "a", largest_file, calls)); };
    calls_made = 0;
    failing_call = 0;
    CHECK(text_of(read()) == "0123456789");
    const int reads = calls_made;
    for (failing_call = 1; failing_call <= reads; ++failing_call) {
        calls_made = 0;
        failing_with = EINTR;
        CHECK(text_of(read()) == "0123456789");
        calls_made = 0;
        failing_with = EIO;
        CHECK(has(thrown<file_error>(read), "cannot read at byte"));
    }
    calls_made = 0;
    failing_call = 2;
    CHECK(thrown<file_error>(read) == "IO " + (folder / "a").string() + ": cannot read at byte 3: Input/output error");
}

TEST_CASE("failures leave no descriptor open, and running out of them is an error like any other") {
    const scratch_folder folder;
    write_file(folder / "a", "0123456789");
    const detail::file_calls calls = counting_read();
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 10'000; ++i) {
        calls_made = 0;
        failing_call = 1;
        failing_with = EIO;
        if (i % 2 == 0) CHECK_THROWS_AS(detail::read_whole(open_file(folder / "a", largest_file, calls)), file_error);
        if (i % 2 == 1) CHECK_THROWS_AS(read_file(folder / "a", 1), file_error);
    }
    CHECK(open_descriptors() == before);

    rlimit usual{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
    rlimit none = usual;
    none.rlim_cur = 0;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    // What is thrown is looked at later: the undefined-behaviour sanitizer itself needs descriptors to check a call.
    const auto caught = [](const auto& call) {
        try {
            call();
        } catch (...) {
            return std::current_exception();
        }
        return std::exception_ptr();
    };
    const std::exception_ptr from_reading = caught([&] { read_file(folder / "a"); });
    const std::exception_ptr from_writing = caught([&] { write_file(folder / "a", "new"); });
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
    const std::string reading = thrown<file_error>([&] { std::rethrow_exception(from_reading); });
    const std::string writing = thrown<file_error>([&] { std::rethrow_exception(from_writing); });
    CHECK(has(reading, "Too many open files"));
    CHECK(has(writing, "cannot create a temporary file: Too many open files"));
    CHECK(text_of(read_file(folder / "a")) == "0123456789");
}

TEST_CASE("a mapped file keeps its bytes when another is renamed over it") {
    const support::scratch_folder folder;
    write_file(folder / "a", "first");
    write_file(folder / "empty", "");
    const mapped_file mapped(folder / "a");
    write_file(folder / "a", "second, and longer");
    CHECK(support::text_of({mapped.memory().begin(), mapped.memory().end()}) == "first");
    CHECK(mapped_file(folder / "empty").memory().empty());
    CHECK(has(thrown<file_error>([&] { mapped_file(folder / "none"); }), "cannot open"));
}

TEST_CASE("a file keeps its identity until it is written or replaced") {
    const support::scratch_folder folder;
    write_file(folder / "a", "some");
    const std::string first = open_file(folder / "a").identity();
    CHECK(open_file(folder / "a").identity() == first);
    write_file(folder / "b", "some");
    CHECK(open_file(folder / "b").identity() != first);
    std::filesystem::rename(folder / "b", folder / "a");
    CHECK(open_file(folder / "a").identity() != first);
    const std::string second = open_file(folder / "a").identity();
    {
        std::ofstream more(folder / "a", std::ios::app);
        more << "more of it";
    }
    CHECK(open_file(folder / "a").identity() != second);
}
