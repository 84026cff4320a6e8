#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif

#include <zeroshot/testing.hpp>

#include "shelf.hpp"

// A model of random weights: its answers are meaningless but reproducible, which is enough to test the code around it.
static zeroshot::clip random_clip() {
    return zeroshot::load(zeroshot::testing::random_checkpoint().bytes());
}

static zeroshot::image plain(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
    std::vector<std::uint8_t> pixels;
    for (int i = 0; i < 8 * 8; ++i) pixels.insert(pixels.end(), {red, green, blue});
    return zeroshot::image(std::move(pixels), 8, 8, zeroshot::pixel_mode::rgb);
}

TEST_CASE("an image lies on exactly one shelf") {
    shelves all(random_clip(), {"tools", "toys", "books"});
    const std::string& place = all.put(plain(200, 30, 30));
    CHECK(all.count(place) == 1);
    CHECK(all.count("tools") + all.count("toys") + all.count("books") == 1);
}

TEST_CASE("the same image goes to the same shelf") {
    shelves all(random_clip(), {"tools", "toys", "books"});
    CHECK(all.put(plain(10, 20, 30)) == all.put(plain(10, 20, 30)));
}

TEST_CASE("shelves without names are refused") {
    CHECK_THROWS_AS(shelves(random_clip(), {}), zeroshot::text_error);
}
