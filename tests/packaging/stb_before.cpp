// A unit that includes us before stb_image.
#include <stb_image.h>

#include <zeroshot/image/decode.hpp>

#include "tests/packaging/stb_both.hpp"

bool decodes_before_stb() {
    return host_red() == 255 && our_red() == 255;
}
