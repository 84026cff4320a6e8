#include <cstdint>
#include <string>
#include <vector>

#include <zeroshot/image/exif.hpp>

#include "tests/image/png_writer.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;

namespace {

std::string rows_of(const image& picture) {
    std::string text;
    for (std::size_t y = 0; y < picture.height(); ++y) {
        if (y > 0) text += '/';
        for (const std::uint8_t byte : picture.row(y)) text += static_cast<char>(byte);
    }
    return text;
}

png_writer::bytes tiff(std::string_view text) {
    png_writer::bytes out;
    png_writer::append(out, text);
    return out;
}

}  // namespace

TEST_CASE("H12 each orientation turns as ImageOps.exif_transpose does") {
    const image picture({'a', 'b', 'c', 'd', 'e', 'f'}, 3, 2, pixel_mode::grey);
    const std::vector<std::string> turned{"abc/def",  "cba/fed",  "fed/cba",  "def/abc",
                                          "ad/be/cf", "da/eb/fc", "fc/eb/da", "cf/be/ad"};
    for (unsigned orientation = 1; orientation <= 8; ++orientation) {
        CHECK(rows_of(upright(picture, orientation)) == turned[orientation - 1]);
    }
    CHECK_THROWS_AS(upright(picture, 0), argument_error);
    CHECK_THROWS_WITH(upright(picture, 9), contains("9, expected 1 to 8"));
}

TEST_CASE("the orientation is found in both byte orders, and nonsense means upright") {
    using namespace std::string_view_literals;
    const auto little = tiff("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"sv);
    const auto big = tiff("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\0"sv);
    CHECK(detail::exif_orientation(little) == 6);
    CHECK(detail::exif_orientation(big) == 8);
    for (std::size_t size = 0; size < 18; ++size) CHECK(detail::exif_orientation(std::span(little).first(size)) == 1);
    auto beyond = little;
    beyond[4] = std::byte{0xff};
    beyond[7] = std::byte{0xff};
    CHECK(detail::exif_orientation(beyond) == 1);
    auto ninth = little;
    ninth[18] = std::byte{9};
    CHECK(detail::exif_orientation(ninth) == 1);
}
