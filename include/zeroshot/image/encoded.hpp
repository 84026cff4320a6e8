#pragma once
/// \file Common parts of the image decoders: limits, warnings, errors at a byte, big-endian numbers, orientation.

#include <algorithm>
#include <array>
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

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Limits for an encoded image, and how it is read.
struct decode_options {
    /// Checked in the header, before anything is allocated. Pillow's: twice its Image.MAX_IMAGE_PIXELS.
    std::size_t max_pixels = 178'956'970;
    std::size_t memory_budget = std::size_t{3} << 29;  ///< bytes that the decoder may hold at once: 1.5 GiB
    std::size_t max_scans = 100;                       ///< of a progressive JPEG; encoders write about ten
    bool apply_exif_orientation = false;  ///< of EXIF, or XMP where it has none; the reference transform ignores both
    /// Where a sentence goes about each damage of an image that is decoded nevertheless, as by Pillow; null for
    /// nowhere.
    std::vector<std::string>* warnings = nullptr;
};

/// Whether names of image files end so, as ".jpeg"; in lower case. Formats without a decoder are included, so that they
/// are reported and not silently left out.
inline bool is_image_ending(std::string_view ending) {
    constexpr std::array<std::string_view, 19> endings{".png",  ".apng", ".jpg", ".jpeg", ".jpe",  ".jfif", ".webp",
                                                       ".gif",  ".bmp",  ".dib", ".tif",  ".tiff", ".avif", ".heic",
                                                       ".heif", ".hif",  ".ppm", ".pgm",  ".pbm"};
    return std::ranges::find(endings, ending) != endings.end();
}

namespace detail {

/// What a decoder reads beside the bytes, and what it finds beside the pixels.
struct decoding {
    const decode_options& options;
    unsigned orientation = 1;             ///< of EXIF or XMP
    std::vector<std::string> warnings{};  ///< damage of an image that is decoded nevertheless
};

/// Throws an image_error at a byte of an encoded image.
[[noreturn]] inline void throw_at_byte(error_code code, std::size_t position, std::string what,
                                       std::string expected = "", std::string hint = "") {
    throw image_error(code,
                      {"byte " + std::to_string(position), std::move(what), std::move(expected), std::move(hint)});
}

[[noreturn]] inline void throw_ends_early(std::size_t position) {
    throw_at_byte(error_code::format, position, "image data ends early", "", "was the file cut off?");
}

/// The remedy for kinds of images that no decoder here reads.
inline constexpr const char* convert_to_png = "convert it to PNG, for example by ImageMagick: magick FILE new.png";

/// Refuses an image by its header, before anything is allocated.
inline void refuse_pixels(std::size_t position, std::size_t width, std::size_t height, std::size_t max_pixels) {
    if (width <= max_pixels / height) return;
    throw_at_byte(error_code::limit, position,
                  "the image has " + std::to_string(width) + " x " + std::to_string(height) + " pixels",
                  "at most " + std::to_string(max_pixels), "raise decode_options::max_pixels if it is meant");
}

/// Refuses what takes more memory than the budget, before it is allocated.
inline void refuse_memory(std::size_t position, std::size_t needed, std::size_t budget) {
    if (needed <= budget) return;
    throw_at_byte(error_code::limit, position, "decoding takes " + std::to_string(needed) + " bytes of memory",
                  "at most " + std::to_string(budget), "raise decode_options::memory_budget if it is meant");
}

/// Refuses an image whose decoder asked for more memory than it may have.
[[noreturn]] inline void throw_out_of_budget(std::size_t budget) {
    throw_at_byte(error_code::limit, 0, "decoding takes more than " + std::to_string(budget) + " bytes of memory", "",
                  "raise decode_options::memory_budget if it is meant");
}

/// A big-endian number, as in PNG and JPEG.
inline std::uint32_t big_endian(std::span<const std::byte> bytes) {
    std::uint32_t value = 0;
    for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint32_t>(byte);
    return value;
}

/// Bytes as text.
inline std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The name before EXIF data in a JPEG's APP1 segment, which some programs write in other formats, too.
inline constexpr std::string_view exif_name{"Exif\0\0", 6};

/// The upper 8 bits of a sample of 16 bits, in the machine's byte order.
inline std::uint8_t upper_byte(const std::uint8_t* samples, std::size_t index) {
    std::uint16_t value;
    std::memcpy(&value, samples + 2 * index, sizeof value);
    return static_cast<std::uint8_t>(value >> 8);
}

/// The orientation, 1 to 8, in the first directory of EXIF data (TIFF), whose name may stand before it once or twice;
/// 1 where it makes no sense, nothing where there is none or the data is damaged.
inline std::optional<unsigned> exif_orientation(std::span<const std::byte> tiff) {
    constexpr unsigned orientation_tag = 0x0112, type_short = 3;
    for (int i = 0; i < 2 && text_of(tiff).starts_with(exif_name); ++i) tiff = tiff.subspan(exif_name.size());
    const auto byte = [&](std::size_t at) { return at < tiff.size() ? std::to_integer<unsigned>(tiff[at]) : 0; };
    const bool little = byte(0) == 'I' && byte(1) == 'I';
    if (!little && !(byte(0) == 'M' && byte(1) == 'M')) return std::nullopt;
    const auto two = [&](std::size_t at) {
        return little ? byte(at) | byte(at + 1) << 8 : byte(at) << 8 | byte(at + 1);
    };
    if (two(2) != 42) return std::nullopt;
    const std::size_t directory = little ? two(4) | two(6) << 16 : two(4) << 16 | two(6);
    const std::size_t entries = two(directory);  // at most 65535, of 12 bytes each
    for (std::size_t entry = directory + 2; entry < directory + 2 + 12 * entries; entry += 12) {
        if (two(entry) != orientation_tag) continue;
        const unsigned value = two(entry + 8);
        return two(entry + 2) == type_short && value >= 1 && value <= 8 ? value : 1;
    }
    return std::nullopt;
}

/// The orientation in XMP, an attribute or an element: the first digit that follows its name; 1 where it makes no
/// sense, nothing without any.
inline std::optional<unsigned> xmp_orientation(std::string_view xmp) {
    constexpr std::string_view name = "tiff:Orientation";
    for (std::size_t at = xmp.find(name); at != xmp.npos; at = xmp.find(name, at + 1)) {
        const std::string_view rest = xmp.substr(at + name.size());
        const std::size_t value = rest.starts_with("=\"") ? 2 : 1;
        if ((value == 1 && !rest.starts_with('>')) || rest.size() <= value) continue;
        const char digit = rest[value];
        if (digit >= '0' && digit <= '9') return digit >= '1' && digit <= '8' ? static_cast<unsigned>(digit - '0') : 1;
    }
    return std::nullopt;
}

/// The orientation, 1 to 8, of an image with such metadata: XMP counts where EXIF names none. Mirrors Image.getexif of
/// Pillow.
inline unsigned orientation_of(std::span<const std::byte> exif, std::string_view xmp) {
    return exif_orientation(exif).value_or(xmp_orientation(xmp).value_or(1));
}

}  // namespace detail

}}  // namespace zeroshot::ZEROSHOT_ABI
