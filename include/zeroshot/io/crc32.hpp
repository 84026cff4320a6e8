#pragma once
/// \file CRC-32 as PNG, zip and gzip compute it, sixteen bytes at a time.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <zeroshot/version.hpp>

namespace zeroshot::inline ZEROSHOT_ABI::detail {

inline constexpr std::size_t crc_stride = 16;  // bytes that one step takes

/// Row n: what each byte, followed by n zero bytes, does to the remainder.
inline constexpr auto crc_tables = [] {
    constexpr std::uint32_t polynomial = 0xedb88320;  // reflected; PNG specification, annex D
    std::array<std::array<std::uint32_t, 256>, crc_stride> tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit) value = (value & 1u) != 0 ? polynomial ^ (value >> 1) : value >> 1;
        tables[0][byte] = value;
    }
    for (std::size_t row = 1; row < crc_stride; ++row) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[row - 1][byte];
            tables[row][byte] = tables[0][before & 255u] ^ (before >> 8);
        }
    }
    return tables;
}();

/// The checksum of bytes that come in pieces.
class crc32 {
   public:
    crc32& add(std::span<const std::byte> bytes) noexcept {
        std::uint32_t remainder = remainder_;
        const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
        const auto* const end = at + bytes.size();
        for (; end - at >= static_cast<std::ptrdiff_t>(crc_stride); at += crc_stride) {
            const auto row = [at](std::size_t i, std::uint32_t mixed) {
                return crc_tables[crc_stride - 1 - i][(at[i] ^ mixed) & 255u];
            };
            // Written out: the steps do not wait for each other.
            remainder = row(0, remainder) ^ row(1, remainder >> 8) ^ row(2, remainder >> 16) ^ row(3, remainder >> 24) ^
                        row(4, 0) ^ row(5, 0) ^ row(6, 0) ^ row(7, 0) ^ row(8, 0) ^ row(9, 0) ^ row(10, 0) ^
                        row(11, 0) ^ row(12, 0) ^ row(13, 0) ^ row(14, 0) ^ row(15, 0);
        }
        for (; at != end; ++at) remainder = crc_tables[0][(remainder ^ *at) & 255u] ^ (remainder >> 8);
        remainder_ = remainder;
        return *this;
    }

    std::uint32_t value() const noexcept { return ~remainder_; }

   private:
    std::uint32_t remainder_ = 0xffffffff;
};

}  // namespace zeroshot::inline ZEROSHOT_ABI::detail
