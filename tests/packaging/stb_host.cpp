// A host that compiles stb_image in a unit of its own, as its documentation asks, and uses it in units that also
// include us.
#define STB_IMAGE_IMPLEMENTATION
#include "tests/packaging/stb_host.hpp"

#include <cstdio>

#include <stb_image.h>

bool host_decodes() {
    int width = 0, height = 0, channels = 0;
    stbi_uc* pixels =
        stbi_load_from_memory(two_rows.data(), static_cast<int>(two_rows.size()), &width, &height, &channels, 3);
    const bool sound = pixels != nullptr && width == 1 && height == 2 && pixels[0] == 255 && pixels[3] == 0;
    stbi_image_free(pixels);
    return sound;
}

int main() {
    const bool sound = host_decodes() && decodes_after_stb() && decodes_before_stb() && host_flips_alone();
    if (!sound) std::fprintf(stderr, "the host's stb_image and ours do not leave each other alone\n");
    return sound ? 0 : 1;
}
