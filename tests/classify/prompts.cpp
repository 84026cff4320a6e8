#include <algorithm>
#include <set>
#include <string>
#include <vector>

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

TEST_CASE("ImageNet has 1000 class names, of which two occur twice") {
    const std::vector<std::string> names = imagenet_classes();
    CHECK(names.size() == 1000);
    CHECK(std::set<std::string>(names.begin(), names.end()).size() == 998);
    CHECK(names.front() == "tench");
    CHECK(names[134] == "crane bird");
    CHECK(std::ranges::count(names, "missile") == 2);
    CHECK(std::ranges::count(names, "sunglasses") == 2);
}

TEST_CASE("every template of OpenAI has one placeholder, and the short list is part of the long one") {
    const std::vector<std::string> all = openai_templates(), few = short_openai_templates();
    CHECK(all.size() == 80);
    CHECK(few.size() == 7);
    for (const std::string& sentence : all) CHECK_NOTHROW(prompt_template(sentence));
    for (const std::string& sentence : few) CHECK(std::ranges::find(all, sentence) != all.end());
    CHECK(prompt_template(all.front())("dog") == "a bad photo of a dog.");
}
