#pragma once
/// \file A closer look at a checkpoint: every number of it, and its own record of what its model gives.

#include <string>
#include <vector>

namespace program {

struct model_options;
class console;

/// What the look found.
struct check_up {
    std::size_t tensors = 0;
    std::vector<std::string> diagnostics;  ///< sentences about tensors that are not sound
    std::string record;                    ///< "fits", "none"; or the sentence about how it does not
};

/// \throws zeroshot::error where the checkpoint cannot be read
check_up check(const model_options& options, console& out);

}  // namespace program
