#pragma once
/// \file Decompression of gzip files (RFC 1952) while they are read. Needs zlib.

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
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

/// The decompressed bytes of all members of a gzip file; checksums are verified.
class gzip_stream final : public byte_stream {
   public:
    /// \throws file_error
    explicit gzip_stream(const std::filesystem::path& path) : byte_stream(path_text(path)), file_(path) {
        constexpr int gzip_only = 16 + MAX_WBITS;  // zlib.h, inflateInit2
        if (inflateInit2(&state_, gzip_only) != Z_OK)
            throw data_set_error(error_code::no_memory, {location(), "zlib cannot allocate its state", "", ""});
    }
    ~gzip_stream() override { inflateEnd(&state_); }

   private:
    std::size_t fill(std::span<std::byte> buffer) override {
        constexpr std::size_t largest_step = 1 << 30;  // zlib counts in 32 bits
        std::size_t done = 0;
        while (done < buffer.size() && !ended_) {
            if (state_.avail_in == 0 && !refill()) throw_damaged("truncated");
            const std::size_t step = (std::min)(buffer.size() - done, largest_step);
            state_.next_out = reinterpret_cast<Bytef*>(buffer.data() + done);
            state_.avail_out = static_cast<uInt>(step);
            const int status = inflate(&state_, Z_NO_FLUSH);
            done += step - state_.avail_out;
            if (status == Z_STREAM_END) {  // another member may follow
                ended_ = state_.avail_in == 0 && !refill();
                if (!ended_) inflateReset(&state_);
            } else if (status != Z_OK && status != Z_BUF_ERROR) {
                throw_damaged(state_.msg != nullptr ? state_.msg : "damaged");
            }
        }
        return done;
    }

    /// \return false at the end of the file
    bool refill() {
        state_.avail_in = static_cast<uInt>(file_.read(compressed_));
        state_.next_in = reinterpret_cast<Bytef*>(compressed_.data());
        return state_.avail_in > 0;
    }

    [[noreturn]] void throw_damaged(const std::string& reason) const {
        const std::size_t position = file_.position() - state_.avail_in;
        throw data_set_error(error_code::format, {location() + ": byte " + std::to_string(position),
                                                  "the gzip data is damaged or truncated (" + reason + ")", "",
                                                  "was the download complete?"});
    }

    file_stream file_;
    std::array<std::byte, 1 << 16> compressed_;
    z_stream state_{};
    bool ended_ = false;
};

/// Opens a file, decompressing it if its extension is .gz.
/// \throws file_error
inline std::unique_ptr<byte_stream> open_gzip(const std::filesystem::path& path) {
    if (path.extension() == ".gz") return std::make_unique<gzip_stream>(path);
    return std::make_unique<file_stream>(path);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
