#pragma once
/// \file Text of --version.

#include <string>

namespace program {

/// Version, kernels and compiler.
std::string version_text();

}  // namespace program
