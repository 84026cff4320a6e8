#include <algorithm>
#include <set>

#include <zeroshot/classify/prompt_lists.hpp>
#include <zeroshot/classify/prompts.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("ImageNet has 1000 names, of which two stand twice") {
    const std::vector<std::string> names = imagenet_classes();
    CHECK(names.size() == 1000);
    CHECK(std::set<std::string>(names.begin(), names.end()).size() == 998);
    CHECK(names.front() == "tench");
    CHECK(names[134] == "crane bird");
    CHECK(std::ranges::count(names, "missile") == 2);
    CHECK(std::ranges::count(names, "sunglasses") == 2);
}

TEST_CASE("every template has one place for the class, and the short list is part of the long one") {
    const std::vector<std::string> all = openai_templates(), few = short_openai_templates();
    CHECK(all.size() == 80);
    CHECK(few.size() == 7);
    for (const std::string& sentence : all) CHECK_NOTHROW(prompt_template(sentence));
    for (const std::string& sentence : few) CHECK(std::ranges::find(all, sentence) != all.end());
    CHECK(prompt_template(all.front())("dog") == "a bad photo of a dog.");
}
