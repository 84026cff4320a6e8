#pragma once
/// \file Images written as JPEG, and one to measure with: made up, but with a photograph's share of smooth and of fine.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace program {

/// A JPEG file of an image.
/// \param pixels [height, width, 3]
std::string jpeg_of(const std::vector<std::uint8_t>& pixels, std::size_t width, std::size_t height);

/// A JPEG file of clouds of colour with hard-edged discs in front, the same in every run: colours at half the
/// resolution, as cameras write them, and about as many bytes for a pixel as a photograph has.
std::string photo_like_jpeg(std::size_t width, std::size_t height);

}  // namespace program
