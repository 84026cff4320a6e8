#include <cmath>
#include <string>
#include <vector>

#include <zeroshot/metrics/prediction.hpp>
#include <zeroshot/support/json.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::metrics;

namespace {

std::vector<std::uint32_t> order_of(const detailed_prediction& result) {
    std::vector<std::uint32_t> order;
    for (const scored_class& each : result.top) order.push_back(each.label);
    return order;
}

}  // namespace

TEST_CASE("a prediction ranks the classes and the true one among them") {
    const std::vector<double> logits{0.5, 3, -1, 2};
    const detailed_prediction each = prediction_of(logits, {3});
    CHECK(order_of(each) == std::vector<std::uint32_t>{1, 3, 0, 2});
    CHECK(each.rank == 1);
    CHECK_FALSE(each.is_correct());
    CHECK(each.is_within(2));
    const double sum = std::exp(0.5) + std::exp(3.0) + std::exp(-1.0) + std::exp(2.0);
    CHECK(std::abs(each.confidence - std::exp(3.0) / sum) < 1e-15);  // a few roundings of a number below 1
    CHECK(std::abs(each.probability - std::exp(2.0) / sum) < 1e-15);
}

TEST_CASE("classes with equal scores are in the requested order") {
    const std::vector<double> logits{1, 2, 2, 2};
    CHECK(order_of(prediction_of(logits, {})) == std::vector<std::uint32_t>{1, 2, 3, 0});
    CHECK(order_of(prediction_of(logits, {}, ties::last_label)) == std::vector<std::uint32_t>{3, 2, 1, 0});
    CHECK(prediction_of(logits, {2}).rank == 1);
    CHECK(prediction_of(logits, {3}, ties::last_label).rank == 0);
}

TEST_CASE("of several true classes the best ranked counts") {
    const detailed_prediction each = prediction_of(std::vector<double>{1, 2, 3}, {0, 1});
    CHECK(each.rank == 1);
    CHECK(each.probability == each.top[1].probability);
}

TEST_CASE("an unreadable image is never correct") {
    const prediction none = unreadable_prediction({0});
    CHECK_FALSE(none.is_correct());
    CHECK_FALSE(none.is_within(1000));
    CHECK_FALSE(none.is_out_of_distribution());
}

TEST_CASE("the logarithm of a sum neither overflows nor underflows") {
    CHECK(log_sum_exp(std::vector<double>{1000, 1000}) == 1000 + std::log(2.0));
    CHECK(log_sum_exp(std::vector<double>{-1000}) == -1000);
}

TEST_CASE("a prediction is written as a line of JSON") {
    const json line = json::parse(json_line("cat/1.png", prediction_of(std::vector<double>{1, 2}, {0})), "line");
    CHECK(line.at("name").as_string() == "cat/1.png");
    CHECK(line.at("labels").at(0).as_size() == 0);
    CHECK(line.at("rank").as_size() == 1);
    CHECK(line.at("top").size() == 2);
    CHECK(line.at("top").at(0).at("class").as_size() == 1);
    CHECK(line.at("top").at(0).at("logit").as_number() == 2);
    CHECK_FALSE(json::parse(json_line("x", prediction_of(std::vector<double>{1, 2}, {})), "line").find("rank"));
    const json bad = json::parse(
        json_line("x", unreadable_prediction({1}), reading_failure{error_code::format, "x: it is cut"}), "line");
    CHECK(bad.at("error").at("code").as_string() == "FORMAT");
    CHECK(bad.at("error").at("message").as_string() == "x: it is cut");
    CHECK_FALSE(bad.find("top"));
}

TEST_CASE("predictions are made from Eigen matrices in any storage order") {
    Eigen::MatrixXf logits(2, 3);
    logits << 1, 3, 2, 5, 0, 4;
    const std::vector<std::uint32_t> labels{2, 0};
    const std::vector<prediction> predictions = predictions_of(logits, labels);
    CHECK(predictions[0].rank == 1);
    CHECK(predictions[1].is_correct());
    CHECK(predictions[1].confidence == prediction_of(std::vector<double>{5, 0, 4}, {0}).confidence);
}
