#include <zeroshot/metrics/rejection.hpp>

#include "tests/metrics/support.hpp"

using namespace zeroshot;
using namespace zeroshot::metrics;

namespace {

/// A prediction among two classes, with the difference of their logits.
prediction predicted_with(double margin, std::vector<std::uint32_t> labels) {
    return prediction_of(std::vector<double>{margin, 0}, std::move(labels));
}

}  // namespace

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
    CHECK(curve[2].threshold == predictions[1].confidence());
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
