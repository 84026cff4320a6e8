#pragma once
/// \file Walks through the compressed data of a JPEG without making pixels: to know that all of it is there. The
/// decoder behind decode.hpp paints what is missing grey and says nothing.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// The code words of one DHT table (ITU T.81, annex C).
class huffman_table {
   public:
    huffman_table() = default;

    /// \param counts code words of 1 to 16 bits; \param symbols what they stand for, in that order
    huffman_table(std::span<const std::byte, 16> counts, std::span<const std::byte> symbols, std::size_t position)
        : defined_(true) {
        std::uint32_t code = 0;
        std::size_t index = 0;
        for (unsigned length = 1; length <= 16; ++length) {
            first_code_[length] = code;
            first_index_[length] = index;
            for (unsigned left = std::to_integer<unsigned>(counts[length - 1]); left > 0; --left, ++code, ++index) {
                if (code >= 1u << length)
                    throw_at_byte(error_code::format, position, "a Huffman table has too many codes");
                symbols_[index] = std::to_integer<std::uint8_t>(symbols[index]);
                if (length <= quick_bits) {
                    const std::uint32_t shift = quick_bits - length;
                    const auto entry = static_cast<std::uint16_t>(length << 8 | symbols_[index]);
                    std::fill_n(quick_.begin() + (code << shift), std::size_t{1} << shift, entry);
                }
            }
            end_code_[length] = code;
            code <<= 1;
        }
    }

    bool defined() const noexcept { return defined_; }

    struct match {
        unsigned length;  ///< 0: no code word
        unsigned symbol;
    };

    /// The code word at the head of 16 bits.
    match find(std::uint32_t bits) const noexcept {
        const unsigned entry = quick_[bits >> (16 - quick_bits)];
        if (entry != 0) return {entry >> 8, entry & 255};
        for (unsigned length = quick_bits + 1; length <= 16; ++length) {
            const std::uint32_t code = bits >> (16 - length);
            if (code >= first_code_[length] && code < end_code_[length]) {
                return {length, symbols_[first_index_[length] + code - first_code_[length]]};
            }
        }
        return {0, 0};
    }

   private:
    static constexpr unsigned quick_bits = 9;

    bool defined_ = false;
    std::array<std::uint16_t, 1u << quick_bits> quick_{};  // length and symbol of the short words
    std::array<std::uint32_t, 17> first_code_{};
    std::array<std::uint32_t, 17> end_code_{};
    std::array<std::size_t, 17> first_index_{};
    std::array<std::uint8_t, 256> symbols_{};
};

/// The bits between two markers: a 0 byte after 255 is dropped, anything else there is a marker.
class entropy_bits {
   public:
    entropy_bits(std::span<const std::byte> bytes, std::size_t position) : bytes_(bytes), position_(position) {}

    std::size_t position() const noexcept { return position_; }

    unsigned symbol(const huffman_table& table) {
        if (count_ < 16) fill();
        const auto head = static_cast<std::uint32_t>(count_ >= 16 ? bits_ >> (count_ - 16) : bits_ << (16 - count_));
        const auto [length, symbol] = table.find(head & 0xffff);
        if (length > count_ || (length == 0 && count_ < 16)) throw_ends_early(position_);
        if (length == 0) throw_at_byte(error_code::format, position_, "the image data has a code that is in no table");
        count_ -= length;
        return symbol;
    }

    /// At most 16 bits as a number.
    unsigned take(unsigned count) {
        if (count_ < count) fill();
        if (count_ < count) throw_ends_early(position_);
        count_ -= count;
        return static_cast<unsigned>(bits_ >> count_) & ((1u << count) - 1);
    }

    /// A difference of `size` bits (T.81, F.2.2.1: EXTEND).
    int take_signed(unsigned size) {
        if (size == 0) return 0;
        const auto value = static_cast<int>(take(size));
        return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
    }

    /// Goes to the marker that must follow, over the bits that fill the last byte, and returns where it begins.
    std::size_t next_marker() {
        count_ = 0;
        while (!at_marker()) ++position_;  // as libjpeg, some cameras pad here
        return position_;
    }

    /// Goes behind a restart marker.
    void restart(unsigned expected) {
        const std::size_t marker = next_marker();
        std::size_t kind = marker + 1;
        while (kind < bytes_.size() && bytes_[kind] == std::byte{0xff}) ++kind;
        if (kind >= bytes_.size()) throw_ends_early(bytes_.size());
        const auto found = std::to_integer<unsigned>(bytes_[kind]);
        if (found < 0xd0 || found > 0xd7) throw_ends_early(marker);
        if (found != 0xd0 + expected) {
            throw_at_byte(error_code::format, marker, "there is restart marker " + std::to_string(found - 0xd0),
                          std::to_string(expected));
        }
        position_ = kind + 1;
    }

   private:
    bool at_marker() const {
        if (position_ + 1 >= bytes_.size()) throw_ends_early(bytes_.size());
        return bytes_[position_] == std::byte{0xff} && bytes_[position_ + 1] != std::byte{0};
    }

    void fill() {
        while (count_ <= 48) {
            if (position_ >= bytes_.size()) throw_ends_early(bytes_.size());
            const std::byte byte = bytes_[position_];
            if (byte == std::byte{0xff}) {
                if (at_marker()) return;
                ++position_;
            }
            ++position_;
            bits_ = bits_ << 8 | std::to_integer<std::uint64_t>(byte);
            count_ += 8;
        }
    }

    std::span<const std::byte> bytes_;
    std::size_t position_;
    std::uint64_t bits_ = 0;
    unsigned count_ = 0;
};

/// Which of a block's 64 coefficients are not 0, in zigzag order.
using nonzero_mask = std::uint64_t;

/// One scan's share of one component.
struct scan_tables {
    const huffman_table* dc = nullptr;
    const huffman_table* ac = nullptr;
    int last_dc = 0;
};

/// What a scan sends of each block: coefficients first to last, from bit `high` (0: all above `low`) down to bit `low`.
struct spectral_band {
    unsigned first = 0;
    unsigned last = 63;
    unsigned high = 0;
    unsigned low = 0;
};

/// Reads block after block of a scan. Mirrors jdhuff.c and jdphuff.c of libjpeg, but for the coefficients.
class block_walker {
   public:
    block_walker(entropy_bits& bits, const spectral_band& band, bool progressive)
        : bits_(bits), band_(band), progressive_(progressive) {}

    void forget_the_run() noexcept { run_ = 0; }

    void operator()(scan_tables& tables, nonzero_mask& nonzero) {
        if (!progressive_) {
            dc_first(tables);
            ac_sequential(*tables.ac);
        } else if (band_.first == 0) {
            if (band_.high == 0)
                dc_first(tables);
            else
                bits_.take(1);
        } else if (band_.high == 0) {
            ac_first(*tables.ac, nonzero);
        } else {
            ac_refine(*tables.ac, nonzero);
        }
    }

   private:
    [[noreturn]] void too_large() const {
        throw_at_byte(error_code::format, bits_.position(), "the image data has a coefficient that is out of range");
    }
    [[noreturn]] void too_many() const {
        throw_at_byte(error_code::format, bits_.position(), "the image data has a block of more than 64 coefficients");
    }

    void dc_first(scan_tables& tables) {
        const unsigned size = bits_.symbol(*tables.dc);
        if (size > 12) too_large();  // 8-bit images need 11
        tables.last_dc += bits_.take_signed(size);
        if (std::max(tables.last_dc, -tables.last_dc) > 32767) too_large();
    }

    void ac_sequential(const huffman_table& table) {
        for (unsigned k = 1; k < 64; ++k) {
            const unsigned symbol = bits_.symbol(table);
            const unsigned zeros = symbol >> 4;
            const unsigned size = symbol & 15;
            if (size == 0 && zeros != 15) return;  // end of block
            k += zeros;
            if (k > 63) too_many();
            if (size > 14) too_large();
            bits_.take(size);
        }
    }

    /// The number of blocks that end here, this one among them.
    unsigned run_of(unsigned size) { return (1u << size) + bits_.take(size); }

    void ac_first(const huffman_table& table, nonzero_mask& nonzero) {
        if (run_ > 0) {
            --run_;
            return;
        }
        for (unsigned k = band_.first; k <= band_.last; ++k) {
            const unsigned symbol = bits_.symbol(table);
            const unsigned zeros = symbol >> 4;
            const unsigned size = symbol & 15;
            if (size == 0 && zeros != 15) {
                run_ = run_of(zeros) - 1;
                return;
            }
            k += zeros;
            if (k > band_.last) too_many();
            if (size + band_.low > 14) too_large();
            bits_.take(size);
            if (size != 0) nonzero |= nonzero_mask{1} << k;
        }
    }

    void ac_refine(const huffman_table& table, nonzero_mask& nonzero) {
        unsigned k = band_.first;
        for (; run_ == 0 && k <= band_.last; ++k) {
            const unsigned symbol = bits_.symbol(table);
            unsigned zeros = symbol >> 4;
            const unsigned size = symbol & 15;
            if (size > 1) too_large();
            if (size == 0 && zeros != 15) {
                run_ = run_of(zeros);
                break;
            }
            bits_.take(size);  // the sign
            for (; k <= band_.last; ++k) {
                if ((nonzero >> k & 1) != 0)
                    bits_.take(1);  // the next bit of a known coefficient
                else if (zeros-- == 0)
                    break;
            }
            if (size == 0) continue;
            if (k > band_.last) too_many();
            nonzero |= nonzero_mask{1} << k;
        }
        if (run_ == 0) return;
        for (; k <= band_.last; ++k) {
            if ((nonzero >> k & 1) != 0) bits_.take(1);
        }
        --run_;
    }

    entropy_bits& bits_;
    spectral_band band_;
    bool progressive_;
    unsigned run_ = 0;  // blocks of the band that end before they begin
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
