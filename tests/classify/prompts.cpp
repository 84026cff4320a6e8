#include <string>

#include <zeroshot/classify/prompts.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("a template replaces its placeholder by the label, and nothing else") {
    CHECK(prompt_template("a photo of a {}.")("dog") == "a photo of a dog.");
    CHECK(prompt_template("{}")("{0:>999999999} %n%s") == "{0:>999999999} %n%s");
    CHECK(prompt_template("%n%s {}")("a {} b") == "%n%s a {} b");
    CHECK(verbatim()("a dog") == "a dog");
}

TEST_CASE("a template without exactly one placeholder is refused") {
    CHECK_THROWS_WITH(prompt_template("a photo"), Catch::Contains("no placeholder for the label"));
    CHECK_THROWS_WITH(prompt_template("{"), Catch::Contains("no placeholder for the label"));
    CHECK_THROWS_WITH(prompt_template("{} and {}"), Catch::Contains("two placeholders for the label"));
    CHECK_THROWS_AS(prompt_template("{0:>999999999}"), argument_error);
}
