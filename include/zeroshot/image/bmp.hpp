#pragma once
/// \file BMP: uncompressed, with masks, or run-length coded, in the modes in which Pillow opens it.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// Reads the headers of a BMP, and then its pixels. Mirrors BmpImagePlugin.py of Pillow.
class bmp_reader {
   public:
    bmp_reader(std::span<const std::byte> bytes, decoding& about) : bytes_(bytes), about_(about) {}

    image operator()() {
        read_header();
        refuse_pixels(0, width_, height_, about_.options.max_pixels);
        const std::size_t largest = 1 + (bits_ > 8 ? 4 : 3);  // bytes per pixel: the indices, and the result
        refuse_memory(0, width_ * height_ * largest, about_.options.memory_budget);
        if (bits_ <= 8) read_palette();
        return bits_ > 8 ? direct_image() : indexed_image(compression_ == raw ? raw_indices() : run_length_indices());
    }

   private:
    enum compression : std::uint32_t { raw = 0, run_length_8 = 1, run_length_4 = 2, masks = 3 };

    [[noreturn]] static void refuse(const std::string& what) {
        throw_at_byte(error_code::unsupported, 14, what, "", convert_to_png);
    }

    std::uint32_t number(std::size_t at, std::size_t size) const {
        if (bytes_.size() < at + size) throw_ends_early(bytes_.size());
        std::uint32_t value = 0;
        for (std::size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes_[at + i]);
        return value;
    }

    void read_header() {
        const std::uint32_t size = number(14, 4);
        begin_ = number(10, 4);
        end_of_header_ = 14 + std::size_t{size};
        if (size == 12) {  // OS/2
            width_ = number(18, 2);
            height_ = number(20, 2);
            bits_ = number(24, 2);
            entry_size_ = 3;
        } else {
            constexpr std::array known{40u, 52u, 56u, 64u, 108u, 124u};
            if (std::ranges::find(known, size) == known.end())
                refuse("a BMP with a header of " + std::to_string(size) + " bytes");
            top_down_ = number(25, 1) == 0xff;
            width_ = number(18, 4);
            height_ = top_down_ ? std::size_t{0 - number(22, 4)} : number(22, 4);
            bits_ = number(28, 2);
            compression_ = static_cast<compression>(number(30, 4));
            colours_ = number(46, 4);
        }
        if (compression_ > masks) refuse("a BMP with compression " + std::to_string(compression_));
        constexpr std::array depths{1u, 4u, 8u, 16u, 24u, 32u};
        if (std::ranges::find(depths, bits_) == depths.end())
            refuse("a BMP with " + std::to_string(bits_) + " bits per pixel");
        if (width_ == 0 || height_ == 0)
            throw_at_byte(error_code::format, 18,
                          "the image is " + std::to_string(width_) + " x " + std::to_string(height_),
                          "sides of at least 1", "was the file damaged?");
        const bool run_length = compression_ == run_length_8 || compression_ == run_length_4;
        if (run_length && bits_ > 8) refuse("a run-length coded BMP with " + std::to_string(bits_) + " bits per pixel");
        if (compression_ == masks) read_masks(size);
        if (begin_ == 0 && bits_ > 8) begin_ = end_of_header_;
        if (colours_ == 0) colours_ = std::size_t{1} << (std::min)(bits_, 16u);
    }

    void read_masks(std::uint32_t header_size) {
        const std::size_t count = header_size >= 56 ? 4 : 3;
        for (std::size_t i = 0; i < count; ++i) masks_[i] = number(54 + 4 * i, 4);
        if (header_size == 40) end_of_header_ += 12;
        if (bits_ <= 8) refuse("a BMP of a palette with masks");
    }

    void read_palette() {
        if (colours_ > 256) refuse("a BMP with " + std::to_string(colours_) + " colours");
        const std::size_t size = entry_size_ * colours_;
        if (begin_ == 0 || begin_ == end_of_header_) begin_ = end_of_header_ + size;
        grey_ = bytes_.size() >= end_of_header_ + size;
        for (std::size_t i = 0; i < colours_ && end_of_header_ + entry_size_ * i + 3 <= bytes_.size(); ++i) {
            for (std::size_t channel = 0; channel < 3; ++channel) {
                const std::uint32_t value = number(end_of_header_ + entry_size_ * i + 2 - channel, 1);
                palette_[3 * i + channel] = static_cast<std::uint8_t>(value);
                grey_ = grey_ && value == (colours_ == 2 ? 255 * i : i);
            }
        }
        const unsigned own_bits = colours_ <= 2 ? 1 : 8;  // of Pillow's mode "1" or "L"
        if (grey_ && (bits_ != own_bits || (bits_ == 1 && compression_ != raw)))
            refuse("a BMP of " + std::to_string(colours_) + " greys with " + std::to_string(bits_) + " bits per pixel");
    }

    /// The bytes of a row, from the top, without those that fill it up.
    std::span<const std::byte> row(std::size_t y) const {
        const std::size_t stride = (width_ * bits_ + 31) / 32 * 4, size = (width_ * bits_ + 7) / 8;
        const std::size_t at = begin_ + (top_down_ ? y : height_ - 1 - y) * stride;
        if (at + size > bytes_.size()) throw_ends_early(bytes_.size());
        return bytes_.subspan(at, size);
    }

    std::vector<std::uint8_t> raw_indices() const {
        row(top_down_ ? height_ - 1 : 0);  // refuses a cut file before anything is allocated
        std::vector<std::uint8_t> indices;
        indices.reserve(width_ * height_);
        const unsigned per_byte = 8 / bits_, mask = (1u << bits_) - 1;
        for (std::size_t y = 0; y < height_; ++y) {
            const auto packed = row(y);
            for (std::size_t x = 0; x < width_; ++x) {
                const auto shift = static_cast<unsigned>((per_byte - 1 - x % per_byte) * bits_);
                indices.push_back(
                    static_cast<std::uint8_t>(std::to_integer<unsigned>(packed[x / per_byte]) >> shift & mask));
            }
        }
        return indices;
    }

    std::vector<std::uint8_t> run_length_indices() const {
        const std::size_t count = width_ * height_;
        const bool nibbles = compression_ == run_length_4;
        std::vector<std::uint8_t> stored;  // rows as in the file
        const auto index_at = [&](std::size_t at, std::size_t i) {
            const std::uint32_t byte = number(nibbles ? at + i / 2 : at + i, 1);
            return static_cast<std::uint8_t>(!nibbles ? byte : i % 2 == 0 ? byte >> 4 : byte & 15);
        };
        std::size_t x = 0, at = begin_;
        while (stored.size() < count && at + 2 <= bytes_.size()) {
            const std::size_t run = number(at, 1), value = number(at + 1, 1);
            at += 2;
            if (run > 0) {
                const std::size_t fits = (std::min)(run, width_ - (std::min)(x, width_));
                for (std::size_t i = 0; i < fits; ++i) stored.push_back(index_at(at - 1, nibbles ? i % 2 : 0));
                x += fits;
            } else if (value == 0) {  // end of the row
                stored.resize((stored.size() + width_ - 1) / width_ * width_);
                x = 0;
            } else if (value == 1) {  // end of the image
                break;
            } else if (value == 2) {  // a step right and up
                stored.resize((std::min)(count, stored.size() + number(at, 1) + number(at + 1, 1) * width_));
                x = stored.size() % width_;
                at += 2;
            } else {
                const std::size_t fits = (std::min)(count - stored.size(), value);
                for (std::size_t i = 0; i < fits; ++i) stored.push_back(index_at(at, i));
                x += value;
                at += nibbles ? (fits + 1) / 2 : fits;
                at += at % 2;
            }
        }
        if (stored.size() < count) throw_ends_early(bytes_.size());
        stored.resize(count);
        if (!top_down_)
            for (std::size_t y = 0; y < height_ / 2; ++y)
                std::swap_ranges(stored.begin() + static_cast<std::ptrdiff_t>(y * width_),
                                 stored.begin() + static_cast<std::ptrdiff_t>((y + 1) * width_),
                                 stored.begin() + static_cast<std::ptrdiff_t>((height_ - 1 - y) * width_));
        return stored;
    }

    image indexed_image(std::vector<std::uint8_t> indices) const {
        if (grey_ && bits_ == 8) return image(std::move(indices), width_, height_, pixel_mode::grey);
        std::vector<std::uint8_t> pixels;
        pixels.reserve(indices.size() * (grey_ ? 1 : 3));
        for (const std::uint8_t index : indices) {
            if (grey_)
                pixels.push_back(index == 0 ? 0 : 255);
            else
                pixels.insert(pixels.end(), palette_.begin() + 3 * index, palette_.begin() + 3 * index + 3);
        }
        return image(std::move(pixels), width_, height_, grey_ ? pixel_mode::bilevel : pixel_mode::palette);
    }

    /// Where the channels of a pixel stand, in bits; nothing for masks that Pillow does not know.
    struct channels {
        std::array<std::uint32_t, 4> masks;  // red, green, blue, alpha
        std::array<unsigned, 4> shifts;
        std::array<unsigned, 4> largest;
    };

    channels channels_of_masks() const {
        constexpr std::array<unsigned, 4> bytes{255, 255, 255, 255};
        constexpr channels five{{0x7c00, 0x3e0, 0x1f, 0}, {10, 5, 0, 0}, {31, 31, 31, 1}};
        constexpr channels bgr{{0xff0000, 0xff00, 0xff, 0}, {16, 8, 0, 0}, bytes};
        const std::array<std::pair<unsigned, channels>, 10> known{
            {{16, five},
             {16, {{0xf800, 0x7e0, 0x1f, 0}, {11, 5, 0, 0}, {31, 63, 31, 1}}},
             {24, bgr},
             {32, bgr},
             {32, {{0xff000000, 0xff0000, 0xff00, 0}, {24, 16, 8, 0}, bytes}},
             {32, {{0xff000000, 0xff00, 0xff, 0}, {24, 8, 0, 0}, bytes}},
             {32, {{0xff000000, 0xff0000, 0xff00, 0xff}, {24, 16, 8, 0}, bytes}},
             {32, {{0xff, 0xff00, 0xff0000, 0xff000000}, {0, 8, 16, 24}, bytes}},
             {32, {{0xff0000, 0xff00, 0xff, 0xff000000}, {16, 8, 0, 24}, bytes}},
             {32, {{0xff000000, 0xff00, 0xff, 0xff0000}, {24, 8, 0, 16}, bytes}}}};
        if (compression_ == raw) return bits_ == 16 ? five : bgr;
        std::array<std::uint32_t, 4> wanted = masks_;
        if (bits_ < 32) wanted[3] = 0;
        if (bits_ == 32 && wanted == std::array<std::uint32_t, 4>{}) wanted = {0xff0000, 0xff00, 0xff, 0xff000000};
        for (const auto& [bits, each] : known)
            if (bits == bits_ && each.masks == wanted) return each;
        refuse("a BMP with masks of another kind");
    }

    image direct_image() const {
        const channels order = channels_of_masks();
        const std::size_t count = order.masks[3] == 0 ? 3 : 4, pixel_size = bits_ / 8;
        row(top_down_ ? height_ - 1 : 0);
        std::vector<std::uint8_t> pixels;
        pixels.reserve(width_ * height_ * count);
        for (std::size_t y = 0; y < height_; ++y) {
            const auto packed = row(y);
            for (std::size_t x = 0; x < width_; ++x) {
                std::uint32_t pixel = 0;
                for (std::size_t i = pixel_size; i-- > 0;)
                    pixel = pixel << 8 | std::to_integer<std::uint32_t>(packed[x * pixel_size + i]);
                for (std::size_t channel = 0; channel < count; ++channel) {
                    const std::uint32_t value = (pixel & order.masks[channel]) >> order.shifts[channel];
                    pixels.push_back(static_cast<std::uint8_t>(value * 255 / order.largest[channel]));
                }
            }
        }
        return image(std::move(pixels), width_, height_, mode_of_channels(count));
    }

    std::span<const std::byte> bytes_;
    decoding& about_;
    std::size_t begin_ = 0;  // of the pixels
    std::size_t end_of_header_ = 0;
    std::size_t width_ = 0;
    std::size_t height_ = 0;
    unsigned bits_ = 0;
    compression compression_ = raw;
    std::array<std::uint32_t, 4> masks_{};
    bool top_down_ = false;
    std::size_t colours_ = 0;
    std::size_t entry_size_ = 4;
    std::array<std::uint8_t, 768> palette_{};
    bool grey_ = false;  // the palette is that of greys, or black and white
};

inline image decode_bmp(std::span<const std::byte> bytes, decoding& about) {
    return bmp_reader(bytes, about)();
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
