#pragma once
/// \file TIFF by libtiff: the first page.

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tiffio.h>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// A file in memory, as libtiff reads it.
struct tiff_file {
    std::span<const std::byte> bytes;
    std::size_t position = 0;
    std::array<char, 256> message{};  ///< the first error of libtiff, which is C: nothing may throw through it

    static tiff_file& of(thandle_t handle) { return *static_cast<tiff_file*>(handle); }

    static tmsize_t read(thandle_t handle, void* target, tmsize_t count) {
        tiff_file& self = of(handle);
        const std::size_t left = self.bytes.size() - (std::min)(self.position, self.bytes.size());
        const std::size_t size = (std::min)(static_cast<std::size_t>((std::max)(count, tmsize_t{0})), left);
        if (size > 0) std::memcpy(target, self.bytes.data() + self.position, size);
        self.position += size;
        return static_cast<tmsize_t>(size);
    }

    static toff_t seek(thandle_t handle, toff_t offset, int whence) {
        tiff_file& self = of(handle);
        const std::size_t base = whence == SEEK_CUR ? self.position : whence == SEEK_END ? self.bytes.size() : 0;
        return self.position = base + static_cast<std::size_t>(offset);
    }

    static int keep_message(TIFF*, void* data, const char*, const char* format, std::va_list arguments) {
        auto& message = static_cast<tiff_file*>(data)->message;
        if (message[0] == 0) std::vsnprintf(message.data(), message.size(), format, arguments);
        return 1;
    }
};

/// Reads the first page of a TIFF in the mode in which Pillow opens it; of 16 bits the upper 8, YCbCr as RGB, and
/// turned as its orientation says, all of which Pillow does, too.
class tiff_reader {
   public:
    tiff_reader(std::span<const std::byte> bytes, decoding& about) : file_{bytes}, about_(about) {
        const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(TIFFOpenOptionsAlloc(),
                                                                                       TIFFOpenOptionsFree);
        if (options == nullptr) throw std::bad_alloc();
        constexpr std::size_t most = (std::numeric_limits<std::int32_t>::max)();
        TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(),
                                            static_cast<tmsize_t>((std::min)(about.options.memory_budget, most)));
        TIFFOpenOptionsSetErrorHandlerExtR(options.get(), tiff_file::keep_message, &file_);
        TIFFOpenOptionsSetWarningHandlerExtR(
            options.get(), [](TIFF*, void*, const char*, const char*, std::va_list) { return 1; }, nullptr);
        const auto write = [](thandle_t, void*, tmsize_t) { return tmsize_t{0}; };
        const auto close = [](thandle_t) { return 0; };
        const auto size = [](thandle_t handle) { return static_cast<toff_t>(tiff_file::of(handle).bytes.size()); };
        const auto map = [](thandle_t, void**, toff_t*) { return 0; };
        const auto unmap = [](thandle_t, void*, toff_t) {};
        tiff_.reset(TIFFClientOpenExt("TIFF", "rm", &file_, tiff_file::read, write, tiff_file::seek, close, size, map,
                                      unmap, options.get()));
        if (tiff_ == nullptr) damaged();
    }

    image operator()() {
        read_header();
        refuse_pixels(0, width_, height_, about_.options.max_pixels);
        const unsigned turned = orientation();
        const std::size_t part =
            static_cast<std::size_t>(TIFFIsTiled(tiff()) != 0 ? TIFFTileSize(tiff()) : TIFFStripSize(tiff()));
        if (part == 0) damaged();
        refuse_memory(0, memory(part, turned > 1), about_.options.memory_budget);
        std::vector<std::uint8_t> pixels(width_ * height_ * kept_);
        for (std::size_t plane = 0; plane < (separate_ ? kept_ : 1); ++plane) read_plane(pixels, plane, part);
        const image lying = finished(std::move(pixels));
        return upright(lying, turned);
    }

   private:
    TIFF* tiff() const { return tiff_.get(); }

    [[noreturn]] void damaged() const {
        throw_at_byte(error_code::format, 0,
                      std::string("the TIFF is cut or damaged: ") +
                          (file_.message[0] == 0 ? "it makes no sense" : file_.message.data()),
                      "", "was the file cut off?");
    }

    [[noreturn]] static void refuse(const std::string& what) {
        throw_at_byte(error_code::unsupported, 0, "a TIFF with " + what, "", convert_to_png);
    }

    template <class Number>
    Number field(std::uint32_t tag, Number otherwise) const {
        Number value{};
        return TIFFGetFieldDefaulted(tiff(), tag, &value) == 1 ? value : otherwise;
    }

    void read_header() {
        width_ = field<std::uint32_t>(TIFFTAG_IMAGEWIDTH, 0);
        height_ = field<std::uint32_t>(TIFFTAG_IMAGELENGTH, 0);
        if (width_ == 0 || height_ == 0) damaged();
        bits_ = field<std::uint16_t>(TIFFTAG_BITSPERSAMPLE, 1);
        samples_ = field<std::uint16_t>(TIFFTAG_SAMPLESPERPIXEL, 1);
        separate_ =
            field<std::uint16_t>(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE && samples_ > 1;
        photometric_ = field<std::uint16_t>(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
        compression_ = field<std::uint16_t>(TIFFTAG_COMPRESSION, COMPRESSION_NONE);
        if (compression_ == COMPRESSION_OJPEG) refuse("JPEG of the old kind");
        if (TIFFIsCODECConfigured(compression_) == 0) refuse("compression " + std::to_string(compression_));
        if (photometric_ == PHOTOMETRIC_YCBCR && samples_ == 3) {
            if (compression_ != COMPRESSION_JPEG || separate_) refuse("YCbCr beside JPEG");
            TIFFSetField(tiff(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
            photometric_ = PHOTOMETRIC_RGB;
        }
        if (const auto kind = field<std::uint16_t>(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT); kind != SAMPLEFORMAT_UINT)
            refuse("samples that are " + std::string(kind == SAMPLEFORMAT_IEEEFP ? "floating-point" : "signed"));
        read_extra_samples();
        check_kind();
    }

    /// Reads what the samples beside the colours are. As in Pillow, only the first may be alpha, and a fourth one
    /// beside red, green and blue is where no tag says so.
    void read_extra_samples() {
        std::uint16_t count = 0;
        std::uint16_t* kinds = nullptr;
        TIFFGetField(tiff(), TIFFTAG_EXTRASAMPLES, &count, &kinds);  // no default: it is opaque
        const std::span<const std::uint16_t> extras(kinds, count);
        colours_ = photometric_ == PHOTOMETRIC_RGB ? 3 : photometric_ == PHOTOMETRIC_SEPARATED ? 4 : 1;
        const bool untagged = count == 0 && colours_ == 3 && samples_ == 4;
        if (samples_ != colours_ + count && !untagged)
            refuse(std::to_string(samples_) + " samples per pixel of photometric kind " + std::to_string(photometric_));
        extra_ = untagged ? EXTRASAMPLE_UNASSALPHA : count > 0 ? extras[0] : EXTRASAMPLE_UNSPECIFIED;
        const auto is_alpha = [](std::uint16_t kind) { return kind != EXTRASAMPLE_UNSPECIFIED; };
        if (std::ranges::count_if(extras, is_alpha) > (count > 0 && is_alpha(extras[0]) ? 1 : 0))
            refuse("alpha behind other samples");
        kept_ = colours_ + (extra_ == EXTRASAMPLE_UNSPECIFIED ? 0 : 1);
    }

    /// Refuses combinations beyond those of Pillow's table OPEN_INFO that end in a mode of ours.
    void check_kind() const {
        const bool grey = photometric_ <= PHOTOMETRIC_MINISBLACK, palette = photometric_ == PHOTOMETRIC_PALETTE;
        const bool rgb = photometric_ == PHOTOMETRIC_RGB;
        if (!grey && !palette && !rgb && photometric_ != PHOTOMETRIC_SEPARATED)
            refuse("photometric kind " + std::to_string(photometric_));
        const std::size_t extras = separate_ && kept_ == colours_ ? 0 : samples_ - colours_;  // planes are left out
        const bool few_bits = samples_ == 1 && (bits_ == 1 || bits_ == 2 || bits_ == 4);
        const bool wide = bits_ == 16 && !palette && extras <= (rgb ? 1 : 0);
        if (bits_ != 8 && !few_bits && !wide) refuse(std::to_string(bits_) + " bits per sample");
        const bool black_is_0 = photometric_ == PHOTOMETRIC_MINISBLACK;
        const std::size_t most = rgb ? 3 : colours_ == 4 ? 2 : black_is_0 || palette ? 1 : 0;
        if (extras > most) refuse(std::to_string(extras) + " samples beside the colours");
        const bool alpha_known = kept_ == colours_ || rgb || (black_is_0 && extra_ == EXTRASAMPLE_UNASSALPHA);
        if (!alpha_known) refuse("an alpha channel of this kind");
    }

    /// The orientation; XMP counts where the tag is missing. Mirrors TiffImageFile.load_end of Pillow.
    unsigned orientation() const {
        std::uint16_t tagged = 0;
        if (TIFFGetField(tiff(), TIFFTAG_ORIENTATION, &tagged) == 1) return tagged >= 1 && tagged <= 8 ? tagged : 1;
        std::uint32_t size = 0;
        const char* xmp = nullptr;
        if (TIFFGetField(tiff(), TIFFTAG_XMLPACKET, &size, &xmp) == 0) return 1;
        return xmp_orientation({xmp, size}).value_or(1);
    }

    /// Bytes that are held at once: the samples and a strip or tile, also as it is stored; then the samples and a
    /// palette's colours; then the image lying and upright.
    std::size_t memory(std::size_t part, bool turned) const {
        const std::size_t pixels = width_ * height_, samples = pixels * kept_;
        const bool palette = photometric_ == PHOTOMETRIC_PALETTE, stored = compression_ != COMPRESSION_NONE;
        const std::size_t result = palette ? 3 * pixels : samples;
        return (std::max)({samples + part + (stored ? file_.bytes.size() : 0), palette ? samples + result : 0,
                           turned ? 2 * result : 0});
    }

    /// Reads all strips or tiles of a plane: the upper 8 bits of each sample.
    void read_plane(std::vector<std::uint8_t>& pixels, std::size_t plane, std::size_t part_size) {
        const bool tiled = TIFFIsTiled(tiff()) != 0;
        std::size_t across = width_,
                    down = (std::min<std::size_t>)(field<std::uint32_t>(TIFFTAG_ROWSPERSTRIP, 0), height_);
        if (tiled) {
            across = field<std::uint32_t>(TIFFTAG_TILEWIDTH, 0);
            down = field<std::uint32_t>(TIFFTAG_TILELENGTH, 0);
        }
        const std::size_t row_size =
            static_cast<std::size_t>(tiled ? TIFFTileRowSize(tiff()) : TIFFScanlineSize(tiff()));
        const std::size_t per_pixel = separate_ ? 1 : samples_;
        if (across == 0 || down == 0 || row_size * 8 < across * per_pixel * bits_ || part_size < row_size * down)
            damaged();
        std::vector<std::uint8_t> part(part_size);
        for (std::size_t top = 0; top < height_; top += down) {
            for (std::size_t left = 0; left < width_; left += across) {
                read_part(part, left, top, plane, tiled);
                const std::size_t rows = (std::min)(down, height_ - top), columns = (std::min)(across, width_ - left);
                for (std::size_t y = 0; y < rows; ++y) {
                    std::uint8_t* const target = &pixels[((top + y) * width_ + left) * kept_ + plane];
                    const std::uint8_t* const source = part.data() + y * row_size;
                    for (std::size_t x = 0; x < columns; ++x)
                        for (std::size_t i = 0; i < (separate_ ? 1 : kept_); ++i)
                            target[x * kept_ + i] = sample(source, x * per_pixel + i);
                }
            }
        }
    }

    void read_part(std::vector<std::uint8_t>& part, std::size_t left, std::size_t top, std::size_t plane,
                   bool tiled) const {
        const auto x = static_cast<std::uint32_t>(left), y = static_cast<std::uint32_t>(top);
        const auto sample_plane = static_cast<std::uint16_t>(plane);
        const auto size = static_cast<tmsize_t>(part.size());
        const tmsize_t read =
            tiled ? TIFFReadEncodedTile(tiff(), TIFFComputeTile(tiff(), x, y, 0, sample_plane), part.data(), size)
                  : TIFFReadEncodedStrip(tiff(), TIFFComputeStrip(tiff(), y, sample_plane), part.data(), size);
        if (read < 0) damaged();
    }

    /// A sample of a row; of 16 bits, in the machine's order, the upper 8.
    std::uint8_t sample(const std::uint8_t* row, std::size_t index) const {
        if (bits_ == 8) return row[index];
        if (bits_ == 16) return upper_byte(row, index);
        const std::size_t per_byte = 8 / bits_;
        return static_cast<std::uint8_t>(row[index / per_byte] >> ((per_byte - 1 - index % per_byte) * bits_) &
                                         ((1u << bits_) - 1));
    }

    image finished(std::vector<std::uint8_t> samples) const {
        if (photometric_ == PHOTOMETRIC_PALETTE) return coloured(samples);
        if (photometric_ <= PHOTOMETRIC_MINISBLACK) {
            const unsigned largest = bits_ < 8 ? (1u << bits_) - 1 : 255;
            const bool inverted =
                photometric_ == PHOTOMETRIC_MINISWHITE && bits_ <= 8;  // of 16 bits, Pillow inverts none
            for (std::uint8_t& each : samples)
                each = static_cast<std::uint8_t>((inverted ? largest - each : each) * 255 / largest);
        }
        if (extra_ == EXTRASAMPLE_ASSOCALPHA) divide_by_alpha(samples);
        const bool inks = photometric_ == PHOTOMETRIC_SEPARATED;
        const pixel_mode mode = bits_ == 1 ? pixel_mode::bilevel : inks ? pixel_mode::cmyk : mode_of_channels(kept_);
        return image(std::move(samples), width_, height_, mode);
    }

    image coloured(const std::vector<std::uint8_t>& indices) const {
        std::array<std::uint16_t*, 3> map{};
        if (TIFFGetField(tiff(), TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]) == 0) damaged();
        std::vector<std::uint8_t> pixels;
        pixels.reserve(width_ * height_ * 3);
        for (const std::uint8_t index : indices)
            for (const std::uint16_t* const channel : map)
                pixels.push_back(static_cast<std::uint8_t>(channel[index] / 256));
        return image(std::move(pixels), width_, height_, pixel_mode::palette);
    }

    /// Mirrors unpackRGBa of Pillow's Unpack.c.
    static void divide_by_alpha(std::vector<std::uint8_t>& rgba) {
        for (std::size_t i = 0; i < rgba.size(); i += 4) {
            const unsigned alpha = rgba[i + 3];
            for (std::size_t channel = i; channel < i + 3; ++channel)
                rgba[channel] =
                    alpha == 0 ? 0 : static_cast<std::uint8_t>((std::min)(255u, rgba[channel] * 255u / alpha));
        }
    }

    tiff_file file_;
    decoding& about_;
    std::unique_ptr<TIFF, decltype(&TIFFClose)> tiff_{nullptr, TIFFClose};
    std::size_t width_ = 0;
    std::size_t height_ = 0;
    std::size_t samples_ = 0;  // per pixel
    std::size_t colours_ = 0;  // the samples that are colours
    std::size_t kept_ = 0;     // the colours, and alpha
    unsigned bits_ = 0;        // per sample
    bool separate_ = false;    // a plane for each sample
    std::uint16_t compression_ = COMPRESSION_NONE;
    unsigned photometric_ = 0;
    unsigned extra_ = EXTRASAMPLE_UNSPECIFIED;  // of the first sample beside the colours
};

inline image decode_tiff(std::span<const std::byte> bytes, decoding& about) {
    return tiff_reader(bytes, about)();
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
