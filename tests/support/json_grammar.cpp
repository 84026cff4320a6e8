#include <array>
#include <charconv>
#include <cstdint>
#include <random>

#include <nlohmann/json.hpp>

#include <zeroshot/support/json_grammar.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using support::has;
using support::thrown;

namespace {

std::string real(double value) {
    std::array<char, 40> digits{};
    return std::string(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

/// What a text says, as one line: "{ key:a 1 }".
class transcript final : public detail::json_events {
   public:
    void null() override { said += "null "; }
    void boolean(bool value) override { said += value ? "true " : "false "; }
    void unsigned_number(std::uint64_t value) override { said += "u" + std::to_string(value) + " "; }
    void signed_number(std::int64_t value) override { said += "s" + std::to_string(value) + " "; }
    void real_number(double value) override { said += "r" + real(value) + " "; }
    void string(std::string&& value) override { said += "'" + value + "' "; }
    void begin_object() override { said += "{ "; }
    void key(std::string&& name) override { said += "key:" + name + " "; }
    void end_object() override { said += "} "; }
    void begin_array() override { said += "[ "; }
    void end_array() override { said += "] "; }

    std::string said;
};

/// The same by nlohmann/json.
struct nlohmann_transcript : nlohmann::json_sax<nlohmann::json> {
    bool null() override { return ours.null(), true; }
    bool boolean(bool value) override { return ours.boolean(value), true; }
    bool number_integer(std::int64_t value) override { return ours.signed_number(value), true; }
    bool number_unsigned(std::uint64_t value) override { return ours.unsigned_number(value), true; }
    bool number_float(double value, const std::string&) override { return ours.real_number(value), true; }
    bool string(std::string& value) override { return ours.string(std::move(value)), true; }
    bool binary(nlohmann::json::binary_t&) override { return false; }
    bool start_object(std::size_t) override { return ours.begin_object(), true; }
    bool key(std::string& name) override { return ours.key(std::move(name)), true; }
    bool end_object() override { return ours.end_object(), true; }
    bool start_array(std::size_t) override { return ours.begin_array(), true; }
    bool end_array() override { return ours.end_array(), true; }
    bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override { return false; }

    transcript ours;
};

std::string refused = "refused";

std::string by_us(const std::string& text) {
    transcript heard;
    try {
        detail::walk_json({text, "text"}, heard);
    } catch (const checkpoint_error&) {
        return refused;
    }
    return heard.said;
}

std::string by_nlohmann(const std::string& text) {
    nlohmann_transcript heard;
    return nlohmann::json::sax_parse(text, &heard) ? heard.ours.said : refused;
}

std::string refusal(const std::string& text) {
    transcript heard;
    return thrown<checkpoint_error>([&] { detail::walk_json({text, "text"}, heard); });
}

}  // namespace

TEST_CASE("what is JSON and what it says is as nlohmann/json has it, for texts chosen to differ") {
    for (const char* text : {"",
                             " ",
                             "{}",
                             "[]",
                             " [ ] ",
                             "[1,]",
                             "[,1]",
                             "[1 2]",
                             "{\"a\":1,}",
                             "{\"a\" 1}",
                             "{a:1}",
                             "{\"a\":}",
                             "{\"a\":1 \"b\":2}",
                             "[}",
                             "{]",
                             "]",
                             "1 2",
                             "nul",
                             "nulll",
                             "true",
                             "True",
                             "falsee",
                             "-",
                             "-0",
                             "-0.0",
                             "0",
                             "00",
                             "01",
                             "1.",
                             ".1",
                             "1.e2",
                             "1e",
                             "1e+",
                             "1e5",
                             "1E-5",
                             "1e400",
                             "-1e400",
                             "1e-400",
                             "0.1e400",
                             "0e999999999999999999999",
                             "1e-999999999999999999999",
                             "1e999999999999999999999",
                             "0.00001e-350",
                             "+1",
                             "1a",
                             "9223372036854775807",
                             "9223372036854775808",
                             "18446744073709551615",
                             "18446744073709551616",
                             "-9223372036854775808",
                             "-9223372036854775809",
                             "123456789012345678901234567890",
                             "NaN",
                             "Infinity",
                             "\"a",
                             "\"\\\"",
                             "\"\\x\"",
                             "\"\\u12\"",
                             "\"\\u00e9\"",
                             "\"\\ud83d\\ude00\"",
                             "\"\\ud83d\"",
                             "\"\\ude00\"",
                             "\"\\ud83dx\"",
                             "\"\\ud83d\\u0041\"",
                             "\"\\uFFFF\\u0000\"",
                             "\"\x01\"",
                             "\"\x7f\"",
                             "\"\t\"",
                             "\"\xc3\xa9\"",
                             "\"\xc3\"",
                             "\"\xff\"",
                             "\"\xc0\x80\"",
                             "\"\xed\xa0\x80\"",
                             "\"\xf4\x90\x80\x80\"",
                             "\xc3\xa9",
                             "[[[[[]]]]]",
                             "[[[[[]]]]",
                             "{\"a\":{\"b\":[1,{\"c\":null}]}}",
                             "{\"a\":1,\"a\":2}",
                             "// a\n1",
                             "/* a */ 1",
                             "'a'",
                             "[1]\n\t\r ",
                             "[1]\f",
                             "\v1",
                             "\"\\/\\b\\f\\n\\r\\t\""}) {
        INFO(text);
        CHECK(by_us(text) == by_nlohmann(text));
    }
}

TEST_CASE("what is JSON and what it says is as nlohmann/json has it, for texts that are nearly JSON") {
    const std::string sound =
        R"({"weight_map": {"a.b": "x-00001.safetensors", "\u00e9\ud83d\ude00": [1, -2, 3.5e-3, true, false, null]},
 "n": [0, 1e5, 18446744073709551615, {"": [[], {}]}], "t": "a\"\\\/\b\n \u0041"})";
    const std::string letters = "{}[]:,\"\\ \n0123456789.eE+-truefalsnu/\x01\xc3\xa9\xff";
    std::mt19937 chance(1);
    int accepted = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string text = sound;
        for (auto changes = 1 + chance() % 3; changes > 0; --changes) {
            const std::size_t at = chance() % text.size();
            const auto how = chance() % 3;
            if (how == 0) text[at] = letters[chance() % letters.size()];
            if (how == 1) text.erase(at, 1 + chance() % 4);
            if (how == 2) text.insert(at, 1, letters[chance() % letters.size()]);
        }
        const std::string ours = by_us(text);
        accepted += ours == refused ? 0 : 1;
        if (ours != by_nlohmann(text)) {
            INFO(text);
            CHECK(ours == by_nlohmann(text));
        }
    }
    CHECK(accepted > 2'000);  // both kinds were seen
    CHECK(accepted < 18'000);
}

TEST_CASE("a refusal names the place, and never quotes more than a byte") {
    CHECK(has(refusal("[1,\n 2 3]"), "text: line 2, column 4 (byte 7): the text is not JSON: unexpected '3'"));
    CHECK(has(refusal("[1"), "the JSON text ends too early"));
    CHECK(has(refusal("[1e999]"), "a number is too large"));
    CHECK(has(refusal("\"\\ud83d\""), "byte 3): the text is not JSON: half of a surrogate pair"));
    CHECK(refusal("[" + std::string(100'000, 'x') + "]").size() < 200);
    CHECK(has(refusal(std::string(100'000, '[')), "nested too deeply, expected a depth of at most 64"));
}

TEST_CASE("an event knows how many bytes were read before it came") {
    class positions final : public detail::json_events {
       public:
        void null() override { add(); }
        void boolean(bool) override { add(); }
        void unsigned_number(std::uint64_t) override { add(); }
        void signed_number(std::int64_t) override { add(); }
        void real_number(double) override { add(); }
        void string(std::string&&) override { add(); }
        void begin_object() override { add(); }
        void key(std::string&&) override { add(); }
        void end_object() override { add(); }
        void begin_array() override { add(); }
        void end_array() override { add(); }
        void add() { all.push_back(position); }
        std::vector<std::size_t> all;
    } heard;
    detail::walk_json({R"({"a" : [12, "x"]})", "text"}, heard);
    CHECK(heard.all == std::vector<std::size_t>{1, 4, 8, 10, 15, 16, 17});
}
