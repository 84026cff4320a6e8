#pragma once
/// \file Files: reading in parts or whole, and mapping.

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
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#define ZEROSHOT_POSIX_FILES 0
#include <fstream>
#include <mutex>
#endif

#include <zeroshot/error.hpp>
#include <zeroshot/support/byte_source.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// A text in messages: escaped and cut like quoted(), without the quotes unless it was cut.
inline std::string escaped(std::string_view text) {
    const std::string safe = quoted(text);
    return safe.ends_with('\'') ? safe.substr(1, safe.size() - 2) : safe;
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

}  // namespace detail

#if ZEROSHOT_POSIX_FILES

namespace detail {

/// System calls, replaceable so that tests can make each of them fail.
struct file_calls {
    int (*open)(const char*, int, mode_t) = [](const char* name, int flags, mode_t mode) {
        return ::open(name, flags, mode);
    };
    int (*status)(int, struct stat*) = ::fstat;
    ssize_t (*read)(int, void*, std::size_t, off_t) = ::pread;
    ssize_t (*write)(int, const void*, std::size_t) = ::write;
    int (*sync)(int) = ::fsync;
    int (*close)(int) = ::close;
    int (*rename)(const char*, const char*) = ::rename;
};

inline constexpr file_calls system_calls{};

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

#if defined(__APPLE__)
inline constexpr auto written_at = &stat::st_mtimespec, changed_at = &stat::st_ctimespec;
#else
inline constexpr auto written_at = &stat::st_mtim, changed_at = &stat::st_ctim;
#endif

inline bool same_contents(const struct stat& before, const struct stat& after) noexcept {
    const timespec &then = before.*written_at, &now = after.*written_at;
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

/// A regular file that is read in parts, from any thread, through one descriptor, so that bytes of a file renamed over
/// it are never read. It is not mapped: truncation by another process would end the program with SIGBUS.
class open_file final : public byte_source {
   public:
    /// \throws file_error IO where it cannot be opened, or is a folder, pipe, socket or device; LIMIT where it has more
    /// than `limit` bytes
    explicit open_file(std::filesystem::path path, std::size_t limit = largest_file)
        : open_file(std::move(path), limit, detail::system_calls) {}

    /// For tests: with other system calls, which must outlive this.
    open_file(std::filesystem::path path, std::size_t limit, const detail::file_calls& calls)
        : path_(std::move(path)), place_(path_text(path_)), calls_(calls) {
        detail::refuse_nul(path_);
        if (::stat(path_.c_str(), &opened_) != 0) detail::throw_file_error(path_, "cannot open", errno);
        // Before opening: a pipe would block, a device might act.
        detail::refuse_non_file(path_, opened_.st_mode);
        constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
        file_ = detail::descriptor(calls_.open(path_.c_str(), flags, 0), calls_);
        if (file_.get() < 0) detail::throw_file_error(path_, "cannot open", errno);
        opened_ = status();
        detail::refuse_non_file(path_, opened_.st_mode);
        detail::refuse_size(path_, static_cast<std::uintmax_t>(opened_.st_size), limit);
    }

    const std::filesystem::path& path() const noexcept { return path_; }
    const std::string& place() const noexcept override { return place_; }

    /// The file's size when it was opened.
    std::size_t size() const noexcept override { return static_cast<std::size_t>(opened_.st_size); }

    /// \throws file_error IO where the bytes cannot be read, or end before the span does
    void read(std::size_t offset, std::span<std::byte> into) const override {
        if (read_some(offset, into) != into.size()) throw detail::changed_while_reading(path_);
    }

    /// Identity and state of the file: different after any write.
    std::string identity() const override {
        std::string text;
        const timespec &written = opened_.*detail::written_at, &changed = opened_.*detail::changed_at;
        const auto add = [&text](auto number) { text += std::to_string(number) + " "; };
        add(opened_.st_dev), add(opened_.st_ino), add(opened_.st_size);
        add(written.tv_sec), add(written.tv_nsec), add(changed.tv_sec), add(changed.tv_nsec);
        return text;
    }

    void expect_unchanged() const override {
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
    std::string place_;
    const detail::file_calls& calls_;
    detail::descriptor file_;
    struct stat opened_ {};
};

/// A file mapped into memory, for files that only atomic_file writes: truncation while it is mapped ends the program
/// with SIGBUS, and writing in place changes the bytes.
class mapped_file final : public byte_source {
   public:
    /// \throws file_error as open_file, and IO where it cannot be mapped
    explicit mapped_file(const std::filesystem::path& path) : place_(path_text(path)) {
        const open_file file(path);
        if (file.size() == 0) return;
        void* const begin = ::mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, file.file_.get(), 0);
        if (begin == MAP_FAILED) detail::throw_file_error(path, "cannot map", errno);
        bytes_ = {static_cast<const std::byte*>(begin), file.size()};
    }
    ~mapped_file() override {
        if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
    }

    const std::string& place() const noexcept override { return place_; }
    std::size_t size() const noexcept override { return bytes_.size(); }
    std::span<const std::byte> memory() const noexcept override { return bytes_; }

   private:
    std::string place_;
    std::span<const std::byte> bytes_{};
};

#else

/// A regular file that is read in parts, from any thread.
class open_file final : public byte_source {
   public:
    /// \throws file_error IO where it cannot be opened, LIMIT where it has more than `limit` bytes
    explicit open_file(std::filesystem::path path, std::size_t limit = largest_file)
        : path_(std::move(path)), place_(path_text(path_)) {
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
    const std::string& place() const noexcept override { return place_; }
    std::size_t size() const noexcept override { return size_; }
    void read(std::size_t offset, std::span<std::byte> into) const override {
        const std::lock_guard one_at_a_time(moving_);
        file_.clear();
        file_.seekg(static_cast<std::streamoff>(offset));
        file_.read(reinterpret_cast<char*>(into.data()), static_cast<std::streamsize>(into.size()));
        if (static_cast<std::size_t>(file_.gcount()) != into.size()) throw detail::changed_while_reading(path_);
    }

    std::string identity() const override {
        std::error_code failed;
        const auto written = std::filesystem::last_write_time(path_, failed).time_since_epoch().count();
        return path_text(std::filesystem::absolute(path_, failed)) + " " + std::to_string(size_) + " " +
               std::to_string(written);
    }

    /// Compares the size only.
    void expect_unchanged() const override {
        std::error_code failed;
        if (std::filesystem::file_size(path_, failed) != size_) throw detail::changed_while_reading(path_);
    }

   private:
    std::filesystem::path path_;
    std::string place_;
    std::size_t size_ = 0;
    mutable std::mutex moving_;
    mutable std::ifstream file_;
};

/// The bytes of a file, read where there is no mapping.
class mapped_file final : public byte_source {
   public:
    /// \throws file_error as open_file
    explicit mapped_file(const std::filesystem::path& path) : place_(path_text(path)) {
        const open_file file(path);
        bytes_.resize(file.size());
        file.read(0, bytes_);
    }
    const std::string& place() const noexcept override { return place_; }
    std::size_t size() const noexcept override { return bytes_.size(); }
    std::span<const std::byte> memory() const noexcept override { return bytes_; }

   private:
    std::string place_;
    std::vector<std::byte> bytes_;
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

}}  // namespace zeroshot::ZEROSHOT_ABI
