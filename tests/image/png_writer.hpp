#pragma once
/// \file A small PNG writer for tests: any colour type and depth, all filters, interlacing, and every field open to
/// harm.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/support/checksum.hpp>

namespace png_writer {

using bytes = std::vector<std::byte>;

inline void append(bytes& out, std::string_view text) {
    for (const char letter : text) out.push_back(static_cast<std::byte>(letter));
}
inline void append(bytes& out, std::span<const std::byte> more) {
    out.insert(out.end(), more.begin(), more.end());
}
inline void append_number(bytes& out, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(value >> shift & 255));
}

/// The same bytes as hash_bytes() of tests/golden/record_pixels.py.
inline std::uint8_t hash_byte(std::uint64_t seed, std::uint64_t index) {
    std::uint64_t x = seed * 0x9e3779b97f4a7c15u + index;
    for (int round = 0; round < 2; ++round) {
        x ^= x >> 32;
        x *= 0xd6e8feb86659fd93u;
    }
    return static_cast<std::uint8_t>((x ^ x >> 32) & 255);
}

inline bytes chunk(std::string_view type, std::span<const std::byte> data) {
    bytes out;
    append_number(out, static_cast<std::uint32_t>(data.size()));
    append(out, type);
    append(out, data);
    append_number(out, zeroshot::detail::crc32().add(std::span(out).subspan(4)).value());
    return out;
}

inline bytes signature() {
    bytes out;
    append(out, std::string_view("\x89PNG\r\n\x1a\n"));
    return out;
}

inline bytes header(std::uint32_t width, std::uint32_t height, unsigned depth, unsigned colour,
                    unsigned interlace = 0) {
    bytes data;
    append_number(data, width);
    append_number(data, height);
    for (const unsigned field : {depth, colour, 0u, 0u, interlace}) data.push_back(static_cast<std::byte>(field));
    return chunk("IHDR", data);
}

/// A zlib stream of stored blocks.
inline bytes stored(std::span<const std::byte> data) {
    bytes out{std::byte{0x78}, std::byte{0x01}};
    std::uint32_t sum = 1, sum_of_sums = 0;  // Adler-32
    for (const std::byte each : data) {
        sum = (sum + std::to_integer<std::uint32_t>(each)) % 65521;
        sum_of_sums = (sum_of_sums + sum) % 65521;
    }
    do {
        const std::size_t size = std::min<std::size_t>(data.size(), 65535);
        out.push_back(static_cast<std::byte>(size == data.size()));
        for (const std::size_t number : {size, ~size}) {
            out.push_back(static_cast<std::byte>(number & 255));
            out.push_back(static_cast<std::byte>(number >> 8 & 255));
        }
        append(out, data.first(size));
        data = data.subspan(size);
    } while (!data.empty());
    append_number(out, sum_of_sums << 16 | sum);
    return out;
}

/// Signature, chunks, IEND.
inline bytes file(std::initializer_list<bytes> chunks) {
    bytes out = signature();
    for (const bytes& part : chunks) append(out, part);
    append(out, chunk("IEND", {}));
    return out;
}

/// An image whose samples are hashes, in one of three styles: noise, extremes, a noisy slope.
struct generated_image {
    unsigned colour = 2;
    unsigned depth = 8;
    std::size_t width = 1;
    std::size_t height = 1;
    bool interlaced = false;
    bool transparency = false;
    std::size_t entries = 0;  ///< of the palette
    unsigned style = 0;
    std::uint64_t seed = 1;

    /// Samples per pixel.
    std::size_t samples() const {
        constexpr std::size_t samples_of_colour[7] = {1, 0, 3, 1, 2, 0, 4};
        return samples_of_colour[colour];
    }

    /// Bytes of a row of so many pixels.
    std::size_t row_bytes(std::size_t pixels) const { return (pixels * samples() * depth + 7) / 8; }

    /// Every `step`-th pixel from `left` and `top` (PNG specification, 8.2).
    struct pass {
        std::size_t left, top, step_x, step_y;
    };

    /// The passes with pixels in them.
    std::vector<pass> passes() const {
        if (!interlaced) return {{0, 0, 1, 1}};
        std::vector<pass> all{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                              {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
        std::erase_if(all, [&](const pass& part) { return part.left >= width || part.top >= height; });
        return all;
    }

    unsigned sample(std::size_t x, std::size_t y, std::size_t channel) const {
        const std::uint64_t index = (y * width + x) * samples() + channel;
        unsigned value = hash_byte(seed, index);
        if (style == 1) value = value > 127 ? 255 : 0;
        if (style == 2) value = static_cast<unsigned>(x * 3 + y * 5 + channel * 40 + value % 32) & 255;
        if (depth == 16) return value << 8 | hash_byte(seed + 1000000, index);
        const unsigned few = value >> (8 - depth);
        return colour == 3 ? few % static_cast<unsigned>(entries) : few;
    }

    bytes rows() const {
        bytes out;
        for (const pass& part : passes()) {
            const std::size_t columns = (width - part.left + part.step_x - 1) / part.step_x;
            const std::size_t lines = (height - part.top + part.step_y - 1) / part.step_y;
            std::vector<std::uint8_t> above(row_bytes(columns));
            for (std::size_t y = 0; y < lines; ++y) {
                std::vector<std::uint8_t> row(above.size());
                for (std::size_t x = 0; x < columns; ++x) {
                    for (std::size_t channel = 0; channel < samples(); ++channel) {
                        put(row, x * samples() + channel,
                            sample(part.left + x * part.step_x, part.top + y * part.step_y, channel));
                    }
                }
                append_filtered(out, row, above, y % 5);
                above = row;
            }
        }
        return out;
    }

    bytes encoded() const {
        bytes out = signature();
        append(out, header(static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height), depth, colour,
                           interlaced));
        if (colour == 3) {
            bytes palette;
            for (std::size_t i = 0; i < entries * 3; ++i)
                palette.push_back(static_cast<std::byte>(hash_byte(seed + 2000000, i)));
            append(out, chunk("PLTE", palette));
        }
        if (transparency) {
            const std::size_t size = colour == 0 ? 2 : colour == 2 ? 6 : entries;
            append(out, chunk("tRNS", bytes(size)));
        }
        const bytes data = stored(rows());
        const std::size_t half = data.size() / 2;  // two chunks, as encoders make them
        append(out, chunk("IDAT", std::span(data).first(half)));
        append(out, chunk("IDAT", std::span(data).subspan(half)));
        append(out, chunk("IEND", {}));
        return out;
    }

   private:
    /// The neighbour nearest to left + above - corner (PNG specification, 9.4).
    static int paeth(int left, int above, int corner) {
        const int to_left = std::abs(above - corner), to_above = std::abs(left - corner);
        const int to_corner = std::abs(left + above - 2 * corner);
        if (to_left <= to_above && to_left <= to_corner) return left;
        return to_above <= to_corner ? above : corner;
    }

    void put(std::vector<std::uint8_t>& row, std::size_t index, unsigned value) const {
        if (depth == 16) {
            row[2 * index] = static_cast<std::uint8_t>(value >> 8);
            row[2 * index + 1] = static_cast<std::uint8_t>(value & 255);
        } else {
            const std::size_t bit = index * depth;
            row[bit / 8] = static_cast<std::uint8_t>(row[bit / 8] | value << (8 - depth - bit % 8));
        }
    }

    void append_filtered(bytes& out, const std::vector<std::uint8_t>& row, const std::vector<std::uint8_t>& above,
                         std::size_t filter) const {
        const std::size_t pixel = std::max<std::size_t>(1, samples() * depth / 8);
        out.push_back(static_cast<std::byte>(filter));
        for (std::size_t i = 0; i < row.size(); ++i) {
            const int left = i >= pixel ? row[i - pixel] : 0;
            const int corner = i >= pixel ? above[i - pixel] : 0;
            const int predictions[5] = {0, left, above[i], (left + above[i]) / 2, paeth(left, above[i], corner)};
            out.push_back(static_cast<std::byte>((row[i] - predictions[filter]) & 255));
        }
    }
};

}  // namespace png_writer
