#include <zeroshot/metrics/rejection.hpp>

#include "tests/metrics/support.hpp"

using namespace zeroshot;

namespace {

/// Two classes; the first is preferred by that much.
answer said(double margin, std::vector<std::uint32_t> labels) {
    return prediction_of(std::vector<double>{margin, 0}, std::move(labels));
}

}  // namespace

TEST_CASE("fewer answers are better answers where confidence means something") {
    const std::vector<answer> answers{said(4, {0}), said(3, {0}), said(2, {1}), said(1, {1})};
    const std::vector<rejection_point> curve = rejection_curve(answers, 4);
    REQUIRE(curve.size() == 4);
    CHECK(curve[0].answered == 1);
    CHECK(curve[0].accuracy == 0.5);
    CHECK(curve[1].accuracy == 2.0 / 3);
    CHECK(curve[2].answered == 0.5);
    CHECK(curve[2].accuracy == 1);
    CHECK(curve[2].threshold == answers[1].confidence());
    CHECK_FALSE(curve[0].out_of_distribution_accepted);
    CHECK_FALSE(out_of_distribution_auroc(answers));
}

TEST_CASE("strangers are answered less the higher the threshold, and unreadable images never") {
    const std::vector<answer> answers{said(4, {0}), said(2, {0}), said(3, {}), said(1, {}), unreadable({0})};
    const std::vector<rejection_point> curve = rejection_curve(answers, 2);
    REQUIRE(curve.size() == 2);
    CHECK(curve[0].answered == 2.0 / 3);
    CHECK(*curve[0].out_of_distribution_accepted == 0.5);
    CHECK(*curve[1].out_of_distribution_accepted == 0);
    CHECK(*out_of_distribution_auroc(answers) == 0.75);
}

TEST_CASE("equal confidences are answered together, and nothing gives no curve") {
    const std::vector<answer> answers{said(1, {0}), said(1, {1}), said(1, {0})};
    CHECK(rejection_curve(answers, 10).size() == 1);
    CHECK(rejection_curve({}).empty());
}
