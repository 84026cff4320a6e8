#include <zeroshot/metrics/bootstrap.hpp>

#include "tests/metrics/support.hpp"

using namespace zeroshot;
using support::is_close;

TEST_CASE("intervals are what the same draws give in NumPy") {
    const support::metrics_record record;
    intervals how;
    how.seed = 3;
    how.resamples = 200;
    const intervals found = bootstrap(record.answers(), record.classes, how);
    const std::vector<double>& recorded = record["bootstrap"];
    is_close(found.top1.lower, recorded[0]);
    is_close(found.top1.upper, recorded[1]);
    is_close(found.top5.lower, recorded[2]);
    is_close(found.top5.upper, recorded[3]);
    is_close(found.mean_per_class->lower, recorded[4]);
    is_close(found.mean_per_class->upper, recorded[5]);
}

TEST_CASE("images with several labels have no recall, and no images no interval") {
    const std::vector<answer> answers{prediction_of(std::vector<double>{1, 2}, {0, 1})};
    CHECK_FALSE(bootstrap(answers, 2).mean_per_class);
    CHECK(bootstrap(answers, 2).top1.lower == 1);
    CHECK(bootstrap({}, 2).top1.upper == 0);
}

TEST_CASE("a quantile is interpolated between its neighbours") {
    CHECK(quantile({4, 1, 2}, 0.25) == 1.5);
    CHECK(quantile({4, 1, 2}, 1) == 4);
}
