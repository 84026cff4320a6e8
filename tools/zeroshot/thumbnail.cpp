#include "thumbnail.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/decode.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/image/resize.hpp>

#include "synthetic_jpeg.hpp"

namespace program {

namespace {

/// Base64 (RFC 4648).
std::string base64(std::string_view bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0);
        for (std::size_t k = 0; k < 4; ++k) text += k <= count ? digits[group >> (18 - 6 * k) & 63] : '=';
    }
    return text;
}

/// The image on a white background, in RGB.
zeroshot::image on_white(const zeroshot::image& image) {
    const std::size_t channels = image.channels();
    if (channels % 2 != 0) return zeroshot::to_rgb(image);
    std::vector<std::uint8_t> pixels;
    for (std::size_t y = 0; y < image.height(); ++y) {
        const std::span<const std::uint8_t> row = image.row(y);
        for (std::size_t x = 0; x < row.size(); x += channels) {
            const unsigned alpha = row[x + channels - 1];
            for (std::size_t colour = 0; colour < 3; ++colour) {
                const unsigned level = row[x + (channels == 2 ? 0 : colour)];
                pixels.push_back(static_cast<std::uint8_t>((level * alpha + 255 * (255 - alpha) + 127) / 255));
            }
        }
    }
    return zeroshot::image(std::move(pixels), image.width(), image.height(), zeroshot::pixel_mode::rgb);
}

}  // namespace

std::string thumbnail(const std::filesystem::path& file) {
    constexpr std::size_t side = 128;
    try {
        const zeroshot::image image = on_white(zeroshot::read_image(file));
        const std::size_t longer = std::max(image.width(), image.height());
        const auto extent_of = [&](std::size_t extent) { return std::max<std::size_t>(1, extent * side / longer); };
        const zeroshot::image scaled =
            longer <= side ? image : zeroshot::resize(image, extent_of(image.width()), extent_of(image.height()));
        std::vector<std::uint8_t> pixels;
        for (std::size_t y = 0; y < scaled.height(); ++y)
            pixels.insert(pixels.end(), scaled.row(y).begin(), scaled.row(y).end());
        return "data:image/jpeg;base64," + base64(encode_jpeg(pixels, scaled.width(), scaled.height()));
    } catch (const zeroshot::error&) {  // reported by evaluate
        return "data:,";
    }
}

}  // namespace program
