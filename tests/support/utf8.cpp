#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/support/utf8.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace std::string_literals;

TEST_CASE("every code point but surrogates is encoded and decoded to itself") {
    std::size_t wrong = 0;
    for (char32_t point = 0; point <= 0x10FFFF; ++point) {
        std::string text;
        append_utf8(text, point);
        const bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
        const bool survives = is_surrogate || code_points(text) == std::u32string(1, point);
        wrong += survives && detail::utf8_length(text) == (is_surrogate ? 0 : text.size()) ? 0 : 1;
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

TEST_CASE("bytes that are not UTF-8 are refused with their position, or replaced as in Python") {
    // What bytes.decode("utf-8", errors="replace") of Python 3.11 makes of the bytes between a and b.
    const std::vector<std::pair<std::string, std::u32string>> cases{
        {"\x80"s, U"\xFFFD"},                      // lone continuation
        {"\xC0\x80"s, U"\xFFFD\xFFFD"},            // overlong
        {"\xE0\x9F\xBF"s, U"\xFFFD\xFFFD\xFFFD"},  // overlong
        {"\xF0\x8F\xBF\xBF"s, U"\xFFFD\xFFFD\xFFFD\xFFFD"},
        {"\xED\xA0\x80"s, U"\xFFFD\xFFFD\xFFFD"},            // a surrogate
        {"\xF4\x90\x80\x80"s, U"\xFFFD\xFFFD\xFFFD\xFFFD"},  // beyond U+10FFFF
        {"\xF5\x80"s, U"\xFFFD\xFFFD"},
        {"\xFF"s, U"\xFFFD"},
        {"\xE2\x82"s, U"\xFFFD"},  // cut in the middle
        {"\xF0\x9F\x98"s, U"\xFFFD"},
        {"\xC3"s, U"\xFFFD"},
        {"\xE2\x28\xA1"s, U"\xFFFD(\xFFFD"},
    };
    SECTION("refused") {
        for (const auto& [bytes, replaced] : cases) {
            try {
                code_points("a" + bytes);
                FAIL("accepted " << quoted(bytes));
            } catch (const text_error& caught) {
                CHECK(caught.code() == error_code::argument);
                CHECK_THAT(caught.what(), Catch::StartsWith("text, byte 1: '\\x"));
            }
        }
    }
    SECTION("replaced") {
        for (const auto& [bytes, replaced] : cases) {
            CHECK(code_points("a" + bytes + "b", invalid_utf8::replace) == U"a" + replaced + U"b");
            CHECK(code_points(bytes, invalid_utf8::replace) == replaced);
        }
    }
}
