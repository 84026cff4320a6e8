#include <zeroshot/error.hpp>
#include <zeroshot/support/utf8.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("every code point but surrogates is encoded and decoded as one character") {
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

TEST_CASE("overlong forms, surrogates and code points beyond U+10FFFF are not UTF-8") {
    for (const char* good : {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                             "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
        INFO(quoted(good));
        CHECK(detail::is_utf8(good));
    }
    for (const char* bad :
         {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe1\x80",
          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xf0\x90\x80"}) {
        INFO(quoted(bad));
        CHECK_FALSE(detail::is_utf8(bad));
    }
}
