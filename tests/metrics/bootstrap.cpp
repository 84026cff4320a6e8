#include <zeroshot/metrics/bootstrap.hpp>

#include "tests/metrics/support.hpp"

using namespace zeroshot;
using namespace zeroshot::metrics;
using support::is_close;

TEST_CASE("intervals equal those of NumPy for the same draws") {
    const support::metrics_record record;
    confidence_intervals options;
    options.seed = 3;
    options.resamples = 200;
    const confidence_intervals found = bootstrap(record.predictions(), record.classes, options);
    const std::vector<double>& recorded = record["bootstrap"];
    is_close(found.top1.lower, recorded[0]);
    is_close(found.top1.upper, recorded[1]);
    is_close(found.top5.lower, recorded[2]);
    is_close(found.top5.upper, recorded[3]);
    is_close(found.mean_per_class->lower, recorded[4]);
    is_close(found.mean_per_class->upper, recorded[5]);
}

TEST_CASE("images with several labels have no recall, and no images no interval") {
    const std::vector<prediction> predictions{prediction_of(std::vector<double>{1, 2}, {0, 1})};
    CHECK_FALSE(bootstrap(predictions, 2).mean_per_class);
    CHECK(bootstrap(predictions, 2).top1.lower == 1);
    CHECK(bootstrap({}, 2).top1.upper == 0);
}

TEST_CASE("a quantile is interpolated between its neighbours") {
    CHECK(quantile({4, 1, 2}, 0.25) == 1.5);
    CHECK(quantile({4, 1, 2}, 1) == 4);
}
