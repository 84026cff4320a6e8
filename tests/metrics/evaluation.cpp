#include <string>

#include <zeroshot/metrics.hpp>
#include <zeroshot/support/json.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::metrics;

TEST_CASE("an evaluation is a line of JSON, with null for results that do not apply") {
    evaluation found;
    found.data = "photos";
    found.classes = {{"cat", 4, 1, 3, 2}, {"dog"}};
    found.confusion = {{0, 0, 2}, {0, 1, 1}};
    found.temperature = 1.5;
    found.rejection = {{0.25, 1, 0.5}};
    const json line = json::parse(json_line(found), "line");
    CHECK(line.at("data").as_string() == "photos");
    CHECK(line.at("temperature").as_number() == 1.5);
    CHECK(line.at("mean_average_precision").is_null());
    CHECK(line.at("prompts").is_null());
    const json cat = line.at("per_class").at(0), dog = line.at("per_class").at(1);
    CHECK(cat.at("recall").as_number() == 0.5);
    CHECK(cat.at("precision").as_number() == 2.0 / 3.0);
    CHECK(dog.at("recall").is_null());
    CHECK(line.at("confusion").at(1).at(2).as_size() == 1);
    CHECK(line.at("rejection").at(0).at("strangers_answered").is_null());
    CHECK(line.at("zeroshot").as_string() == version);
}

TEST_CASE("compared templates are written with the choice and its accuracy") {
    evaluation found;
    found.each_template = {{"a {}.", 0.5}, {"the {}.", 0.75}};
    found.choice = template_choice{{"the {}."}, {0.75}, 0.7, 0.6, 8, 8};
    const json prompts = json::parse(json_line(found), "line").at("prompts");
    CHECK(prompts.at("each").at(1).at("top1").as_number() == 0.75);
    CHECK(prompts.at("chosen").at(0).as_string() == "the {}.");
    CHECK(prompts.at("validation_top1").at(0).as_number() == 0.75);
    CHECK(prompts.at("test_count").as_size() == 8);
}
