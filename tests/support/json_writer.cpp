#include <cstdint>
#include <limits>

#include <zeroshot/support/json.hpp>
#include <zeroshot/support/json_writer.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;

TEST_CASE("a writer puts commas and brackets where they belong") {
    json_writer writer;
    writer.begin_object()
        .key("labels")
        .begin_array()
        .value("a dog")
        .value("a cat")
        .begin_array()
        .end_array()
        .end_array();
    writer.key("top").value(5).key("probability").value(0.25).key("ok").value(true).key("none").null();
    writer.key("config").raw("{\"a\":1}").key("last").begin_object().end_object().end_object();
    CHECK(writer.text() == R"({"labels":["a dog","a cat",[]],"top":5,"probability":0.25,"ok":true,)"
                           R"("none":null,"config":{"a":1},"last":{}})");
}

TEST_CASE("what is written reads back the same") {
    const std::string hard = "quote \" backslash \\ line\nfeed\ttab \x01 \xe2\x82\xac \xf0\x9f\x90\xb1 /";
    const std::string nul("a\0b", 3);
    json_writer writer;
    writer.begin_object().key(hard).value(nul).key("big").value(std::numeric_limits<std::uint64_t>::max());
    writer.key("small").value(std::int64_t{-5}).key("third").value(1.0 / 3).key("single").value(0.1f).end_object();
    const json read = json::parse(writer.text(), "written");
    CHECK(read.at(hard).as_string() == nul);
    CHECK(read.at("big").as_size() == std::numeric_limits<std::uint64_t>::max());
    CHECK(read.at("small").as_number() == -5);
    CHECK(read.at("third").as_number() == 1.0 / 3);
    CHECK(static_cast<float>(read.at("single").as_number()) == 0.1f);
}

TEST_CASE("what JSON cannot hold is replaced") {
    json_writer writer;
    writer.begin_array()
        .value(
            "a\xff"
            "b\xc0\x80\xed\xa0\x80\xf5")
        .value(std::numeric_limits<double>::infinity())
        .end_array();
    CHECK(writer.text() ==
          "[\"a\xef\xbf\xbd"
          "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",null]");
}

TEST_CASE("UTF-8 is told from what is not") {
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
