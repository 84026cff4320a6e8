#include <zeroshot/support/utf8.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("every code point is written as one character, but for halves of pairs, which are none") {
    std::size_t wrong = 0;
    for (char32_t point = 0; point <= 0x10FFFF; ++point) {
        std::string text;
        append_utf8(text, point);
        const bool is_half = point >= 0xD800 && point <= 0xDFFF;
        wrong += detail::utf8_length(text) == (is_half ? 0 : text.size()) ? 0 : 1;
    }
    CHECK(wrong == 0);
    CHECK(detail::is_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
    CHECK_FALSE(detail::is_utf8("\xc0\x80"));
}
