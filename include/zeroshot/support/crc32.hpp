#pragma once
/// \file CRC-32 of PNG, zip and gzip, sixteen bytes per step.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

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

/// The checksum of bytes that are added in any number of pieces.
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

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
