#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/image/rgb.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

std::vector<int> first_row(const image& sample) {
    return {sample.row(0).begin(), sample.row(0).end()};
}

using colour = std::array<std::uint8_t, 3>;
constexpr colour white{255, 255, 255};

}  // namespace

TEST_CASE("CMYK becomes RGB as in Pillow") {
    const auto rgb_of = [](const std::array<std::uint8_t, 4>& inks) {
        const image converted = to_rgb(image::view(inks, 1, 1, pixel_mode::cmyk));
        return std::vector<int>(converted.row(0).begin(), converted.row(0).end());
    };
    CHECK(rgb_of({0, 255, 255, 0}) == std::vector{255, 0, 0});
    CHECK(rgb_of({0, 0, 0, 255}) == std::vector{0, 0, 0});
    CHECK(rgb_of({10, 20, 30, 40}) == std::vector{207, 198, 190});  // 215 - 215 * ink / 255, rounded
}

TEST_CASE("every mode becomes RGB as Pillow's convert does it") {
    const auto converted = [](const image& sample) { return first_row(to_rgb(sample)); };
    CHECK(converted(image({255}, 1, 1, pixel_mode::bilevel)) == std::vector<int>{255, 255, 255});
    CHECK(converted(image({7}, 1, 1, pixel_mode::grey)) == std::vector<int>{7, 7, 7});
    CHECK(converted(image({7, 0}, 1, 1, pixel_mode::grey_alpha)) == std::vector<int>{7, 7, 7});
    CHECK(converted(image({7, 8, 9}, 1, 1, pixel_mode::palette)) == std::vector<int>{7, 8, 9});
    CHECK(converted(image({7, 8, 9, 0}, 1, 1, pixel_mode::rgba)) == std::vector<int>{7, 8, 9});
}

TEST_CASE("an image laid on a colour has the bytes of Pillow's alpha_composite") {
    std::vector<std::uint8_t> pixels;
    for (const std::uint8_t alpha : std::array<std::uint8_t, 7>{0, 1, 77, 128, 200, 254, 255}) {
        const std::array<std::uint8_t, 4> pixel{10, 200, 255, alpha};
        pixels.insert(pixels.end(), pixel.begin(), pixel.end());
    }
    const image sample(pixels, 7, 1, pixel_mode::rgba);
    CHECK(first_row(composited_on(sample, white)) == std::vector<int>{255, 255, 255, 254, 255, 255, 181,
                                                                      238, 255, 132, 227, 255, 63,  212,
                                                                      255, 11,  200, 255, 10,  200, 255});
    CHECK(first_row(composited_on(sample, {0, 128, 7})) ==
          std::vector<int>{0, 128, 7, 0, 128, 8, 3, 150, 82, 5, 164, 131, 8, 184, 202, 10, 200, 254, 10, 200, 255});
    for (std::size_t i = 0; i < pixels.size(); i += 4) std::swap(pixels[i], pixels[i + 2]);
    CHECK(first_row(composited_on(image(pixels, 7, 1, pixel_mode::bgra), white)) ==
          first_row(composited_on(sample, white)));
    CHECK(first_row(composited_on(image({9, 255, 9, 0}, 2, 1, pixel_mode::grey_alpha), white)) ==
          std::vector<int>{9, 9, 9, 255, 255, 255});
}

TEST_CASE("transparency beside the mode is laid on a colour, and else ignored") {
    const image opaque({1, 2, 3, 4, 5, 6}, 2, 1, pixel_mode::palette);
    const image sample = opaque.with_alpha_plane(image({255, 0}, 2, 1, pixel_mode::grey));
    CHECK(sample.mode() == pixel_mode::palette);
    CHECK(first_row(to_rgb(sample)) == std::vector<int>{1, 2, 3, 4, 5, 6});
    CHECK(first_row(composited_on(sample, white)) == std::vector<int>{1, 2, 3, 255, 255, 255});
    CHECK(composited_on(opaque, white).mode() == pixel_mode::palette);
    CHECK(first_row(composited_on(upright(sample, 2), white)) == std::vector<int>{255, 255, 255, 1, 2, 3});
    CHECK_THROWS_AS(opaque.with_alpha_plane(image({255}, 1, 1, pixel_mode::grey)), argument_error);
}

TEST_CASE("preprocessing lays transparent pixels on the colour that its settings name") {
    const image sample({200, 0, 0, 0}, 1, 1, pixel_mode::rgba);
    preprocessing how{.size = 1, .order = preprocessing_order::hugging_face};
    CHECK(first_row(encoder_square(sample, how)) == std::vector<int>{200, 0, 0});
    how.transparency = transparency::on_white();
    CHECK(first_row(encoder_square(sample, how)) == std::vector<int>{255, 255, 255});
    how.order = preprocessing_order::openai;
    how.transparency = transparency::of("#010203");
    CHECK(first_row(encoder_square(sample, how)) == std::vector<int>{1, 2, 3});
}

TEST_CASE("a rule for transparency is read by the name that it is written with") {
    for (const char* name : {"drop", "white", "#00ff7f"}) CHECK(name_of(transparency::of(name)) == name);
    CHECK(transparency::of("#FFFFFF") == transparency::on_white());
    for (const char* name : {"", "black", "#12345", "#1234567", "#12345g", "# 12345"})
        CHECK_THROWS_AS(transparency::of(name), argument_error);
}
