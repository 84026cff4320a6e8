// Decodes image files for check_images.py: decode_images DECODER OUTPUT FILE..., where DECODER, "stb" or
// "libjpeg-turbo", is that of JPEG; exits with 3 where it is not built. Writes for each file "<mode> <width> <height>"
// and the pixels, or the code and text of the error.
#include <fstream>
#include <string_view>

#include <zeroshot/image/decode.hpp>
#include <zeroshot/image/preprocess.hpp>

using namespace zeroshot;

namespace {

image decoded(std::string_view decoder, const char* path) {
    const std::vector<std::byte> bytes = read_file(path, INT_MAX);
    const decode_options options;
    const bool jpeg =
        bytes.size() > 2 && bytes[0] == std::byte{0xff} && bytes[1] == std::byte{0xd8} && bytes[2] == std::byte{0xff};
    if (decoder == "stb" && jpeg) {
        detail::decoding about{options};
        return detail::decode_jpeg_by_stb(bytes, about);
    }
    return decode(bytes, options);
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) return 2;
#if !defined(ZEROSHOT_LIBJPEG_TURBO)
    if (std::string_view(arguments[1]) != "stb") return 3;
#endif
    std::ofstream output(arguments[2], std::ios::binary);
    for (int index = 3; index < count; ++index) {
        try {
            const image source = decoded(arguments[1], arguments[index]);
            output << static_cast<int>(source.mode()) << ' ' << source.width() << ' ' << source.height() << '\n';
            for (std::size_t y = 0; y < source.height(); ++y) {
                const auto row = source.row(y);
                output.write(reinterpret_cast<const char*>(row.data()), static_cast<std::streamsize>(row.size()));
            }
        } catch (const error& fault) {
            output << name_of(fault.code()) << ' ' << fault.what() << '\n';
        }
    }
    return output.good() ? 0 : 1;
}
