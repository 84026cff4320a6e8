#pragma once
/// \file AVIF by libavif; of a sequence its first image.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <avif/avif.h>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// The EXIF orientation of an image's rotation and mirroring. Mirrors irot_imir_to_exif_orientation of Pillow's
/// _avif.c.
inline unsigned turned_orientation(const avifImage& coded) {
    constexpr unsigned rotated[] = {1, 8, 3, 6}, mirrored[2][4] = {{4, 5, 2, 7}, {2, 7, 4, 5}};
    const bool turns = (coded.transformFlags & AVIF_TRANSFORM_IROT) != 0;
    const unsigned angle = turns ? coded.irot.angle & 3u : 0;
    if ((coded.transformFlags & AVIF_TRANSFORM_IMIR) == 0) return rotated[angle];
#if AVIF_VERSION >= 1000000
    return mirrored[coded.imir.axis & 1][angle];
#else
    return mirrored[coded.imir.mode & 1][angle];
#endif
}

/// The orientation of an image: XMP counts where neither it is turned nor EXIF names one. Mirrors AvifImagePlugin.py of
/// Pillow.
inline unsigned avif_orientation(const avifImage& coded) {
    const auto content = [](const avifRWData& data) { return std::as_bytes(std::span(data.data, data.size)); };
    const unsigned turned = turned_orientation(coded);
    const bool only_xmp = turned == 1 && !exif_orientation(content(coded.exif));
    return only_xmp ? xmp_orientation(text_of(content(coded.xmp))).value_or(1) : turned;
}

inline image decode_avif(std::span<const std::byte> bytes, decoding& about) {
    const auto check = [](avifResult result) {
        if (result == AVIF_RESULT_OK) return;
        if (result == AVIF_RESULT_OUT_OF_MEMORY) throw std::bad_alloc();
        throw_at_byte(error_code::format, 0, std::string("the AVIF is cut or damaged: ") + avifResultToString(result),
                      "", "was the file cut off?");
    };
    const std::unique_ptr<avifDecoder, decltype(&avifDecoderDestroy)> decoder(avifDecoderCreate(), avifDecoderDestroy);
    if (decoder == nullptr) throw std::bad_alloc();
    // The only one that takes a limit of the size. It prints about damaged files: libavif before 1.4 sets no logger,
    // and passes none on.
    decoder->codecChoice = AVIF_CODEC_CHOICE_DAV1D;
    decoder->strictFlags &= ~static_cast<avifStrictFlags>(AVIF_STRICT_CLAP_VALID | AVIF_STRICT_PIXI_REQUIRED);
    check(avifDecoderSetIOMemory(decoder.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
    check(avifDecoderParse(decoder.get()));
    const std::size_t width = decoder->image->width, height = decoder->image->height;
    const std::size_t channels = decoder->alphaPresent ? 4 : 3;
    if (width == 0 || height == 0) throw_at_byte(error_code::format, 0, "the AVIF is empty");
    refuse_pixels(0, width, height, about.options.max_pixels);
    // Bytes per pixel, whatever the header says of the planes: up to four of 16 bits, with film grain once more, and
    // 1.4 measured for what dav1d notes of blocks.
    constexpr std::size_t working = 2 * 4 * 2 + 2;
    refuse_memory(0, width * height * (channels + working), about.options.memory_budget);
    about.orientation = avif_orientation(*decoder->image);
    decoder->imageSizeLimit = static_cast<std::uint32_t>(width * height);  // of the frames, whatever the file says
    check(avifDecoderReset(decoder.get()));                                // makes another image
    check(avifDecoderNextImage(decoder.get()));
    const avifImage& coded = *decoder->image;
    if (coded.width != width || coded.height != height)
        throw_at_byte(error_code::format, 0, "the AVIF's frame has another size than its header says");
    const bool grey = coded.yuvFormat == AVIF_PIXEL_FORMAT_YUV400 && channels == 3;
    std::vector<std::uint8_t> pixels(width * height * channels);
    avifRGBImage rgb;
    avifRGBImageSetDefaults(&rgb, &coded);
    rgb.depth = 8;
    rgb.format = channels == 4 ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    rgb.pixels = pixels.data();
    rgb.rowBytes = static_cast<std::uint32_t>(width * channels);
    check(avifImageYUVToRGB(&coded, &rgb));
    if (!grey) return image(std::move(pixels), width, height, mode_of_channels(channels));
    for (std::size_t i = 0; i < width * height; ++i) pixels[i] = pixels[3 * i];
    pixels.resize(width * height);
    return image(std::move(pixels), width, height, pixel_mode::grey);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
