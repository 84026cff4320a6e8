#include <zeroshot/metrics/calibration.hpp>

#include "tests/metrics/support.hpp"

using namespace zeroshot;
using namespace zeroshot::metrics;
using support::is_close;

namespace {

/// A prediction among two classes, with the difference of their logits.
prediction predicted_with(double margin, std::vector<std::uint32_t> labels) {
    return prediction_of(std::vector<double>{margin, 0}, std::move(labels));
}

}  // namespace

TEST_CASE("bins and the expected error are ECELoss's") {
    const support::metrics_record record;
    const std::vector<reliability_bin> bins = reliability_of(calibration_samples(record.predictions()));
    REQUIRE(bins.size() == default_bins);
    for (std::size_t i = 0; i < bins.size(); ++i) {
        CHECK(static_cast<double>(bins[i].count) == record["bins"][3 * i]);
        is_close(bins[i].confidence, record["bins"][3 * i + 1]);
        is_close(bins[i].accuracy, record["bins"][3 * i + 2]);
    }
    is_close(expected_calibration_error(bins), record["ece"][0]);
}

TEST_CASE("an edge belongs to the bin below it, and 0 to the first") {
    const std::vector<calibration_sample> samples{{0, false}, {0.5, true}, {1, true}};
    const std::vector<reliability_bin> bins = reliability_of(samples, 2);
    CHECK(bins[0].count == 2);
    CHECK(bins[1].count == 1);
    CHECK(reliability_of({}, 3)[2].count == 0);
    CHECK(expected_calibration_error(reliability_of({})) == 0);
}

TEST_CASE("the temperature is where the slope of the loss is 0") {
    const support::metrics_record record;
    const auto pass = [&](const auto& visit) {
        for (std::size_t i = 0; i < record.images(); ++i) visit(record.logits(i), record.label(i));
    };
    is_close(fitted_temperature(pass).value(), record["temperature"][0]);
}

TEST_CASE("there is no temperature if every image is correct, or chance is better") {
    const std::vector<double> logits{3, 1};
    CHECK_FALSE(fitted_temperature([&](const auto& visit) { visit(logits, 0); }));
    CHECK_FALSE(fitted_temperature([&](const auto& visit) { visit(logits, 1); }));
    const auto three_of_four = [&](const auto& visit) {
        for (const std::uint32_t label : {0u, 0u, 0u, 1u}) visit(logits, label);
    };
    // The probability is 3/4 where the distance of 2 is divided to ln 3.
    CHECK(std::abs(fitted_temperature(three_of_four).value() - 2 / std::log(3.0)) < 1e-12);
}

TEST_CASE("fewer predictions are better predictions where confidence means something") {
    const std::vector<prediction> predictions{predicted_with(4, {0}), predicted_with(3, {0}), predicted_with(2, {1}),
                                              predicted_with(1, {1})};
    const std::vector<rejection_point> curve = rejection_curve(predictions, 4);
    REQUIRE(curve.size() == 4);
    CHECK(curve[0].coverage == 1);
    CHECK(curve[0].accuracy == 0.5);
    CHECK(curve[1].accuracy == 2.0 / 3);
    CHECK(curve[2].coverage == 0.5);
    CHECK(curve[2].accuracy == 1);
    CHECK(curve[2].threshold == predictions[1].confidence);
    CHECK_FALSE(curve[0].out_of_distribution_accepted);
    CHECK_FALSE(out_of_distribution_auroc(predictions));
}

TEST_CASE("higher thresholds reject more out-of-distribution images; unreadable images are always rejected") {
    const std::vector<prediction> predictions{predicted_with(4, {0}), predicted_with(2, {0}), predicted_with(3, {}),
                                              predicted_with(1, {}), unreadable_prediction({0})};
    const std::vector<rejection_point> curve = rejection_curve(predictions, 2);
    REQUIRE(curve.size() == 2);
    CHECK(curve[0].coverage == 2.0 / 3);
    CHECK(*curve[0].out_of_distribution_accepted == 0.5);
    CHECK(*curve[1].out_of_distribution_accepted == 0);
    CHECK(*out_of_distribution_auroc(predictions) == 0.75);
}

TEST_CASE("images with equal confidence are accepted together, and no images give no curve") {
    const std::vector<prediction> predictions{predicted_with(1, {0}), predicted_with(1, {1}), predicted_with(1, {0})};
    CHECK(rejection_curve(predictions, 10).size() == 1);
    CHECK(rejection_curve({}).empty());
}
