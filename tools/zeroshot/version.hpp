#pragma once
/// \file Text of --version.

#include <string>

namespace program {

/// Version, kernels, compiler and image formats.
std::string version_text();

}  // namespace program
