#include <string>

#include <zeroshot/image/decode.hpp>

#include "tests/image/recorded.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;

TEST_CASE("BMPs of every kind equal Pillow's bytes, in its modes") {
    CHECK(recorded::compare(".bmp") == 14);
}

TEST_CASE("kinds of BMP that Pillow refuses are refused by name") {
    const auto refused = [](const char* name, std::size_t at, unsigned value) {
        auto file = file_bytes(golden(std::string("formats/") + name + ".bmp"));
        file[at] = static_cast<std::byte>(value);
        return refusal_of([&] { decode(file); });
    };
    CHECK_THAT(refused("rgb", 14, 41),
               contains("UNSUPPORTED") && contains("a header of 41 bytes; convert it to PNG, for example"));
    CHECK_THAT(refused("rgb", 28, 2), contains("UNSUPPORTED") && contains("2 bits per pixel"));
    CHECK_THAT(refused("rgb", 30, 4), contains("UNSUPPORTED") && contains("compression 4"));
    CHECK_THAT(refused("masks", 54, 0x7f), contains("UNSUPPORTED") && contains("masks"));
    CHECK_THAT(refused("rgb", 18, 0), contains("FORMAT") && contains("0 x 37"));
}

TEST_CASE("BMPs beyond a limit are refused by their header") {
    recorded::expect_limits("rgb.bmp");
}

TEST_CASE("BMPs that are cut are refused") {
    recorded::expect_refused_cuts("rgb.bmp");
}

TEST_CASE("seeded harm to BMPs gives images or our errors") {
    recorded::harm(".bmp", 60);
}
