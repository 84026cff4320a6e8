#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/text/utf8.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace std::string_literals;

TEST_CASE("every code point is decoded and encoded to itself") {
    std::size_t survived = 0;
    for (char32_t code_point = 0; code_point < 0x110000; ++code_point) {
        if (code_point >= 0xD800 && code_point < 0xE000) continue;
        std::string text;
        append_utf8(text, code_point);
        if (code_points(text) != std::u32string(1, code_point)) {
            FAIL("code point " << static_cast<unsigned long>(code_point));
        }
        ++survived;
    }
    CHECK(survived == 0x110000 - 0x800);  // all but the surrogates
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
                CHECK_THAT(caught.what(), Catch::Matchers::StartsWith("text, byte 1: '\\x"));
            }
        }
        CHECK_THROWS_WITH(code_points("ab\xFF"),
                          "text, byte 2: '\\xff' is not UTF-8, expected UTF-8; "
                          "convert the text, or ask for invalid_utf8::replace");
    }
    SECTION("replaced") {
        for (const auto& [bytes, replaced] : cases) {
            CHECK(code_points("a" + bytes + "b", invalid_utf8::replace) == U"a" + replaced + U"b");
            CHECK(code_points(bytes, invalid_utf8::replace) == replaced);
        }
    }
}
