#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/image/preprocess.hpp>

#include "tests/image/png_writer.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;

namespace {

image slope(std::size_t width, std::size_t height, pixel_mode mode) {
    const std::size_t channels = channels_of(mode);
    std::vector<std::uint8_t> pixels;
    for (std::size_t i = 0; i < width * height * channels; ++i) {
        pixels.push_back(static_cast<std::uint8_t>(i / channels % width + i % channels));
    }
    return image(std::move(pixels), width, height, mode);
}

}  // namespace

TEST_CASE("pixels become planes of (byte / 255 - mean) / std") {
    const image sample({0, 128, 255}, 1, 1, pixel_mode::rgb);
    preprocessing how;
    how.size = 2;
    const tensor<float, 3> pixels = preprocess(sample, how);
    CHECK(pixels.shape() == std::array<std::size_t, 3>{3, 2, 2});
    const std::array<float, 3> bytes{0, 128, 255};
    for (std::size_t channel = 0; channel < 3; ++channel) {
        const float wanted = (bytes[channel] / 255.0f - clip_mean[channel]) / clip_std[channel];
        for (std::size_t i = 0; i < 4; ++i) CHECK(pixels.row(channel)[i] == wanted);
    }
    CHECK(preprocess<double>(sample, how)(2, 1, 1) == static_cast<double>(pixels(2, 1, 1)));
}

TEST_CASE("BGR and BGRA are preprocessed to the same numbers as RGB and RGBA, in both orders and with a stride") {
    for (const auto& [mode, reversed_mode] :
         {std::pair{pixel_mode::rgb, pixel_mode::bgr}, std::pair{pixel_mode::rgba, pixel_mode::bgra}}) {
        const image source = slope(50, 40, mode);
        const std::size_t stride = source.row(0).size() + 7;
        std::vector<std::uint8_t> reversed(40 * stride);
        for (std::size_t y = 0; y < 40; ++y) {
            std::ranges::copy(source.row(y), reversed.begin() + static_cast<std::ptrdiff_t>(y * stride));
            for (std::size_t x = 0; x < 50; ++x)
                std::swap(reversed[y * stride + x * source.channels()],
                          reversed[y * stride + x * source.channels() + 2]);
        }
        const image frame = image::view(reversed.data(), 50, 40, reversed_mode, stride);
        for (const preprocessing_order order : {preprocessing_order::openai, preprocessing_order::hugging_face}) {
            preprocessing how;
            how.order = order;
            CHECK(std::ranges::equal(preprocess(frame, how).values(), preprocess(source, how).values()));
        }
    }
}

TEST_CASE("OpenAI rounds the crop's corner half to even, Hugging Face down") {
    // reference.md's sizes: 427 x 640 begins at 56 and 55 of 335, 451 x 655 at 50 and 50 of 325
    CHECK(detail::longer_side(224, 640, 427) == 335);
    CHECK(detail::half_to_even(335 - 224) == 56);
    CHECK(detail::half_to_even(325 - 224) == 50);
    CHECK(detail::half_to_even(0) == 0);
    CHECK(detail::half_to_even(1) == 0);
    CHECK(detail::half_to_even(3) == 2);
    preprocessing how;
    how.size = 4;
    const image sample = slope(7, 4, pixel_mode::grey);  // not resized: 3 to spare
    CHECK(encoder_square(sample, how).row(0)[0] == 2);
    how.order = preprocessing_order::hugging_face;
    CHECK(encoder_square(sample, how).row(0)[0] == 1);
}

TEST_CASE("alpha weighs in OpenAI's order and is dropped first in Hugging Face's") {
    const image sample({200, 0, 200, 0, 100, 255, 100, 255}, 2, 2, pixel_mode::grey_alpha);
    preprocessing how;
    how.size = 1;
    CHECK(encoder_square(sample, how).row(0)[0] == 99);  // as Pillow 13: 100 times and divided by alpha, rounded twice
    how.order = preprocessing_order::hugging_face;
    CHECK(encoder_square(sample, how).row(0)[0] == 150);
}

TEST_CASE("sides of one pixel, the exact size and one pixel more or less give a full crop") {
    for (const auto& [width, height] :
         {std::pair<std::size_t, std::size_t>{1, 1}, {1, 10000}, {10000, 1}, {224, 224}, {223, 225}}) {
        for (const preprocessing_order order : {preprocessing_order::openai, preprocessing_order::hugging_face}) {
            preprocessing how;
            how.order = order;
            const image square = encoder_square(slope(width, height, pixel_mode::rgb), how);
            CHECK(square.width() == 224);
            CHECK(square.height() == 224);
        }
    }
}

TEST_CASE("a line of 1 x 3000 and of 1 x 100,000 work, one beyond the limit is refused") {
    CHECK(preprocess(slope(1, 3000, pixel_mode::rgba)).size() == 3 * 224 * 224);
    CHECK(preprocess(slope(100000, 1, pixel_mode::rgb)).size() == 3 * 224 * 224);
    try {
        preprocess(slope(1, 1000000, pixel_mode::grey));
        FAIL("accepted");
    } catch (const argument_error& fault) {
        CHECK(fault.code() == error_code::limit);
        CHECK_THAT(fault.what(), contains("is the image a thin line?"));
    }
}

TEST_CASE("preprocessing that cannot be is refused") {
    const image sample({1, 2, 3}, 1, 1, pixel_mode::rgb);
    const auto refusal = [&](auto change) {
        preprocessing how;
        change(how);
        try {
            preprocess(sample, how);
        } catch (const argument_error& fault) {
            return std::string(name_of(fault.code())) + " " + fault.what();
        }
        return std::string("accepted");
    };
    CHECK_THAT(refusal([](auto& how) { how.size = 0; }), contains("ARG preprocessing: the size is 0 pixels"));
    CHECK_THAT(refusal([](auto& how) { how.size = 1000000; }), contains("LIMIT"));
    CHECK_THAT(refusal([](auto& how) { how.standard_deviation[1] = 0; }), contains("channel 1"));
    CHECK_THAT(refusal([](auto& how) { how.mean[2] = std::numeric_limits<float>::quiet_NaN(); }),
               contains("channel 2"));
    std::vector<float> small(5);
    CHECK_THROWS_WITH(preprocess_into<float>(sample, {}, small), contains("5 elements to write to, expected 150528"));
}

TEST_CASE("of an image that is resized to more than the square the middle is cut out, beside a smaller one are zeros") {
    preprocessing how{.size = 32, .order = preprocessing_order::hugging_face};
    const image whole = encoder_square(slope(64, 64, pixel_mode::rgb), how);
    how.resized = 32;
    how.size = 21;  // 11 to spare: 5 before
    const image middle = encoder_square(slope(64, 64, pixel_mode::rgb), how);
    for (std::size_t y = 0; y < 21; ++y)
        CHECK(std::ranges::equal(middle.row(y), whole.row(y + 5).subspan(3 * 5, 3 * 21)));
    how.size = 37;  // 5 are missing: 3 before
    const image padded = encoder_square(slope(64, 64, pixel_mode::rgb), how);
    const auto is_black = [](auto pixels) { return std::ranges::all_of(pixels, [](int level) { return level == 0; }); };
    for (std::size_t y = 0; y < 37; ++y) {
        const auto row = padded.row(y);
        const bool outside = y < 3 || y >= 35;
        if (outside) CHECK(is_black(row));
        if (outside) continue;
        CHECK(is_black(row.first(9)));
        CHECK(std::ranges::equal(row.subspan(9, 96), whole.row(y - 3)));
        CHECK(is_black(row.subspan(105)));
    }
}

TEST_CASE("a long image that is resized to less than the square is cut on one side and padded on the other") {
    // transformers' center_crop: 20 x 80 resized to 16 x 64 gives the columns 22 to 42 of 64, of 20, and rows 2 to 18
    const preprocessing how{.size = 20, .order = preprocessing_order::hugging_face, .resized = 16};
    const image whole = resize(slope(80, 20, pixel_mode::rgb), 64, 16);
    const image square = encoder_square(slope(80, 20, pixel_mode::rgb), how);
    for (std::size_t y = 0; y < 16; ++y) CHECK(std::ranges::equal(square.row(y + 2), whole.row(y).subspan(3 * 22, 60)));
    CHECK_THROWS_WITH(encoder_square(whole, {.size = 20, .resized = 0}), Catch::Contains("the size is 0 pixels"));
    CHECK_THROWS_AS(encoder_square(whole, {.size = 20, .mode = resize_mode::longest, .resized = 16}), argument_error);
}
