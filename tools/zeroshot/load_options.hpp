#pragma once
/// \file What the options of a call say about a checkpoint, as the library takes it.

#include <zeroshot/load/load.hpp>

#include "options.hpp"

namespace program {

/// The words were checked when the call was read.
zeroshot::load_options load_options_of(const model_options& options);

}  // namespace program
