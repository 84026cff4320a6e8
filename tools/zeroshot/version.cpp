#include "version.hpp"

#include <string>

#include <Eigen/Core>

#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/version.hpp>

namespace program {

std::string version_text() {
    namespace kernels = zeroshot::kernels;
    std::string available;
    for (const kernels::table* const each : kernels::tables()) {
        if (each->is_available()) available += (available.empty() ? "" : ", ") + std::string(each->name);
    }
    return std::string("zeroshot ") + zeroshot::version + "\nkernels: " + std::string(kernels::active().name) +
           " (of " + available + ")\ncompiled: " + ZEROSHOT_COMPILED_AS + "; Eigen " +
           std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
           std::to_string(EIGEN_MINOR_VERSION);
}

}  // namespace program
