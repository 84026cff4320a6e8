#include <clocale>
#include <limits>

#include <zeroshot/support/json.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using support::has;
using support::thrown;

namespace {

std::string refusal(const std::string& text, const json_limits& limits = {}) {
    return thrown<checkpoint_error>([&] { json::parse(text, "config.json", limits); });
}

}  // namespace

TEST_CASE("a document is read value by value") {
    const json config = json::parse(
        R"( {"b": {"width": 768, "eps": 1e-5, "down": -3},
             "a": [true, false, null, "x\u00e9\n", 2.0, 18446744073709551615]} )",
        "config.json");
    CHECK(config.at("b").at("width").as_size() == 768);
    CHECK(config.at("b").at("eps").as_number() == 1e-5);
    CHECK(config.at("b").at("down").as_number() == -3);
    const json list = config.at("a");
    CHECK(list.size() == 6);
    CHECK(list.at(0).as_bool());
    CHECK_FALSE(list.at(1).as_bool());
    CHECK(list.at(2).is_null());
    CHECK(list.at(3).as_string() == "x\xc3\xa9\n");
    CHECK(list.items()[4].as_number() == 2);
    CHECK(list.at(5).as_size() == std::numeric_limits<std::uint64_t>::max());
    CHECK(json::parse(R"(["a", "", "b"])", "p").texts() == std::vector<std::string>{"a", "", "b"});
    CHECK(config.members().front().first == "b");
    CHECK(config.members().back().first == "a");
    CHECK(config.members().back().second.pointer() == "/a");
    CHECK_FALSE(config.find("c"));
    CHECK(config.find("a")->pointer() == "/a");
    CHECK(list.at(3).where() == "config.json: /a/3");
}

TEST_CASE("a value keeps its document alive") {
    const json inner = json::parse(R"({"a": {"b": "c"}})", "p").at("a").at("b");
    CHECK(inner.as_string() == "c");
    CHECK(inner.pointer() == "/a/b");
}

TEST_CASE("a missing value, or one of another type, is named by its pointer") {
    const json config = json::parse(R"({"vision_config": {"heads": "12", "a/b~": [1.5, -1]}})", "config.json");
    const json vision = config.at("vision_config");
    CHECK(thrown<checkpoint_error>([&] { vision.at("width"); }) ==
          "FORMAT config.json: /vision_config/width is missing");
    CHECK(thrown<checkpoint_error>([&] { vision.at("heads").as_size(); }) ==
          "FORMAT config.json: /vision_config/heads is a string, expected an unsigned integer");
    CHECK(thrown<checkpoint_error>([&] { vision.at("a/b~").at(0).as_size(); }) ==
          "FORMAT config.json: /vision_config/a~1b~0/0 is a floating-point number, expected an unsigned integer");
    CHECK(
        has(thrown([&] { vision.at("a/b~").at(1).as_size(); }), "is a negative integer, expected an unsigned integer"));
    CHECK(has(thrown([&] { vision.at("a/b~").at(2); }), "/vision_config/a~1b~0/2 is missing"));
    CHECK(has(thrown([&] { vision.at("heads").as_number(); }), "expected a number"));
    CHECK(has(thrown([&] { vision.at("heads").as_bool(); }), "expected true or false"));
    CHECK(has(thrown([&] { vision.at("heads").items(); }), "expected an array"));
    CHECK(has(thrown([&] { vision.at("heads").size(); }), "expected an array"));
    CHECK(has(thrown([&] { vision.items(); }), "is an object, expected an array"));
    CHECK(has(thrown([&] { vision.texts(); }), "is an object, expected an array"));
    CHECK(has(thrown([&] { vision.at("a/b~").texts(); }), "/vision_config/a~1b~0/0 is"));
    CHECK(has(thrown([&] { vision.as_string(); }), "expected a string"));
    CHECK(has(thrown([&] { json::parse("3", "p").find("x"); }),
              "p: the text is an unsigned integer, expected an object"));
}

TEST_CASE("control characters of a key are escaped in messages") {
    const json config = json::parse("{\"\\u001b[31m\": 1}", "config.json");
    CHECK(has(thrown([&] { config.at("\x1b[31m").as_string(); }), "/\\x1b[31m is an unsigned integer"));
}

TEST_CASE("a duplicate key is refused and named by its path") {
    CHECK(refusal(R"({"a": 1, "b": {"x\"y": 1, "z": 2, "x\"y": 1}})") == "FORMAT config.json: duplicate key '/b/x\"y'");
    CHECK(has(refusal(R"({"a":1,"\u0061":2})"), "duplicate key '/a'"));
    CHECK(has(refusal(R"({"a":[0,{"b":1,"b":1}]})"), "duplicate key '/a/1/b'"));
    CHECK(refusal(R"([{"a":1},{"a":1}])") == "nothing");
}

TEST_CASE("JSON that is too long, too deep or has too many values is refused") {
    json_limits small;
    small.max_bytes = 10;
    CHECK(has(refusal("[1, 2, 3, 4]", small), "LIMIT config.json: 12 bytes of JSON, expected at most 10"));
    CHECK(has(refusal(std::string(1'000'000, '[')),
              "LIMIT config.json: nested too deeply, expected a depth of at most 64"));
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
    CHECK(has(refusal(deep), "LIMIT"));
    CHECK(refusal(std::string(64, '[') + std::string(64, ']')) == "nothing");
    json_limits few;
    few.max_values = 3;
    CHECK(has(refusal("[1,2,3]", few), "too many values, expected at most 3"));
}

TEST_CASE("a syntax error is refused with line, column and a hint") {
    CHECK(
        refusal("{\n  \"a\": 1, // width\n}") ==
        "FORMAT config.json: line 2, column 11 (byte 12): the text is not JSON: unexpected '/'; JSON has no comments");
    CHECK(has(refusal("{\"a\": 1 # width\n}"), "JSON has no comments"));
    CHECK(refusal("{\"a\": 1,\n}") ==
          "FORMAT config.json: line 2, column 1 (byte 9): the text is not JSON: unexpected '}'; remove the comma "
          "before it");
    CHECK(has(refusal("[1, ]"), "remove the comma"));
    CHECK(has(refusal("{'a': 1}"), "double quotes"));
    CHECK(has(refusal(std::string("\xff\xfe{\0}\0", 6)), "is this UTF-16?"));
    CHECK(has(refusal(std::string("\0{\0}", 4)), "is this UTF-16?"));
    CHECK(has(refusal("\xef\xbb\xbf{}"), "byte order mark"));
    CHECK(has(refusal(std::string("{}\0\0", 4)), "a NUL byte in the JSON text"));
    CHECK(has(refusal("{\"a\": \"\xff\"}"), "line 1, column 8 (byte 7): the text is not UTF-8"));
    CHECK(has(refusal("{\"a\": \"\xed\xa0\x80\"}"), "the text is not UTF-8"));
    CHECK(has(refusal("{\"a\n\": 1}"), "unexpected '\\x0a'; escape control characters"));
    CHECK(has(refusal("{\"a\": 1} x"), "unexpected 'x'"));
    CHECK(has(refusal("{\"a\": nul}"), "the text is not JSON"));
    CHECK(has(refusal("{\"a\": 01}"), "the text is not JSON"));
    CHECK(has(refusal("{\"a\": +1}"), "the text is not JSON"));
    CHECK(has(refusal("{\"a\": NaN}"), "the text is not JSON"));
    CHECK(has(refusal("{\"a\" 1}"), "the text is not JSON"));
    CHECK(has(refusal("\"\\ud800\""), "the text is not JSON"));
    CHECK(has(refusal("\"\\x\""), "the text is not JSON"));
    for (const char* cut :
         {"", " ", "{", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "[", "[1", "\"\\u12", "tru"}) {
        INFO(cut);
        CHECK(has(refusal(cut), "FORMAT config.json: line 1, column"));
    }
    CHECK(has(refusal("{\"a\": 1"), "the JSON text ends too early; is the file complete?"));
    CHECK(refusal("[" + std::string(100'000, 'x') + "]").size() < 200);  // one byte of the text is quoted
}

TEST_CASE("a number that float64 cannot hold is refused") {
    for (const char* number : {"1e400", "-1e400", "0.1e400", "1e999999999999999999999"}) {
        INFO(number);
        CHECK(has(refusal(number), "FORMAT config.json: a number is too large"));
    }
    for (const char* number : {"1e-400", "-1e-400", "0.00001e-350", "1e-999999999999999999999"}) {
        INFO(number);
        CHECK(has(refusal(number), "FORMAT config.json: a number is too small"));
    }
    CHECK(has(refusal(std::string(1001, '1')), "more than 1000 digits"));
    CHECK(json::parse("0e999999999999999999999", "p").as_number() == 0);
    CHECK(json::parse("0.0e-400", "p").as_number() == 0);
    CHECK(json::parse("-0", "p").as_number() == 0);
    CHECK(json::parse("123456789012345678901234567890", "p").as_number() == 123456789012345678901234567890.0);
}

TEST_CASE("only an integer without sign, point and exponent is a size") {
    CHECK(json::parse("18446744073709551615", "p").as_size() == std::numeric_limits<std::uint64_t>::max());
    for (const char* number : {"-1", "-0", "1.0", "1e0", "18446744073709551616", "true", "\"1\"", "null"}) {
        INFO(number);
        CHECK(
            has(thrown<checkpoint_error>([&] { json::parse(number, "p").as_size(); }), "expected an unsigned integer"));
    }
}

TEST_CASE("numbers do not follow the locale") {
    const char* before = std::setlocale(LC_NUMERIC, nullptr);
    const std::string kept = before == nullptr ? "C" : before;
    for (const char* name : {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8"}) {
        if (std::setlocale(LC_NUMERIC, name) == nullptr) continue;
        CHECK(json::parse("[1.5]", "p").at(0).as_number() == 1.5);
    }
    std::setlocale(LC_NUMERIC, kept.c_str());
}

TEST_CASE("a JSON file is read within its limit") {
    const support::scratch_folder folder;
    write_file(folder / "config.json", "{\"a\": [1]}");
    CHECK(read_json(folder / "config.json").at("a").at(0).as_size() == 1);
    json_limits small;
    small.max_bytes = 4;
    CHECK(has(thrown<file_error>([&] { read_json(folder / "config.json", small); }), "LIMIT"));
}

TEST_CASE("a number is written with the shortest digits that read back as the same number") {
    for (const float value : {0.1f, 1.f, 1e-7f, 16777216.f, 3.4028235e38f, -0.33333334f, 1e-45f}) {
        const std::string text = json_text_of(json_number(value));
        INFO(text);
        CHECK(text == number_text(value));
        CHECK(static_cast<float>(json::parse(text, "written").as_number()) == value);
    }
    for (const double value : {0.1, 1.0 / 3, 1e22, 1.7976931348623157e308, 123456.5}) {
        CHECK(json::parse(json_text_of(json_number(value)), "written").as_number() == value);
    }
    CHECK(json_text_of(json_number(std::optional(0.25))) == "0.25");
}

TEST_CASE("values that JSON cannot hold are replaced when written") {
    CHECK(json_text_of(json_number(std::numeric_limits<double>::infinity())) == "null");
    CHECK(json_text_of(json_number(std::numeric_limits<float>::quiet_NaN())) == "null");
    CHECK(json_text_of(json_number(std::optional<double>())) == "null");
    CHECK(json_text_of("a\xff"
                       "b\xc0") ==
          "\"a\xef\xbf\xbd"
          "b\xef\xbf\xbd\"");
}

TEST_CASE("strings with any characters read back the same, and keys keep their order") {
    const std::string hard = "quote \" backslash \\ line\nfeed\ttab \x01 \xe2\x82\xac \xf0\x9f\x90\xb1 /";
    const std::string nul("a\0b", 3);
    const nlohmann::ordered_json value{{hard, nul}, {"big", std::numeric_limits<std::uint64_t>::max()}, {"a", -5}};
    const std::string text = json_text_of(value);
    const json read = json::parse(text, "written");
    CHECK(read.at(hard).as_string() == nul);
    CHECK(read.at("big").as_size() == std::numeric_limits<std::uint64_t>::max());
    CHECK(read.at("a").as_number() == -5);
    CHECK(text.find("big") < text.find("\"a\""));
}
