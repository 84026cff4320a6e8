#pragma once
/// \file Thumbnails of images as data URLs.

#include <filesystem>
#include <string>

namespace program {

/// The image, scaled to at most 128 pixels, on white, as "data:image/jpeg;base64,..."; "data:," if it cannot be read.
std::string thumbnail(const std::filesystem::path& file);

}  // namespace program
