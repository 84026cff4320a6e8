#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/image/jpeg.hpp>

#include "tests/image/support.hpp"

using namespace zeroshot;

namespace {

using bytes = std::vector<std::byte>;

constexpr detail::jpeg_limits limits{64000000, 100, std::size_t{1} << 30};

std::string refusal(const bytes& file) {
    return refusal_of([&] { detail::scan_jpeg(file, limits); });
}

bytes sample(const std::string& name) {
    return file_bytes(golden("jpeg/" + name + ".jpg"));
}

/// Where the n-th segment with this marker begins.
std::size_t find(const bytes& file, unsigned marker, int skip = 0) {
    for (std::size_t i = 2; i + 1 < file.size(); ++i) {
        if (file[i] == std::byte{0xff} && file[i + 1] == static_cast<std::byte>(marker) && skip-- == 0) return i;
    }
    FAIL("no such marker");
    return 0;
}

std::size_t length_of(const bytes& file, std::size_t segment) {
    return 2 + detail::big_endian(std::span(file).subspan(segment + 2, 2));
}

bytes without(bytes file, std::size_t segment) {
    const auto begin = file.begin() + static_cast<std::ptrdiff_t>(segment);
    file.erase(begin, begin + static_cast<std::ptrdiff_t>(length_of(file, segment)));
    return file;
}

bytes with(bytes file, std::size_t position, unsigned value) {
    file[position] = static_cast<std::byte>(value);
    return file;
}

bytes of(std::initializer_list<unsigned> values) {
    bytes out;
    for (const unsigned value : values) out.push_back(static_cast<std::byte>(value));
    return out;
}

bytes joined(std::initializer_list<bytes> parts) {
    bytes out;
    for (const bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
    return out;
}

}  // namespace

TEST_CASE("whole files of every kind that cameras and programs write are accepted") {
    for (const char* name : {"baseline", "halved", "halved_across", "progressive", "progressive_full", "restarts",
                             "progressive_restarts", "rgb", "turned", "grey", "grey_progressive"}) {
        const bytes file = sample(name);
        const auto found = detail::scan_jpeg(file, limits);
        CHECK(found.width == 45);
        CHECK(found.height == 37);
        CHECK(found.components == (std::string_view(name).starts_with("grey") ? 1 : 3));
        CHECK(found.end == file.size());
        CHECK(found.exif.empty() == (std::string_view(name) != "turned"));
    }
}

TEST_CASE("what follows the end of a JPEG is not looked at") {
    bytes file = sample("grey");
    const std::size_t size = file.size();
    file.insert(file.end(), 100, std::byte{0x55});
    CHECK(detail::scan_jpeg(file, limits).end == size);
}

TEST_CASE("H8 a JPEG cut at any byte is refused, progressive ones and those with restarts too") {
    for (const char* name :
         {"baseline", "halved", "progressive", "progressive_restarts", "restarts", "grey", "turned"}) {
        const bytes whole = sample(name);
        for (std::size_t size = 2; size < whole.size(); ++size) {
            const std::string found = refusal(bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
            REQUIRE_THAT(found, contains("FORMAT byte " + std::to_string(size) + ": image data ends early at byte " +
                                         std::to_string(size)));
        }
    }
}

TEST_CASE("H8 a JPEG cut in its data and closed again is refused: what is missing would be painted grey") {
    for (const char* name : {"baseline", "halved", "progressive", "restarts", "grey"}) {
        const bytes whole = sample(name);
        const std::size_t scan = find(whole, detail::jpeg_marker::sos);
        // the last bytes may be padding, so the cut leaves out two more
        for (std::size_t size = scan + length_of(whole, scan) + 1; size < whole.size() - 4; ++size) {
            bytes closed(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            if (closed.back() == std::byte{0xff}) continue;
            closed.push_back(std::byte{0xff});
            closed.push_back(std::byte{0xd9});
            REQUIRE_THAT(refusal(closed), contains("FORMAT"));
        }
    }
}

TEST_CASE("H9 huge sizes and images without a scan are refused") {
    const bytes tiny =
        joined({of({0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0xff, 0xff, 0xff, 0xff, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0}),
                of({0xff, 0xda, 0, 2, 0xff, 0xd9})});
    CHECK(tiny.size() == 27);
    CHECK_THAT(refusal(tiny), contains("LIMIT byte 2: the image has 65535 x 65535 pixels"));
    const bytes empty = joined({of({0xff, 0xd8, 0xff, 0xc2, 0, 11, 8, 16, 0, 16, 0, 1, 1, 0x11, 0, 0xff, 0xd9})});
    CHECK_THAT(refusal(empty),
               contains("FORMAT") && contains("ends early") && contains("parts of the image are missing"));
    CHECK_THAT(refusal(of({0xff, 0xd8, 0xff, 0xd9})), contains("FORMAT"));
}

TEST_CASE("H10 a thousand scans are refused before the first is decoded") {
    bytes file = of({0xff, 0xd8, 0xff, 0xc2, 0, 11, 8, 16, 0, 16, 0, 1, 1, 0x11, 0});
    for (int i = 0; i < 1000; ++i) file = joined({file, of({0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0})});
    file = joined({file, of({0xff, 0xd9})});
    CHECK(file.size() < 11000);
    // No table of codes lies before the first scan: decoding it would be answered with FORMAT.
    CHECK_THAT(refusal(file), contains("LIMIT") && contains("more than 100 scans"));
}

TEST_CASE("H11 kinds of JPEG that would come out wrong are refused by name") {
    const bytes good = sample("halved");
    const std::size_t frame = find(good, 0xc0);
    CHECK_THAT(refusal(with(good, frame + 4, 12)), contains("UNSUPPORTED") && contains("12 bits"));
    CHECK_THAT(refusal(with(good, frame + 1, 0xc9)), contains("UNSUPPORTED") && contains("arithmetic"));
    CHECK_THAT(refusal(with(good, frame + 1, 0xc3)), contains("UNSUPPORTED") && contains("lossless"));
    CHECK_THAT(refusal(with(good, frame + 1, 0xc5)), contains("UNSUPPORTED") && contains("hierarchical"));
    CHECK_THAT(refusal(with(with(good, frame + 5, 0), frame + 6, 0)), contains("UNSUPPORTED") && contains("DNL"));
    CHECK_THAT(refusal(with(with(good, frame + 7, 0), frame + 8, 0)), contains("0 pixels wide"));
    CHECK_THAT(refusal(sample("cmyk")), contains("UNSUPPORTED") && contains("CMYK"));
    CHECK_THAT(refusal(with(good, frame + 9, 2)), contains("2 components, expected 1 or 3"));
    CHECK_THAT(refusal(with(good, frame + 13, 1)), contains("two components share the id 1"));
    CHECK_THAT(refusal(with(good, frame + 11, 0x01)), contains("a sampling factor is not 1 to 4"));
    CHECK_THAT(refusal(with(with(good, frame + 11, 0x31), frame + 14, 0x21)),
               contains("UNSUPPORTED") && contains("do not divide"));
    CHECK_THAT(refusal(with(with(with(good, frame + 11, 0x44), frame + 14, 0x44), frame + 17, 0x44)),
               contains("48 blocks a unit, expected at most 10"));
}

TEST_CASE("H11 tables that are missing, over-full or cut are refused") {
    const bytes good = sample("baseline");
    CHECK_THAT(refusal(without(good, find(good, detail::jpeg_marker::dqt))),
               contains("FORMAT") && contains("quantization table is missing"));
    CHECK_THAT(refusal(without(good, find(good, detail::jpeg_marker::dht))),
               contains("FORMAT") && contains("Huffman table that was not defined"));
    const std::size_t table = find(good, detail::jpeg_marker::dht);
    CHECK_THAT(refusal(with(good, table + 5, 3)), contains("FORMAT") && contains("too"));
    CHECK_THAT(refusal(with(good, table + 20, 255)), contains("FORMAT"));
    CHECK_THAT(refusal(with(good, table + 4, 0x2f)), contains("a wrong number"));
    CHECK_THAT(refusal(with(good, find(good, detail::jpeg_marker::dqt) + 4, 0x1f)), contains("a wrong number"));
}

TEST_CASE("H11 a restart interval that is wrong is refused") {
    const bytes good = sample("restarts");
    const std::size_t interval = find(good, detail::jpeg_marker::dri);
    CHECK_THAT(refusal(with(good, interval + 5, 1)), contains("FORMAT"));
    CHECK_THAT(refusal(with(good, interval + 5, 3)), contains("FORMAT"));
    CHECK_THAT(refusal(without(good, interval)), contains("FORMAT"));
    const std::size_t marker = find(good, 0xd1);
    CHECK_THAT(refusal(with(good, marker + 1, 0xd4)), contains("restart marker 4, expected 1"));
}

TEST_CASE("scans that do not fit the frame, or each other, are refused") {
    const bytes good = sample("progressive");
    const std::size_t scan = find(good, detail::jpeg_marker::sos);
    CHECK_THAT(refusal(with(good, scan + 4, 4)), contains("FORMAT"));
    CHECK_THAT(refusal(with(good, scan + 5, 9)), contains("names component 9"));
    CHECK_THAT(refusal(with(good, scan + 7, 1)), contains("a component stands twice"));
    const std::size_t end = scan + length_of(good, scan) - 1;  // Ah and Al of the first scan, of DC
    CHECK_THAT(refusal(with(good, end, 0x0f)), contains("does not allow"));
    CHECK_THAT(refusal(with(good, end, 0x10)), contains("does not continue those before it"));
    const std::size_t second = find(good, detail::jpeg_marker::sos, 1);
    bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(second));
    while (cut[cut.size() - 2] == std::byte{0xff} && cut.back() == std::byte{detail::jpeg_marker::dht}) cut.pop_back();
    CHECK_THAT(refusal(joined({cut, of({0xff, 0xd9})})),
               contains("FORMAT") && contains("parts of the image are missing"));
}

TEST_CASE("memory is bounded before it is taken") {
    const bytes file = of({0xff, 0xd8, 0xff, 0xc2, 0, 11, 8, 0x1f, 0, 0x1f, 0, 1,    1,   0x11,
                           0,    0xff, 0xda, 0,    8, 1,  1, 0,    0, 0,    0, 0xff, 0xd9});
    CHECK_THAT(refusal_of([&] {
                   detail::scan_jpeg(file, {64000000, 100, 1000000});
               }),
               contains("LIMIT") && contains("bytes of memory"));
}
