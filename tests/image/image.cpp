#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/image/image.hpp>

#include "tests/image/support.hpp"

using namespace zeroshot;

namespace {

std::string rows_of(const image& source) {
    std::string text;
    for (std::size_t y = 0; y < source.height(); ++y) {
        if (y > 0) text += '/';
        for (const std::uint8_t byte : source.row(y)) text += static_cast<char>(byte);
    }
    return text;
}

}  // namespace

TEST_CASE("an image owns, copies or views its pixels, and rows come from the top") {
    std::vector<std::uint8_t> pixels{1, 2, 3, 4, 5, 6, 99, 7, 8, 9, 10, 11, 12, 99};
    const image viewed = image::view(pixels, 2, 2, pixel_mode::rgb, 7);
    const image copied = image::copy(pixels, 2, 2, pixel_mode::rgb, 7);
    pixels[7] = 70;
    CHECK(viewed.row(1)[0] == 70);
    CHECK(copied.row(1)[0] == 7);
    CHECK(copied.row(1).size() == 6);
    const image owned({1, 2, 3, 4}, 2, 2, pixel_mode::grey);
    CHECK(owned.row(1)[1] == 4);
    CHECK(owned.channels() == 1);
}

TEST_CASE("an image is a view of a pointer, with a stride and in the channel order of OpenCV") {
    const std::vector<std::uint8_t> rows{3, 2, 1, 6, 5, 4, 99, 99, 9, 8, 7, 12, 11, 10, 99, 99};
    const image frame = image::view(rows.data(), 2, 2, pixel_mode::bgr, 8);
    CHECK(frame.channels() == 3);
    CHECK(frame.row(1).data() == rows.data() + 8);
    CHECK(image::view(rows.data(), 2, 2, pixel_mode::bgra).channels() == 4);
    const std::uint8_t* const nothing = nullptr;
    CHECK_THROWS_WITH(image::view(nothing, 2, 2, pixel_mode::bgr), contains("null pointer"));
    CHECK_THROWS_AS(image::view(rows.data(), 2, 2, pixel_mode::bgr, 5), argument_error);
}

TEST_CASE("an image that was moved from is still the image") {
    image first({1, 2, 3}, 1, 1, pixel_mode::rgb);
    const image second = std::move(first);
    CHECK(first.row(0)[2] == 3);  // NOLINT: that is the claim
    CHECK(second.row(0).data() == first.row(0).data());
}

TEST_CASE("a mode can be changed for one with as many channels") {
    const image palette({1, 2, 3}, 1, 1, pixel_mode::palette);
    CHECK(palette.reinterpreted(pixel_mode::rgb).mode() == pixel_mode::rgb);
    CHECK_THROWS_WITH(palette.reinterpreted(pixel_mode::grey), contains("3 channels, expected 1"));
}

TEST_CASE("pixels that do not fit their sizes are refused") {
    const std::vector<std::uint8_t> pixels(12);
    const std::size_t huge = std::numeric_limits<std::size_t>::max();
    const auto refusal = [&](std::size_t width, std::size_t height, std::size_t stride) {
        try {
            image::view(pixels, width, height, pixel_mode::rgb, stride);
        } catch (const argument_error& fault) {
            CHECK(fault.code() == error_code::argument);
            return std::string(fault.what());
        }
        return std::string("accepted");
    };
    CHECK(refusal(2, 2, 0) == "accepted");
    CHECK(refusal(1, 2, 9) == "accepted");
    SECTION("no pixels") {
        CHECK_THAT(refusal(0, 2, 0), contains("0 x 2"));
        CHECK_THAT(refusal(2, 0, 0), contains("at least 1 x 1"));
    }
    SECTION("stride too short, or negative") {
        CHECK_THAT(refusal(2, 2, 5), contains("the stride is 5, expected at least 6 bytes"));
        CHECK_THAT(refusal(2, 2, static_cast<std::size_t>(-6)), contains("is the stride negative?"));
    }
    SECTION("buffer shorter than claimed") {
        CHECK_THAT(refusal(2, 3, 0), contains("12 bytes, expected at least 18 for 2 x 3"));
        CHECK_THAT(refusal(2, 2, 7), contains("expected at least 13"));
    }
    SECTION("products that overflow") {
        CHECK_THAT(refusal(huge / 2, 2, 0), contains("does not fit the memory"));
        CHECK_THAT(refusal(huge / 4, 8, 0), contains("does not fit the memory"));
    }
    SECTION("null pointer") {
        CHECK_THROWS_AS(image::view({}, 1, 1, pixel_mode::grey), argument_error);
    }
    SECTION("too many or too few owned bytes") {
        CHECK_THROWS_AS(image(std::vector<std::uint8_t>(13), 2, 2, pixel_mode::rgb), argument_error);
        CHECK_THROWS_AS(image(std::vector<std::uint8_t>(11), 2, 2, pixel_mode::rgb), argument_error);
    }
    SECTION("channels 0, 2 and 5, and a mode that is none") {
        CHECK_THROWS_WITH(mode_of_channels(0), contains("0 channels, expected 1, 2, 3 or 4"));
        CHECK_THROWS_AS(mode_of_channels(5), argument_error);
        CHECK(mode_of_channels(2) == pixel_mode::grey_alpha);
        CHECK_THROWS_WITH(image::view(pixels, 1, 1, static_cast<pixel_mode>(77)), contains("there is no mode 77"));
    }
}

TEST_CASE("each EXIF orientation turns as ImageOps.exif_transpose does") {
    const image source({'a', 'b', 'c', 'd', 'e', 'f'}, 3, 2, pixel_mode::grey);
    const std::vector<std::string> turned{"abc/def",  "cba/fed",  "fed/cba",  "def/abc",
                                          "ad/be/cf", "da/eb/fc", "fc/eb/da", "cf/be/ad"};
    for (unsigned orientation = 1; orientation <= 8; ++orientation) {
        CHECK(rows_of(upright(source, orientation)) == turned[orientation - 1]);
    }
    CHECK_THROWS_AS(upright(source, 0), argument_error);
    CHECK_THROWS_WITH(upright(source, 9), contains("9, expected 1 to 8"));
}
