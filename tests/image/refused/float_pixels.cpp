// Does not compile, with a sentence: float pixels are not an image.
#include <zeroshot/image/image.hpp>

zeroshot::image view_of(const float* pixels) {
    return zeroshot::image::view(pixels, 1, 1, zeroshot::pixel_mode::grey);
}
