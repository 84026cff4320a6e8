#pragma once
/// \file Where a model lies: what --model means.

#include <filesystem>
#include <string>

namespace program {

class console;

/// The file or folder that a word stands for: a path, or a name that is looked up in the folder of the environment variable
/// ZEROSHOT_MODELS; the empty word stands for the bundled model, which is then named to the console.
/// \throws zeroshot::file_error (IO) saying where it was looked for
std::filesystem::path place_of_model(const std::string& word, console& out);

}  // namespace program
