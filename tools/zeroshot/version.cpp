#include "version.hpp"

#include <string>

#include <Eigen/Core>

#include <zeroshot/image/decode.hpp>
#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/version.hpp>

namespace program {

#if defined(ZEROSHOT_LIBJPEG_TURBO)
constexpr const char* jpeg_decoder = "libjpeg-turbo";
#else
constexpr const char* jpeg_decoder = "stb_image";
#endif

std::string version_text() {
    namespace kernels = zeroshot::kernels;
    std::string available;
    for (const kernels::table* const each : kernels::tables()) {
        if (each->is_available()) available += (available.empty() ? "" : ", ") + std::string(each->name);
    }
    return std::string("zeroshot ") + zeroshot::version + "\nkernels: " + std::string(kernels::active().name) +
           " (of " + available + ")\ncompiled: " + ZEROSHOT_COMPILED_AS + "; Eigen " +
           std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
           std::to_string(EIGEN_MINOR_VERSION) + "\nimages: " + zeroshot::decoded_formats() + "; JPEG by " +
           jpeg_decoder;
}

}  // namespace program
