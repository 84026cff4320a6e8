#pragma once
/// \file CRC-32 of PNG, zip and gzip, and SHA-256.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <zeroshot/error.hpp>
#include <zeroshot/support/byte_source.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

inline constexpr std::size_t crc_stride = 16;  // bytes per step

/// Lookup tables of slicing-by-16, computed at run time: as constants they would cost every unit compile time.
struct crc_tables {
    std::array<std::array<std::uint32_t, 256>, crc_stride> rows;  // [n]: the byte is followed by n zero bytes

    crc_tables() noexcept {
        constexpr std::uint32_t polynomial = 0xedb88320;  // reflected; PNG specification, annex D
        for (std::uint32_t byte = 0; byte < 256; ++byte) {
            std::uint32_t value = byte;
            for (int bit = 0; bit < 8; ++bit) value = (value & 1u) != 0 ? polynomial ^ (value >> 1) : value >> 1;
            rows[0][byte] = value;
        }
        for (std::size_t row = 1; row < crc_stride; ++row) {
            for (std::size_t byte = 0; byte < 256; ++byte) {
                const std::uint32_t before = rows[row - 1][byte];
                rows[row][byte] = rows[0][before & 255u] ^ (before >> 8);
            }
        }
    }
};

/// CRC-32 of bytes that are added in any number of pieces, sixteen bytes per step.
class crc32 {
   public:
    crc32& add(std::span<const std::byte> bytes) noexcept {
        static const crc_tables tables;
        std::uint32_t remainder = remainder_;
        const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
        const auto* const end = at + bytes.size();
        for (; end - at >= static_cast<std::ptrdiff_t>(crc_stride); at += crc_stride) {
            const auto row = [at](std::size_t i, std::uint32_t mixed) {
                return tables.rows[crc_stride - 1 - i][(at[i] ^ mixed) & 255u];
            };
            // Unrolled: the lookups are independent.
            remainder = row(0, remainder) ^ row(1, remainder >> 8) ^ row(2, remainder >> 16) ^ row(3, remainder >> 24) ^
                        row(4, 0) ^ row(5, 0) ^ row(6, 0) ^ row(7, 0) ^ row(8, 0) ^ row(9, 0) ^ row(10, 0) ^
                        row(11, 0) ^ row(12, 0) ^ row(13, 0) ^ row(14, 0) ^ row(15, 0);
        }
        for (; at != end; ++at) remainder = tables.rows[0][(remainder ^ *at) & 255u] ^ (remainder >> 8);
        remainder_ = remainder;
        return *this;
    }

    std::uint32_t value() const noexcept { return ~remainder_; }

   private:
    std::uint32_t remainder_ = 0xffffffff;
};

}  // namespace detail

/// SHA-256 (FIPS 180-4) of bytes that are added in any number of pieces.
class sha256 {
   public:
    sha256& add(std::span<const std::byte> bytes) {
        total_ += bytes.size();
        while (!bytes.empty()) {
            const std::size_t count = (std::min)(bytes.size(), block_.size() - filled_);
            std::ranges::copy(bytes.first(count), block_.begin() + static_cast<std::ptrdiff_t>(filled_));
            bytes = bytes.subspan(count);
            filled_ += count;
            if (filled_ == block_.size()) digest_block();
        }
        return *this;
    }
    sha256& add(std::string_view text) { return add(detail::bytes_of(text)); }

    /// Adds all bytes of a range.
    sha256& add_all(const byte_range& bytes) {
        constexpr std::size_t at_once = 1 << 18;  // bytes
        bytes.in_chunks(at_once, [this](std::span<const std::byte> piece) { add(piece); });
        return *this;
    }

    /// 64 lower-case hexadecimal digits. Call it once, after the last add().
    std::string digits() {
        const std::uint64_t bits = total_ * 8;
        constexpr std::array end_mark{std::byte{0x80}}, zero{std::byte{0}};
        add(end_mark);
        while (filled_ != block_.size() - sizeof bits) add(zero);
        for (int shift = 56; shift >= 0; shift -= 8) add(std::array{static_cast<std::byte>(bits >> shift)});
        std::string text;
        for (const std::uint32_t word : state_) {
            for (int shift = 24; shift >= 0; shift -= 8) detail::append_hex(text, word >> shift & 255);
        }
        return text;
    }

   private:
    void digest_block() noexcept {
        filled_ = 0;
        static constexpr std::array<std::uint32_t, 64> keys{
            0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
            0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
            0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
            0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
            0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
            0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
            0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
            0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
        std::array<std::uint32_t, 64> words{};
        for (std::size_t i = 0; i < 64; ++i)
            words[i / 4] = words[i / 4] << 8 | std::to_integer<std::uint32_t>(block_[i]);
        for (std::size_t i = 16; i < 64; ++i) {
            const std::uint32_t a = words[i - 15], b = words[i - 2];
            words[i] = words[i - 16] + words[i - 7] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) +
                       (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
        }
        std::array<std::uint32_t, 8> s = state_;
        for (std::size_t i = 0; i < 64; ++i) {
            const std::uint32_t first = s[7] + (std::rotr(s[4], 6) ^ std::rotr(s[4], 11) ^ std::rotr(s[4], 25)) +
                                        ((s[4] & s[5]) ^ (~s[4] & s[6])) + keys[i] + words[i];
            const std::uint32_t second = (std::rotr(s[0], 2) ^ std::rotr(s[0], 13) ^ std::rotr(s[0], 22)) +
                                         ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
            s = {first + second, s[0], s[1], s[2], s[3] + first, s[4], s[5], s[6]};
        }
        for (std::size_t i = 0; i < 8; ++i) state_[i] += s[i];
    }

    std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<std::byte, 64> block_{};
    std::size_t filled_ = 0;
    std::uint64_t total_ = 0;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
