#include <zeroshot/metrics/calibration.hpp>

#include "tests/metrics/support.hpp"

using namespace zeroshot;
using namespace zeroshot::metrics;
using support::is_close;

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
    const auto pass = [&](const auto& take) {
        for (std::size_t i = 0; i < record.images(); ++i) take(record.logits(i), record.label(i));
    };
    is_close(fitted_temperature(pass).value(), record["temperature"][0]);
}

TEST_CASE("there is no temperature if every image is correct, or chance is better") {
    const std::vector<double> logits{3, 1};
    CHECK_FALSE(fitted_temperature([&](const auto& take) { take(logits, 0); }));
    CHECK_FALSE(fitted_temperature([&](const auto& take) { take(logits, 1); }));
    const auto three_of_four = [&](const auto& take) {
        for (const std::uint32_t label : {0u, 0u, 0u, 1u}) take(logits, label);
    };
    // The probability is 3/4 where the distance of 2 is divided to ln 3.
    CHECK(std::abs(fitted_temperature(three_of_four).value() - 2 / std::log(3.0)) < 1e-12);
}
