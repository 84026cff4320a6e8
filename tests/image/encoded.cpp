#include <array>
#include <limits>

#include <zeroshot/image/encoded.hpp>

#include "tests/image/png_writer.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;

namespace {

png_writer::bytes tiff(std::string_view text) {
    png_writer::bytes out;
    png_writer::append(out, text);
    return out;
}

}  // namespace

TEST_CASE("a fault in an image names its byte") {
    CHECK_THROWS_WITH(detail::throw_ends_early(77), contains("byte 77: image data ends early; was the file cut off?"));
    CHECK_THROWS_AS(detail::throw_at_byte(error_code::format, 1, "x"), image_error);
}

TEST_CASE("limits hold exactly and do not overflow") {
    CHECK_NOTHROW(detail::refuse_pixels(0, 10, 10, 100));
    CHECK_THROWS_WITH(detail::refuse_pixels(0, 101, 1, 100), contains("101 x 1 pixels, expected at most 100"));
    const std::size_t huge = std::numeric_limits<std::size_t>::max();
    CHECK_THROWS_AS(detail::refuse_pixels(0, huge, huge, 100), image_error);
    CHECK_NOTHROW(detail::refuse_memory(0, 5, 5));
    CHECK_THROWS_WITH(detail::refuse_memory(0, 6, 5), contains("takes 6 bytes of memory"));
}

TEST_CASE("numbers are big-endian") {
    const std::array bytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
    CHECK(detail::big_endian(bytes) == 0x01020304u);
    CHECK(detail::big_endian(std::span(bytes).first(2)) == 0x0102u);
}

TEST_CASE("the EXIF orientation is read in both byte orders; damaged EXIF has none") {
    using namespace std::string_view_literals;
    const auto little = tiff("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"sv);
    const auto big = tiff("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\0"sv);
    CHECK(detail::exif_orientation(little) == 6);
    CHECK(detail::exif_orientation(big) == 8);
    for (std::size_t size = 0; size < 18; ++size)
        CHECK(detail::exif_orientation(std::span(little).first(size)).value_or(1) == 1);
    auto beyond = little;
    beyond[4] = std::byte{0xff};
    beyond[7] = std::byte{0xff};
    CHECK_FALSE(detail::exif_orientation(beyond).has_value());
    auto ninth = little;
    ninth[18] = std::byte{9};
    CHECK(detail::exif_orientation(ninth) == 1);
}

TEST_CASE("the orientation of XMP is its first digit, as an attribute or an element") {
    CHECK(detail::xmp_orientation("<a tiff:Orientation=\"6\" tiff:Orientation=\"3\">") == 6u);
    CHECK(detail::xmp_orientation("<tiff:Orientation>8</tiff:Orientation>") == 8u);
    CHECK(detail::xmp_orientation("tiff:Orientation='3' tiff:Orientation=\"x\" tiff:Orientation>2") == 2u);
    CHECK(detail::xmp_orientation("tiff:Orientation=\"0\"") == 1u);
    for (const char* none : {"", "tiff:Orientation", "tiff:Orientation=", "tiff:Orientation=\"", "Orientation=\"6\""})
        CHECK_FALSE(detail::xmp_orientation(none).has_value());
}

TEST_CASE("EXIF that names an orientation counts before XMP") {
    using namespace std::string_view_literals;
    constexpr std::string_view packet = "tiff:Orientation>8";
    const auto exif = tiff("Exif\0\0Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"sv);
    CHECK(detail::orientation_of(exif, packet) == 6);
    CHECK(detail::orientation_of({}, packet) == 8);
    CHECK(detail::orientation_of({}, "") == 1);
}
