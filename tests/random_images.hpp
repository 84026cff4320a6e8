#pragma once
/// \file Images of noise, for tests that need any image.

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include <zeroshot/image/image.hpp>

namespace zeroshot_tests {

inline zeroshot::image random_image(std::size_t width, std::size_t height, unsigned seed) {
    std::mt19937 generator(seed);
    std::vector<std::uint8_t> pixels(width * height * 3);
    for (std::uint8_t& value : pixels) value = static_cast<std::uint8_t>(generator());
    return zeroshot::image(std::move(pixels), width, height, zeroshot::pixel_mode::rgb);
}

}  // namespace zeroshot_tests
