#pragma once
/// \file Files packed by gzip, unpacked as they are read. The one header that needs zlib.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include <zlib.h>

#include <zeroshot/datasets/byte_stream.hpp>
#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The bytes that were packed (RFC 1952), of all members one after the other; each member's checksum is compared.
class gzip_stream final : public byte_stream {
   public:
    /// \throws file_error
    explicit gzip_stream(const std::filesystem::path& path) : byte_stream(path_text(path)), packed_(path) {
        constexpr int gzip_only = 16 + MAX_WBITS;  // zlib.h, inflateInit2
        if (inflateInit2(&state_, gzip_only) != Z_OK) {
            throw data_set_error(error_code::no_memory, {place(), "zlib cannot begin", "", ""});
        }
    }
    ~gzip_stream() override { inflateEnd(&state_); }

   private:
    std::size_t fill(std::span<std::byte> into) override {
        constexpr std::size_t at_once = 1 << 30;  // zlib counts in 32 bits
        std::size_t done = 0;
        while (done < into.size() && !ended_) {
            if (state_.avail_in == 0) refill();
            const std::size_t piece = std::min(into.size() - done, at_once);
            state_.next_out = reinterpret_cast<Bytef*>(into.data() + done);
            state_.avail_out = static_cast<uInt>(piece);
            const int status = inflate(&state_, Z_NO_FLUSH);
            done += piece - state_.avail_out;
            if (status == Z_STREAM_END) {
                begin_next_member();
            } else if (status != Z_OK && status != Z_BUF_ERROR) {
                refuse(state_.msg != nullptr ? state_.msg : "damaged");
            }
        }
        return done;
    }

    void refill() {
        const std::size_t count = packed_.read(buffer_);
        if (count == 0) refuse("cut off");
        state_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
        state_.avail_in = static_cast<uInt>(count);
    }

    /// More may follow behind the end of a member: another one.
    void begin_next_member() {
        if (state_.avail_in == 0) {
            const std::size_t count = packed_.read(buffer_);
            state_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
            state_.avail_in = static_cast<uInt>(count);
        }
        ended_ = state_.avail_in == 0;
        if (!ended_) inflateReset(&state_);
    }

    [[noreturn]] void refuse(const std::string& why) const {
        const std::size_t at = packed_.position() - state_.avail_in;
        throw data_set_error(error_code::format,
                             {place() + ": byte " + std::to_string(at),
                              "the packed data is damaged or cut off (" + why + ")", "", "was the download complete?"});
    }

    file_stream packed_;
    std::array<std::byte, 1 << 16> buffer_;
    z_stream state_{};
    bool ended_ = false;
};

/// Opens files that are named .gz unpacked, and others as they lie.
/// \throws file_error
inline std::unique_ptr<byte_stream> open_unpacked(const std::filesystem::path& path) {
    if (path.extension() == ".gz") return std::make_unique<gzip_stream>(path);
    return std::make_unique<file_stream>(path);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
