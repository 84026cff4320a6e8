#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/text/tokenizer_rules.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

/// A text cut at added tokens: parts between bars, ids in brackets.
std::string cut(const std::vector<added_token>& added, std::u32string_view text, bool normalized = false) {
    tokenizer_rules rules;
    rules.added = added;
    std::string result;
    text::token_finder(rules, normalized)
        .cut(
            text, [&](std::u32string_view part) { result += "|" + to_utf8(part); },
            [&](token_id id) { result += "[" + std::to_string(id) + "]"; });
    return result;
}

}  // namespace

TEST_CASE("of added tokens the longest at the earliest position is found") {
    const std::vector<added_token> added{{"<dog>", 1}, {"<dog>s", 2}, {"og>", 3}};
    CHECK(cut(added, U"a <dog> b") == "|a [1]| b");
    CHECK(cut(added, U"<dog>s<dog>") == "[2][1]");
    CHECK(cut(added, U"dog>") == "|d[3]");
    CHECK(cut(added, U"") == "");
    CHECK(cut(added, U"cat") == "|cat");
}

TEST_CASE("normalised tokens are found by their normalised text, the others as they are") {
    const std::vector<added_token> added{{"A  B", 1, true}, {"C", 2, false}};
    CHECK(cut(added, U"xa bC", true) == "|x[1]|C");
    CHECK(cut(added, U"xA  BC", false) == "|xA  B[2]");
}

TEST_CASE("composition, single spaces and lower case are steps of their own") {
    const std::u32string_view text = U"Cafe\u0301 \t \u03A3\u0399\u03A3";
    CHECK(text::hugging_face_normalised(text, {}) == U"caf\u00e9 \u03c3\u03b9\u03c3");  // no final sigma
    CHECK(text::hugging_face_normalised(text, {.nfc = false, .single_spaces = false}) ==
          U"cafe\u0301 \t \u03c3\u03b9\u03c3");
    CHECK(text::hugging_face_normalised(text, {.lowercase = false}) == U"Caf\u00e9 \u03A3\u0399\u03A3");
}
