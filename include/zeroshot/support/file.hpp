#pragma once
/// \file Files: reading in parts or whole, mapping, and atomic writing.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#if (defined(__unix__) || defined(__APPLE__)) && !defined(ZEROSHOT_PLAIN_FILES)
#define ZEROSHOT_POSIX_FILES 1
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#define ZEROSHOT_POSIX_FILES 0
#include <cstdio>
#include <fstream>
#include <memory>
#include <mutex>
#endif

#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// A text in messages: escaped and cut like quoted(), without the quotes unless it was cut.
inline std::string escaped(std::string_view text) {
    const std::string safe = quoted(text);
    return safe.ends_with('\'') ? safe.substr(1, safe.size() - 2) : safe;
}

/// The bytes of a text. (A span of a string_view is not constructible in every standard library.)
inline std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace detail

/// A path in messages, escaped and cut.
inline std::string path_text(const std::filesystem::path& path) {
    return detail::escaped(path.string());
}

/// The default size limit of read_file: 64 GiB, or the address space of 32 bits.
inline constexpr std::size_t largest_file =
    static_cast<std::size_t>((std::min<std::uintmax_t>)(std::uintmax_t{64} << 30, SIZE_MAX));

namespace detail {

[[noreturn]] inline void throw_file_error(const std::filesystem::path& path, const std::string& doing, int number) {
    throw file_error(error_code::io, {path_text(path), doing + ": " + std::generic_category().message(number)});
}

inline void refuse_nul(const std::filesystem::path& path) {
    if (path.native().find(std::filesystem::path::value_type{}) != std::filesystem::path::string_type::npos) {
        throw file_error(error_code::io, {path_text(path), "the path contains a NUL character"});
    }
}

inline void refuse_size(const std::filesystem::path& path, std::uintmax_t size, std::size_t limit) {
    expect_at_most<file_error>(limit, size, "bytes", path_text(path), "raise the limit if it is meant");
}

inline file_error no_regular_file(const std::filesystem::path& path, const char* kind) {
    return file_error(error_code::io, {path_text(path), std::string("this is ") + kind, "a regular file"});
}

inline file_error changed_while_reading(const std::filesystem::path& path) {
    return file_error(error_code::io, {path_text(path), "the file changed while reading", "", "try again"});
}

inline std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

inline void refuse_full_disk(const std::filesystem::path& target, std::uintmax_t bytes) {
    std::error_code unknown;
    const std::filesystem::space_info disk = std::filesystem::space(folder_of(target), unknown);
    if (!unknown && disk.available < bytes) {
        throw file_error(error_code::io, {path_text(target), "needs " + std::to_string(bytes) + " bytes, disk has " +
                                                                 std::to_string(disk.available)});
    }
}

}  // namespace detail

#if ZEROSHOT_POSIX_FILES

namespace detail {

/// System calls, replaceable so that tests can make each of them fail.
struct file_calls {
    int (*open)(const char*, int, mode_t) = [](const char* name, int flags, mode_t mode) {
        return ::open(name, flags, mode);
    };
    int (*status)(int, struct stat*) = [](int file, struct stat* found) { return ::fstat(file, found); };
    ssize_t (*read)(int, void*, std::size_t, off_t) = [](int file, void* bytes, std::size_t count, off_t offset) {
        return ::pread(file, bytes, count, offset);
    };
    ssize_t (*write)(int, const void*, std::size_t) = [](int file, const void* bytes, std::size_t count) {
        return ::write(file, bytes, count);
    };
    int (*sync)(int) = [](int file) { return ::fsync(file); };
    int (*close)(int) = [](int file) { return ::close(file); };
    int (*rename)(const char*, const char*) = [](const char* from, const char* to) { return ::rename(from, to); };
};

inline constexpr file_calls platform{};

/// Owner of a file descriptor.
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

inline bool same_contents(const struct stat& before, const struct stat& after) noexcept {
#if defined(__APPLE__)
    const auto &then = before.st_mtimespec, &now = after.st_mtimespec;
#else
    const auto &then = before.st_mtim, &now = after.st_mtim;
#endif
    return before.st_size == after.st_size && then.tv_sec == now.tv_sec && then.tv_nsec == now.tv_nsec;
}

inline void refuse_non_file(const std::filesystem::path& path, mode_t mode) {
    if (S_ISREG(mode)) return;
    const char* kind = S_ISDIR(mode)    ? "a folder"
                       : S_ISFIFO(mode) ? "a pipe"
                       : S_ISSOCK(mode) ? "a socket"
                                        : "a device";
    throw no_regular_file(path, kind);
}

}  // namespace detail

/// A regular file that is read in parts, from any thread, through one descriptor: a file renamed over it does not mix
/// in. It is not mapped: truncation by another process would end the program with SIGBUS.
class open_file {
   public:
    /// \throws file_error IO where it cannot be opened, or is a folder, pipe, socket or device; LIMIT where it has more
    /// than `limit` bytes
    explicit open_file(std::filesystem::path path, std::size_t limit = largest_file)
        : open_file(std::move(path), limit, detail::platform) {}

    /// For tests: with other system calls, which must outlive this.
    open_file(std::filesystem::path path, std::size_t limit, const detail::file_calls& calls)
        : path_(std::move(path)), calls_(calls) {
        detail::refuse_nul(path_);
        if (::stat(path_.c_str(), &opened_) != 0) detail::throw_file_error(path_, "cannot open", errno);
        detail::refuse_non_file(path_,
                                opened_.st_mode);  // before opening: a pipe would block, a device might act
        constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
        file_ = detail::descriptor(calls_.open(path_.c_str(), flags, 0), calls_);
        if (file_.get() < 0) detail::throw_file_error(path_, "cannot open", errno);
        opened_ = status();
        detail::refuse_non_file(path_, opened_.st_mode);
        detail::refuse_size(path_, static_cast<std::uintmax_t>(opened_.st_size), limit);
    }

    const std::filesystem::path& path() const noexcept { return path_; }

    /// The file's size when it was opened.
    std::size_t size() const noexcept { return static_cast<std::size_t>(opened_.st_size); }

    /// Fills the span with the bytes from `offset` on.
    /// \throws file_error IO where they cannot be read, or end before the span does
    void read(std::size_t offset, std::span<std::byte> into) const {
        if (read_some(offset, into) != into.size()) throw detail::changed_while_reading(path_);
    }

    /// Identity and state of the file: different after any write.
    std::string identity() const {
        std::string text;
#if defined(__APPLE__)
        const auto &written = opened_.st_mtimespec, &changed = opened_.st_ctimespec;
#else
        const auto &written = opened_.st_mtim, &changed = opened_.st_ctim;
#endif
        const auto add = [&text](auto number) { text += std::to_string(number) + " "; };
        add(opened_.st_dev), add(opened_.st_ino), add(opened_.st_size);
        add(written.tv_sec), add(written.tv_nsec), add(changed.tv_sec), add(changed.tv_nsec);
        return text;
    }

    /// \throws file_error IO where the file changed since it was opened
    void expect_unchanged() const {
        std::byte beyond[1];
        if (read_some(size(), beyond) != 0 || !detail::same_contents(opened_, status())) {
            throw detail::changed_while_reading(path_);
        }
    }

   private:
    friend class mapped_file;

    struct stat status() const {
        struct stat now {};
        if (calls_.status(file_.get(), &now) != 0) detail::throw_file_error(path_, "cannot get the size", errno);
        return now;
    }

    /// Reads until the span is full or the file ends.
    /// \return the number of bytes
    std::size_t read_some(std::size_t offset, std::span<std::byte> into) const {
        std::size_t done = 0;
        while (done < into.size()) {
            const std::size_t piece = (std::min)(into.size() - done, detail::largest_transfer);
            const ssize_t count =
                calls_.read(file_.get(), into.data() + done, piece, static_cast<off_t>(offset + done));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) {
                detail::throw_file_error(path_, "cannot read at byte " + std::to_string(offset + done), errno);
            }
            if (count == 0) break;
            done += static_cast<std::size_t>(count);
        }
        return done;
    }

    std::filesystem::path path_;
    const detail::file_calls& calls_;
    detail::descriptor file_;
    struct stat opened_ {};
};

/// A file mapped into memory, for files that only atomic_file writes: truncation while it is mapped ends the program
/// with SIGBUS, and writing in place changes the bytes.
class mapped_file {
   public:
    /// \throws file_error as open_file, and IO where it cannot be mapped
    explicit mapped_file(const std::filesystem::path& path) {
        const open_file file(path);
        if (file.size() == 0) return;
        void* const begin = ::mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, file.file_.get(), 0);
        if (begin == MAP_FAILED) detail::throw_file_error(path, "cannot map", errno);
        bytes_ = {static_cast<const std::byte*>(begin), file.size()};
    }
    mapped_file(const mapped_file&) = delete;
    mapped_file& operator=(const mapped_file&) = delete;
    ~mapped_file() {
        if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
    }

    std::span<const std::byte> bytes() const noexcept { return bytes_; }

   private:
    std::span<const std::byte> bytes_{};
};

namespace detail {

/// The prefix of a target's temporary files.
inline std::string temporary_prefix(const std::filesystem::path& target) {
    std::string prefix = ".";  // why not "." + ...? GCC 12 warns of it (-Wrestrict) for no reason
    prefix += target.filename().string();
    return prefix += ".tmp-";
}

/// Removes the temporary files of killed processes: those without a lock.
inline void sweep_temporaries(const std::filesystem::path& target) noexcept {
    const std::string prefix = temporary_prefix(target);
    std::error_code failed;
    std::filesystem::directory_iterator at(folder_of(target), failed), end;
    for (; !failed && at != end; at.increment(failed)) {
        const std::string name = at->path().filename().string();
        const bool ours =
            name.starts_with(prefix) && name.find_first_not_of("0123456789-", prefix.size()) == std::string::npos;
        if (!ours) continue;
        const int file = ::open(at->path().c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        if (file < 0) continue;
        // With its lock, its writer is gone or has finished: then the name may belong to another file already.
        struct stat locked {
        }, named{};
        if (::flock(file, LOCK_EX | LOCK_NB) == 0 && ::fstat(file, &locked) == 0 &&
            ::lstat(at->path().c_str(), &named) == 0 && locked.st_ino == named.st_ino &&
            locked.st_dev == named.st_dev) {
            ::unlink(at->path().c_str());
        }
        ::close(file);
    }
}

}  // namespace detail

/// Atomic writing: bytes go to a temporary file `.name.tmp-*` beside the target, which commit() renames. Without
/// commit(), or when a write throws, the target keeps its bytes and the temporary file is removed; one of a killed
/// process is removed by the next writer. An existing file or symbolic link is replaced.
class atomic_file {
   public:
    /// \param bytes the size, if known, to check the free space
    /// \throws file_error IO where the target is no regular file, its folder cannot be written, or the disk is too full
    explicit atomic_file(std::filesystem::path target, std::uintmax_t bytes = 0)
        : atomic_file(std::move(target), bytes, detail::platform) {}

    /// For tests: with other system calls, which must outlive this.
    atomic_file(std::filesystem::path target, std::uintmax_t bytes, const detail::file_calls& calls)
        : target_(std::move(target)), calls_(calls) {
        detail::refuse_nul(target_);
        struct stat existing {};
        if (::stat(target_.c_str(), &existing) == 0) detail::refuse_non_file(target_, existing.st_mode);
        detail::sweep_temporaries(target_);
        detail::refuse_full_disk(target_, bytes);
        open_temporary();
    }

    atomic_file(const atomic_file&) = delete;
    atomic_file& operator=(const atomic_file&) = delete;
    ~atomic_file() {
        if (!temporary_.empty()) ::unlink(temporary_.c_str());
    }

    /// Adds bytes at the end.
    /// \throws file_error IO
    void write(std::span<const std::byte> bytes) {
        std::size_t done = 0;
        while (done < bytes.size()) {
            const std::size_t piece = (std::min)(bytes.size() - done, detail::largest_transfer);
            const ssize_t count = calls_.write(file_.get(), bytes.data() + done, piece);
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) {
                detail::throw_file_error(target_, "cannot write at byte " + std::to_string(written_ + done),
                                         count == 0 ? ENOSPC : errno);
            }
            done += static_cast<std::size_t>(count);
        }
        written_ += done;
    }
    void write(std::string_view text) { write(detail::bytes_of(text)); }

    /// Flushes the bytes to the disk and renames the file.
    /// \throws file_error IO; the target then keeps its bytes
    void commit() {
        if (calls_.sync(file_.get()) != 0) detail::throw_file_error(target_, "cannot flush to disk", errno);
        if (file_.close() != 0) detail::throw_file_error(target_, "cannot close", errno);
        if (calls_.rename(temporary_.c_str(), target_.c_str()) != 0) {
            detail::throw_file_error(target_, "cannot rename the temporary file", errno);
        }
        temporary_.clear();
        lock_.close();
        const detail::descriptor folder(::open(detail::folder_of(target_).c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY),
                                        detail::platform);
        // Best effort: some file systems refuse, and the file is in place.
        if (folder.get() >= 0) ::fsync(folder.get());
    }

   private:
    void open_temporary() {
        constexpr int attempts = 1000;
        const std::string prefix = detail::temporary_prefix(target_) + std::to_string(::getpid()) + "-";
        for (int attempt = 0; attempt < attempts; ++attempt) {
            const std::filesystem::path name = detail::folder_of(target_) / (prefix + std::to_string(attempt));
            constexpr mode_t everyone = 0666;  // less the umask, as for any file
            file_ = detail::descriptor(calls_.open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, everyone),
                                       calls_);
            if (file_.get() < 0 && errno == EEXIST)
                continue;  // another thread of this process writes to the same target
            if (file_.get() < 0) detail::throw_file_error(target_, "cannot create a temporary file", errno);
            temporary_ = name;
            if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
                temporary_.clear();  // removed by another writer before it was locked
                continue;
            }
            lock_ = detail::descriptor(::dup(file_.get()), detail::platform);
            struct stat now {};
            if (::fstat(file_.get(), &now) == 0 && now.st_nlink > 0) return;
            temporary_.clear();  // removed in between
        }
        detail::throw_file_error(target_, "cannot create a temporary file", EEXIST);
    }

    std::filesystem::path target_;
    const detail::file_calls& calls_;
    std::filesystem::path temporary_;  // empty once there is none
    detail::descriptor file_;
    detail::descriptor lock_;  // the same open file, so that the lock outlives closing file_
    std::uintmax_t written_ = 0;
};

#else

namespace detail {

using plain_file = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

}  // namespace detail

/// A regular file that is read in parts, from any thread.
class open_file {
   public:
    /// \throws file_error IO where it cannot be opened, LIMIT where it has more than `limit` bytes
    explicit open_file(std::filesystem::path path, std::size_t limit = largest_file) : path_(std::move(path)) {
        detail::refuse_nul(path_);
        std::error_code failed;
        const std::filesystem::file_status status = std::filesystem::status(path_, failed);
        if (failed) detail::throw_file_error(path_, "cannot open", failed.value());
        if (!std::filesystem::is_regular_file(status)) throw detail::no_regular_file(path_, "no regular file");
        const std::uintmax_t size = std::filesystem::file_size(path_, failed);
        if (failed) detail::throw_file_error(path_, "cannot get the size", failed.value());
        detail::refuse_size(path_, size, limit);
        size_ = static_cast<std::size_t>(size);
        file_.open(path_, std::ios::binary);
        if (!file_) detail::throw_file_error(path_, "cannot open", errno);
    }

    const std::filesystem::path& path() const noexcept { return path_; }
    std::size_t size() const noexcept { return size_; }

    /// Fills the span with the bytes from `offset` on.
    void read(std::size_t offset, std::span<std::byte> into) const {
        const std::lock_guard one_at_a_time(moving_);
        file_.clear();
        file_.seekg(static_cast<std::streamoff>(offset));
        file_.read(reinterpret_cast<char*>(into.data()), static_cast<std::streamsize>(into.size()));
        if (static_cast<std::size_t>(file_.gcount()) != into.size()) throw detail::changed_while_reading(path_);
    }

    /// Identity and state of the file.
    std::string identity() const {
        std::error_code failed;
        const auto written = std::filesystem::last_write_time(path_, failed).time_since_epoch().count();
        return path_text(std::filesystem::absolute(path_, failed)) + " " + std::to_string(size_) + " " +
               std::to_string(written);
    }

    /// Compares the size only.
    void expect_unchanged() const {
        std::error_code failed;
        if (std::filesystem::file_size(path_, failed) != size_) throw detail::changed_while_reading(path_);
    }

   private:
    std::filesystem::path path_;
    std::size_t size_ = 0;
    mutable std::mutex moving_;
    mutable std::ifstream file_;
};

/// The bytes of a file, read.
class mapped_file {
   public:
    /// \throws file_error as open_file
    explicit mapped_file(const std::filesystem::path& path) {
        const open_file file(path);
        bytes_.resize(file.size());
        file.read(0, bytes_);
    }
    std::span<const std::byte> bytes() const noexcept { return bytes_; }

   private:
    std::vector<std::byte> bytes_;
};

/// Bytes go to a temporary file beside the target, which commit() renames.
class atomic_file {
   public:
    explicit atomic_file(std::filesystem::path target, std::uintmax_t bytes = 0) : target_(std::move(target)) {
        detail::refuse_nul(target_);
        if (std::filesystem::is_directory(target_)) throw detail::no_regular_file(target_, "a folder");
        detail::refuse_full_disk(target_, bytes);
        temporary_ = detail::folder_of(target_) / ("." + target_.filename().string() + ".tmp-0");
        file_.reset(std::fopen(temporary_.string().c_str(), "wb"));
        if (!file_) detail::throw_file_error(target_, "cannot create a temporary file", errno);
    }
    atomic_file(const atomic_file&) = delete;
    atomic_file& operator=(const atomic_file&) = delete;
    ~atomic_file() {
        file_.reset();
        std::error_code ignored;
        if (!temporary_.empty()) std::filesystem::remove(temporary_, ignored);
    }

    void write(std::span<const std::byte> bytes) {
        if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) {
            detail::throw_file_error(target_, "cannot write", errno);
        }
    }
    void write(std::string_view text) { write(detail::bytes_of(text)); }

    void commit() {
        if (std::fclose(file_.release()) != 0) detail::throw_file_error(target_, "cannot close", errno);
        std::error_code failed;
        std::filesystem::rename(temporary_, target_, failed);
        if (failed) detail::throw_file_error(target_, "cannot rename the temporary file", failed.value());
        temporary_.clear();
    }

   private:
    std::filesystem::path target_;
    std::filesystem::path temporary_;
    detail::plain_file file_{nullptr, std::fclose};
};

#endif

namespace detail {

inline std::vector<std::byte> read_whole(const open_file& file) {
    std::vector<std::byte> bytes(file.size());
    file.read(0, bytes);
    file.expect_unchanged();
    return bytes;
}

}  // namespace detail

/// The bytes of a regular file.
/// \throws file_error IO where it cannot be read, is a folder, pipe, socket or device, or changes while it is read;
/// LIMIT where it has more than `limit` bytes
inline std::vector<std::byte> read_file(const std::filesystem::path& path, std::size_t limit = largest_file) {
    return detail::read_whole(open_file(path, limit));
}

/// Writes a file atomically.
/// \throws file_error IO; an existing target then keeps its bytes
inline void write_file(const std::filesystem::path& target, std::span<const std::byte> bytes) {
    atomic_file file(target, bytes.size());
    file.write(bytes);
    file.commit();
}
inline void write_file(const std::filesystem::path& target, std::string_view text) {
    write_file(target, detail::bytes_of(text));
}

}}  // namespace zeroshot::ZEROSHOT_ABI
