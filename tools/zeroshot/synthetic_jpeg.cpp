#include "synthetic_jpeg.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#if __has_include(<stb_image_write.h>)
#include <stb_image_write.h>
#else
#include <stb/stb_image_write.h>
#endif

namespace program {

namespace {

constexpr int quality = 90;  // the highest at which stb_image_write subsamples colours

/// Pseudo-random value from 0 to 1 of a lattice point, by the finaliser of MurmurHash3.
float lattice(std::uint32_t x, std::uint32_t y, std::uint32_t seed) {
    std::uint32_t mixed = x * 0x9E3779B1u ^ y * 0x85EBCA77u ^ seed * 0xC2B2AE3Du;
    mixed = (mixed ^ mixed >> 16) * 0x85EBCA6Bu;
    mixed = (mixed ^ mixed >> 13) * 0xC2B2AE35u;
    return static_cast<float>((mixed ^ mixed >> 16) >> 8) / static_cast<float>(1u << 24);
}

/// Value noise: linear interpolation between lattice points.
float smooth_noise(float x, float y, std::uint32_t seed) {
    const auto left = static_cast<std::uint32_t>(x), top = static_cast<std::uint32_t>(y);
    const float across = x - static_cast<float>(left), down = y - static_cast<float>(top);
    const float above = std::lerp(lattice(left, top, seed), lattice(left + 1, top, seed), across);
    const float below = std::lerp(lattice(left, top + 1, seed), lattice(left + 1, top + 1, seed), across);
    return std::lerp(above, below, down);
}

/// Fractal noise. Each octave has twice the frequency and 3/4 of the amplitude: more than half, because linear
/// interpolation is smooth between lattice points, and the spectrum of natural scenes falls like 1 / frequency.
float fractal_noise(float x, float y, std::uint32_t seed, float coarsest, int octaves) {
    constexpr float decay = 0.75f;
    float sum = 0, amplitude = 1 - decay, scale = 1 / coarsest;
    for (int octave = 0; octave < octaves; ++octave, amplitude *= decay, scale *= 2)
        sum += amplitude * smooth_noise(x * scale, y * scale, seed + static_cast<std::uint32_t>(octave));
    return sum;
}

/// Red, green and blue of a pixel.
std::array<std::uint8_t, 3> colour_at(float x, float y) {
    struct disc {
        float x, y, radius, shade;
    };
    constexpr std::array discs{disc{140, 300, 90, 0.35f}, disc{430, 170, 60, -0.3f}, disc{520, 390, 70, 0.25f},
                               disc{300, 120, 35, -0.4f}};
    constexpr float coarsest = 128, tint = 0.3f;
    float light = fractal_noise(x, y, 1, coarsest, 8);
    for (const disc& each : discs) {
        if (std::hypot(x - each.x, y - each.y) < each.radius) light += each.shade;
    }
    std::array<std::uint8_t, 3> colour{};
    for (std::uint32_t channel = 0; channel < 3; ++channel) {
        const float level = light + tint * (fractal_noise(x, y, 100 + 10 * channel, coarsest, 4) - 0.5f);
        colour[channel] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(level, 0.0f, 1.0f)));
    }
    return colour;
}

}  // namespace

std::string encode_jpeg(const std::vector<std::uint8_t>& pixels, std::size_t width, std::size_t height) {
    std::string file;
    const auto add = [](void* to, void* bytes, int count) {
        static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), static_cast<std::size_t>(count));
    };
    if (stbi_write_jpg_to_func(add, &file, static_cast<int>(width), static_cast<int>(height), 3, pixels.data(),
                               quality) == 0) {
        throw std::runtime_error("cannot encode an image as JPEG");
    }
    return file;
}

std::string synthetic_photo(std::size_t width, std::size_t height) {
    std::vector<std::uint8_t> pixels;  // [height, width, 3]
    for (std::size_t y = 0; y < height; ++y) {
        for (std::size_t x = 0; x < width; ++x) {
            const std::array<std::uint8_t, 3> colour = colour_at(static_cast<float>(x), static_cast<float>(y));
            pixels.insert(pixels.end(), colour.begin(), colour.end());
        }
    }
    return encode_jpeg(pixels, width, height);
}

}  // namespace program
