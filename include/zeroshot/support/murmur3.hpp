#pragma once
/// \file MurmurHash3: a digest at the speed of memory, for what is too large for SHA-256 and wants no proof against
/// forgers.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include <zeroshot/support/byte_source.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// MurmurHash3_x64_128 of Austin Appleby's smhasher, MurmurHash3.cpp, with the seed 0. Takes bytes in any number of
/// pieces.
class murmur3 {
   public:
    murmur3& add(std::span<const std::byte> bytes) {
        total_ += bytes.size();
        if (filled_ > 0) {
            const std::size_t count = std::min(bytes.size(), block_.size() - filled_);
            std::ranges::copy(bytes.first(count), block_.begin() + static_cast<std::ptrdiff_t>(filled_));
            bytes = bytes.subspan(count);
            filled_ += count;
            if (filled_ < block_.size()) return *this;
            digest(block_);
        }
        for (; bytes.size() >= block_.size(); bytes = bytes.subspan(block_.size())) digest(bytes);
        std::ranges::copy(bytes, block_.begin());
        filled_ = bytes.size();
        return *this;
    }
    murmur3& add(std::string_view text) { return add(detail::bytes_of(text)); }

    /// 32 lower-case digits: the first half, then the second.
    std::string digits() const {
        std::array<std::byte, 16> rest{};
        std::copy_n(block_.begin(), filled_, rest.begin());
        std::uint64_t first = first_ ^ mixed_first(word(rest, 0)) ^ total_;
        std::uint64_t second = second_ ^ mixed_second(word(rest, 8)) ^ total_;
        first += second;
        second += first;
        first = avalanched(first);
        second = avalanched(second);
        first += second;
        second += first;
        std::string text;
        for (const std::uint64_t half : {first, second}) {
            for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[half >> shift & 15];
        }
        return text;
    }

   private:
    static constexpr std::uint64_t c1 = 0x87c37b91114253d5, c2 = 0x4cf5ad432745937f;  // MurmurHash3.cpp, as all below

    static std::uint64_t word(std::span<const std::byte> bytes, std::size_t offset) noexcept {
        if constexpr (std::endian::native == std::endian::little) {
            std::uint64_t value = 0;
            std::memcpy(&value, bytes.data() + offset, sizeof value);
            return value;
        } else {
            return detail::little_endian<std::uint64_t>(bytes, offset);
        }
    }

    static std::uint64_t mixed_first(std::uint64_t word) noexcept { return std::rotl(word * c1, 31) * c2; }
    static std::uint64_t mixed_second(std::uint64_t word) noexcept { return std::rotl(word * c2, 33) * c1; }

    /// fmix64
    static std::uint64_t avalanched(std::uint64_t value) noexcept {
        value = (value ^ value >> 33) * 0xff51afd7ed558ccd;
        value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53;
        return value ^ value >> 33;
    }

    /// \param bytes at least 16 of them
    void digest(std::span<const std::byte> bytes) noexcept {
        first_ = (std::rotl(first_ ^ mixed_first(word(bytes, 0)), 27) + second_) * 5 + 0x52dce729;
        second_ = (std::rotl(second_ ^ mixed_second(word(bytes, 8)), 31) + first_) * 5 + 0x38495ab5;
    }

    std::uint64_t first_ = 0, second_ = 0;
    std::array<std::byte, 16> block_{};
    std::size_t filled_ = 0;
    std::uint64_t total_ = 0;  // bytes
};

}}  // namespace zeroshot::ZEROSHOT_ABI
