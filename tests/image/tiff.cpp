#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>

#include <zeroshot/image/decode.hpp>

#include "tests/image/recorded.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;

#if defined(ZEROSHOT_TIFF)
TEST_CASE("TIFFs of every kind equal Pillow's bytes, in its modes") {
    CHECK(recorded::compare(".tiff") == 25);
}

TEST_CASE("kinds of TIFF without a mode of ours are refused by name") {
    const auto file = file_bytes(golden("formats/grey.tiff"));
    const auto entry = [&](unsigned tag) {  // of the directory of a little-endian file
        for (std::size_t at = 8; at + 12 < file.size(); ++at)
            if (file[at] == static_cast<std::byte>(tag & 255) && file[at + 1] == static_cast<std::byte>(tag >> 8) &&
                file[at + 2] == std::byte{3} && file[at + 3] == std::byte{0} && file[at + 4] == std::byte{1})
                return at + 8;
        return std::size_t{0};
    };
    const auto refused = [&](unsigned tag, unsigned value) {
        auto changed = file;
        REQUIRE(entry(tag) != 0);
        changed[entry(tag)] = static_cast<std::byte>(value & 255);
        changed[entry(tag) + 1] = static_cast<std::byte>(value >> 8);
        return refusal_of([&] { decode(changed); });
    };
    CHECK_THAT(refused(258, 32),
               contains("UNSUPPORTED") && contains("a TIFF with 32 bits per sample; convert it to PNG"));
    CHECK_THAT(refused(262, 8), contains("UNSUPPORTED") && contains("photometric kind 8"));
    CHECK_THAT(refused(259, 6), contains("UNSUPPORTED") && contains("JPEG of the old kind"));
}

TEST_CASE("four samples are red, green, blue and alpha, also where no tag says so") {
    auto file = file_bytes(golden("formats/rgba.tiff"));
    const image tagged = decode(file);
    REQUIRE(tagged.mode() == pixel_mode::rgba);
    bool found = false;
    for (std::size_t at = 8; at + 12 < file.size() && !found; ++at) {  // ExtraSamples, 338, as a tag of nobody's
        found = file[at] == std::byte{0x52} && file[at + 1] == std::byte{1} && file[at + 2] == std::byte{3} &&
                file[at + 4] == std::byte{1};
        if (found) file[at] = std::byte{0x51};
    }
    REQUIRE(found);
    const image untagged = decode(file);
    CHECK(untagged.mode() == pixel_mode::rgba);
    CHECK(recorded::digest_of(untagged) == recorded::digest_of(tagged));
}

TEST_CASE("samples beside the colours are left out, and refused where Pillow refuses them") {
    const auto refused = [](const char* name, std::initializer_list<unsigned> kinds) {  // the kinds of ExtraSamples
        auto file = file_bytes(golden("formats/" + std::string(name)));
        constexpr std::array tag{std::byte{0x52}, std::byte{1}, std::byte{3}};
        const auto entry = std::search(file.begin(), file.end(), tag.begin(), tag.end());
        REQUIRE(entry != file.end());
        std::size_t at = static_cast<std::size_t>(entry - file.begin()) + 8;
        if (kinds.size() > 2)
            at = std::to_integer<std::size_t>(file[at]) | std::to_integer<std::size_t>(file[at + 1]) << 8;
        for (const unsigned kind : kinds) {
            file[at] = static_cast<std::byte>(kind);
            at += 2;
        }
        return refusal_of([&] { decode(file); });
    };
    CHECK(refused("rgb_ignored.tiff", {0, 0}) == "accepted");
    CHECK(refused("rgb_all_ignored.tiff", {2, 0, 0}) == "accepted");
    CHECK_THAT(refused("rgb_ignored.tiff", {0, 2}), contains("UNSUPPORTED") && contains("alpha behind other samples"));
    CHECK_THAT(refused("rgb_ignored.tiff", {2, 2}), contains("alpha behind other samples; convert it to PNG"));
    CHECK_THAT(refused("cmyk_ignored.tiff", {2, 0}), contains("an alpha channel of this kind"));
}

TEST_CASE("BigTIFF is known as TIFF") {
    const std::string_view head{"II+\0\x8\0\0\0", 8};
    CHECK_THAT(refusal_of([&] { decode(std::as_bytes(std::span(head))); }), contains("TIFF is cut or damaged"));
}

TEST_CASE("a TIFF is turned as its orientation says, as by Pillow") {
    CHECK(recorded::open("turned.tiff").width() == 37);
}

TEST_CASE("TIFFs beyond a limit are refused by their header") {
    recorded::expect_limits("rgb.tiff");
}

TEST_CASE("a TIFF may hold its samples and a strip, one that is turned two images") {
    const auto least = [](const char* name, std::size_t needed) {
        decode_options options;
        options.memory_budget = needed;
        CHECK(recorded::open(name, options).channels() == 3);
        --options.memory_budget;
        CHECK_THAT(refusal_of([&] { recorded::open(name, options); }), contains("LIMIT"));
    };
    least("rgb.tiff", 2 * 45 * 37 * 3);
    least("rgb_ignored.tiff", 20 * 10 * (3 + 5));
    least("turned.tiff", 2 * 45 * 37 * 3);
    least("palette.tiff", 45 * 37 * (1 + 3));
}

TEST_CASE("TIFFs that are cut are refused") {
    recorded::expect_refused_cuts("rgb.tiff");
}

TEST_CASE("seeded harm to TIFFs gives images or our errors") {
    recorded::harm(".tiff", 60);
}
#endif
