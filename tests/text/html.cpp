#include <string>

#include <zeroshot/text/html.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::text;

TEST_CASE("HTML references are read as Python's html.unescape reads them") {
    CHECK(unescape_html(U"&lt;b&gt; &amp;amp; &hearts;") == U"<b> &amp; \x2665");
    CHECK(unescape_html(U"&copy2024 &notit; &nonsense; &") ==
          U"\xA9"
          U"2024 \xACit; &nonsense; &");
    CHECK(unescape_html(U"&#39;&#x27;&#X27;&#39") == U"''''");
    CHECK(unescape_html(U"&#128;&#0;&#xD800;&#x110000;&#99999999999999999999;&#1;&#xFFFE;!") ==
          U"\x20AC\xFFFD\xFFFD\xFFFD\xFFFD!");
    CHECK(unescape_html(U"&#;&#x;&#xg;&&amp") == U"&#;&#x;&#xg;&&");
    CHECK(unescape_html(U"&NotEqualTilde; &fjlig;") == U"\x2242\x338 fj");
    CHECK(unescape_html(U"&CounterClockwiseContourIntegral;") == U"\x2233");
}

TEST_CASE("only complete HTML references are read where ftfy reads them, in capitals too") {
    CHECK(unescape_complete_html(U"&lt;b&gt; &amp;amp; &hearts;") == U"<b> &amp; \x2665");
    CHECK(unescape_complete_html(U"&copy2024 &notit; &nonsense; &") == U"&copy2024 &notit; &nonsense; &");
    CHECK(unescape_complete_html(U"&EACUTE;&SZLIG;&FFILIG;&nTILDE;") == U"\xC9SSFFI&nTILDE;");
    CHECK(unescape_complete_html(U"&#59; &#12ab; &#39") == U"&#59; &#12ab; &#39");
    CHECK(unescape_complete_html(U"&CounterClockwiseContourIntegral;") ==
          U"&CounterClockwiseContourIntegral;");  // beyond 24 letters
}

TEST_CASE("a lone ampersand at the end is nothing special") {
    for (const std::u32string_view text : {U"&", U"&#", U"&#x", U"a&", U"&;", U"& ", U"&&"}) {
        CHECK(unescape_html(text) == text);
        CHECK(unescape_complete_html(text) == text);
    }
}
