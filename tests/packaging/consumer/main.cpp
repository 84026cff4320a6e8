// The least that shows that everything was found: the library compiles without warnings, and answers.
#include <zeroshot/zeroshot.hpp>

#ifdef ZEROSHOT_NO_DECODER
#ifdef STBI_VERSION
#error "without the decoder, stb_image stays out"
#endif
#endif

int main() {
    const zeroshot::image image({255, 0, 0}, 1, 1, zeroshot::pixel_mode::rgb);
    try {
        zeroshot::load("no such file.safetensors");
    } catch (const zeroshot::file_error&) {
        return image.width() == 1 ? 0 : 1;
    }
    return 2;
}
