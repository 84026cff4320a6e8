#pragma once
/// \file Suggestions for mistyped words.

#include <span>
#include <string>
#include <string_view>

namespace program {

/// The candidate with the smallest edit distance to the word; empty if none is close.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// "; did you mean 'classify'?", or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace program
