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
    CHECK_THAT(refused("rgb", 14, 41), contains("UNSUPPORTED") && contains("a header of 41 bytes"));
    CHECK_THAT(refused("rgb", 28, 2), contains("UNSUPPORTED") && contains("2 bits per pixel"));
    CHECK_THAT(refused("rgb", 30, 4), contains("UNSUPPORTED") && contains("compression 4"));
    CHECK_THAT(refused("masks", 54, 0x7f), contains("UNSUPPORTED") && contains("masks"));
    CHECK_THAT(refused("rgb", 18, 0), contains("FORMAT") && contains("0 x 37"));
}

TEST_CASE("BMPs beyond a limit are refused by their header") {
    decode_options options;
    options.max_pixels = 1000;
    CHECK_THAT(refusal_of([&] { recorded::open("rgb.bmp", options); }), contains("LIMIT") && contains("45 x 37"));
    options = {};
    options.memory_budget = 5000;
    CHECK_THAT(refusal_of([&] { recorded::open("rgb.bmp", options); }), contains("LIMIT") && contains("memory"));
}

TEST_CASE("BMPs that are cut are refused") {
    const auto whole = file_bytes(golden("formats/rgb.bmp"));
    for (std::size_t size = 16; size + 200 < whole.size(); size += 11)
        CHECK_THAT(refusal_of([&] { decode(std::span(whole).first(size)); }),
                   contains("FORMAT") || contains("UNSUPPORTED"));
}

TEST_CASE("seeded harm to BMPs gives images or our errors") {
    recorded::harm(".bmp", 60);
}
