#include <string>
#include <vector>

#include <zeroshot/image/decode.hpp>
#include <zeroshot/image/jpeg.hpp>

#include "tests/image/jpeg_parts.hpp"
#include "tests/image/recorded.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;
using namespace jpeg_parts;

#if defined(ZEROSHOT_LIBJPEG_TURBO)
namespace {

std::vector<std::string> warnings_of(const bytes& file) {
    std::vector<std::string> warnings;
    decode_options options;
    options.warnings = &warnings;
    decode(file, options);
    return warnings;
}

}  // namespace

TEST_CASE("a JPEG that libjpeg decodes with a warning comes with its first one") {
    const bytes good = sample("baseline");
    CHECK(warnings_of(good).empty());
    const bytes padded = inserted(good, good.size() - 2, bytes(10, std::byte{1}));
    REQUIRE(warnings_of(padded).size() == 1);
    CHECK_THAT(warnings_of(padded).front(),
               contains("image: the JPEG is damaged: ") && contains("extraneous bytes before marker 0xd9"));
}

TEST_CASE("libjpeg-turbo reads no further than the last row needs") {
    const bytes good = sample("baseline");
    const bytes trailing = joined({bytes(good.begin(), good.end() - 2), bytes(20, std::byte{1})});  // without an end
    CHECK(recorded::digest_of(decode(trailing)) == recorded::digest_of(decode(good)));
    const bytes cut(good.begin(), good.end() - 2);
    CHECK_THAT(refusal_of([&] { decode(cut); }),
               contains("byte " + std::to_string(cut.size()) + ": image data ends early"));
}

TEST_CASE("libjpeg-turbo stops at a limit of scans and of memory") {
    bytes many = of({0xff, 0xd8, 0xff, 0xc2, 0, 11, 8, 16, 0, 16, 0, 1, 1, 0x11, 0});
    const bytes good = sample("grey_progressive");
    const std::size_t tables = find(good, detail::jpeg_marker::dqt);
    many = inserted(many, 2,
                    bytes(good.begin() + static_cast<std::ptrdiff_t>(tables),
                          good.begin() + static_cast<std::ptrdiff_t>(tables + length_of(good, tables))));
    const std::size_t codes = find(good, detail::jpeg_marker::dht);
    many = joined({many, bytes(good.begin() + static_cast<std::ptrdiff_t>(codes),
                               good.begin() + static_cast<std::ptrdiff_t>(codes + length_of(good, codes)))});
    for (int i = 0; i < 1000; ++i) many = joined({many, of({0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0})});
    CHECK_THAT(refusal_of([&] { decode(many); }), contains("LIMIT") && contains("more than 100 scans"));
    decode_options options;
    options.memory_budget = 545000;  // the image and its planes fit, the coefficients do not
    const bytes small = sample("progressive");
    const std::size_t height = find(small, 0xc2) + 5;
    CHECK_THAT(refusal_of([&] { decode(with(with(small, height, 2000 >> 8), height + 1, 2000 & 255), options); }),
               contains("LIMIT") && contains("decoding takes more than 545000 bytes of memory"));
}
#endif
