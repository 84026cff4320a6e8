#include <zeroshot/metrics/summary.hpp>

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
    const auto scores = [&](const auto& take) {
        for (std::size_t i = 0; i < record.images(); ++i) take(i, record.logits(i));
    };
    evaluation found;
    summarise(found, predictions, names, scores, 0);
    CHECK(found.count == record.images());
    is_close(found.top1, record["top_k_first"][0]);
    is_close(found.top5, record["top_k_first"][4]);
    is_close(*found.mean_per_class, record["mean_per_class"][0]);
    is_close(*found.log_loss, record["log_loss"][0]);
    is_close(*found.expected_calibration_error, record["ece"][0]);
    CHECK(*found.temperature > 1);  // these logits are sure of themselves for no reason
    CHECK(*found.calibrated_error < *found.expected_calibration_error);
    CHECK_FALSE(found.mean_average_precision);
    CHECK(found.rejection.size() > 1);
    CHECK(found.intervals.top1.lower < found.top1);
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
    const auto scores = [&](const auto& take) {
        for (std::size_t i = 0; i < record.images(); ++i) take(i, record.logits(i));
    };
    evaluation found;
    summarise(found, predictions, names, scores, 0);
    double sum = 0;
    for (const double each : record["ap_sklearn"]) sum += each;
    is_close(*found.mean_average_precision, sum / static_cast<double>(record.classes));
    is_close(*found.classes[1].average_precision, record["ap_sklearn"][1]);
    CHECK_FALSE(found.mean_per_class);
    CHECK_FALSE(found.temperature);

    predictions.push_back(unreadable_prediction({0, 1}));
    evaluation worse;
    summarise(worse, predictions, names, scores, 0);
    CHECK(worse.unreadable == 1);
    CHECK(*worse.mean_average_precision < *found.mean_average_precision);
}

TEST_CASE("an evaluation without images of listed classes is refused") {
    const std::vector<prediction> predictions{prediction_of(std::vector<double>{1}, {})};
    evaluation found;
    found.data = "photos";
    CHECK(has(thrown<data_set_error>([&] {
                  summarise(
                      found, predictions, std::vector<std::string>{"a"}, [](const auto&) {}, 0);
              }),
              "ARG photos: no images of a listed class"));
}
