#pragma once
/// \file What --version says.

#include <string>

namespace program {

/// Version, kernels, compiler: what a bug report needs.
std::string version_text();

}  // namespace program
