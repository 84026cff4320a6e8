#pragma once
/// \file PNG around the decoder: chunks and limits before it, Pillow's modes after it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/support/checksum.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

inline constexpr std::string_view png_signature = "\x89PNG\r\n\x1a\n";

/// Colour types of IHDR.
enum class png_colour : std::uint8_t { grey = 0, rgb = 2, palette = 3, grey_alpha = 4, rgba = 6 };

/// Header and image data of a PNG.
struct png_file {
    std::size_t width = 0;
    std::size_t height = 0;
    unsigned depth = 0;  ///< bits per sample
    png_colour colour = png_colour::grey;
    bool interlaced = false;
    std::array<std::uint8_t, 768> palette{};             ///< [256, 3]; beyond its end black, as in Pillow
    std::span<const std::byte> transparency;             ///< tRNS: an alpha for each colour, or one colour
    std::span<const std::byte> exif;                     ///< TIFF data of eXIf
    std::vector<std::span<const std::byte>> compressed;  ///< the IDAT chunks
    std::size_t data_begins = 0;                         ///< byte of the first IDAT

    std::size_t samples() const noexcept {
        constexpr std::array<std::size_t, 7> samples_of_colour{1, 0, 3, 1, 2, 0, 4};
        return samples_of_colour[static_cast<std::size_t>(colour)];
    }

    /// Bytes of the decompressed stream: the rows of all passes, each with its filter byte (PNG specification, 8.2).
    std::size_t stream_size() const noexcept {
        constexpr std::array<std::array<std::size_t, 4>, 7> adam7{
            {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}};
        const auto size = [&](std::size_t columns, std::size_t rows) {
            return columns == 0 ? 0 : rows * (1 + (columns * samples() * depth + 7) / 8);
        };
        if (!interlaced) return size(width, height);
        std::size_t sum = 0;
        for (const auto& [left, top, step_x, step_y] : adam7)
            sum += size((width + step_x - 1 - left) / step_x, (height + step_y - 1 - top) / step_y);
        return sum;
    }
};

inline void read_png_header(png_file& file, std::span<const std::byte> data, std::size_t position,
                            std::size_t max_pixels) {
    const auto bad = [&](std::string what, std::string expected) {
        throw_at_byte(error_code::format, position, std::move(what), std::move(expected));
    };
    if (data.size() != 13) bad("IHDR has " + std::to_string(data.size()) + " bytes", "13");
    const auto field = [&](std::size_t index) { return std::to_integer<unsigned>(data[index]); };
    file.width = big_endian(data.first(4));
    file.height = big_endian(data.subspan(4, 4));
    file.depth = field(8);
    file.colour = static_cast<png_colour>(field(9));
    file.interlaced = field(12) == 1;
    constexpr std::size_t largest = 0x7fffffff;  // PNG specification, 7.1
    if (file.width == 0 || file.height == 0 || file.width > largest || file.height > largest) {
        bad("the image is " + std::to_string(file.width) + " x " + std::to_string(file.height),
            "sides from 1 to 2147483647");
    }
    constexpr std::array<unsigned, 7> depths_of_colour{0x10116, 0, 0x10100, 0x116, 0x10100, 0, 0x10100};  // a bit each
    const bool few = field(8) <= 16, known = field(9) <= 6;
    if (!few || !known || (depths_of_colour[field(9)] >> field(8) & 1) == 0) {
        bad("colour type " + std::to_string(field(9)) + " with " + std::to_string(field(8)) + " bits",
            "a combination that PNG allows");
    }
    if (field(10) != 0 || field(11) != 0 || field(12) > 1)
        bad("unknown compression, filter or interlace method", "0, 0, and 0 or 1");
    refuse_pixels(position, file.width, file.height, max_pixels);
}

/// Reads the chunks of a PNG up to IEND and checks their CRCs.
/// \throws image_error FORMAT where the file is cut or damaged, UNSUPPORTED for critical chunks of others, LIMIT beyond
/// max_pixels
inline png_file scan_png(std::span<const std::byte> bytes, std::size_t max_pixels) {
    constexpr std::size_t most_chunks = 100000;  // encoders write 8 KiB and more of data into each
    constexpr std::size_t best_ratio = 1032;     // of deflate: 258 bytes from 2 bits
    png_file file;
    bool palette = false, data_ended = false;
    std::size_t compressed = 0;
    for (std::size_t position = png_signature.size(), count = 0;; ++count) {
        const auto bad = [&](std::string what, std::string expected = "", std::string hint = "") {
            throw_at_byte(error_code::format, position, std::move(what), std::move(expected), std::move(hint));
        };
        if (count == most_chunks) bad("more than 100000 chunks");
        const auto rest = bytes.subspan(position);
        if (rest.size() < 8) throw_ends_early(bytes.size());
        const std::size_t length = big_endian(rest.first(4));
        const std::string_view type(reinterpret_cast<const char*>(rest.data()) + 4, 4);
        if (type == "CgBI") {
            throw_at_byte(error_code::unsupported, position, "Apple's variant of PNG (CgBI)", "a standard PNG",
                          "convert it with a tool that knows it");
        }
        if (count == 0 && type != "IHDR") bad("the first chunk is " + quoted(type), "IHDR");
        if (length > 0x7fffffff) bad("a chunk of " + std::to_string(length) + " bytes");
        if (count == 0 && length == 13 && rest.size() >= 21)  // before the rest, so that a cut bomb is named a bomb
            read_png_header(file, rest.subspan(8, 13), position, max_pixels);
        if (rest.size() < 12 || rest.size() - 12 < length) throw_ends_early(bytes.size());
        const auto data = rest.subspan(8, length);
        if (crc32().add(rest.subspan(4, 4 + length)).value() != big_endian(rest.subspan(8 + length, 4)))
            bad("the CRC of chunk " + quoted(type) + " is wrong", "", "was the file damaged?");
        if (type == "IEND") {
            if (compressed == 0) bad("the image data (IDAT) is missing");
            break;
        }
        if (type == "IHDR") {
            if (count != 0) bad("a second IHDR");
            read_png_header(file, data, position, max_pixels);
        } else if (type == "PLTE") {
            if (length == 0 || length % 3 != 0 || length > file.palette.size())
                bad("a palette of " + std::to_string(length) + " bytes", "3 for each of at most 256 colours");
            for (std::size_t i = 0; i < length; ++i) file.palette[i] = std::to_integer<std::uint8_t>(data[i]);
            palette = true;
        } else if (type == "tRNS") {
            file.transparency = data;
        } else if (type == "eXIf") {
            file.exif = data;
        } else if (type == "IDAT") {
            if (data_ended) bad("other chunks stand between the image data");
            if (file.colour == png_colour::palette && !palette) bad("the palette is missing");
            if (file.compressed.empty()) file.data_begins = position;
            file.compressed.push_back(data);
            compressed += length;
        } else if ((rest[4] & std::byte{0x20}) == std::byte{0}) {
            throw_at_byte(error_code::unsupported, position, "unknown critical chunk " + quoted(type));
        }
        data_ended = !file.compressed.empty() && type != "IDAT";
        position += 12 + length;
    }
    if (file.stream_size() / best_ratio > compressed) {
        throw_at_byte(error_code::format, file.data_begins,
                      std::to_string(compressed) + " bytes of image data are too few for the size of the image");
    }
    return file;
}

/// The mode in which Pillow 13 opens such a file. But for 16-bit grey, which Pillow opens as "I;16" and whose
/// convert("RGB") cuts everything above 255 to white: here it is grey like all others.
inline pixel_mode png_mode(const png_file& file) {
    if (file.colour == png_colour::grey) return file.depth == 1 ? pixel_mode::bilevel : pixel_mode::grey;
    if (file.colour == png_colour::palette) return pixel_mode::palette;
    if (file.colour == png_colour::rgb) return pixel_mode::rgb;
    return file.colour == png_colour::grey_alpha && file.depth < 16 ? pixel_mode::grey_alpha : pixel_mode::rgba;
}

/// The image with the transparency of tRNS. For one colour, Pillow compares the lower byte of each number with the
/// decoded sample, whatever the depth (ImagingConvertTransparent in Convert.c); 16-bit grey, of which it has no upper
/// bytes, is compared whole.
/// \param samples as decoded: indices of a palette
inline image with_png_transparency(const png_file& file, const image& opaque, const std::uint8_t* samples) {
    const auto stored = [&](std::size_t index) { return std::to_integer<std::uint8_t>(file.transparency[index]); };
    const auto is_transparent = [&](std::size_t pixel) {
        if (file.colour == png_colour::grey && file.depth == 16) {
            std::uint16_t sample;
            std::memcpy(&sample, samples + 2 * pixel, sizeof sample);
            return sample == big_endian(file.transparency.first(2));
        }
        const std::uint8_t* const colour = opaque.row(0).data() + pixel * file.samples();
        for (std::size_t channel = 0; channel < file.samples(); ++channel)
            if (colour[channel] != stored(2 * channel + 1)) return false;
        return true;
    };
    std::vector<std::uint8_t> alpha(file.width * file.height, 255);
    for (std::size_t i = 0; i < alpha.size(); ++i) {
        if (file.colour != png_colour::palette)
            alpha[i] = is_transparent(i) ? 0 : 255;
        else if (samples[i] < file.transparency.size())
            alpha[i] = stored(samples[i]);
    }
    return opaque.with_alpha_plane(image(std::move(alpha), file.width, file.height, pixel_mode::grey));
}

/// The image from decoded samples; of 16 bits per sample, in the machine's byte order, the upper 8 are used.
inline image png_pixels(const png_file& file, const std::uint8_t* samples) {
    const pixel_mode mode = png_mode(file);
    const std::size_t count = file.width * file.height;
    std::vector<std::uint8_t> pixels;
    if (file.colour == png_colour::palette) {
        pixels.resize(count * 3);
        for (std::size_t i = 0; i < count; ++i)
            std::memcpy(&pixels[3 * i], &file.palette[std::size_t{3} * samples[i]], 3);
    } else if (file.depth == 16) {
        pixels.resize(count * channels_of(mode));
        const bool repeated = file.colour == png_colour::grey_alpha;  // grey, grey, grey, alpha
        const auto sample = [&](std::size_t index) {
            std::uint16_t value;
            std::memcpy(&value, samples + 2 * index, sizeof value);
            return static_cast<std::uint8_t>(value >> 8);
        };
        for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = sample(repeated ? i / 4 * 2 + (i % 4 == 3) : i);
    } else {
        pixels.assign(samples, samples + count * file.samples());
    }
    const image opaque(std::move(pixels), file.width, file.height, mode);
    const bool has_transparency = file.colour == png_colour::palette
                                      ? !file.transparency.empty()
                                      : file.samples() % 2 == 1 && file.transparency.size() >= 2 * file.samples();
    return has_transparency ? with_png_transparency(file, opaque, samples) : opaque;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
