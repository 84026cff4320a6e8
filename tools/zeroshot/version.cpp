#include "version.hpp"

#include <string>

#include <Eigen/Core>

#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/version.hpp>

namespace program {

std::string version_text() {
    namespace kernels = zeroshot::kernels;
    std::string available;
    for (const kernels::instruction_set set : kernels::all_instruction_sets) {
        if (kernels::is_available(set))
            available += (available.empty() ? "" : ", ") + std::string(kernels::name_of(set));
    }
    return std::string("zeroshot ") + zeroshot::version +
           "\nkernels: " + std::string(kernels::name_of(kernels::active())) + " (of " + available +
           ")\ncompiled: " + ZEROSHOT_COMPILED_AS + "; Eigen " + std::to_string(EIGEN_WORLD_VERSION) + "." +
           std::to_string(EIGEN_MAJOR_VERSION) + "." + std::to_string(EIGEN_MINOR_VERSION);
}

}  // namespace program
