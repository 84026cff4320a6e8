#pragma once
/// \file PNG around the decoder: chunks and limits before it, Pillow's modes after it.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
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

/// A text of a PNG.
struct png_text {
    std::string_view content;
    bool compressed = false;  ///< by zlib
};

/// Header and image data of a PNG.
struct png_file {
    std::size_t width = 0;
    std::size_t height = 0;
    unsigned depth = 0;  ///< bits per sample
    png_colour colour = png_colour::grey;
    bool interlaced = false;
    std::array<std::uint8_t, 768> palette{};         ///< [256, 3]; beyond its end black, as in Pillow
    std::span<const std::byte> transparency;         ///< tRNS: an alpha for each colour, or one colour
    std::optional<std::span<const std::byte>> exif;  ///< of eXIf, or of a text that is called so
    png_text exif_profile;                           ///< EXIF in hexadecimal digits, as ImageMagick writes it
    png_text xmp;
    std::vector<std::span<const std::byte>> compressed;  ///< the IDAT chunks
    std::size_t data_begins = 0;                         ///< byte of the first IDAT
    std::string damage;                                  ///< the first that does not keep it from being read
    bool cut = false;                                    ///< whether the file ends within the image data

    std::size_t samples() const noexcept {
        constexpr std::array<std::size_t, 7> samples_of_colour{1, 0, 3, 1, 2, 0, 4};
        return samples_of_colour[static_cast<std::size_t>(colour)];
    }

    /// Rows of a pass of the decompressed stream, each with its filter byte (PNG specification, 8.2).
    struct pass {
        std::size_t rows, row_size;
    };

    std::array<pass, 7> passes() const noexcept {
        constexpr std::array<std::array<std::size_t, 4>, 7> adam7{
            {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}};
        const auto pass_of = [&](std::size_t columns, std::size_t rows) {
            return columns == 0 ? pass{0, 1} : pass{rows, 1 + (columns * samples() * depth + 7) / 8};
        };
        std::array<pass, 7> all{};
        if (!interlaced) all[0] = pass_of(width, height);
        for (std::size_t i = 0; interlaced && i < all.size(); ++i) {
            const auto& [left, top, step_x, step_y] = adam7[i];
            all[i] = pass_of((width + step_x - 1 - left) / step_x, (height + step_y - 1 - top) / step_y);
        }
        return all;
    }

    std::size_t stream_size() const noexcept {
        std::size_t sum = 0;
        for (const pass& each : passes()) sum += each.rows * each.row_size;
        return sum;
    }

    /// Whether a shorter stream ends between two rows.
    bool is_whole_rows(std::size_t size) const noexcept {
        for (const pass& each : passes()) {
            if (size <= each.rows * each.row_size) return size > 0 && size % each.row_size == 0;
            size -= each.rows * each.row_size;
        }
        return false;
    }
};

inline void read_png_header(png_file& file, std::span<const std::byte> data, std::size_t position,
                            std::size_t max_pixels) {
    const auto bad = [&](std::string what, std::string expected) {
        throw_at_byte(error_code::format, position, std::move(what), std::move(expected));
    };
    if (data.size() < 13) bad("IHDR has " + std::to_string(data.size()) + " bytes", "13");
    const auto field = [&](std::size_t index) { return std::to_integer<unsigned>(data[index]); };
    file.width = big_endian(data.first(4));
    file.height = big_endian(data.subspan(4, 4));
    file.depth = field(8);
    file.colour = static_cast<png_colour>(field(9));
    file.interlaced = field(12) != 0;
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
    if (field(11) != 0) bad("filter method " + std::to_string(field(11)), "0");
    refuse_pixels(position, file.width, file.height, max_pixels);
}

/// The checksum at the end of a zlib stream (RFC 1950).
inline std::uint32_t adler32(std::span<const std::uint8_t> bytes) noexcept {
    constexpr std::uint32_t modulus = 65521;
    constexpr std::size_t most = 5552;  // sums that fit into 32 bits
    std::uint32_t sum = 1, sum_of_sums = 0;
    while (!bytes.empty()) {
        const auto part = bytes.first((std::min)(most, bytes.size()));
        for (const std::uint8_t byte : part) sum_of_sums += sum += byte;
        sum %= modulus;
        sum_of_sums %= modulus;
        bytes = bytes.subspan(part.size());
    }
    return sum_of_sums << 16 | sum;
}

/// A chunk, of which a cut file holds only a part.
struct png_chunk {
    std::size_t position = 0;
    std::string_view type;
    std::size_t length = 0;
    std::span<const std::byte> data;      ///< as many bytes as there are
    std::span<const std::byte> checked;   ///< type and data, of which the CRC is
    std::span<const std::byte> checksum;  ///< the CRC; empty where the file ends before it

    bool is_whole() const noexcept { return data.size() == length; }
    bool is_sound() const { return checksum.size() == 4 && crc32().add(checked).value() == big_endian(checksum); }
    std::size_t end() const noexcept { return position + 12 + length; }

    /// The chunk at a position; nothing where none begins.
    static std::optional<png_chunk> at(std::span<const std::byte> bytes, std::size_t position) {
        if (position > bytes.size() || bytes.size() - position < 8) return std::nullopt;
        const auto rest = bytes.subspan(position);
        png_chunk chunk{
            position, {reinterpret_cast<const char*>(rest.data()) + 4, 4}, big_endian(rest.first(4)), {}, {}, {}};
        chunk.data = rest.subspan(8, (std::min)(chunk.length, rest.size() - 8));
        chunk.checked = rest.subspan(4, 4 + chunk.data.size());
        if (rest.size() - 8 >= chunk.length + 4) chunk.checksum = rest.subspan(8 + chunk.length, 4);
        const auto is_name = [](char letter) {
            return (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') || letter == '_' ||
                   (letter >= 'a' && letter <= 'z');
        };
        return std::ranges::all_of(chunk.type, is_name) ? std::optional(chunk) : std::nullopt;
    }
};

/// Reads the transparency of tRNS, which as in Pillow may stand behind the image data and be too long.
inline void read_png_transparency(png_file& file, const png_chunk& chunk) {
    const std::size_t least = file.samples() % 2 == 0 || file.colour == png_colour::palette ? 0 : 2 * file.samples();
    if (chunk.length < least)
        throw_at_byte(error_code::format, chunk.position, "tRNS has " + std::to_string(chunk.length) + " bytes",
                      std::to_string(least));
    file.transparency = chunk.data;
}

/// Reads the text of a chunk tEXt, zTXt or iTXt (PNG specification, 11.3.4) where it may say how the image is turned.
inline void read_png_text(png_file& file, const png_chunk& chunk) {
    std::string_view rest = text_of(chunk.data);
    const auto part_of_rest = [&] {  // up to the next NUL
        const std::string_view part = rest.substr(0, rest.find('\0'));
        rest.remove_prefix((std::min)(part.size() + 1, rest.size()));
        return part;
    };
    const std::string_view keyword = part_of_rest();
    bool compressed = chunk.type == "zTXt";
    if (chunk.type == "iTXt" && rest.size() >= 2) {
        compressed = rest[0] != 0;
        rest.remove_prefix(2);  // flag and method of compression, language, translated keyword
        part_of_rest();
        part_of_rest();
    } else if (compressed && !rest.empty()) {
        rest.remove_prefix(1);  // method of compression
    }
    if (keyword == "exif" && chunk.type == "tEXt") file.exif = std::as_bytes(std::span(rest));
    if (keyword == "Raw profile type exif") file.exif_profile = {rest, compressed};
    if (keyword == "XML:com.adobe.xmp") file.xmp = {rest, compressed};
}

/// Reads what may stand before or behind the image data.
inline void read_png_metadata(png_file& file, const png_chunk& chunk) {
    if (chunk.type == "tRNS") read_png_transparency(file, chunk);
    if (chunk.type == "eXIf") file.exif = chunk.data;
    if (chunk.type == "tEXt" || chunk.type == "zTXt" || chunk.type == "iTXt") read_png_text(file, chunk);
}

/// The bytes of a profile that ImageMagick writes as text: after three lines, hexadecimal digits; up to what is none.
inline std::vector<std::byte> png_profile(std::string_view text) {
    for (int line = 0; line < 3; ++line) {
        const std::size_t end = text.find('\n');
        text = end == text.npos ? "" : text.substr(end + 1);
    }
    std::string digits(text);
    std::erase_if(digits, [](char letter) { return letter == '\n' || letter == ' '; });
    std::vector<std::byte> profile;
    for (const char* at = digits.data(); at + 2 <= digits.data() + digits.size(); at += 2) {
        unsigned value = 0;
        if (std::from_chars(at, at + 2, value, 16).ptr != at + 2) break;
        profile.push_back(static_cast<std::byte>(value));
    }
    return profile;
}

/// Reads a chunk before the image data.
inline void read_png_chunk(png_file& file, const png_chunk& chunk, std::size_t max_pixels) {
    if (chunk.type == "IHDR") {
        read_png_header(file, chunk.data, chunk.position, max_pixels);
    } else if (chunk.type == "PLTE" && file.colour == png_colour::palette) {
        if (chunk.length / 3 > 256)
            throw_at_byte(error_code::format, chunk.position, "a palette of " + std::to_string(chunk.length) + " bytes",
                          "3 for each of at most 256 colours");
        file.palette = {};
        for (std::size_t i = 0; i < chunk.length / 3 * 3; ++i)
            file.palette[i] = std::to_integer<std::uint8_t>(chunk.data[i]);
    } else {
        read_png_metadata(file, chunk);
    }
}

/// Reads what follows the image data, of which Pillow checks no CRC.
inline void read_png_tail(png_file& file, std::span<const std::byte> bytes, std::size_t position) {
    for (;;) {
        const std::optional<png_chunk> chunk = png_chunk::at(bytes, position);
        if (!chunk || (chunk->type == "IEND" && !chunk->is_sound())) {
            if (file.damage.empty()) file.damage = "its end (IEND) is missing or damaged";
            return;
        }
        if (chunk->type == "IEND") return;
        if (!chunk->is_whole()) throw_ends_early(bytes.size());
        read_png_metadata(file, *chunk);
        position = chunk->end();
    }
}

/// Reads the chunks of a PNG. As in Pillow, those before the image data must be sound; the image data itself is judged
/// when it is decompressed.
/// \throws image_error FORMAT where the file is cut or damaged, UNSUPPORTED for Apple's variant, LIMIT beyond
/// max_pixels
inline png_file scan_png(std::span<const std::byte> bytes, std::size_t max_pixels) {
    constexpr std::size_t best_ratio = 1032;  // of deflate: 258 bytes from 2 bits
    png_file file;
    std::size_t position = png_signature.size(), compressed = 0;
    const auto bad = [&](std::string what, std::string expected = "", std::string hint = "") {
        throw_at_byte(error_code::format, position, std::move(what), std::move(expected), std::move(hint));
    };
    std::optional<png_chunk> chunk;
    for (;; position = chunk->end()) {
        if (bytes.size() < position + 8) throw_ends_early(bytes.size());
        chunk = png_chunk::at(bytes, position);
        if (!chunk) bad("no chunk begins here");
        if (chunk->type == "CgBI")
            throw_at_byte(error_code::unsupported, position, "Apple's variant of PNG (CgBI)", "a standard PNG",
                          "convert it with a tool that knows it");
        const bool has_header = file.width > 0;  // image data before it is passed over, as any chunk
        if ((chunk->type == "IDAT" && has_header) || chunk->type == "IEND") break;
        if (chunk->type == "IHDR" && chunk->data.size() >= 13)  // also of a cut file, so that a bomb is named a bomb
            read_png_header(file, chunk->data, position, max_pixels);
        if (!chunk->is_whole() || chunk->checksum.empty()) throw_ends_early(bytes.size());
        if (!chunk->is_sound())
            bad("the CRC of chunk " + quoted(chunk->type) + " is wrong", "", "was the file damaged?");
        read_png_chunk(file, *chunk, max_pixels);
    }
    if (file.width == 0) bad("the header (IHDR) is missing");
    if (chunk->type != "IDAT") bad("the image data (IDAT) is missing");
    file.data_begins = position;
    for (; chunk && chunk->type == "IDAT"; chunk = png_chunk::at(bytes, position)) {
        if (file.damage.empty() && !chunk->is_sound()) file.damage = "the CRC of its image data (IDAT) is wrong";
        file.compressed.push_back(chunk->data);
        compressed += chunk->data.size();
        position = chunk->end();
    }
    file.cut = position + 8 > bytes.size();
    if (file.stream_size() / best_ratio >= compressed) {
        if (file.cut) throw_ends_early(bytes.size());
        throw_at_byte(error_code::format, file.data_begins,
                      std::to_string(compressed) + " bytes of image data (IDAT) are too few for the size of the image");
    }
    read_png_tail(file, bytes, position);
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

/// Whether tRNS makes pixels transparent.
inline bool has_transparency(const png_file& file) {
    return file.colour == png_colour::palette
               ? !file.transparency.empty()
               : file.samples() % 2 == 1 && file.transparency.size() >= 2 * file.samples();
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
        if (file.depth == 1) return colour[0] == (big_endian(file.transparency.first(2)) == 0 ? 0 : 255);
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
        for (std::size_t i = 0; i < pixels.size(); ++i)
            pixels[i] = upper_byte(samples, repeated ? i / 4 * 2 + (i % 4 == 3) : i);
    } else {
        pixels.assign(samples, samples + count * file.samples());
    }
    const image opaque(std::move(pixels), file.width, file.height, mode);
    return has_transparency(file) ? with_png_transparency(file, opaque, samples) : opaque;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
