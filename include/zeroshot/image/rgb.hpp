#pragma once
/// \file Conversion of images to RGB, and what transparent pixels become.

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/image.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// What transparent pixels become before anything else.
struct transparency {
    /// The colour they are laid on; empty: alpha is dropped, and the colours that it hid show.
    std::optional<std::array<std::uint8_t, 3>> background{};

    /// CLIPImageProcessor of transformers from version 5 on.
    static transparency on_white() { return {std::array<std::uint8_t, 3>{255, 255, 255}}; }

    /// Reads "drop", "white" or "#rrggbb".
    /// \throws argument_error for another text
    static transparency of(std::string_view name) {
        if (name == "drop") return {};
        if (name == "white") return on_white();
        std::uint32_t colour = 0;
        const char* const end = name.data() + name.size();
        const bool is_colour =
            name.size() == 7 && name.front() == '#' && std::from_chars(name.data() + 1, end, colour, 16).ptr == end;
        if (!is_colour)
            throw argument_error(error_code::argument, {"transparency", quoted(name), "drop, white or #rrggbb"});
        const auto level = [&](unsigned shift) { return static_cast<std::uint8_t>(colour >> shift & 255); };
        return {std::array{level(16), level(8), level(0)}};
    }

    bool operator==(const transparency&) const = default;
};

/// The text that transparency::of reads.
inline std::string name_of(const transparency& rule) {
    if (!rule.background) return "drop";
    if (rule == transparency::on_white()) return "white";
    std::string name = "#";
    for (const unsigned level : *rule.background)
        for (const unsigned digit : {level / 16, level % 16}) name += "0123456789abcdef"[digit];
    return name;
}

namespace detail {

/// Mirrors cmyk2rgb of Pillow's Convert.c.
inline image rgb_of_cmyk(const image& input) {
    std::vector<std::uint8_t> pixels;
    pixels.reserve(input.width() * input.height() * 3);
    for (std::size_t y = 0; y < input.height(); ++y) {
        const auto row = input.row(y);
        for (std::size_t pixel = 0; pixel < row.size(); pixel += 4) {
            const unsigned light = 255u - row[pixel + 3];
            for (std::size_t ink = 0; ink < 3; ++ink)
                pixels.push_back(static_cast<std::uint8_t>(light - multiply_bytes(row[pixel + ink], light)));
        }
    }
    return image(std::move(pixels), input.width(), input.height(), pixel_mode::rgb);
}

}  // namespace detail

/// The image as by Pillow's convert("RGB"): grey repeated, alpha dropped, palette colours as they are; BGR is reversed.
inline image to_rgb(const image& input) {
    if (input.mode() == pixel_mode::rgb) return input;
    if (input.mode() == pixel_mode::cmyk) return detail::rgb_of_cmyk(input);
    if (input.mode() == pixel_mode::palette) return input.reinterpreted(pixel_mode::rgb);
    const std::size_t channels = input.channels();
    const bool reversed = input.mode() == pixel_mode::bgr || input.mode() == pixel_mode::bgra;
    const std::size_t red = reversed ? 2 : 0, green = channels < 3 ? 0 : 1, blue = channels < 3 ? 0 : 2 - red;
    std::vector<std::uint8_t> pixels(input.width() * input.height() * 3);
    std::uint8_t* next = pixels.data();
    for (std::size_t y = 0; y < input.height(); ++y) {
        const auto row = input.row(y);
        for (std::size_t pixel = 0; pixel < row.size(); pixel += channels) {
            *next++ = row[pixel + red];
            *next++ = row[pixel + green];
            *next++ = row[pixel + blue];
        }
    }
    return image(std::move(pixels), input.width(), input.height(), pixel_mode::rgb);
}

/// The image composited on a colour, as RGB; one without transparency is returned unchanged, in its own mode. Mirrors
/// alpha_composite of Pillow (AlphaComposite.c) for an opaque background.
inline image composited_on(const image& input, const std::array<std::uint8_t, 3>& background) {
    const bool in_channel = has_alpha(input.mode());
    if (!in_channel && input.alpha_plane() == nullptr) return input;
    constexpr std::uint32_t bits = 7;  // PRECISION_BITS
    const image colours = to_rgb(input);
    const std::size_t step = in_channel ? input.channels() : 1;
    std::vector<std::uint8_t> pixels;
    pixels.reserve(colours.row(0).size() * colours.height());
    for (std::size_t y = 0; y < input.height(); ++y) {
        const auto row = colours.row(y), alphas = in_channel ? input.row(y) : input.alpha_plane()->row(y);
        for (std::size_t x = 0; x < input.width(); ++x) {
            const std::uint32_t alpha = alphas[x * step + step - 1];
            for (std::size_t channel = 0; channel < 3; ++channel) {
                const std::uint32_t sum = row[3 * x + channel] * alpha + background[channel] * (255 - alpha);
                const std::uint32_t rounded = (sum + 128) << bits;
                pixels.push_back(
                    static_cast<std::uint8_t>((((rounded >> 8) + rounded) >> 8) >> bits));  // sum / 255, rounded
            }
        }
    }
    return image(std::move(pixels), input.width(), input.height(), pixel_mode::rgb);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
