#include <array>
#include <limits>

#include <zeroshot/image/encoded.hpp>

#include "tests/image/support.hpp"

using namespace zeroshot;

TEST_CASE("a fault in an image names its byte") {
    CHECK_THROWS_WITH(detail::throw_ends_early(77), contains("byte 77: image data ends early at byte 77"));
    CHECK_THROWS_AS(detail::throw_at_byte(error_code::format, 1, "x"), image_error);
}

TEST_CASE("limits hold exactly and do not overflow") {
    CHECK_NOTHROW(detail::refuse_pixels(0, 10, 10, 100));
    CHECK_THROWS_WITH(detail::refuse_pixels(0, 101, 1, 100), contains("101 x 1 pixels, expected at most 100 in all"));
    const std::size_t huge = std::numeric_limits<std::size_t>::max();
    CHECK_THROWS_AS(detail::refuse_pixels(0, huge, huge, 100), image_error);
    CHECK_NOTHROW(detail::refuse_memory(0, 5, 5));
    CHECK_THROWS_WITH(detail::refuse_memory(0, 6, 5), contains("takes 6 bytes of memory"));
}

TEST_CASE("numbers are big-endian") {
    const std::array bytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
    CHECK(detail::big_endian(bytes) == 0x01020304u);
    CHECK(detail::big_endian(std::span(bytes).first(2)) == 0x0102u);
}
