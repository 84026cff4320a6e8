#pragma once
/// \file JPEG around the decoder: segments and limits before it, colours after it.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// Colour space of the components.
enum class jpeg_colour { grey, ycc, rgb, cmyk, ycck };

/// A segment that the decoder needs.
struct jpeg_segment {
    unsigned marker = 0;
    std::size_t position = 0;            ///< of the marker in the file
    std::span<const std::byte> data;     ///< from the length field on
    std::span<const std::byte> entropy;  ///< of a scan: its coded data, with restart markers
    bool ends = true;                    ///< whether a marker follows the coded data
};

/// Header and segments of a JPEG.
struct jpeg_file {
    std::size_t width = 0;
    std::size_t height = 0;
    std::size_t components = 0;  ///< 1, 3 or 4
    std::size_t size = 0;        ///< bytes of the file
    bool progressive = false;
    jpeg_colour colour = jpeg_colour::grey;
    std::vector<jpeg_segment> segments;  ///< DQT, DHT, DRI, SOF and SOS
    std::span<const std::byte> exif;     ///< of APP1
    std::string_view xmp;                ///< of APP1
};

/// Reads the content of an APP1 segment: as in Pillow, of EXIF the first one counts and of XMP the last.
inline void read_app1(std::span<const std::byte> content, std::span<const std::byte>& exif, std::string_view& xmp) {
    constexpr std::string_view xmp_name{"http://ns.adobe.com/xap/1.0/\0", 29};
    const std::string_view text = text_of(content);
    if (text.starts_with(exif_name) && exif.empty()) exif = content;
    if (text.starts_with(xmp_name)) xmp = text.substr(xmp_name.size());
}

[[noreturn]] inline void throw_too_many_scans(std::size_t position, std::size_t most) {
    throw_at_byte(error_code::limit, position, "more than " + std::to_string(most) + " scans", "",
                  "raise decode_options::max_scans if it is meant");
}

namespace jpeg_marker {
inline constexpr unsigned sof0 = 0xc0, dht = 0xc4, jpg = 0xc8, dac = 0xcc, sof15 = 0xcf, rst0 = 0xd0, rst7 = 0xd7,
                          eoi = 0xd9, sos = 0xda, dqt = 0xdb, dri = 0xdd, app0 = 0xe0, app1 = 0xe1, app14 = 0xee,
                          app15 = 0xef, com = 0xfe;

constexpr bool is_frame(unsigned marker) noexcept {
    return marker >= sof0 && marker <= sof15 && marker != dht && marker != jpg && marker != dac;
}

constexpr bool has_length(unsigned marker) noexcept {
    return (marker >= sof0 && marker <= sof15 && marker != jpg) || (marker >= sos && marker <= dri) ||
           (marker >= app0 && marker <= app15) || marker == com;
}
}  // namespace jpeg_marker

/// Reads the segments of a JPEG (ITU T.81, annex B), skipping junk between them as jdmarker.c of libjpeg does.
class jpeg_scanner {
   public:
    jpeg_scanner(std::span<const std::byte> bytes, const decode_options& options) : bytes_(bytes), options_(options) {}

    jpeg_file operator()() {
        for (std::size_t position = 2; read_segment(position);) {
        }
        if (!complete_) throw_ends_early(bytes_.size());
        file_.size = bytes_.size();
        return std::move(file_);
    }

   private:
    [[noreturn]] static void bad(std::size_t position, std::string what, std::string expected = "") {
        throw_at_byte(error_code::format, position, std::move(what), std::move(expected));
    }

    /// Reads the next segment and moves the position behind it; false at the end of the image or the file.
    bool read_segment(std::size_t& position) {
        const std::size_t begin = next_marker(position, false);
        if (begin == bytes_.size()) return false;
        position = begin + 2;
        const auto marker = std::to_integer<unsigned>(bytes_[begin + 1]);
        if (marker == jpeg_marker::eoi) {
            if (scans_ == 0) bad(begin, "the image data is missing");
            complete_ = true;
            return false;
        }
        if (marker >= jpeg_marker::rst0 && marker <= jpeg_marker::rst7) return true;
        if (!jpeg_marker::has_length(marker)) bad(begin, "unexpected marker " + std::to_string(marker));
        if (bytes_.size() - position < 2) return false;
        const std::size_t length = big_endian(bytes_.subspan(position, 2));
        if (length < 2) bad(begin, "a segment of " + std::to_string(length) + " bytes", "at least 2");
        if (bytes_.size() - position < length) return false;
        const auto data = bytes_.subspan(position, length);
        position += length;
        if (marker != jpeg_marker::sos) {
            read(begin, marker, data);
            return true;
        }
        if (file_.components == 0) bad(begin, "a scan stands before the frame header");
        if (++scans_ > options_.max_scans) throw_too_many_scans(begin, options_.max_scans);
        if (scans_ == 1) file_.colour = colour();
        const std::size_t data_begins = std::exchange(position, next_marker(position, true));
        const bool ends = position < bytes_.size();
        file_.segments.push_back({marker, begin, data, bytes_.subspan(data_begins, position - data_begins), ends});
        // As in libjpeg, nothing is missed after the only scan of an image.
        complete_ = !file_.progressive && data.size() > 2 && std::to_integer<std::size_t>(data[2]) == file_.components;
        return true;
    }

    /// Where the next marker begins; the size of the file without one. Within a scan, restart markers belong to the
    /// data.
    std::size_t next_marker(std::size_t position, bool in_scan) const {
        for (; position + 1 < bytes_.size(); ++position) {
            if (bytes_[position] != std::byte{0xff}) continue;
            const auto next = std::to_integer<unsigned>(bytes_[position + 1]);
            const bool restart = next >= jpeg_marker::rst0 && next <= jpeg_marker::rst7;
            if (next != 0 && next != 0xff && !(in_scan && restart)) return position;
        }
        return bytes_.size();
    }

    void read(std::size_t begin, unsigned marker, std::span<const std::byte> data) {
        const auto begins_with = [&](std::string_view name) { return text_of(data).substr(2, name.size()) == name; };
        constexpr std::string_view jfif{"JFIF\0", 5}, adobe{"Adobe"};
        if (marker == jpeg_marker::app0 && data.size() >= 16 && begins_with(jfif)) jfif_ = true;
        if (marker == jpeg_marker::app1 && scans_ == 0) read_app1(data.subspan(2), file_.exif, file_.xmp);
        if (marker == jpeg_marker::app14 && data.size() >= 14 && begins_with(adobe))
            adobe_transform_ = std::to_integer<int>(data[13]);
        if (jpeg_marker::is_frame(marker)) read_frame(begin, marker, data);
        if (jpeg_marker::is_frame(marker) || marker == jpeg_marker::dht || marker == jpeg_marker::dqt ||
            marker == jpeg_marker::dri)
            file_.segments.push_back({marker, begin, data, {}});
        if (marker == jpeg_marker::dht) check_huffman(begin, data.subspan(2));
    }

    void read_frame(std::size_t begin, unsigned marker, std::span<const std::byte> data) {
        const auto refuse = [&](std::string what) {
            throw_at_byte(error_code::unsupported, begin, std::move(what), "baseline or progressive, 8 bits",
                          "save it again as such");
        };
        const auto field = [&](std::size_t index) { return std::to_integer<std::size_t>(data[index]); };
        if (file_.components != 0) bad(begin, "a second frame header");
        if (data.size() < 8 || data.size() != 8 + 3 * field(7)) bad(begin, "the frame header has a wrong length");
        const unsigned kind = marker & 3, coding = marker & 12;
        if (kind == 3) refuse("a lossless JPEG");
        if (coding == 4 || coding == 12) refuse("a hierarchical JPEG");
        if (field(2) != 8) refuse("a JPEG with " + std::to_string(field(2)) + " bits per sample");
        file_.height = big_endian(data.subspan(3, 2));
        file_.width = big_endian(data.subspan(5, 2));
        file_.components = field(7);
        file_.progressive = kind == 2;
        if (file_.height == 0) refuse("a JPEG with its height at the end (DNL)");
        if (file_.width == 0) bad(begin, "the image is 0 pixels wide");
        refuse_pixels(begin, file_.width, file_.height, options_.max_pixels);
        if (file_.components != 1 && file_.components != 3 && file_.components != 4)
            bad(begin, std::to_string(file_.components) + " components", "1, 3 or 4");
        std::array<std::size_t, 2> largest{1, 1};
        for (std::size_t pass = 0; pass < 2; ++pass) {
            for (std::size_t at = 8; at < data.size(); at += 3) {
                const std::array factors{field(at + 1) >> 4, field(at + 1) & 15};
                for (std::size_t axis = 0; axis < 2; ++axis) {
                    if (factors[axis] < 1 || factors[axis] > 4)
                        bad(begin, "a sampling factor of " + std::to_string(factors[axis]), "1 to 4");
                    largest[axis] = (std::max)(largest[axis], factors[axis]);
                    if (pass == 1 && largest[axis] % factors[axis] != 0)
                        refuse("a JPEG whose sampling factors do not divide each other");
                }
                if (pass == 0) ids_.push_back(field(at));
            }
        }
    }

    /// stb_image before 2.28 writes beyond its tables where one has more than 256 codes.
    static void check_huffman(std::size_t begin, std::span<const std::byte> data) {
        while (data.size() >= 17) {
            std::size_t total = 0;
            for (const std::byte count : data.subspan(1, 16)) total += std::to_integer<std::size_t>(count);
            if (total > 256 || data.size() < 17 + total)
                bad(begin, "a Huffman table with " + std::to_string(total) + " codes", "at most 256, all given");
            data = data.subspan(17 + total);
        }
    }

    /// Mirrors default_decompress_parms of libjpeg's jdapimin.c.
    jpeg_colour colour() const {
        if (ids_.size() == 1) return jpeg_colour::grey;
        if (ids_.size() == 4) return adobe_transform_ > 0 ? jpeg_colour::ycck : jpeg_colour::cmyk;
        const bool letters = ids_[0] == 'R' && ids_[1] == 'G' && ids_[2] == 'B';
        const bool rgb = !jfif_ && (adobe_transform_ == 0 || (adobe_transform_ < 0 && letters));
        return rgb ? jpeg_colour::rgb : jpeg_colour::ycc;
    }

    std::span<const std::byte> bytes_;
    const decode_options& options_;
    jpeg_file file_;
    std::size_t scans_ = 0;
    bool complete_ = false;
    bool jfif_ = false;
    int adobe_transform_ = -1;  // -1: no Adobe segment
    std::vector<std::size_t> ids_;
};

/// \throws image_error FORMAT where the file is cut or damaged, UNSUPPORTED for a rare kind, LIMIT beyond the options
inline jpeg_file scan_jpeg(std::span<const std::byte> bytes, const decode_options& options) {
    return jpeg_scanner(bytes, options)();
}

/// Decoded samples of one component.
struct jpeg_plane {
    const std::uint8_t* samples;
    std::size_t stride, width, height;
    std::size_t across, down;  ///< pixels per sample
};

/// Rows of a component with one sample per pixel. Mirrors h2v1_, h1v2_ and h2v2_fancy_upsample and int_upsample of
/// libjpeg-turbo's jdsample.c.
class upsampled_rows {
   public:
    explicit upsampled_rows(const jpeg_plane& plane)
        : plane_(plane), sums_(plane.width + 2), row_(plane.width * plane.across) {}

    const std::uint8_t* operator()(std::size_t y) {
        const std::size_t own = y / plane_.down, width = plane_.width;
        const std::uint8_t* const samples = plane_.samples + own * plane_.stride;
        if (plane_.across == 1 && plane_.down == 1) return samples;
        const bool lower = y % plane_.down == 1;
        const std::size_t other = lower ? (std::min)(own + 1, plane_.height - 1) : own - (own > 0);
        const std::uint8_t* const neighbours = plane_.samples + other * plane_.stride;
        if (plane_.across == 1 && plane_.down == 2) {
            const int bias = lower ? 2 : 1;
            for (std::size_t x = 0; x < width; ++x)
                row_[x] = static_cast<std::uint8_t>((3 * samples[x] + neighbours[x] + bias) >> 2);
        } else if (plane_.across == 2 && plane_.down <= 2 && width > 2) {
            const bool both = plane_.down == 2;
            for (std::size_t x = 0; x < width; ++x)
                sums_[x + 1] = static_cast<std::uint16_t>(both ? 3 * samples[x] + neighbours[x] : samples[x]);
            sums_[0] = sums_[1];
            sums_[width + 1] = sums_[width];
            const int left_bias = both ? 8 : 1, right_bias = both ? 7 : 2, shift = both ? 4 : 2;
            for (std::size_t x = 0; x < width; ++x) {
                const int sum = 3 * sums_[x + 1];
                row_[2 * x] = static_cast<std::uint8_t>((sum + sums_[x] + left_bias) >> shift);
                row_[2 * x + 1] = static_cast<std::uint8_t>((sum + sums_[x + 2] + right_bias) >> shift);
            }
        } else {
            for (std::size_t x = 0; x < row_.size(); ++x) row_[x] = samples[x / plane_.across];
        }
        return row_.data();
    }

   private:
    jpeg_plane plane_;
    std::vector<std::uint16_t> sums_;
    std::vector<std::uint8_t> row_;
};

/// Contributions of chroma to red, green and blue. Mirrors build_ycc_rgb_table of libjpeg's jdcolor.c.
struct chroma_tables {
    std::array<int, 256> red_to_red{}, blue_to_blue{}, red_to_green{}, blue_to_green{};  // greens times 2^16

    constexpr chroma_tables() {
        constexpr int half = 1 << 15;
        for (int i = 0; i < 256; ++i) {
            const auto at = static_cast<std::size_t>(i);
            red_to_red[at] = (91881 * (i - 128) + half) >> 16;
            blue_to_blue[at] = (116130 * (i - 128) + half) >> 16;
            red_to_green[at] = -46802 * (i - 128);
            blue_to_green[at] = -22554 * (i - 128) + half;
        }
    }
};

/// Luma and chroma to RGB. Mirrors ycc_rgb_convert of libjpeg's jdcolor.c.
inline void write_rgb_of_ycc(int luma, std::size_t blue, std::size_t red, std::uint8_t* rgb) {
    static constexpr chroma_tables tables;
    const auto byte = [](int value) { return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value); };
    rgb[0] = byte(luma + tables.red_to_red[red]);
    rgb[1] = byte(luma + ((tables.blue_to_green[blue] + tables.red_to_green[red]) >> 16));
    rgb[2] = byte(luma + tables.blue_to_blue[blue]);
}

/// Pillow's mode of that many components.
inline pixel_mode jpeg_mode(std::size_t components) {
    return components == 1 ? pixel_mode::grey : components == 3 ? pixel_mode::rgb : pixel_mode::cmyk;
}

/// The image from its planes: grey, RGB, or CMYK, whose inks are taken for inverted, as Adobe writes and Pillow reads
/// them.
inline image jpeg_pixels(const jpeg_file& file, std::span<const jpeg_plane> planes) {
    const std::size_t channels = file.components;
    std::vector<std::uint8_t> pixels(file.width * file.height * channels);
    std::vector<upsampled_rows> upsampled(planes.begin(), planes.end());
    for (std::size_t y = 0; y < file.height; ++y) {
        std::array<const std::uint8_t*, 4> rows{};
        for (std::size_t index = 0; index < planes.size(); ++index) rows[index] = upsampled[index](y);
        std::uint8_t* const output = pixels.data() + y * file.width * channels;
        const auto each = [&](const auto& write) {
            for (std::size_t x = 0; x < file.width; ++x) write(x, output + x * channels);
        };
        switch (file.colour) {
            case jpeg_colour::grey:
                std::copy_n(rows[0], file.width, output);
                break;
            case jpeg_colour::rgb:
                each([&](std::size_t x, std::uint8_t* rgb) {
                    for (std::size_t channel = 0; channel < 3; ++channel) rgb[channel] = rows[channel][x];
                });
                break;
            case jpeg_colour::ycc:
                each([luma = rows[0], blue = rows[1], red = rows[2]](std::size_t x, std::uint8_t* rgb) {
                    write_rgb_of_ycc(luma[x], blue[x], red[x], rgb);
                });
                break;
            case jpeg_colour::cmyk:
                each([&](std::size_t x, std::uint8_t* inks) {
                    for (std::size_t ink = 0; ink < 4; ++ink) inks[ink] = static_cast<std::uint8_t>(255 - rows[ink][x]);
                });
                break;
            case jpeg_colour::ycck:
                each([&](std::size_t x, std::uint8_t* inks) {
                    write_rgb_of_ycc(rows[0][x], rows[1][x], rows[2][x], inks);  // 255 - cyan is red
                    inks[3] = static_cast<std::uint8_t>(255 - rows[3][x]);
                });
                break;
        }
    }
    return image(std::move(pixels), file.width, file.height, jpeg_mode(file.components));
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
