#pragma once
/// \file PNG without its compression: which chunks a file has, whether it is whole, and how its rows become pixels.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/support/crc32.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

inline constexpr std::array<std::uint8_t, 8> png_signature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

/// Pillow's and libpng's colour types.
enum class png_colour : std::uint8_t { grey = 0, rgb = 2, palette = 3, grey_alpha = 4, rgba = 6 };

/// What a PNG file says before its pixels.
struct png_file {
    std::size_t width = 0;
    std::size_t height = 0;
    unsigned depth = 0;  ///< bits per sample
    png_colour colour = png_colour::grey;
    bool interlaced = false;
    std::span<const std::byte> palette;                  ///< [entries, 3]
    std::span<const std::byte> exif;                     ///< TIFF, as in chunk eXIf
    std::vector<std::span<const std::byte>> compressed;  ///< the IDAT chunks
    std::size_t data_begins = 0;                         ///< byte of the first IDAT

    std::size_t samples() const noexcept {
        switch (colour) {
            case png_colour::rgb:
                return 3;
            case png_colour::grey_alpha:
                return 2;
            case png_colour::rgba:
                return 4;
            default:
                return 1;
        }
    }
    std::size_t bits_per_pixel() const noexcept { return samples() * depth; }
    std::size_t row_bytes(std::size_t pixels) const noexcept { return (pixels * bits_per_pixel() + 7) / 8; }
};

/// One pass of an interlaced image: every `step` pixels from `first` (PNG specification, 8.2); without interlacing
/// there is one pass of step 1.
struct png_pass {
    std::size_t first_x, first_y, step_x, step_y, width, height;
};

inline std::vector<png_pass> png_passes(const png_file& file) {
    static constexpr std::array<std::array<std::size_t, 4>, 7> adam7{
        {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}};
    if (!file.interlaced) return {{0, 0, 1, 1, file.width, file.height}};
    std::vector<png_pass> passes;
    for (const auto& [first_x, first_y, step_x, step_y] : adam7) {
        if (first_x >= file.width || first_y >= file.height) continue;  // an empty pass has no rows at all
        passes.push_back({first_x, first_y, step_x, step_y, (file.width - first_x + step_x - 1) / step_x,
                          (file.height - first_y + step_y - 1) / step_y});
    }
    return passes;
}

/// Bytes of the decompressed stream: rows of all passes, each with its filter byte.
inline std::size_t png_stream_size(const png_file& file) {
    std::size_t size = 0;
    for (const png_pass& pass : png_passes(file)) size += pass.height * (1 + file.row_bytes(pass.width));
    return size;
}

inline void read_png_header(png_file& file, std::span<const std::byte> data, std::size_t position,
                            std::size_t max_pixels) {
    if (data.size() != 13)
        throw_at_byte(error_code::format, position, "IHDR has " + std::to_string(data.size()) + " bytes", "13");
    const std::size_t width = big_endian(data.first(4));
    const std::size_t height = big_endian(data.subspan(4, 4));
    const auto field = [&](std::size_t index) { return std::to_integer<unsigned>(data[index]); };
    constexpr std::size_t largest = 0x7fffffff;  // PNG specification, 7.1
    if (width == 0 || height == 0 || width > largest || height > largest) {
        throw_at_byte(error_code::format, position,
                      "the image is " + std::to_string(width) + " x " + std::to_string(height),
                      "sides from 1 to 2147483647");
    }
    const unsigned depth = field(8);
    const unsigned colour = field(9);
    const bool any_depth = depth == 8 || depth == 16;
    const bool few_bits = depth == 1 || depth == 2 || depth == 4;
    const bool legal = (colour == 0 && (any_depth || few_bits)) || (colour == 3 && (depth == 8 || few_bits)) ||
                       ((colour == 2 || colour == 4 || colour == 6) && any_depth);
    if (!legal) {
        throw_at_byte(error_code::format, position,
                      "colour type " + std::to_string(colour) + " with " + std::to_string(depth) + " bits",
                      "a combination that PNG allows");
    }
    if (field(10) != 0 || field(11) != 0 || field(12) > 1) {
        throw_at_byte(error_code::format, position, "unknown compression, filter or interlace method",
                      "0, 0, and 0 or 1");
    }
    refuse_pixels(position, width, height, max_pixels);
    file.width = width;
    file.height = height;
    file.depth = depth;
    file.colour = static_cast<png_colour>(colour);
    file.interlaced = field(12) == 1;
}

inline void check_transparency(const png_file& file, std::size_t size, std::size_t position) {
    const bool fits = (file.colour == png_colour::grey && size == 2) || (file.colour == png_colour::rgb && size == 6) ||
                      (file.colour == png_colour::palette && size >= 1 && size <= file.palette.size() / 3);
    if (!fits) {
        throw_at_byte(error_code::format, position, "tRNS has " + std::to_string(size) + " bytes",
                      "what the colour type and the palette call for");
    }
}

/// The chunks of a PNG file: order, lengths, CRCs. What follows IEND is not looked at, as in Pillow and browsers. The
/// transparent colour of tRNS is checked and then ignored: Pillow keeps the mode, and its convert("RGB") drops alpha.
/// \throws image_error at the byte where the file is cut, damaged, or beyond max_pixels
inline png_file scan_png(std::span<const std::byte> bytes, std::size_t max_pixels) {
    constexpr std::size_t most_chunks = 100000;  // encoders write 8 KiB and more of data into each
    png_file file;
    bool data_ended = false;
    std::size_t position = png_signature.size();
    for (std::size_t count = 0;; ++count) {
        if (count == most_chunks) throw_at_byte(error_code::format, position, "there are more than 100000 chunks");
        if (bytes.size() - position < 8) throw_ends_early(bytes.size());
        const std::size_t length = big_endian(bytes.subspan(position, 4));
        if (length > 0x7fffffff)
            throw_at_byte(error_code::format, position, "a chunk claims " + std::to_string(length) + " bytes");
        const auto letters = bytes.subspan(position + 4, 4);
        const std::string_view type(reinterpret_cast<const char*>(letters.data()), 4);
        if (type == "CgBI") {
            throw_at_byte(error_code::unsupported, position, "this is Apple's own variant of PNG (CgBI)",
                          "a standard PNG", "convert it with a tool that knows it");
        }
        if (count == 0 && type != "IHDR")
            throw_at_byte(error_code::format, position, "the first chunk is " + quoted(type), "IHDR");
        if (bytes.size() - position - 8 < 4 || bytes.size() - position - 12 < length) {
            if (type == "IHDR" && bytes.size() - position - 8 >= 13 &&
                length == 13) {  // a bomb's header, cut: say the worse
                read_png_header(file, bytes.subspan(position + 8, 13), position, max_pixels);
            }
            throw_ends_early(bytes.size());
        }
        const auto data = bytes.subspan(position + 8, length);
        if (crc32().add(bytes.subspan(position + 4, 4 + length)).value() !=
            big_endian(bytes.subspan(position + 8 + length, 4))) {
            throw_at_byte(error_code::format, position, "the CRC of chunk " + quoted(type) + " is wrong", "",
                          "was the file damaged?");
        }
        const bool data_began = !file.compressed.empty();
        if (type == "IHDR") {
            if (count != 0) throw_at_byte(error_code::format, position, "there is a second IHDR");
            read_png_header(file, data, position, max_pixels);
        } else if (type == "PLTE") {
            const bool allowed = file.colour != png_colour::grey && file.colour != png_colour::grey_alpha;
            if (!allowed || data_began || !file.palette.empty()) {
                throw_at_byte(error_code::format, position, "there is a palette where none belongs");
            }
            if (length == 0 || length % 3 != 0 || length > 768) {
                throw_at_byte(error_code::format, position, "the palette has " + std::to_string(length) + " bytes",
                              "3 for each of at most 256 colours");
            }
            file.palette = data;
        } else if (type == "tRNS") {
            if (data_began) throw_at_byte(error_code::format, position, "tRNS stands after the image data");
            check_transparency(file, length, position);
        } else if (type == "eXIf") {
            file.exif = data;
        } else if (type == "IDAT") {
            if (data_ended) throw_at_byte(error_code::format, position, "other chunks stand between the image data");
            if (file.colour == png_colour::palette && file.palette.empty()) {
                throw_at_byte(error_code::format, position, "the palette is missing");
            }
            if (!data_began) file.data_begins = position;
            file.compressed.push_back(data);
        } else if (type == "IEND") {
            break;
        } else if ((std::to_integer<unsigned>(letters[0]) & 0x20) == 0) {
            throw_at_byte(error_code::unsupported, position, "unknown critical chunk " + quoted(type));
        }
        data_ended = !file.compressed.empty() && type != "IDAT";
        position += 12 + length;
    }
    if (file.compressed.empty()) throw_at_byte(error_code::format, position, "there is no image data (IDAT)");
    std::size_t size = 0;
    for (const auto& part : file.compressed) size += part.size();
    constexpr std::size_t best_ratio = 1032;  // of deflate: 258 bytes from 2 bits
    if (size == 0 || png_stream_size(file) / best_ratio > size) {
        throw_at_byte(error_code::format, file.data_begins,
                      std::to_string(size) + " bytes of image data are too few for the size of the image");
    }
    return file;
}

/// The prediction of filter 4: the neighbour nearest to left + above - corner (PNG specification, 9.4).
inline std::uint8_t paeth(int left, int above, int corner) {
    const int to_left = std::abs(above - corner);
    const int to_above = std::abs(left - corner);
    const int to_corner = std::abs(left + above - 2 * corner);
    return static_cast<std::uint8_t>(to_left <= to_above && to_left <= to_corner ? left
                                     : to_above <= to_corner                     ? above
                                                                                 : corner);
}

/// Undoes the filter of one row in place. `above` is the row before it, or zeros.
inline void unfilter(unsigned filter, std::span<std::uint8_t> row, std::span<const std::uint8_t> above,
                     std::size_t pixel) {
    const auto add = [](std::uint8_t& byte, unsigned prediction) {
        byte = static_cast<std::uint8_t>(byte + prediction);
    };
    const std::size_t head = std::min(pixel, row.size());  // bytes without a left neighbour
    switch (filter) {
        case 1:
            for (std::size_t i = pixel; i < row.size(); ++i) add(row[i], row[i - pixel]);
            break;
        case 2:
            for (std::size_t i = 0; i < row.size(); ++i) add(row[i], above[i]);
            break;
        case 3:
            for (std::size_t i = 0; i < head; ++i) add(row[i], above[i] / 2u);
            for (std::size_t i = pixel; i < row.size(); ++i) add(row[i], (unsigned{row[i - pixel]} + above[i]) / 2);
            break;
        case 4:
            for (std::size_t i = 0; i < head; ++i) add(row[i], above[i]);
            for (std::size_t i = pixel; i < row.size(); ++i)
                add(row[i], paeth(row[i - pixel], above[i], above[i - pixel]));
            break;
        default:
            break;
    }
}

/// The mode in which Pillow 13 opens such a file; 16 bits become their upper 8. But for 16-bit grey: Pillow keeps it
/// as "I;16" and its convert("RGB") cuts everything above 255 to white, so we take the upper 8 bits there as well.
inline pixel_mode png_mode(const png_file& file) {
    switch (file.colour) {
        case png_colour::grey:
            return file.depth == 1 ? pixel_mode::bilevel : pixel_mode::grey;
        case png_colour::rgb:
            return pixel_mode::rgb;
        case png_colour::palette:
            return pixel_mode::palette;
        case png_colour::grey_alpha:
            return file.depth == 16 ? pixel_mode::rgba : pixel_mode::grey_alpha;
        default:
            return pixel_mode::rgba;
    }
}

/// Turns the samples of unfiltered rows into pixels of the mode.
class png_unpacker {
   public:
    explicit png_unpacker(const png_file& file) : file_(file) {}

    /// One row of a pass: its pixels go to every `step`-th place of `output`.
    void operator()(std::span<const std::uint8_t> row, const png_pass& pass, std::size_t y,
                    std::span<std::uint8_t> output) const {
        const std::size_t channels = channels_of(png_mode(file_));
        if (file_.depth == 8 && file_.colour != png_colour::palette && pass.step_x == 1) {
            std::ranges::copy(row, output.begin());
            return;
        }
        for (std::size_t x = 0; x < pass.width; ++x) {
            std::uint8_t* pixel = output.data() + (pass.first_x + x * pass.step_x) * channels;
            if (file_.colour == png_colour::palette) {
                look_up(sample(row, x), y, pixel);
            } else if (file_.colour == png_colour::grey && file_.depth < 8) {
                pixel[0] = static_cast<std::uint8_t>(sample(row, x) * (255u / ((1u << file_.depth) - 1)));
            } else if (file_.colour == png_colour::grey_alpha && file_.depth == 16) {
                pixel[0] = pixel[1] = pixel[2] = row[4 * x];
                pixel[3] = row[4 * x + 2];
            } else {
                const std::size_t bytes = file_.depth / 8;
                for (std::size_t channel = 0; channel < channels; ++channel) {
                    pixel[channel] = row[(x * channels + channel) * bytes];
                }
            }
        }
    }

   private:
    unsigned sample(std::span<const std::uint8_t> row, std::size_t x) const {
        const std::size_t bit = x * file_.depth;
        return (row[bit / 8] >> (8 - file_.depth - bit % 8)) & ((1u << file_.depth) - 1);
    }

    void look_up(std::size_t index, std::size_t y, std::uint8_t* pixel) const {
        if (index >= file_.palette.size() / 3) {
            throw_at_byte(error_code::format, file_.data_begins,
                          "a pixel of row " + std::to_string(y) + " takes colour " + std::to_string(index) +
                              " of a palette of " + std::to_string(file_.palette.size() / 3));
        }
        for (std::size_t colour = 0; colour < 3; ++colour) {
            pixel[colour] = std::to_integer<std::uint8_t>(file_.palette[3 * index + colour]);
        }
    }

    const png_file& file_;
};

/// The image from the decompressed stream, which is used up.
/// \throws image_error FORMAT where a row names an unknown filter or a pixel an unknown colour
inline image png_pixels(const png_file& file, std::vector<std::uint8_t> stream) {
    const pixel_mode mode = png_mode(file);
    const std::size_t pixel_bytes = std::max<std::size_t>(1, file.bits_per_pixel() / 8);
    const std::size_t output_row = file.width * channels_of(mode);
    const png_unpacker unpack(file);
    std::vector<std::uint8_t> pixels(file.height * output_row);
    std::uint8_t* next = stream.data();
    for (const png_pass& pass : png_passes(file)) {
        const std::size_t row_bytes = file.row_bytes(pass.width);
        const std::vector<std::uint8_t> zeros(row_bytes);
        std::span<const std::uint8_t> above = zeros;
        for (std::size_t y = 0; y < pass.height; ++y) {
            const std::size_t row_in_image = pass.first_y + y * pass.step_y;
            const unsigned filter = *next++;
            if (filter > 4) {
                throw_at_byte(error_code::format, file.data_begins,
                              "row " + std::to_string(row_in_image) + " has filter " + std::to_string(filter),
                              "0 to 4");
            }
            const std::span<std::uint8_t> row(next, row_bytes);
            unfilter(filter, row, above, pixel_bytes);
            unpack(row, pass, row_in_image, std::span(pixels).subspan(row_in_image * output_row, output_row));
            above = row;
            next += row_bytes;
        }
    }
    return image(std::move(pixels), file.width, file.height, mode);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
