#pragma once
/// \file HEIC by libheif: the primary image, turned as the file says.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <libheif/heif.h>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

inline image decode_heif(std::span<const std::byte> bytes, decoding& about) {
    const auto check = [](const heif_error& error) {
        if (error.code == heif_error_Ok) return;
        const bool unknown =
            error.code == heif_error_Unsupported_feature || error.code == heif_error_Unsupported_filetype;
        throw_at_byte(unknown ? error_code::unsupported : error_code::format, 0,
                      std::string("the HEIC cannot be decoded: ") + error.message);
    };
    const std::unique_ptr<heif_context, decltype(&heif_context_free)> context(heif_context_alloc(), heif_context_free);
    if (context == nullptr) throw std::bad_alloc();
    check(heif_context_read_from_memory_without_copy(context.get(), bytes.data(), bytes.size(), nullptr));
    heif_image_handle* primary = nullptr;
    check(heif_context_get_primary_image_handle(context.get(), &primary));
    const std::unique_ptr<heif_image_handle, decltype(&heif_image_handle_release)> handle(primary,
                                                                                          heif_image_handle_release);
    const auto size = [](int value) { return static_cast<std::size_t>((std::max)(value, 0)); };
    const std::size_t width = size(heif_image_handle_get_width(primary)),
                      height = size(heif_image_handle_get_height(primary));
    const bool transparent = heif_image_handle_has_alpha_channel(primary) != 0;
    const std::size_t channels = transparent ? 4 : 3;
    if (width == 0 || height == 0) throw_at_byte(error_code::format, 0, "the HEIC is empty");
    refuse_pixels(0, width, height, about.options.max_pixels);
    constexpr std::size_t working = 12;  // bytes per pixel: decoded planes, their copy upright, and colours
    refuse_memory(0, width * height * (channels + working), about.options.memory_budget);
    heif_image* decoded = nullptr;
    check(heif_decode_image(primary, &decoded, heif_colorspace_RGB,
                            transparent ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, nullptr));
    const std::unique_ptr<heif_image, decltype(&heif_image_release)> owner(decoded, heif_image_release);
    int stride = 0;
    const std::uint8_t* const rows = heif_image_get_plane_readonly(decoded, heif_channel_interleaved, &stride);
    const bool as_said = size(heif_image_get_width(decoded, heif_channel_interleaved)) == width &&
                         size(heif_image_get_height(decoded, heif_channel_interleaved)) == height;
    if (rows == nullptr || !as_said)
        throw_at_byte(error_code::format, 0, "the HEIC has another size than its header says");
    return image::copy({rows, size(stride) * (height - 1) + width * channels}, width, height,
                       mode_of_channels(channels), size(stride));
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
