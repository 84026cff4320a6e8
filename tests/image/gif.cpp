#include <string>

#include <zeroshot/image/decode.hpp>

#include "tests/image/recorded.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;

#if defined(ZEROSHOT_GIF)
TEST_CASE("GIFs of every kind equal Pillow's bytes, in its modes") {
    CHECK(recorded::compare(".gif") == 7);
}

TEST_CASE("of a GIF the transparent colour is an alpha plane") {
    const image drawn = recorded::open("transparent.gif");
    REQUIRE(drawn.alpha_plane() != nullptr);
    int transparent = 0;
    for (std::size_t y = 0; y < drawn.height(); ++y)
        for (const std::uint8_t alpha : drawn.alpha_plane()->row(y)) transparent += alpha == 0;
    CHECK(transparent > 0);
    CHECK(transparent < 100);
    CHECK(recorded::open("palette.gif").alpha_plane() == nullptr);
}

TEST_CASE("GIFs beyond a limit are refused by their header") {
    recorded::expect_limits("palette.gif");
}

TEST_CASE("GIFs that are cut are refused") {
    recorded::expect_refused_cuts("palette.gif");
}

TEST_CASE("seeded harm to GIFs gives images or our errors") {
    recorded::harm(".gif", 60);
}
#endif
