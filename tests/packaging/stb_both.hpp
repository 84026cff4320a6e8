/// \file Decodes with the host's stb_image and with ours, side by side; included after both, in either order.

#ifndef STBI_VERSION
#error "the host's stb_image is gone"
#endif
#ifdef STBI_ONLY_PNG
#error "our choice of formats has become the host's"
#endif

#include <span>

#include "tests/packaging/stb_host.hpp"

namespace {

/// The red channel of the upper pixel, as the host's stb_image sees it.
int host_red() {
    int width = 0, height = 0, channels = 0;
    stbi_uc* pixels =
        stbi_load_from_memory(two_rows.data(), static_cast<int>(two_rows.size()), &width, &height, &channels, 3);
    const int red = pixels == nullptr ? -1 : pixels[0];
    stbi_image_free(pixels);
    return red;
}

/// The same, as we see it.
int our_red() {
    return zeroshot::decode(std::as_bytes(std::span(two_rows))).row(0)[0];
}

}  // namespace
