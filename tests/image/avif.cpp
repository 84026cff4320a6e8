#include <string>

#include <zeroshot/image/decode.hpp>

#include "tests/image/recorded.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;

#if defined(ZEROSHOT_AVIF)
TEST_CASE("AVIFs of every kind equal Pillow's bytes, in its modes") {
    CHECK(recorded::compare(".avif") == 4);
}

TEST_CASE("AVIFs whose first brand is a general one are known by the others") {
    auto file = file_bytes(golden("formats/lossy.avif"));
    const std::string_view general = "mif1";
    for (std::size_t i = 0; i < 4; ++i) file[8 + i] = static_cast<std::byte>(general[i]);
    CHECK(decode(file).width() == 45);
}

TEST_CASE("AVIFs beyond a limit are refused by their header") {
    recorded::expect_limits("lossy.avif");
}

TEST_CASE("an AVIF may hold 18 bytes per pixel beside its colours") {
    decode_options options;
    options.memory_budget = 45 * 37 * (3 + 18);
    CHECK(recorded::open("lossy.avif", options).width() == 45);
    --options.memory_budget;
    CHECK_THAT(refusal_of([&] { recorded::open("lossy.avif", options); }), contains("LIMIT"));
}

TEST_CASE("AVIFs that are cut are refused") {
    recorded::expect_refused_cuts("lossy.avif");
}

TEST_CASE("seeded harm to AVIFs gives images or our errors") {
    recorded::harm(".avif", 20);
}
#endif
