#include <string>
#include <string_view>

#include <zeroshot/text/clean.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace std::string_literals;

TEST_CASE("text is repaired as ftfy does it") {
    CHECK(clean("“quoted” ‘text’ ʼn") == "\"quoted\" 'text' 'n");
    CHECK(clean("ﬁsh ﬂy ﬅ Ĳssel ŉ") == "fish fly ſt ijssel 'n");
    CHECK(clean("ＦＵＬＬ　ｗｉｄｔｈ ｶﾞ ￥") == "full width ガ ¥");
    CHECK(clean("\x1b[31mred\x1b[0m \x1b[1;\xd9\xa3mstill\x1b[") == "red still[");  // Python's \d knows Arabic digits
    CHECK(clean("\xc2\x93in\xc2\x94 \xc2\x85 \xc2\x81") == "\"in\" … \xc2\x81");    // C1 controls meant as Windows-1252
    CHECK(clean("cafe\xcc\x81") == "café");
    CHECK(clean("schÃ¶n") == "schã¶n");  // not done: fix_encoding
}

TEST_CASE("HTML references are resolved repeatedly, but not beside a literal <") {
    CHECK(clean("&amp;amp;amp;lt;b&amp;gt;") == "<b>");
    CHECK(clean("<&amp;amp;amp;lt;") == "<&amp;lt;");               // only html.unescape twice
    CHECK(clean("&EACUTE; <\n&EACUTE;") == "&eacute; < &eacute;");  // from that line on
    CHECK(clean("&EACUTE;\n<") == "é <");
    CHECK(clean("&am\xef\xbb\xbfp;lt;") == "<");  // a byte order mark inside goes first
}

TEST_CASE("characters that are not text disappear") {
    SECTION("invisible characters") {
        CHECK(clean("a\0b"s) == "ab");
        CHECK(clean("\xef\xbb\xbf"
                    "bom") == "bom");
        CHECK(clean("a\xc2\x85"
                    "b") == "a…b");  // U+0085, as Windows-1252 has it
        CHECK(clean("a\xe2\x80\xa8"
                    "b\xc2\xa0"
                    "c") == "a b c");  // U+2028, U+00A0
        CHECK(clean("a\xe2\x80\x8b"
                    "b\xe2\x80\xae"
                    "c") ==
              "a\xe2\x80\x8b"
              "b\xe2\x80\xae"
              "c");                                                                // U+200B, U+202E stay
        CHECK(clean("\xcd\xb8 \xf4\x8f\xbf\xbf") == "\xcd\xb8 \xf4\x8f\xbf\xbf");  // unassigned
    }
    SECTION("only white space") {
        for (const std::string& text :
             {""s, " "s, " \t\r\n"s, "\x01\x02\x7f"s, "\0"s, "\xe3\x80\x80"s, "&nbsp;"s, "&#1;"s})
            CHECK(clean(text).empty());
    }
}

TEST_CASE("whitespace collapses and case is lowered") {
    CHECK(clean("  def main():\r\n\tPASS  ") == "def main(): pass");
    CHECK(clean("a\xc2\xa0\xe3\x80\x80\x0b\x0c"
                "B") == "a b");
}

TEST_CASE("hostile text is refused in bounded time") {
    std::string nested = "&";
    for (int depth = 0; depth < 100'000; ++depth) nested += "amp;";
    try {
        clean(nested);
        FAIL("accepted");
    } catch (const text_error& caught) {
        CHECK(caught.code() == error_code::limit);
        CHECK_THAT(caught.what(), Catch::Contains("more than 16 deep"));
    }
    CHECK(clean("&amp;amp;amp;amp;amp;amp;amp;amp;amp;amp;amp;amp;lt;") == "<");
}

TEST_CASE("a line longer than a million characters is repaired in parts, as in ftfy") {
    const std::string accent = "\xcc\x81";
    const std::string half(999'999, 'x');
    CHECK(clean(half + "e" + accent).substr(999'999) == "e" + accent);  // the accent begins the second part
    CHECK(clean(half.substr(1) + "e" + accent).substr(999'998) == "é");
}
