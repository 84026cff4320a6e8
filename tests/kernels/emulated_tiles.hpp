#pragma once
/// \file AMX in plain C++: eight tiles, and what the instructions do to them (Intel's manual, volume 2; the checks are
/// those of volume 1, 18, and of the exception classes AMX-E1 to E6).

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

namespace zeroshot_tests {

/// A processor's tiles. Where it would raise an exception, the first reason is recorded.
class tile_machine {
   public:
    const std::string& fault() const { return fault_; }
    bool is_configured() const { return configured_; }
    std::size_t times_configured() const { return times_configured_; }

    /// LDTILECFG of 64 bytes.
    void configure(const void* shapes) {
        std::array<std::uint8_t, 64> bytes{};
        std::memcpy(bytes.data(), shapes, bytes.size());
        if (bytes[0] != 1) fail("LDTILECFG: palette " + std::to_string(bytes[0]));
        for (std::size_t i = 1; i < 16; ++i) {
            if (bytes[i] != 0) fail("LDTILECFG: byte " + std::to_string(i) + " is reserved, or a row to start with");
        }
        for (std::size_t i = 0; i < 16; ++i) {
            const std::size_t width = bytes[16 + 2 * i] + 256u * bytes[17 + 2 * i], rows = bytes[48 + i];
            if (i >= tiles_.size() && (width != 0 || rows != 0)) fail("LDTILECFG: there are eight tiles");
            if (width > 64 || rows > 16) fail("LDTILECFG: a tile has at most 16 rows of 64 bytes");
            if ((width == 0) != (rows == 0)) fail("LDTILECFG: rows without bytes, or bytes without rows");
            if (i < tiles_.size()) tiles_[i] = {rows, width, {}};
        }
        configured_ = fault_.empty();
        ++times_configured_;
    }

    /// TILERELEASE
    void release() {
        tiles_ = {};
        configured_ = false;
    }

    /// TILEZERO
    void zero(std::size_t index) { known(index).words = {}; }

    /// TILELOADD: rows `stride` bytes apart.
    void load(std::size_t index, const void* from, std::size_t stride) {
        tile& to = known(index);
        to.words = {};
        for (std::size_t row = 0; row < to.rows; ++row)
            std::memcpy(to.words[row].data(), static_cast<const char*>(from) + row * stride, to.width);
    }

    /// TILESTORED
    void store(std::size_t index, void* to, std::size_t stride) {
        const tile& from = known(index);
        for (std::size_t row = 0; row < from.rows; ++row)
            std::memcpy(static_cast<char*>(to) + row * stride, from.words[row].data(), from.width);
    }

    /// TDPBUSD: four unsigned bytes times four signed ones.
    void multiply_bytes(std::size_t sums, std::size_t rows, std::size_t weights) {
        multiply(
            sums, rows, weights, [](std::uint32_t sum, const tile& a, const tile& b, std::size_t m, std::size_t n) {
                for (std::size_t k = 0; k < a.width / 4; ++k) {
                    for (unsigned bit = 0; bit < 32; bit += 8) {
                        const auto left = static_cast<std::int32_t>((a.words[m][k] >> bit) & 0xffu);
                        const auto right = static_cast<std::int8_t>(static_cast<std::uint8_t>(b.words[k][n] >> bit));
                        sum += static_cast<std::uint32_t>(left * right);
                    }
                }
                return sum;
            });
    }

    /// TDPBF16PS: the lower halves' products and the upper ones' are summed apart, from nothing, each product and sum
    /// rounded once; then added, and added to what stood there. Subnormal numbers are zero before and after each step.
    void multiply_halves(std::size_t sums, std::size_t rows, std::size_t weights) {
        multiply(sums, rows, weights,
                 [](std::uint32_t sum, const tile& a, const tile& b, std::size_t m, std::size_t n) {
                     float lower = 0, upper = 0;
                     for (std::size_t k = 0; k < a.width / 4; ++k) {
                         lower = flushed(std::fma(number(a.words[m][k] << 16), number(b.words[k][n] << 16), lower));
                         upper = flushed(
                             std::fma(number(a.words[m][k] & upper_half), number(b.words[k][n] & upper_half), upper));
                     }
                     return std::bit_cast<std::uint32_t>(flushed(number(sum) + flushed(lower + upper)));
                 });
    }

   private:
    struct tile {
        std::size_t rows = 0, width = 0;  // in bytes
        std::array<std::array<std::uint32_t, 16>, 16> words{};
    };
    static constexpr std::uint32_t upper_half = 0xffff0000u;

    static float flushed(float x) {
        return std::abs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0f, x) : x;
    }
    static float number(std::uint32_t bits) { return flushed(std::bit_cast<float>(bits)); }

    void fail(const std::string& why) {
        if (fault_.empty()) fault_ = why;
    }

    tile& known(std::size_t index) {
        if (!configured_ || tiles_[index].rows == 0) fail("tile " + std::to_string(index) + " has no shape");
        return tiles_[index];
    }

    template <class Sum>
    void multiply(std::size_t sums, std::size_t rows, std::size_t weights, Sum sum) {
        tile& c = known(sums);
        const tile &a = known(rows), &b = known(weights);
        if (sums == rows || sums == weights || rows == weights) fail("TDP: a tile meets itself");
        if (c.rows != a.rows || a.width != 4 * b.rows || c.width != b.width || b.width % 4 != 0)
            fail("TDP: [" + std::to_string(c.rows) + ", " + std::to_string(c.width) + "] += [" +
                 std::to_string(a.rows) + ", " + std::to_string(a.width) + "] [" + std::to_string(b.rows) + ", " +
                 std::to_string(b.width) + "]");
        for (std::size_t m = 0; m < c.rows; ++m) {
            for (std::size_t n = 0; n < c.width / 4; ++n) c.words[m][n] = sum(c.words[m][n], a, b, m, n);
        }
    }

    std::array<tile, 8> tiles_{};
    bool configured_ = false;
    std::size_t times_configured_ = 0;
    std::string fault_;
};

}  // namespace zeroshot_tests
