#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/image/jpeg.hpp>

#include "tests/image/jpeg_parts.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;
using namespace jpeg_parts;

namespace {

std::string refusal(const bytes& file, const decode_options& options = {}) {
    return refusal_of([&] { detail::scan_jpeg(file, options); });
}

}  // namespace

TEST_CASE("size, components, EXIF and end of JPEGs that cameras and programs write are read") {
    for (const char* name : {"baseline", "halved", "halved_across", "progressive", "progressive_full", "restarts",
                             "progressive_restarts", "rgb", "turned", "grey", "grey_progressive", "cmyk"}) {
        INFO(name);
        const bytes file = sample(name);
        const auto scanned = detail::scan_jpeg(file, {});
        CHECK(scanned.width == 45);
        CHECK(scanned.height == 37);
        CHECK(scanned.components == (std::string_view(name).starts_with("grey") ? 1
                                     : name == std::string("cmyk")              ? 4
                                                                                : 3));
        CHECK(scanned.size == file.size());
        CHECK(scanned.progressive == (std::string_view(name).find("progressive") != std::string_view::npos));
        CHECK(scanned.exif.empty() == (std::string_view(name) != "turned"));
    }
}

TEST_CASE("bytes after the end of a JPEG are not read") {
    bytes file = sample("grey");
    const std::size_t size = file.size();
    file.insert(file.end(), 100, std::byte{0x55});
    CHECK(detail::scan_jpeg(file, {}).segments.back().entropy.data() + 2 < file.data() + size);
}

TEST_CASE("a JPEG cut before its scan, and a progressive one cut anywhere, is refused") {
    for (const char* name :
         {"baseline", "halved", "progressive", "progressive_restarts", "restarts", "grey", "turned"}) {
        const bytes whole = sample(name);
        const bool progressive = std::string_view(name).starts_with("progressive");
        const std::size_t scan = find(whole, detail::jpeg_marker::sos);
        const std::size_t most = progressive ? whole.size() : scan + length_of(whole, scan);
        for (std::size_t size = 3; size < most; ++size) {
            const std::string refused =
                refusal(bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
            REQUIRE_THAT(refused, contains("FORMAT byte " + std::to_string(size) + ": image data ends early"));
        }
        if (progressive) continue;
        const bytes unclosed(whole.begin(), whole.end() - 2);  // the decoder finds out whether data is missing
        CHECK_FALSE(detail::scan_jpeg(unclosed, {}).segments.back().ends);
    }
}

TEST_CASE("junk, padding and restart markers between the segments of a JPEG are skipped") {
    const bytes good = sample("halved");
    for (const unsigned marker : {0xdbu, 0xc0u, 0xc4u, 0xdau}) {
        const std::size_t position = find(good, marker);
        for (const bytes& junk : {of({1, 2, 3, 0xff, 0, 4}), of({0xff, 0xff, 0xff}), of({0xff, 0xd3})}) {
            CHECK(detail::scan_jpeg(inserted(good, position, junk), {}).segments.size() ==
                  detail::scan_jpeg(good, {}).segments.size());
        }
    }
}

TEST_CASE("a JPEG of huge sides is refused by its header, and one without a scan as damaged") {
    const bytes tiny =
        joined({of({0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0xff, 0xff, 0xff, 0xff, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0}),
                of({0xff, 0xda, 0, 2, 0xff, 0xd9})});
    CHECK(tiny.size() == 27);
    CHECK_THAT(refusal(tiny), contains("LIMIT byte 2") && contains("65535 x 65535"));
    const bytes empty = joined({of({0xff, 0xd8, 0xff, 0xc2, 0, 11, 8, 16, 0, 16, 0, 1, 1, 0x11, 0, 0xff, 0xd9})});
    CHECK_THAT(refusal(empty), contains("FORMAT") && contains("image data is missing"));
    CHECK_THAT(refusal(of({0xff, 0xd8, 0xff, 0xd9})), contains("FORMAT"));
}

TEST_CASE("a JPEG of a thousand scans is refused before the first is decoded") {
    bytes file = of({0xff, 0xd8, 0xff, 0xc2, 0, 11, 8, 16, 0, 16, 0, 1, 1, 0x11, 0});
    for (int i = 0; i < 1000; ++i) file = joined({file, of({0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0})});
    file = joined({file, of({0xff, 0xd9})});
    CHECK(file.size() < 11000);
    CHECK_THAT(refusal(file), contains("LIMIT") && contains("100 scans") && contains("max_scans"));
}

TEST_CASE("rare kinds of JPEG are refused by name") {
    const bytes good = sample("halved");
    const std::size_t frame = find(good, 0xc0);
    CHECK_THAT(refusal(with(good, frame + 4, 12)), contains("UNSUPPORTED") && contains("12 bits"));
    CHECK_THAT(refusal(with(good, frame + 1, 0xc3)), contains("UNSUPPORTED") && contains("lossless"));
    CHECK_THAT(refusal(with(good, frame + 1, 0xc5)), contains("UNSUPPORTED") && contains("hierarchical"));
    CHECK_THAT(refusal(with(with(good, frame + 5, 0), frame + 6, 0)), contains("UNSUPPORTED") && contains("DNL"));
    CHECK_THAT(refusal(with(with(good, frame + 11, 0x31), frame + 14, 0x21)),
               contains("UNSUPPORTED") && contains("sampling factors"));
}

TEST_CASE("headers and markers that make no sense are refused at their byte") {
    const bytes good = sample("halved");
    const std::size_t frame = find(good, 0xc0), table = find(good, detail::jpeg_marker::dht);
    CHECK_THAT(refusal(with(with(good, frame + 7, 0), frame + 8, 0)), contains("FORMAT") && contains("0 pixels wide"));
    CHECK_THAT(refusal(with(good, frame + 9, 2)), contains("FORMAT byte " + std::to_string(frame)));
    CHECK_THAT(refusal(with(good, frame + 11, 0x01)), contains("FORMAT") && contains("sampling factor of 0"));
    CHECK_THAT(refusal(inserted(good, frame, of({0xff, 0x02}))), contains("FORMAT") && contains("marker 2"));
    CHECK_THAT(refusal(inserted(good, frame, of({0xff, 0xd8}))), contains("FORMAT") && contains("marker 216"));
    CHECK_THAT(refusal(without(good, frame)), contains("FORMAT") && contains("before the frame header"));
    CHECK_THAT(refusal(inserted(good, find(good, 0xda),
                                bytes(good.begin() + static_cast<std::ptrdiff_t>(frame),
                                      good.begin() + static_cast<std::ptrdiff_t>(frame + 19)))),
               contains("FORMAT") && contains("second frame header"));
    CHECK_THAT(refusal(with(good, table + 20, 255)), contains("FORMAT") && contains("codes"));
    CHECK_THAT(refusal(with(with(good, table + 2, 0), table + 3, 1)), contains("FORMAT") && contains("at least 2"));
}

TEST_CASE("the colour space is libjpeg's guess from markers and component ids") {
    using detail::jpeg_colour;
    const auto colour_of = [](const bytes& file) { return detail::scan_jpeg(file, {}).colour; };
    const bytes good = sample("baseline");
    const bytes adobe = joined({of({0xff, 0xee, 0, 14}), text("Adobe"), of({0, 100, 0, 0, 0, 0, 0})});
    const bytes bare = without(good, find(good, detail::jpeg_marker::app0));
    CHECK(colour_of(good) == jpeg_colour::ycc);
    CHECK(colour_of(inserted(good, 2, adobe)) == jpeg_colour::ycc);  // JFIF decides
    CHECK(colour_of(inserted(bare, bare.size() - 2, adobe)) ==
          jpeg_colour::ycc);  // what follows the scan comes too late
    CHECK(colour_of(bare) == jpeg_colour::ycc);
    CHECK(colour_of(inserted(bare, 2, adobe)) == jpeg_colour::rgb);
    bytes letters = bare;
    const std::size_t frame = find(letters, 0xc0), scan = find(letters, 0xda);
    for (std::size_t i = 0; i < 3; ++i) {
        letters[frame + 10 + 3 * i] = static_cast<std::byte>("RGB"[i]);
        letters[scan + 5 + 2 * i] = static_cast<std::byte>("RGB"[i]);
    }
    CHECK(colour_of(letters) == jpeg_colour::rgb);
    const std::size_t jfif = find(good, detail::jpeg_marker::app0);
    const bytes marker(good.begin() + static_cast<std::ptrdiff_t>(jfif),
                       good.begin() + static_cast<std::ptrdiff_t>(jfif + length_of(good, jfif)));
    CHECK(colour_of(inserted(letters, 2, marker)) == jpeg_colour::ycc);
    CHECK(colour_of(sample("grey")) == jpeg_colour::grey);
    const bytes cmyk = sample("cmyk");
    CHECK(colour_of(cmyk) == jpeg_colour::cmyk);
    CHECK(colour_of(with(cmyk, find(cmyk, detail::jpeg_marker::app14) + 15, 2)) == jpeg_colour::ycck);
}

TEST_CASE("chroma is interpolated as by libjpeg-turbo, and repeated where it does so") {
    const std::array<std::uint8_t, 6> samples{0, 100, 200, 10, 20, 30};
    const auto row_of = [&](std::size_t across, std::size_t down, std::size_t y) {
        detail::upsampled_rows rows({samples.data(), 3, 3, 2, across, down});
        const std::uint8_t* const row = rows(y);
        return std::vector<int>(row, row + 3 * across);
    };
    CHECK(row_of(1, 1, 1) == std::vector{10, 20, 30});
    CHECK(row_of(2, 1, 0) == std::vector{0, 25, 75, 125, 175, 200});  // 3/4 of the nearer sample, 1/4 of the other
    CHECK(row_of(1, 2, 0) == std::vector{0, 100, 200});               // the row above the first is the first
    CHECK(row_of(1, 2, 1) == std::vector{3, 80, 158});                // (3 * 0 + 10 + 2) / 4
    CHECK(row_of(1, 2, 2) == std::vector{7, 40, 72});                 // (3 * 10 + 0 + 1) / 4
    CHECK(row_of(2, 2, 0) == std::vector{0, 25, 75, 125, 175, 200});
    CHECK(row_of(2, 2, 1) == std::vector{3, 22, 61, 99, 138, 157});  // of the sums 10, 320, 630 over both rows
    CHECK(row_of(4, 1, 0) == std::vector{0, 0, 0, 0, 100, 100, 100, 100, 200, 200, 200, 200});
    detail::upsampled_rows narrow({samples.data(), 2, 2, 1, 2, 1});  // too narrow for libjpeg to interpolate
    CHECK(std::vector<int>(narrow(0), narrow(0) + 4) == std::vector{0, 0, 100, 100});
}

TEST_CASE("luma and chroma become RGB") {
    std::array<std::uint8_t, 3> rgb{};
    const auto rgb_of_ycc = [&](int luma, std::size_t blue, std::size_t red) {
        detail::write_rgb_of_ycc(luma, blue, red, rgb.data());
        return rgb;
    };
    CHECK(rgb_of_ycc(77, 128, 128) == std::array<std::uint8_t, 3>{77, 77, 77});
    CHECK(rgb_of_ycc(76, 85, 255) == std::array<std::uint8_t, 3>{254, 0, 0});
    CHECK(rgb_of_ycc(255, 255, 255) == std::array<std::uint8_t, 3>{255, 121, 255});
}
