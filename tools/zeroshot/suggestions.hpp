#pragma once
/// \file Did you mean ...? The nearest of some words.

#include <span>
#include <string>
#include <string_view>

namespace program {

/// The candidate that takes the fewest changes to become the word; empty where none is near.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// "; did you mean 'classify'?", or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace program
