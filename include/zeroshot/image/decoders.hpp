#pragma once
/// \file Image formats, the choice among them by a file's first bytes, and their decoders: the definitions of
/// decode.hpp. Only decode.hpp includes it, or src/decode.cpp of zeroshot::compiled.

#include <zeroshot/version.hpp>

#if !defined(ZEROSHOT_NO_DECODER)

#include <algorithm>
#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/bmp.hpp>
#include <zeroshot/image/decode.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/image/jpeg.hpp>
#include <zeroshot/image/png.hpp>
#include <zeroshot/image/stb_image.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/placeholder.hpp>
#if defined(ZEROSHOT_LIBJPEG_TURBO)
#include <zeroshot/image/libjpeg_turbo.hpp>
#endif
#if defined(ZEROSHOT_AVIF)
#include <zeroshot/image/avif.hpp>
#endif
#if defined(ZEROSHOT_GIF)
#include <zeroshot/image/gif.hpp>
#endif
#if defined(ZEROSHOT_HEIF)
#include <zeroshot/image/heif.hpp>
#endif
#if defined(ZEROSHOT_TIFF)
#include <zeroshot/image/tiff.hpp>
#endif
#if defined(ZEROSHOT_WEBP)
#include <zeroshot/image/webp.hpp>
#endif

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

inline image decode_jpeg_by_stb(std::span<const std::byte> bytes, decoding& about) {
    const jpeg_file file = scan_jpeg(bytes, about.options);
    about.orientation = orientation_of(file.exif, file.xmp);
    const std::size_t samples = file.width * file.height * file.components;
    refuse_memory(0, 2 * samples, about.options.memory_budget);  // the image and its planes
    return stb::jpeg_image(file, about.options.memory_budget - samples, about);
}

inline image decode_jpeg(std::span<const std::byte> bytes, decoding& about) {
#if defined(ZEROSHOT_LIBJPEG_TURBO)
    return turbo_decoder(bytes, about)();
#else
    return decode_jpeg_by_stb(bytes, about);
#endif
}

/// A text, inflated where it is compressed; nothing where that is damaged or longer than Pillow's MAX_TEXT_CHUNK.
inline std::string inflated_text(const png_text& text) {
    if (!text.compressed) return std::string(text.content);
    constexpr std::size_t most = std::size_t{1} << 20;
    std::string content(most, '\0');
    stb::stbi__zbuf stream{};
    const bool is_whole = stb::inflate(stream, std::as_bytes(std::span(text.content)),
                                       std::span(reinterpret_cast<std::uint8_t*>(content.data()), most));
    content.resize(is_whole ? static_cast<std::size_t>(stream.zout - stream.zout_start) : 0);
    return content;
}

/// The orientation of a PNG. EXIF in a text counts where there is no other.
inline unsigned png_orientation(const png_file& file) {
    const std::vector<std::byte> profile = png_profile(inflated_text(file.exif_profile));
    return orientation_of(file.exif.value_or(profile), inflated_text(file.xmp));
}

inline image decode_png(std::span<const std::byte> bytes, decoding& about) {
    png_file file = scan_png(bytes, about.options.max_pixels);
    if (about.options.apply_exif_orientation) about.orientation = png_orientation(file);
    const std::size_t pixels = file.width * file.height, samples = pixels * file.samples();
    const std::size_t size = file.stream_size() + stb::inflate_slack,
                      decoded = file.depth == 16 ? 2 * samples : samples;
    const std::size_t joined_size = file.compressed.size() == 1 ? 0 : bytes.size();
    const std::size_t result = pixels * (channels_of(png_mode(file)) + has_transparency(file));
    const std::size_t budget = about.options.memory_budget;
    refuse_memory(file.data_begins, (std::max)({joined_size + bytes.size() + size, size + decoded, decoded + result}),
                  budget);                                                // damaged data is copied once more
    refuse_memory(file.data_begins, (std::max)(size, decoded), INT_MAX);  // stb_image counts in int
    std::vector<std::byte> joined;
    joined.reserve(joined_size);
    if (joined_size > 0)
        for (const auto& part : file.compressed) joined.insert(joined.end(), part.begin(), part.end());
    std::vector<std::uint8_t> stream(size);
    const stb::inflated found = stb::inflate(joined_size > 0 ? joined : file.compressed.front(), stream, file);
    if (found == stb::inflated::damaged && file.cut) throw_ends_early(bytes.size());
    if (found == stb::inflated::damaged)
        throw_at_byte(error_code::format, file.data_begins, "the compressed image data is cut or damaged");
    joined = {};
    if (found == stb::inflated::too_few_rows)
        about.warnings.emplace_back("the PNG has fewer rows than its header says");
    if (found == stb::inflated::damaged_behind_rows && file.damage.empty())
        file.damage = "its compressed image data is, behind the rows";
    if (!file.damage.empty()) about.warnings.push_back("the PNG is damaged: " + file.damage);
    return stb::png_image(file, std::move(stream), budget - size, about);
}

using image_decoder = image (*)(std::span<const std::byte>, decoding&);

// The decoders of libraries, null for those that are not built in.
#if !defined(ZEROSHOT_AVIF)
inline constexpr image_decoder decode_avif = nullptr;
#endif
#if !defined(ZEROSHOT_GIF)
inline constexpr image_decoder decode_gif = nullptr;
#endif
#if !defined(ZEROSHOT_HEIF)
inline constexpr image_decoder decode_heif = nullptr;
#endif
#if !defined(ZEROSHOT_TIFF)
inline constexpr image_decoder decode_tiff = nullptr;
#endif
#if !defined(ZEROSHOT_WEBP)
inline constexpr image_decoder decode_webp = nullptr;
#endif

/// A format, known by its first bytes.
struct image_format {
    std::size_t offset;
    std::string_view magic;
    std::string_view name;
    image_decoder decode;  ///< null where none is built in
};

/// What is looked for, in this order.
inline constexpr std::array<image_format, 26> image_formats{{{0, "\xff\xd8\xff", "JPEG", decode_jpeg},
                                                             {0, png_signature, "PNG", decode_png},
                                                             {0, "BM", "BMP", decode_bmp},
                                                             {8, "WEBP", "WebP", decode_webp},
                                                             {0, "GIF8", "GIF", decode_gif},
                                                             {0, {"II*\0", 4}, "TIFF", decode_tiff},
                                                             {0, {"MM\0*", 4}, "TIFF", decode_tiff},
                                                             {0, {"II+\0", 4}, "TIFF", decode_tiff},
                                                             {0, {"MM\0+", 4}, "TIFF", decode_tiff},
                                                             {4, "ftypavif", "AVIF", decode_avif},
                                                             {4, "ftypavis", "AVIF", decode_avif},
                                                             {4, "ftyphei", "HEIC", decode_heif},
                                                             {4, "ftyphev", "HEIC", decode_heif},
                                                             {4, "ftypmif1", "HEIC", decode_heif},
                                                             {4, "ftypmsf1", "HEIC", decode_heif},
                                                             {4, "ftyp", "video", nullptr},
                                                             {0, "8BPS", "PSD", nullptr},
                                                             {0, "#?RADIANCE", "HDR", nullptr},
                                                             {0, "#?RGBE", "HDR", nullptr},
                                                             {0, "\x53\x80\xf6\x34", "PIC", nullptr},
                                                             {0, "%PDF", "PDF", nullptr},
                                                             {0, "<svg", "SVG", nullptr},
                                                             {0, "<?xml", "SVG", nullptr},
                                                             {0, {"\0\0\1\0", 4}, "ICO", nullptr},
                                                             {0, {"\0\0\0\x0cJXL ", 8}, "JPEG XL", nullptr},
                                                             {0, "\xff\x0a", "JPEG XL", nullptr}}};

inline bool begins_with(std::span<const std::byte> bytes, std::string_view head, std::size_t at = 0) {
    return bytes.size() >= at && text_of(bytes.subspan(at)).starts_with(head);
}

/// Whether a format is that of a file: by its first bytes, or by any brand of an ISO base media file (ISO/IEC 14496-12,
/// 4.3), of which the first may be a general one.
inline bool is_of_format(std::span<const std::byte> bytes, const image_format& format) {
    if (begins_with(bytes, format.magic, format.offset)) return true;
    if (!format.magic.starts_with("ftyp") || !begins_with(bytes, "ftyp", 4)) return false;
    const std::string_view brand = format.magic.substr(4);
    const std::size_t end = (std::min)(bytes.size(), std::size_t{big_endian(bytes.first(4))});
    for (std::size_t at = 16; at + 4 <= end; at += 4)
        if (begins_with(bytes, brand, at)) return true;
    return false;
}

/// Refuses a file whose first bytes are those of no format with a decoder.
[[noreturn]] inline void refuse_format(std::span<const std::byte> bytes, std::string_view name) {
    const auto refuse = [](const std::string& what) {
        throw_at_byte(error_code::unsupported, 0, what, "", "supported: " + decoded_formats());
    };
    if (!name.empty()) refuse(std::string(name) + " is not built in");
    const bool netpbm = begins_with(bytes, "P") && bytes[1] >= std::byte{'1'} && bytes[1] <= std::byte{'6'};
    if (netpbm) refuse("PNM is not built in");
    for (const image_format& each : image_formats) {
        const bool cut = each.offset == 0 && each.decode != nullptr && bytes.size() < each.magic.size();
        if (cut && begins_with(bytes, each.magic.substr(0, bytes.size()))) throw_ends_early(bytes.size());
    }
    if (begins_with(bytes, png_signature.substr(0, 4))) {
        throw_at_byte(error_code::format, 4, "the line ends in the signature of a PNG were changed", "",
                      "was it transferred as text?");
    }
    if (const foreign_format* placeholder = placeholder_of(text_of(bytes)))
        throw_at_byte(error_code::format, 0, std::string("this is ") + placeholder->what, "an image",
                      placeholder->hint);
    throw_at_byte(error_code::unsupported, 0, "the format is unknown", "", "supported: " + decoded_formats());
}

inline image decode(std::span<const std::byte> bytes, decoding& about) {
    if (bytes.data() == nullptr || bytes.size() < 2 || bytes.size() > INT_MAX) {
        throw_at_byte(error_code::argument, 0, std::to_string(bytes.size()) + " bytes", "an image of 2 to 2147483647",
                      bytes.empty() ? "is the file empty?" : "");
    }
    const auto format =
        std::ranges::find_if(image_formats, [&](const image_format& each) { return is_of_format(bytes, each); });
    if (format == image_formats.end()) refuse_format(bytes, "");
    if (format->decode == nullptr) refuse_format(bytes, format->name);
    const image decoded = format->decode(bytes, about);
    return about.options.apply_exif_orientation ? upright(decoded, about.orientation) : decoded;
}

/// The image from a file's bytes. The place of an error or a warning begins with `name`.
inline image decode(std::span<const std::byte> bytes, const decode_options& options, const std::string& name) try {
    decoding about{options};
    const image decoded = decode(bytes, about);
    if (options.warnings != nullptr)
        for (const std::string& warning : about.warnings) options.warnings->push_back(name + ": " + warning);
    return decoded;
} catch (const image_error& fault) {
    diagnostic at_file = fault.diagnostic();
    at_file.where = name + ", " + at_file.where;
    throw image_error(fault.code(), std::move(at_file));
}

}  // namespace detail

ZEROSHOT_INLINE std::string decoded_formats() {
    std::string names;
    std::string_view last;
    for (const detail::image_format& each : detail::image_formats) {
        if (each.decode == nullptr || each.name == std::exchange(last, each.name)) continue;
        names += (names.empty() ? "" : ", ") + std::string(each.name);
    }
    return names;
}

ZEROSHOT_INLINE image decode(std::span<const std::byte> bytes, const decode_options& options) {
    return detail::decode(bytes, options, "image");
}

ZEROSHOT_INLINE image read_image(const std::filesystem::path& path, const decode_options& options) {
    return detail::decode(read_file(path, INT_MAX), options, path_text(path));
}

}}  // namespace zeroshot::ZEROSHOT_ABI

#endif
