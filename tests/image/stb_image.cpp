#include <cstdint>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <zeroshot/image/decode.hpp>
#include <zeroshot/image/stb_image.hpp>

#include "tests/image/jpeg_parts.hpp"
#include "tests/image/support.hpp"

// A host's own copy of stb_image, after ours: it is untouched by ours, and ours by it.
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb_image.h>
#pragma GCC diagnostic pop

using namespace zeroshot;
using namespace jpeg_parts;

namespace {

image decoded(const bytes& file, std::size_t memory_budget = decode_options().memory_budget) {
    const decode_options options;
    detail::decoding about{options};
    return detail::stb::jpeg_image(detail::scan_jpeg(file, options), memory_budget, about);
}

std::vector<std::uint8_t> bytes_of(const image& source) {
    std::vector<std::uint8_t> all;
    for (std::size_t y = 0; y < source.height(); ++y) all.insert(all.end(), source.row(y).begin(), source.row(y).end());
    return all;
}

}  // namespace

TEST_CASE("memory of stb_image is counted, and refused beyond the budget") {
    detail::decoder_memory memory(100, 150);
    void* first = detail::decoder_memory::allocate(60);
    REQUIRE(first != nullptr);
    CHECK(detail::decoder_memory::allocate(50) == nullptr);
    CHECK_THROWS_WITH(memory.check(), contains("decoding takes more than 150 bytes of memory"));
    first = detail::decoder_memory::reallocate(first, 100);
    CHECK(first != nullptr);
    detail::decoder_memory::release(first);
    void* const again = detail::decoder_memory::allocate(100);
    CHECK(again != nullptr);
    detail::decoder_memory::release(again);
    detail::decoder_memory::release(nullptr);
}

TEST_CASE("a JPEG that takes more memory than the budget is refused, progressive or not") {
    for (const char* name : {"baseline", "progressive"}) {
        CHECK_NOTHROW(decoded(sample(name), 100000));
        CHECK_THAT(refusal_of([&] { decoded(sample(name), 5000); }), contains("LIMIT") && contains("memory"));
    }
}

TEST_CASE("the parts that a JPEG does not send have the same colours each time") {
    const bytes good = sample("grey_progressive");
    const auto segments = detail::scan_jpeg(good, {}).segments;
    bytes file = of({0xff, 0xd8});
    for (const auto& segment : segments) {  // a scan header without data
        file = joined({file, of({0xff, segment.marker}), bytes(segment.data.begin(), segment.data.end())});
        if (segment.marker == detail::jpeg_marker::sos) break;
    }
    file = joined({file, of({0xff, 0xd9})});
    CHECK(bytes_of(decoded(file)) == bytes_of(decoded(file)));  // no memory of others shows
    CHECK(decoded(file).width() == 45);
}

TEST_CASE("an arithmetic-coded JPEG is refused by name") {
    const bytes good = sample("halved");
    const bytes file = with(good, find(good, 0xc0) + 1, 0xc9);
    CHECK_THAT(refusal_of([&] { decoded(file); }), contains("UNSUPPORTED") && contains("arithmetic"));
}

TEST_CASE("a host's flags in its own stb_image do not reach ours") {
    const bytes file = file_bytes(golden("jpeg/baseline.jpg"));
    const auto before = bytes_of(decode(file));
    stbi_set_flip_vertically_on_load(1);
    stbi_set_flip_vertically_on_load_thread(1);
    CHECK(bytes_of(decode(file)) == before);
    std::thread([] { stbi_set_flip_vertically_on_load_thread(1); }).join();
    CHECK(bytes_of(decode(file)) == before);
    int width = 0, height = 0, channels = 0;
    unsigned char* const pixels = stbi_load_from_memory(reinterpret_cast<const unsigned char*>(file.data()),
                                                        static_cast<int>(file.size()), &width, &height, &channels, 3);
    REQUIRE(pixels != nullptr);  // the host's copy still works, and is flipped
    CHECK(pixels[0] == decode(file).row(36)[0]);
    stbi_image_free(pixels);
    stbi_set_flip_vertically_on_load_thread(0);
    stbi_set_flip_vertically_on_load(0);
}
