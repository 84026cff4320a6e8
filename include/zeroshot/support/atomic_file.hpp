#pragma once
/// \file Atomic writing of files: the target is replaced as a whole or keeps its bytes.

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

#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

#if ZEROSHOT_POSIX_FILES
#include <sys/file.h>
#else
#include <cstdio>
#include <memory>
#endif

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

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

/// The prefix of a target's temporary files.
inline std::string temporary_prefix(const std::filesystem::path& target) {
    std::string prefix = ".";  // why not "." + ...? GCC 12 warns of it (-Wrestrict) for no reason
    prefix += target.filename().string();
    return prefix += ".tmp-";
}

/// Removes the temporary files of killed processes: those without a lock.
inline void remove_abandoned(const std::filesystem::path& target) noexcept {
    const std::string prefix = temporary_prefix(target);
    std::error_code failed;
    std::filesystem::directory_iterator at(folder_of(target), failed), end;
    for (; !failed && at != end; at.increment(failed)) {
        const std::string name = at->path().filename().string();
        if (!name.starts_with(prefix) || name.find_first_not_of("0123456789-", prefix.size()) != name.npos) continue;
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
        : atomic_file(std::move(target), bytes, detail::system_calls) {}

    /// For tests: with other system calls, which must outlive this.
    atomic_file(std::filesystem::path target, std::uintmax_t bytes, const detail::file_calls& calls)
        : target_(std::move(target)), calls_(calls) {
        detail::refuse_nul(target_);
        struct stat existing {};
        if (::stat(target_.c_str(), &existing) == 0) detail::refuse_non_file(target_, existing.st_mode);
        detail::remove_abandoned(target_);
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
                                        detail::system_calls);
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
            lock_ = detail::descriptor(::dup(file_.get()), detail::system_calls);
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
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, std::fclose};
};

#endif

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
