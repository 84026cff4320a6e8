#pragma once
/// \file Small images for a page, as the address of an image.

#include <filesystem>
#include <string>

namespace program {

/// The image, made small, on white, as "data:image/jpeg;base64,..."; an empty image where it cannot be read.
std::string thumbnail(const std::filesystem::path& file);

}  // namespace program
