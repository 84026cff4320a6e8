// A unit that includes stb_image before us.
#include <stb_image.h>

#include <zeroshot/image/decode.hpp>

#include "tests/packaging/stb_both.hpp"

bool decodes_after_stb() {
    return host_red() == 255 && our_red() == 255;
}

bool host_flips_alone() {
    stbi_set_flip_vertically_on_load(1);
    const bool alone = host_red() == 0 && our_red() == 255;
    stbi_set_flip_vertically_on_load(0);
    return alone;
}
