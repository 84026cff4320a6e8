#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/image/png.hpp>

#include "tests/image/png_writer.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;
using namespace png_writer;

namespace {

constexpr std::size_t enough_pixels = 1000000;

/// Code and sentence of the refusal, or "accepted".
std::string refusal(const bytes& file, std::size_t max_pixels = enough_pixels) {
    try {
        detail::scan_png(file, max_pixels);
    } catch (const image_error& fault) {
        return std::string(name_of(fault.code())) + " " + fault.what();
    }
    return "accepted";
}

bytes some(std::size_t count) {
    return bytes(count, std::byte{1});
}

bytes data() {
    return chunk("IDAT", stored(some(13)));
}  // of a 3 x 1 image in 8-bit RGB, more than needed

}  // namespace

TEST_CASE("the CRC is that of the specification") {
    // the CRC of an empty IEND chunk, as it ends every PNG file
    const bytes end = chunk("IEND", {});
    CHECK(detail::big_endian(std::span(end).subspan(8)) == 0xae426082u);
}

TEST_CASE("interlaced images have seven passes, fewer where they are small") {
    detail::png_file file;
    file.interlaced = true;
    const auto count = [&](std::size_t width, std::size_t height) {
        file.width = width;
        file.height = height;
        std::size_t pixels = 0;
        for (const auto& pass : detail::png_passes(file)) pixels += pass.width * pass.height;
        CHECK(pixels == width * height);
        return detail::png_passes(file).size();
    };
    CHECK(count(8, 8) == 7);
    CHECK(count(1, 1) == 1);
    CHECK(count(2, 1) == 2);
    CHECK(count(33, 1) == 4);
    CHECK(count(17, 29) == 7);
}

TEST_CASE("the pixels of every depth and colour type come out as they went in, filters and interlacing included") {
    for (const auto& [colour, depth] : {std::pair{0u, 1u},
                                        {0u, 2u},
                                        {0u, 4u},
                                        {0u, 8u},
                                        {0u, 16u},
                                        {2u, 8u},
                                        {2u, 16u},
                                        {3u, 1u},
                                        {3u, 2u},
                                        {3u, 4u},
                                        {3u, 8u},
                                        {4u, 8u},
                                        {4u, 16u},
                                        {6u, 8u},
                                        {6u, 16u}}) {
        for (const bool interlaced : {false, true}) {
            picture wanted;
            wanted.colour = colour;
            wanted.depth = depth;
            wanted.width = 13;
            wanted.height = 11;
            wanted.interlaced = interlaced;
            wanted.entries = colour == 3 ? 1u << depth : 0;
            const bytes encoded = wanted.encoded();
            const auto file = detail::scan_png(encoded, enough_pixels);
            std::vector<std::uint8_t> stream;
            for (const std::byte byte : wanted.rows()) stream.push_back(std::to_integer<std::uint8_t>(byte));
            REQUIRE(stream.size() == detail::png_stream_size(file));
            const image found = detail::png_pixels(file, stream);
            for (std::size_t y = 0; y < wanted.height; ++y) {
                for (std::size_t x = 0; x < wanted.width; ++x) {
                    const auto pixel = found.row(y).subspan(x * found.channels(), found.channels());
                    const unsigned first = wanted.sample(x, y, 0);
                    if (colour == 3) {
                        REQUIRE(pixel[1] == std::to_integer<std::uint8_t>(file.palette[3 * first + 1]));
                    } else if (colour == 4 && depth == 16) {  // Pillow opens these as RGBA
                        REQUIRE(pixel[2] == first >> 8);
                        REQUIRE(pixel[3] == wanted.sample(x, y, 1) >> 8);
                    } else {
                        for (std::size_t c = 0; c < found.channels(); ++c) {
                            const unsigned sample = wanted.sample(x, y, c);
                            REQUIRE(pixel[c] == (depth == 16 ? sample >> 8 : sample * 255 / ((1u << depth) - 1)));
                        }
                    }
                }
            }
        }
    }
}

TEST_CASE("H3 impossible and huge sizes are refused by the header") {
    CHECK_THAT(refusal(file({header(0, 0, 8, 2), data()})), contains("FORMAT byte 8: the image is 0 x 0"));
    CHECK_THAT(refusal(file({header(0x80000000u, 1, 8, 2), data()})), contains("FORMAT"));
    CHECK_THAT(refusal(file({header((1u << 24) + 1, 1, 8, 2), data()})), contains("LIMIT"));
    bytes cut = signature();
    append(cut, header(16384, 16384, 8, 6));
    append(cut, some(7));
    CHECK_THAT(refusal(cut), contains("LIMIT byte 8: the image has 16384 x 16384 pixels"));
}

TEST_CASE("H4 bombs are refused before they are inflated") {
    CHECK_THAT(refusal(file({header(16384, 16384, 1, 0), data()}), 64000000), contains("LIMIT"));
    CHECK_THAT(refusal(file({header(8192, 8192, 16, 6), data()}), 64000000), contains("LIMIT"));
    CHECK_THAT(refusal(file({header(1000, 1000, 16, 6), data()})), contains("too few for the size of the image"));
}

TEST_CASE("H5 damaged chunks are refused at their byte") {
    const bytes rgb = header(3, 1, 8, 2);
    CHECK(refusal(file({rgb, data()})) == "accepted");
    SECTION("bad CRC, in each chunk") {
        for (const std::size_t position : {8 + 4 + 4 + 13u, 8 + 25 + 8 + 3u}) {
            bytes flipped = file({rgb, data()});
            flipped[position] ^= std::byte{1};
            CHECK_THAT(refusal(flipped), contains("FORMAT") && contains("CRC"));
        }
    }
    SECTION("no IEND") {
        bytes open = signature();
        append(open, rgb);
        append(open, data());
        CHECK_THAT(refusal(open), contains("ends early at byte " + std::to_string(open.size())));
    }
    SECTION("IDAT missing or empty") {
        CHECK_THAT(refusal(file({rgb})), contains("FORMAT") && contains("there is no image data (IDAT)"));
        CHECK_THAT(refusal(file({rgb, chunk("IDAT", {})})), contains("FORMAT") && contains("too few"));
    }
    SECTION("a million tiny chunks") {
        bytes many = signature();
        append(many, rgb);
        const bytes tiny = chunk("IDAT", some(1));
        for (int i = 0; i < 1000000; ++i) append(many, tiny);
        CHECK_THAT(refusal(many), contains("FORMAT") && contains("more than 100000 chunks"));
    }
    SECTION("a chunk of two gigabytes") {
        bytes text = chunk("iTXt", some(4));
        text[0] = std::byte{0x7f};
        CHECK_THAT(refusal(file({rgb, text, data()})), contains("FORMAT") && contains("ends early"));
        text[0] = std::byte{0xff};
        CHECK_THAT(refusal(file({rgb, text, data()})), contains("FORMAT") && contains("a chunk claims"));
    }
    SECTION("palette missing, short, long, or where none belongs") {
        const bytes indexed = header(3, 1, 8, 3);
        CHECK_THAT(refusal(file({indexed, data()})), contains("the palette is missing"));
        CHECK_THAT(refusal(file({indexed, chunk("PLTE", some(4)), data()})), contains("the palette has 4 bytes"));
        CHECK_THAT(refusal(file({indexed, chunk("PLTE", some(771)), data()})), contains("the palette has 771 bytes"));
        CHECK_THAT(refusal(file({header(3, 1, 8, 0), chunk("PLTE", some(3)), data()})), contains("where none belongs"));
        CHECK_THAT(refusal(file({indexed, chunk("PLTE", some(3)), chunk("PLTE", some(3)), data()})),
                   contains("where none belongs"));
    }
    SECTION("a pixel beyond the palette") {
        const bytes encoded = file({header(3, 1, 8, 3), chunk("PLTE", some(6)), data()});
        const auto scanned = detail::scan_png(encoded, enough_pixels);
        CHECK_THROWS_WITH(detail::png_pixels(scanned, {0, 0, 1, 2}), contains("takes colour 2 of a palette of 2"));
    }
    SECTION("tRNS too long, or where none belongs") {
        CHECK_THAT(refusal(file({rgb, chunk("tRNS", some(7)), data()})),
                   contains("FORMAT") && contains("tRNS has 7 bytes"));
        CHECK_THAT(refusal(file({header(3, 1, 8, 3), chunk("PLTE", some(6)), chunk("tRNS", some(3)), data()})),
                   contains("tRNS has 3 bytes"));
        CHECK_THAT(refusal(file({header(3, 1, 8, 6), chunk("tRNS", some(2)), data()})), contains("tRNS"));
        CHECK_THAT(refusal(file({rgb, data(), chunk("tRNS", some(6))})), contains("after the image data"));
    }
    SECTION("bad filter byte") {
        const bytes encoded = file({rgb, data()});
        const auto scanned = detail::scan_png(encoded, enough_pixels);
        CHECK_THROWS_WITH(detail::png_pixels(scanned, std::vector<std::uint8_t>(10, 5)),
                          contains("row 0 has filter 5, expected 0 to 4"));
    }
    SECTION("interlace 2, and other fields that PNG does not know") {
        CHECK_THAT(refusal(file({header(3, 1, 8, 2, 2), data()})), contains("FORMAT") && contains("interlace method"));
        CHECK_THAT(refusal(file({header(3, 1, 8, 5), data()})), contains("colour type 5 with 8 bits"));
        CHECK_THAT(refusal(file({header(3, 1, 4, 2), data()})), contains("colour type 2 with 4 bits"));
        CHECK_THAT(refusal(file({chunk("IHDR", some(12)), data()})), contains("IHDR has 12 bytes"));
    }
    SECTION("order") {
        CHECK_THAT(refusal(file({data(), rgb})), contains("the first chunk is 'IDAT', expected IHDR"));
        CHECK_THAT(refusal(file({rgb, rgb, data()})), contains("a second IHDR"));
        CHECK_THAT(refusal(file({rgb, data(), chunk("tEXt", {}), data()})), contains("between the image data"));
    }
    SECTION("a critical chunk that we do not know") {
        CHECK_THAT(refusal(file({rgb, chunk("ABCD", {}), data()})), contains("UNSUPPORTED") && contains("'ABCD'"));
        CHECK(refusal(file({rgb, chunk("abCD", {}), data()})) == "accepted");
    }
    SECTION("cut at every byte") {
        const bytes whole = file({rgb, chunk("gAMA", some(4)), data()});
        for (std::size_t size = 8; size < whole.size(); ++size) {
            const std::string found = refusal(bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
            REQUIRE_THAT(found, contains("FORMAT byte " + std::to_string(size) + ": image data ends early"));
        }
    }
}

TEST_CASE("H6 what follows the end of an image is not looked at") {
    bytes polyglot = file({header(3, 1, 8, 2), data()});
    append(polyglot, std::string_view("PK\x03\x04 and so on"));
    CHECK(refusal(polyglot) == "accepted");
}

TEST_CASE("H7 Apple's variant is refused by name") {
    CHECK_THAT(refusal(file({chunk("CgBI", some(4)), header(3, 1, 8, 6), data()})),
               contains("UNSUPPORTED") && contains("CgBI"));
}
