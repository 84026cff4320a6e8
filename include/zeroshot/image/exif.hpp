#pragma once
/// \file How the camera was held: the orientation that EXIF notes, and turning an image upright by it.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/image.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// The orientation, 1 to 8, in the first directory of a TIFF; 1 where there is none or the bytes make no sense.
inline unsigned exif_orientation(std::span<const std::byte> tiff) {
    constexpr unsigned orientation_tag = 0x0112;
    constexpr unsigned type_short = 3;
    const auto byte = [&](std::size_t at) { return at < tiff.size() ? std::to_integer<unsigned>(tiff[at]) : 0; };
    const bool little = byte(0) == 'I' && byte(1) == 'I';
    if (!little && !(byte(0) == 'M' && byte(1) == 'M')) return 1;
    const auto two = [&](std::size_t at) {
        return little ? byte(at) | byte(at + 1) << 8 : byte(at) << 8 | byte(at + 1);
    };
    const auto four = [&](std::size_t at) {
        return little ? two(at) | two(at + 2) << 16 : two(at) << 16 | two(at + 2);
    };
    if (two(2) != 42) return 1;
    const std::size_t directory = four(4);
    const std::size_t entries = two(directory);  // at most 65535, of 12 bytes each
    for (std::size_t entry = directory + 2; entry < directory + 2 + 12 * entries; entry += 12) {
        if (two(entry) != orientation_tag) continue;
        const unsigned value = two(entry + 8);
        return two(entry + 2) == type_short && value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}

}  // namespace detail

/// The image turned upright by an EXIF orientation. Mirrors ImageOps.exif_transpose of Pillow.
/// \throws argument_error (ARG) unless the orientation is 1 to 8
inline image upright(const image& input, unsigned orientation) {
    if (orientation < 1 || orientation > 8) {
        throw argument_error(error_code::argument, {"orientation", std::to_string(orientation), "1 to 8", ""});
    }
    if (orientation == 1) return input;
    const bool mirrored_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool mirrored_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const bool transposed = orientation >= 5;
    const std::size_t width = transposed ? input.height() : input.width();
    const std::size_t height = transposed ? input.width() : input.height();
    std::vector<std::uint8_t> pixels;
    pixels.reserve(width * height * input.channels());
    for (std::size_t y = 0; y < height; ++y) {
        for (std::size_t x = 0; x < width; ++x) {
            const std::size_t column = transposed ? y : x;
            const std::size_t line = transposed ? x : y;
            const std::size_t source_x = mirrored_x ? input.width() - 1 - column : column;
            const std::size_t source_y = mirrored_y ? input.height() - 1 - line : line;
            const auto pixel = input.row(source_y).subspan(source_x * input.channels(), input.channels());
            pixels.insert(pixels.end(), pixel.begin(), pixel.end());
        }
    }
    return image(std::move(pixels), width, height, input.mode());
}

}}  // namespace zeroshot::ZEROSHOT_ABI
