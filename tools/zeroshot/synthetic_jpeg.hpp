#pragma once
/// \file JPEG encoding, and a synthetic photograph for benchmarks.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace program {

/// An image as a JPEG file of quality 90 with 4:2:0 subsampling.
/// \param pixels [height, width, 3]
std::string encode_jpeg(const std::vector<std::uint8_t>& pixels, std::size_t width, std::size_t height);

/// A synthetic photograph as a JPEG file, the same in every run: coloured noise with a 1/f spectrum and hard-edged
/// discs in front. Subsampling and bytes per pixel are those of a camera's file.
std::string synthetic_photo(std::size_t width, std::size_t height);

}  // namespace program
