#include <zeroshot/image/decode.hpp>

#include "tests/image/recorded.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;

#if defined(ZEROSHOT_WEBP)
TEST_CASE("WebP, lossy and lossless, with and without alpha, and the first frame of animations equal Pillow's bytes") {
    CHECK(recorded::compare(".webp") == 7);
}

TEST_CASE("a WebP turned by EXIF is upright on request") {
    decode_options upright;
    upright.apply_exif_orientation = true;
    CHECK(recorded::open("turned.webp").width() == 45);
    CHECK(recorded::open("turned.webp", upright).width() == 37);
}

TEST_CASE("a WebP beyond a limit is refused before it is decoded, and a cut one as such") {
    decode_options options;
    options.max_pixels = 1000;
    CHECK_THAT(refusal_of([&] { recorded::open("lossy.webp", options); }), contains("LIMIT") && contains("45 x 37"));
    options = {};
    options.memory_budget = 5000;
    CHECK_THAT(refusal_of([&] { recorded::open("lossless.webp", options); }), contains("LIMIT") && contains("memory"));
    for (const char* name : {"lossy", "lossless_alpha", "animated", "part"}) {
        const auto whole = file_bytes(golden(std::string("formats/") + name + ".webp"));
        for (std::size_t size = 12; size < whole.size(); size += 7)
            CHECK_THAT(refusal_of([&] { decode(std::span(whole).first(size)); }), contains("FORMAT"));
    }
}

TEST_CASE("seeded harm to WebP files gives images or our errors") {
    recorded::harm(".webp", 100);
}
#endif
