#pragma once
/// \file WebP by libwebp; of an animation its first frame.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include <webp/decode.h>
#include <webp/demux.h>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// The first chunk of that name in a WebP, which is part of the file; nothing without any.
inline std::span<const std::byte> webp_chunk(WebPDemuxer* container, const char* name) {
    WebPChunkIterator chunk;
    if (WebPDemuxGetChunk(container, name, 1, &chunk) == 0) return {};
    const std::span data(reinterpret_cast<const std::byte*>(chunk.chunk.bytes), chunk.chunk.size);
    WebPDemuxReleaseChunkIterator(&chunk);
    return data;
}

/// As WebPAnimDecoder, through which Pillow decodes: the first frame on a transparent canvas.
inline image decode_webp(std::span<const std::byte> bytes, decoding& about) {
    const auto refuse = [](const char* what) {
        throw_at_byte(error_code::format, 0, what, "", "was the file cut off?");
    };
    const WebPData data{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
    WebPDecoderConfig config;
    if (WebPInitDecoderConfig(&config) == 0 || WebPGetFeatures(data.bytes, data.size, &config.input) != VP8_STATUS_OK)
        refuse("the header of the WebP is damaged");
    const auto width = static_cast<std::size_t>(config.input.width);
    const auto height = static_cast<std::size_t>(config.input.height);
    const bool transparent = config.input.has_alpha != 0;
    const std::size_t channels = transparent ? 4 : 3;
    refuse_pixels(0, width, height, about.options.max_pixels);
    constexpr std::size_t working = 5;  // bytes per pixel of libwebp: lossless pixels, and an alpha plane
    refuse_memory(0, width * height * (channels + working), about.options.memory_budget);

    const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> container(WebPDemux(&data), WebPDemuxDelete);
    if (container == nullptr) refuse("the WebP is cut or damaged");
    about.orientation =
        orientation_of(webp_chunk(container.get(), "EXIF"), text_of(webp_chunk(container.get(), "XMP ")));
    WebPIterator frame;
    if (WebPDemuxGetFrame(container.get(), 1, &frame) == 0) refuse("the WebP has no image");
    const auto left = static_cast<std::size_t>(frame.x_offset), top = static_cast<std::size_t>(frame.y_offset);
    const WebPData fragment = frame.fragment;
    const auto frame_width = static_cast<std::size_t>(frame.width),
               frame_height = static_cast<std::size_t>(frame.height);
    WebPDemuxReleaseIterator(&frame);
    if (left + frame_width > width || top + frame_height > height) refuse("a frame of the WebP exceeds the image");

    std::vector<std::uint8_t> pixels(width * height * channels);
    config.output.colorspace = transparent ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = pixels.data() + (top * width + left) * channels;
    config.output.u.RGBA.stride = static_cast<int>(width * channels);
    config.output.u.RGBA.size = pixels.size() - (top * width + left) * channels;
    const VP8StatusCode status = WebPDecode(fragment.bytes, fragment.size, &config);
    if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
    if (status != VP8_STATUS_OK) refuse("the image data of the WebP is cut or damaged");
    return image(std::move(pixels), width, height, mode_of_channels(channels));
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
