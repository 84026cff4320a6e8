#pragma once
/// \file Check of a checkpoint's tensors and of the outputs recorded in it.

#include <string>
#include <vector>

namespace program {

struct model_options;
class console;

/// Result of a check.
struct checkpoint_check {
    std::size_t tensors = 0;
    std::vector<std::string> diagnostics;  ///< messages about tensors with NaN, infinity, subnormals or only zeros
    std::string record;                    ///< "fits", "none", or a message on how the outputs differ
};

/// Checks every tensor, and runs the self-check of a converted checkpoint.
/// \throws zeroshot::error if the checkpoint cannot be read
checkpoint_check check_checkpoint(const model_options& options, console& out);

}  // namespace program
