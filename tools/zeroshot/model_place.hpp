#pragma once
/// \file Where a model lies: what --model means.

#include <filesystem>
#include <string>

namespace program {

class console;

/// What zeroshot::load takes: the word itself, a path or a name; the empty word stands for the bundled model, which is
/// then named to the console. \throws zeroshot::file_error (IO) where the bundled model is not there, saying where it
/// was looked for
std::filesystem::path place_of_model(const std::string& word, console& out);

}  // namespace program
