#include <string>

#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/support/json.hpp>

#include "tests/metrics/support.hpp"

using namespace zeroshot;
using namespace zeroshot::metrics;
using support::has;
using support::is_close;
using support::thrown;

TEST_CASE("images with one label each have every metric but the average precision") {
    const support::metrics_record record;
    const std::vector<prediction> predictions = record.predictions();
    const std::vector<std::string> names(record.classes);
    const auto scores = [&](const auto& visit) {
        for (std::size_t i = 0; i < record.images(); ++i) visit(i, record.logits(i));
    };
    evaluation result;
    summarise(result, predictions, names, scores, 0);
    CHECK(result.count == record.images());
    is_close(result.top1, record["top_k_first"][0]);
    is_close(result.top5, record["top_k_first"][4]);
    is_close(*result.mean_per_class, record["mean_per_class"][0]);
    is_close(*result.log_loss, record["log_loss"][0]);
    is_close(*result.expected_calibration_error, record["ece"][0]);
    CHECK(*result.temperature > 1);  // these logits are sure of themselves for no reason
    CHECK(*result.calibrated_error < *result.expected_calibration_error);
    CHECK_FALSE(result.mean_average_precision);
    CHECK(result.rejection.size() > 1);
    CHECK(result.intervals.top1.lower < result.top1);
}

TEST_CASE("images with several labels have a mean average precision, unreadable ones with the lowest score") {
    const support::metrics_record record;
    std::vector<prediction> predictions;
    for (std::size_t i = 0; i < record.images(); ++i) {
        std::vector<std::uint32_t> labels;
        for (std::uint32_t label = 0; label < record.classes; ++label) {
            if (record.is_true(i, label)) labels.push_back(label);
        }
        predictions.push_back(prediction_of(record.logits(i), std::move(labels)));
    }
    const std::vector<std::string> names(record.classes);
    const auto scores = [&](const auto& visit) {
        for (std::size_t i = 0; i < record.images(); ++i) visit(i, record.logits(i));
    };
    evaluation result;
    summarise(result, predictions, names, scores, 0);
    double sum = 0;
    for (const double each : record["ap_sklearn"]) sum += each;
    is_close(*result.mean_average_precision, sum / static_cast<double>(record.classes));
    is_close(*result.classes[1].average_precision, record["ap_sklearn"][1]);
    CHECK_FALSE(result.mean_per_class);
    CHECK_FALSE(result.temperature);

    predictions.push_back(unreadable_prediction({0, 1}));
    evaluation worse;
    summarise(worse, predictions, names, scores, 0);
    CHECK(worse.unreadable == 1);
    CHECK(*worse.mean_average_precision < *result.mean_average_precision);
}

TEST_CASE("an evaluation without in-distribution images is refused") {
    const std::vector<prediction> predictions{prediction_of(std::vector<double>{1}, {})};
    evaluation result;
    result.data = "photos";
    CHECK(has(thrown<data_set_error>([&] {
                  summarise(
                      result, predictions, std::vector<std::string>{"a"}, [](const auto&) {}, 0);
              }),
              "ARG photos: no image has a label among the classes"));
}

TEST_CASE("an evaluation is a line of JSON, with null for results that do not apply") {
    evaluation result;
    result.data = "photos";
    result.classes = {{"cat", 4, 1, 3, 2}, {"dog"}};
    result.confusion = {{0, 0, 2}, {0, 1, 1}};
    result.temperature = 1.5;
    result.rejection = {{0.25, 1, 0.5}};
    const json line = json::parse(json_line(result), "line");
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
    evaluation result;
    result.each_template = {{"a {}.", 0.5}, {"the {}.", 0.75}};
    result.choice = template_choice{{"the {}."}, {0.75}, 0.7, 0.6, 8, 8};
    const json prompts = json::parse(json_line(result), "line").at("prompts");
    CHECK(prompts.at("each").at(1).at("top1").as_number() == 0.75);
    CHECK(prompts.at("chosen").at(0).as_string() == "the {}.");
    CHECK(prompts.at("validation_top1").at(0).as_number() == 0.75);
    CHECK(prompts.at("test_count").as_size() == 8);
}
