#pragma once
/// \file Files read whole and written whole: the only place of io that calls the platform.

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#define ZEROSHOT_POSIX_FILES 1
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#define ZEROSHOT_POSIX_FILES 0
#include <cstdio>
#include <memory>
#endif

#include <zeroshot/error.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// A path as the sentences write it: escaped and cut like all that is not ours, without the quotes.
inline std::string path_text(const std::filesystem::path& path) {
    const std::string safe = quoted(path.string());
    return safe.ends_with('\'') ? safe.substr(1, safe.size() - 2) : safe;
}

/// The most read_file reads unless told otherwise: 64 GiB, far above any CLIP.
inline constexpr std::size_t largest_file = std::size_t{64} << 30;

namespace detail {

[[noreturn]] inline void throw_file_error(const std::filesystem::path& path, const std::string& doing, int number) {
    throw file_error(error_code::io,
                     {path_text(path), doing + ": " + std::generic_category().message(number), "", ""});
}

inline void refuse_nul(const std::filesystem::path& path) {
    if (path.native().find(std::filesystem::path::value_type{}) != std::filesystem::path::string_type::npos) {
        throw file_error(error_code::io, {path_text(path), "the path contains a NUL character", "", ""});
    }
}

inline void refuse_size(const std::filesystem::path& path, std::uintmax_t size, std::size_t limit) {
    if (size > limit) {
        throw file_error(error_code::limit, {path_text(path), "the file has " + std::to_string(size) + " bytes",
                                             "at most " + std::to_string(limit), "raise the limit if it is meant"});
    }
}

}  // namespace detail

#if ZEROSHOT_POSIX_FILES

namespace detail {

/// The calls to the platform, so that the tests can let each of them fail.
struct file_calls {
    int (*open)(const char*, int, mode_t) = [](const char* name, int flags, mode_t mode) {
        return ::open(name, flags, mode);
    };
    int (*status)(int, struct stat*) = [](int file, struct stat* found) { return ::fstat(file, found); };
    ssize_t (*read)(int, void*, std::size_t) = [](int file, void* bytes, std::size_t count) {
        return ::read(file, bytes, count);
    };
    ssize_t (*write)(int, const void*, std::size_t) = [](int file, const void* bytes, std::size_t count) {
        return ::write(file, bytes, count);
    };
    int (*sync)(int) = [](int file) { return ::fsync(file); };
    int (*close)(int) = [](int file) { return ::close(file); };
    int (*rename)(const char*, const char*) = [](const char* from, const char* to) { return ::rename(from, to); };
};

/// An open file, closed when it goes.
class descriptor {
   public:
    descriptor() = default;
    descriptor(int file, const file_calls& calls) : file_(file), calls_(&calls) {}
    descriptor(descriptor&& other) noexcept : file_(std::exchange(other.file_, -1)), calls_(other.calls_) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(file_, other.file_);
        std::swap(calls_, other.calls_);
        return *this;
    }
    ~descriptor() { close(); }

    int get() const noexcept { return file_; }
    int close() noexcept { return file_ < 0 ? 0 : calls_->close(std::exchange(file_, -1)); }

   private:
    int file_ = -1;
    const file_calls* calls_ = nullptr;
};

inline constexpr std::size_t largest_transfer = std::size_t{1} << 30;  // Linux moves at most 2 GiB in one call

/// Reads until the span is full or the file ends, and returns how many bytes came.
inline std::size_t read_fully(int file, std::span<std::byte> into, const std::filesystem::path& path,
                              const file_calls& calls) {
    std::size_t done = 0;
    while (done < into.size()) {
        const ssize_t count = calls.read(file, into.data() + done, std::min(into.size() - done, largest_transfer));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw_file_error(path, "cannot read at byte " + std::to_string(done), errno);
        if (count == 0) break;
        done += static_cast<std::size_t>(count);
    }
    return done;
}

inline bool same_contents(const struct stat& before, const struct stat& after) noexcept {
#if defined(__APPLE__)
    const auto &then = before.st_mtimespec, &now = after.st_mtimespec;
#else
    const auto &then = before.st_mtim, &now = after.st_mtim;
#endif
    return before.st_size == after.st_size && then.tv_sec == now.tv_sec && then.tv_nsec == now.tv_nsec;
}

inline void refuse_what_is_no_file(const std::filesystem::path& path, mode_t mode) {
    if (S_ISREG(mode)) return;
    const char* kind = S_ISDIR(mode)    ? "a folder"
                       : S_ISFIFO(mode) ? "a pipe"
                       : S_ISSOCK(mode) ? "a socket"
                                        : "a device";
    throw file_error(error_code::io, {path_text(path), std::string("this is ") + kind, "a regular file", ""});
}

inline std::vector<std::byte> read_file(const std::filesystem::path& path, std::size_t limit, const file_calls& calls) {
    refuse_nul(path);
    struct stat before {};
    if (::stat(path.c_str(), &before) != 0) throw_file_error(path, "cannot open", errno);
    refuse_what_is_no_file(path, before.st_mode);  // before opening: a pipe would block, a device might act
    const descriptor file(calls.open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0), calls);
    if (file.get() < 0) throw_file_error(path, "cannot open", errno);
    if (calls.status(file.get(), &before) != 0) throw_file_error(path, "cannot ask for the size", errno);
    refuse_what_is_no_file(path, before.st_mode);
    refuse_size(path, static_cast<std::uintmax_t>(before.st_size), limit);

    std::vector<std::byte> bytes(static_cast<std::size_t>(before.st_size));
    const std::size_t read = read_fully(file.get(), bytes, path, calls);
    std::byte beyond[1];
    const std::size_t more = read_fully(file.get(), beyond, path, calls);
    struct stat after {};
    if (calls.status(file.get(), &after) != 0) throw_file_error(path, "cannot ask for the size", errno);
    if (read != bytes.size() || more != 0 || !same_contents(before, after)) {
        throw file_error(error_code::io, {path_text(path), "the file changed while reading", "", "try again"});
    }
    return bytes;
}

}  // namespace detail

/// The bytes of a regular file, read through one descriptor: a file renamed over it meanwhile does not mix in.
/// Why not map it into memory? A file cut by someone else would then end the program with SIGBUS.
/// \throws file_error IO where it cannot be read, is a folder, pipe, socket or device, or changes while it is read;
/// LIMIT where it has more than `limit` bytes
inline std::vector<std::byte> read_file(const std::filesystem::path& path, std::size_t limit = largest_file) {
    static constexpr detail::file_calls calls;
    return detail::read_file(path, limit, calls);
}

#endif

}  // namespace zeroshot::inline ZEROSHOT_ABI
