#include <cstdint>
#include <string>
#include <vector>

#include <zeroshot/image/resize.hpp>

#include "tests/image/png_writer.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;

namespace {

image noise(std::size_t width, std::size_t height, pixel_mode mode, std::uint64_t seed = 1) {
    std::vector<std::uint8_t> pixels(width * height * channels_of(mode));
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = png_writer::hash_byte(seed, i);
    return image(std::move(pixels), width, height, mode);
}

bool same_pixels(const image& left, const image& right) {
    bool same = left.width() == right.width() && left.height() == right.height() && left.mode() == right.mode();
    for (std::size_t y = 0; same && y < left.height(); ++y) same = std::ranges::equal(left.row(y), right.row(y));
    return same;
}

std::vector<int> first_row(const image& sample) {
    const auto row = sample.row(0);
    return {row.begin(), row.end()};
}

}  // namespace

TEST_CASE("four pixels become eight as in Pillow") {
    // Image.fromarray(numpy.array([[18, 52, 0, 0]], "uint8")).resize((8, 2), BICUBIC) of Pillow 13
    const image sample({18, 52, 0, 0}, 4, 1, pixel_mode::grey);
    CHECK(first_row(resize(sample, 8, 2)) == std::vector<int>{15, 26, 48, 44, 11, 0, 0, 0});
}

TEST_CASE("colours are weighted by their alpha, and what is transparent turns black") {
    // the same pixels as alpha and colour: Pillow 13 gives 0 29 53 52 46 0 0 0 for the colour
    const image sample({18, 18, 52, 52, 0, 0, 0, 0}, 4, 1, pixel_mode::grey_alpha);
    const std::vector<int> row = first_row(resize(sample, 8, 2));
    std::vector<int> colours;
    for (std::size_t i = 0; i < row.size(); i += 2) colours.push_back(row[i]);
    CHECK(colours == std::vector<int>{0, 29, 53, 52, 46, 0, 0, 0});
}

TEST_CASE("a constant image stays constant at every size") {
    // the 22-bit weights of a pixel sum to 1 within taps * 2^-23, far from the half that would change a byte
    for (const std::size_t size : {1u, 2u, 7u, 64u, 100u}) {
        const image sample(std::vector<std::uint8_t>(3 * 31 * 17, 201), 31, 17, pixel_mode::rgb);
        const image resized = resize(sample, size, 2 * size);
        for (std::size_t y = 0; y < resized.height(); ++y) {
            for (const std::uint8_t byte : resized.row(y)) REQUIRE(byte == 201);
        }
    }
}

TEST_CASE("a part is computed alone to the same bytes as cut from the whole") {
    for (const pixel_mode mode : {pixel_mode::bilevel, pixel_mode::grey, pixel_mode::grey_alpha, pixel_mode::rgb,
                                  pixel_mode::rgba, pixel_mode::palette}) {
        const image sample = noise(23, 57, mode);
        for (const auto& [width, height] :
             {std::pair<std::size_t, std::size_t>{40, 99}, {11, 27}, {23, 20}, {60, 13}, {23, 57}}) {
            const window part{width / 4, height / 3, width / 2, height / 2};
            CHECK(same_pixels(resize_and_crop(sample, width, height, part), crop(resize(sample, width, height), part)));
        }
    }
}

TEST_CASE("black-and-white and palette images take the nearest pixel") {
    const image sample({0, 255, 255, 0}, 4, 1, pixel_mode::bilevel);
    CHECK(first_row(resize(sample, 2, 1)) == std::vector<int>{255, 0});
    CHECK(first_row(resize(sample, 8, 1)) == std::vector<int>{0, 0, 255, 255, 255, 255, 0, 0});
}

TEST_CASE("a view with a stride resizes like its copy") {
    std::vector<std::uint8_t> padded(20 * 10);
    for (std::size_t i = 0; i < padded.size(); ++i) padded[i] = png_writer::hash_byte(3, i);
    const image view = image::view(padded, 5, 10, pixel_mode::rgb, 20);
    const image copy = image::copy(padded, 5, 10, pixel_mode::rgb, 20);
    CHECK(same_pixels(resize(view, 9, 4), resize(copy, 9, 4)));
}

TEST_CASE("one-pixel sides and unchanged sides resize") {
    for (const auto& [width, height] :
         {std::pair<std::size_t, std::size_t>{1, 1}, {1, 100}, {100, 1}, {16, 16}, {15, 17}}) {
        const image resized = resize(noise(width, height, pixel_mode::rgb), 16, 16);
        CHECK(resized.width() == 16);
        CHECK(resized.height() == 16);
    }
    CHECK(same_pixels(resize(noise(16, 16, pixel_mode::rgba), 16, 16), noise(16, 16, pixel_mode::rgba)));
}

TEST_CASE("the cost of a thin line follows the window that is asked for") {
    // whole, the result would have 22,400,000 x 224 pixels: 15 GB in RGB
    const image line = noise(100000, 1, pixel_mode::rgb);
    const image middle = resize_and_crop(line, 22400000, 224, {11199888, 0, 224, 224});
    CHECK(middle.width() == 224);
    const image dots = resize_and_crop(line.reinterpreted(pixel_mode::palette), 22400000, 224, {11199888, 0, 224, 224});
    CHECK(dots.row(0)[0] == line.row(0)[3 * 49999]);
}

TEST_CASE("sizes that cannot be are refused") {
    const image sample = noise(4, 4, pixel_mode::grey);
    CHECK_THROWS_WITH(resize(sample, 0, 4), contains("a side of 0 pixels"));
    CHECK_THROWS_WITH(resize_and_crop(sample, 8, 8, {4, 0, 5, 8}), contains("reaches outside"));
    CHECK_THROWS_WITH(resize_and_crop(sample, 8, 8, {0, 0, 0, 8}), contains("empty"));
    CHECK_THROWS_WITH(crop(sample, {1, 0, 4, 4}), contains("reaches outside"));
    try {
        resize_and_crop(sample, longest_resized_side + 1, 1, {0, 0, 1, 1});
        FAIL("accepted");
    } catch (const argument_error& fault) {
        CHECK(fault.code() == error_code::limit);
        CHECK_THAT(fault.what(), contains("is the image a thin line?"));
    }
}
