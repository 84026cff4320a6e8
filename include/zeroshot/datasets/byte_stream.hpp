#pragma once
/// \file Sequential byte streams: the interface, and plain files.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

/// Bytes that are read from front to back.
class byte_stream {
   public:
    byte_stream(const byte_stream&) = delete;
    byte_stream& operator=(const byte_stream&) = delete;
    virtual ~byte_stream() = default;

    /// The path, as messages show it.
    const std::string& location() const noexcept { return location_; }

    /// Number of bytes read so far.
    std::size_t position() const noexcept { return position_; }

    /// Reads into a buffer.
    /// \return the number of bytes read: less than the buffer's size only at the end of the stream
    /// \throws file_error; data_set_error FORMAT for damaged or truncated compressed data
    std::size_t read(std::span<std::byte> buffer) {
        const std::size_t count = fill(buffer);
        position_ += count;
        return count;
    }

    /// Reads until the buffer is full.
    /// \param content what the bytes are, for the message: "image 17"
    /// \throws data_set_error FORMAT for a stream that ends before that; otherwise as read()
    void read_exactly(std::span<std::byte> buffer, const std::string& content) {
        const std::size_t begin = position_, count = read(buffer);
        if (count == buffer.size()) return;
        throw data_set_error(error_code::format,
                             {location_ + ": byte " + std::to_string(begin + count), "the file ends within " + content,
                              std::to_string(buffer.size() - count) + " bytes more", "is the file truncated?"});
    }

   protected:
    explicit byte_stream(std::string location) : location_(std::move(location)) {}
    virtual std::size_t fill(std::span<std::byte> buffer) = 0;

   private:
    std::string location_;
    std::size_t position_ = 0;
};

/// The bytes of a file.
class file_stream final : public byte_stream {
   public:
    /// \throws file_error
    explicit file_stream(const std::filesystem::path& path) : byte_stream(path_text(path)), file_(path) {}

   private:
    std::size_t fill(std::span<std::byte> buffer) override {
        const std::size_t count = (std::min)(buffer.size(), file_.size() - position());
        file_.read(position(), buffer.first(count));
        return count;
    }

    open_file file_;
};

/// Opens a file as a stream: open_plain(), or open_gzip() of gzip.hpp.
using stream_opener = std::function<std::unique_ptr<byte_stream>(const std::filesystem::path&)>;

/// Opens an uncompressed file.
/// \throws file_error; data_set_error UNSUPPORTED for the extension .gz
inline std::unique_ptr<byte_stream> open_plain(const std::filesystem::path& path) {
    if (path.extension() == ".gz") {
        throw data_set_error(error_code::unsupported, {path_text(path), "reading gzip files needs a build with zlib",
                                                       "", "decompress the file first"});
    }
    return std::make_unique<file_stream>(path);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
