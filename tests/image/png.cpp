#include <cstdint>
#include <cstring>
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

/// What is damaged in a file that is read.
std::string damage(const bytes& file) {
    return detail::scan_png(file, enough_pixels).damage;
}

bytes filler(std::size_t count) {
    return bytes(count, std::byte{1});
}

bytes data() {
    return chunk("IDAT", stored(filler(13)));
}  // of a 3 x 1 image in 8-bit RGB, more than needed

}  // namespace

TEST_CASE("the CRC is that of the specification") {
    // the CRC of an empty IEND chunk, as it ends every PNG file
    const bytes end = chunk("IEND", {});
    CHECK(detail::big_endian(std::span(end).subspan(8)) == 0xae426082u);
}

TEST_CASE("the decompressed size counts the rows of all passes, also of images too small to have seven") {
    for (const auto& [width, height] : {std::pair{8u, 8u}, {1u, 1u}, {2u, 1u}, {33u, 1u}, {17u, 29u}}) {
        for (const auto& [colour, depth] : {std::pair{0u, 1u}, {2u, 8u}, {6u, 16u}}) {
            for (const bool interlaced : {false, true}) {
                generated_image source;
                source.colour = colour;
                source.depth = depth;
                source.width = width;
                source.height = height;
                source.interlaced = interlaced;
                CHECK(detail::scan_png(source.encoded(), enough_pixels).stream_size() == source.rows().size());
            }
        }
    }
}

TEST_CASE("decoded samples become pixels of Pillow's mode") {
    const auto pixels_of = [](detail::png_colour colour, unsigned depth, std::vector<std::uint8_t> samples) {
        detail::png_file file;
        file.width = file.height = 1;
        file.colour = colour;
        file.depth = depth;
        file.palette[3] = 7;
        file.palette[5] = 9;
        const image made = detail::png_pixels(file, samples.data());
        return std::pair{made.mode(), std::vector<int>(made.row(0).begin(), made.row(0).end())};
    };
    const auto wide = [](std::initializer_list<std::uint16_t> values) {  // in the machine's byte order
        std::vector<std::uint8_t> out(values.size() * 2);
        std::memcpy(out.data(), values.begin(), out.size());
        return out;
    };
    using detail::png_colour;
    CHECK(pixels_of(png_colour::grey, 1, {255}) == std::pair{pixel_mode::bilevel, std::vector{255}});
    CHECK(pixels_of(png_colour::rgb, 8, {1, 2, 3}) == std::pair{pixel_mode::rgb, std::vector{1, 2, 3}});
    CHECK(pixels_of(png_colour::palette, 8, {1}) == std::pair{pixel_mode::palette, std::vector{7, 0, 9}});
    CHECK(pixels_of(png_colour::palette, 8, {200}) == std::pair{pixel_mode::palette, std::vector{0, 0, 0}});
    CHECK(pixels_of(png_colour::grey, 16, wide({0x1234})) == std::pair{pixel_mode::grey, std::vector{0x12}});
    CHECK(pixels_of(png_colour::grey_alpha, 16, wide({0x1234, 0x5678})) ==
          std::pair{pixel_mode::rgba, std::vector{0x12, 0x12, 0x12, 0x56}});
    CHECK(pixels_of(png_colour::rgba, 16, wide({256, 512, 768, 1024})) ==
          std::pair{pixel_mode::rgba, std::vector{1, 2, 3, 4}});
}

TEST_CASE("impossible and huge sizes are refused by the header") {
    CHECK_THAT(refusal(file({header(0, 0, 8, 2), data()})), contains("FORMAT byte 8: the image is 0 x 0"));
    CHECK_THAT(refusal(file({header(0x80000000u, 1, 8, 2), data()})), contains("FORMAT"));
    CHECK_THAT(refusal(file({header((1u << 24) + 1, 1, 8, 2), data()})), contains("LIMIT"));
    bytes cut = signature();
    append(cut, header(16384, 16384, 8, 6));
    append(cut, filler(7));
    CHECK_THAT(refusal(cut), contains("LIMIT byte 8: the image has 16384 x 16384 pixels"));
}

TEST_CASE("bombs are refused before they are inflated") {
    CHECK_THAT(refusal(file({header(16384, 16384, 1, 0), data()}), 64000000), contains("LIMIT"));
    CHECK_THAT(refusal(file({header(8192, 8192, 16, 6), data()}), 64000000), contains("LIMIT"));
    CHECK_THAT(refusal(file({header(1000, 1000, 16, 6), data()})), contains("too few for the size of the image"));
}

TEST_CASE("damaged chunks are refused at their byte") {
    const bytes rgb = header(3, 1, 8, 2);
    CHECK(refusal(file({rgb, data()})) == "accepted");
    SECTION("bad CRC of a chunk before the image data") {
        for (const std::size_t position : {8 + 4 + 4 + 13u, 8 + 25 + 8 + 2u}) {
            bytes flipped = file({rgb, chunk("tEXt", filler(3)), data()});
            flipped[position] ^= std::byte{1};
            CHECK_THAT(refusal(flipped), contains("FORMAT") && contains("CRC"));
        }
    }
    SECTION("no IEND, or a damaged one, is a damage") {
        bytes open = signature();
        append(open, rgb);
        append(open, data());
        CHECK_THAT(damage(open), contains("IEND"));
        append(open, chunk("tEXt", filler(3)));
        CHECK_THAT(damage(open), contains("IEND"));
        append(open, std::string_view("\0\0\0\0IEN", 7));
        CHECK_THAT(damage(open), contains("IEND"));
        bytes flipped = file({rgb, data()});
        flipped.back() ^= std::byte{1};
        CHECK_THAT(damage(flipped), contains("IEND"));
        CHECK(damage(file({rgb, data()})).empty());
    }
    SECTION("a bad CRC of image data is a damage, of what precedes it none that is read") {
        bytes flipped = file({rgb, data()});
        flipped[8 + 25 + 8 + 3] ^= std::byte{1};
        CHECK_THAT(damage(flipped), contains("CRC") && contains("IDAT"));
        const bytes text = file({rgb, data(), chunk("tEXt", filler(3))});
        flipped = text;
        flipped[text.size() - 12 - 1] ^= std::byte{1};
        CHECK(refusal(flipped) == "accepted");  // Pillow checks none of those that follow
    }
    SECTION("IDAT missing or empty") {
        CHECK_THAT(refusal(file({rgb})), contains("FORMAT") && contains("IDAT"));
        CHECK_THAT(refusal(file({rgb, chunk("IDAT", {})})), contains("FORMAT") && contains("IDAT"));
    }
    SECTION("a chunk of two gigabytes") {
        bytes text = chunk("iTXt", filler(4));
        text[0] = std::byte{0x7f};
        CHECK_THAT(refusal(file({rgb, text, data()})), contains("FORMAT") && contains("ends early"));
        text[0] = std::byte{0xff};
        CHECK_THAT(refusal(file({rgb, text, data()})), contains("FORMAT") && contains("ends early"));
    }
    SECTION("palette missing, short or long") {
        const bytes indexed = header(3, 1, 8, 3);
        CHECK(refusal(file({indexed, data()})) == "accepted");  // all black
        CHECK(refusal(file({indexed, chunk("PLTE", filler(4)), data()})) == "accepted");
        CHECK_THAT(refusal(file({indexed, chunk("PLTE", filler(771)), data()})), contains("a palette of 771 bytes"));
    }
    SECTION("tRNS too short; too long or behind the image data it is read") {
        CHECK_THAT(refusal(file({rgb, chunk("tRNS", filler(5)), data()})), contains("tRNS has 5 bytes, expected 6"));
        CHECK_THAT(refusal(file({rgb, data(), chunk("tRNS", filler(1))})), contains("tRNS has 1 bytes"));
        for (const auto& late :
             {file({rgb, chunk("tRNS", filler(9)), data()}), file({rgb, data(), chunk("tRNS", filler(6))})})
            CHECK(detail::has_transparency(detail::scan_png(late, enough_pixels)));
    }
    SECTION("interlace 2, and other fields that PNG does not know") {
        CHECK(detail::scan_png(file({header(3, 1, 8, 2, 2), data()}), enough_pixels).interlaced);  // as Pillow takes it
        CHECK_THAT(refusal(file({header(3, 1, 8, 5), data()})), contains("colour type 5 with 8 bits"));
        CHECK_THAT(refusal(file({header(3, 1, 4, 2), data()})), contains("colour type 2 with 4 bits"));
        CHECK_THAT(refusal(file({chunk("IHDR", filler(12)), data()})), contains("IHDR has 12 bytes"));
    }
    SECTION("order") {
        CHECK_THAT(refusal(file({data(), rgb})), contains("the image data (IDAT) is missing"));
        CHECK_THAT(refusal(file({})), contains("the header (IHDR) is missing"));
        CHECK(detail::scan_png(file({rgb, data(), chunk("tEXt", {}), data()}), enough_pixels).compressed.size() == 1);
    }
    SECTION("chunks that we do not know, and what is none") {
        CHECK(refusal(file({rgb, chunk("ABCD", {}), data()})) == "accepted");
        CHECK_THAT(refusal(file({rgb, chunk("AB-D", {}), data()})),
                   contains("FORMAT") && contains("no chunk begins here"));
    }
    SECTION("cut at every byte") {
        const bytes whole = file({rgb, chunk("gAMA", filler(4)), data()});
        const std::size_t image_data = whole.size() - 12 - data().size();
        for (std::size_t size = 8; size < image_data + 8; ++size) {
            const std::string sentence =
                refusal(bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
            REQUIRE_THAT(sentence, contains("FORMAT byte " + std::to_string(size) + ": image data ends early"));
        }
    }
}

TEST_CASE("what follows the end of an image is not looked at") {
    bytes polyglot = file({header(3, 1, 8, 2), data()});
    append(polyglot, std::string_view("PK\x03\x04 and so on"));
    CHECK(refusal(polyglot) == "accepted");
}

TEST_CASE("Apple's variant is refused by name") {
    CHECK_THAT(refusal(file({chunk("CgBI", filler(4)), header(3, 1, 8, 6), data()})),
               contains("UNSUPPORTED") && contains("CgBI"));
}
