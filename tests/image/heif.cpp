#include <cmath>
#include <cstdlib>

#include <zeroshot/image/decode.hpp>

#include "tests/image/recorded.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;

#if defined(ZEROSHOT_HEIF)
TEST_CASE("a HEIC has the colours that were drawn") {
    const image decoded = recorded::open("waves.heic");
    REQUIRE(decoded.width() == 45);
    REQUIRE(decoded.height() == 37);
    REQUIRE(decoded.mode() == pixel_mode::rgb);
    double sum = 0;
    for (std::size_t y = 0; y < 37; ++y) {
        for (std::size_t i = 0; i < 45 * 3; ++i) {
            const auto x = static_cast<double>(i / 3), row = static_cast<double>(y),
                       channel = static_cast<double>(i % 3);
            const double drawn = 128 + 110 * std::sin(x / 7 + row / 11 + channel * 2);
            sum += std::fabs(drawn - decoded.row(y)[i]);
        }
    }
    CHECK(sum / (37 * 45 * 3) <
          8);  // grey levels, at quality 60 with half the chroma; another order of channels is at 75
}

TEST_CASE("a HEIC beyond a limit is refused by its header, a cut one as damaged") {
    decode_options options;
    options.max_pixels = 1000;
    CHECK_THAT(refusal_of([&] { recorded::open("waves.heic", options); }), contains("LIMIT") && contains("45 x 37"));
    const auto whole = file_bytes(golden("formats/waves.heic"));
    for (std::size_t size = 16; size < whole.size(); size += 11)
        CHECK(refusal_of([&] { decode(std::span(whole).first(size)); }) != "accepted");
}

TEST_CASE("seeded harm to a HEIC gives images or our errors") {
    const auto whole = file_bytes(golden("formats/waves.heic"));
    for (std::size_t at = 8; at < whole.size(); at += 5) {
        auto harmed = whole;
        harmed[at] ^= std::byte{0x55};
        CHECK_NOTHROW(refusal_of([&] { decode(harmed); }));
    }
}
#endif
