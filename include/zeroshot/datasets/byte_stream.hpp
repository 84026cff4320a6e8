#pragma once
/// \file Bytes from the first to the last: a file read as it goes, or one that is unpacked on the way.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Bytes that come one after the other.
class byte_stream {
   public:
    byte_stream(const byte_stream&) = delete;
    byte_stream& operator=(const byte_stream&) = delete;
    virtual ~byte_stream() = default;

    /// What the sentences call it.
    const std::string& place() const noexcept { return place_; }

    /// How many bytes came so far.
    std::size_t position() const noexcept { return position_; }

    /// Fills the span with the next bytes and returns how many came: fewer only at the end.
    /// \throws file_error; data_set_error FORMAT where packed bytes are damaged or cut off
    std::size_t read(std::span<std::byte> into) {
        const std::size_t count = fill(into);
        position_ += count;
        return count;
    }

    /// Fills the whole span.
    /// \param what the bytes are of, for the message: "image 17"
    /// \throws data_set_error FORMAT where the stream ends before that, and as read()
    void read_all(std::span<std::byte> into, const std::string& what) {
        const std::size_t begin = position_, count = read(into);
        if (count == into.size()) return;
        throw data_set_error(error_code::format,
                             {place_ + ": byte " + std::to_string(begin + count), "the file ends within " + what,
                              std::to_string(into.size() - count) + " bytes more", "was it cut off?"});
    }

   protected:
    explicit byte_stream(std::string place) : place_(std::move(place)) {}
    virtual std::size_t fill(std::span<std::byte> into) = 0;

   private:
    std::string place_;
    std::size_t position_ = 0;
};

/// The bytes of a file as they lie.
class file_stream final : public byte_stream {
   public:
    /// \throws file_error
    explicit file_stream(const std::filesystem::path& path) : byte_stream(path_text(path)), file_(path) {}

   private:
    std::size_t fill(std::span<std::byte> into) override {
        const std::size_t count = std::min(into.size(), file_.size() - at_);
        file_.read(at_, into.first(count));
        at_ += count;
        return count;
    }

    open_file file_;
    std::size_t at_ = 0;
};

/// Opens a file to be read through. gzip.hpp has one that unpacks on the way.
using stream_opener = std::function<std::unique_ptr<byte_stream>(const std::filesystem::path&)>;

/// Opens files as they lie.
/// \throws file_error; data_set_error UNSUPPORTED for one that is named .gz
inline std::unique_ptr<byte_stream> open_plain(const std::filesystem::path& path) {
    if (path.extension() == ".gz") {
        throw data_set_error(
            error_code::unsupported,
            {path_text(path), "files packed by gzip are read only where zlib is built in", "", "unpack it first"});
    }
    return std::make_unique<file_stream>(path);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
