#include <limits>

#include <zeroshot/metrics/class_scores.hpp>

#include "tests/metrics/support.hpp"

using namespace zeroshot;
using support::has;
using support::thrown;

TEST_CASE("a score is the cosine, scaled and shifted, whatever the lengths") {
    matrix<float> classes(std::size_t{2}, std::size_t{2});
    classes(0, 0) = 5;
    classes(1, 0) = 1;
    classes(1, 1) = 1;
    const class_scores scores(classes);
    const std::vector<double> logits = scores.logits(std::span<const float>(std::vector<float>{0, 3}), 10, 1);
    CHECK(logits[0] == 1);
    CHECK(std::abs(logits[1] - (10 / std::sqrt(2.0) + 1)) < 1e-14);
}

TEST_CASE("what has no direction, or another size, is refused") {
    matrix<float> classes(std::size_t{1}, std::size_t{2});
    CHECK(has(thrown<numeric_error>([&] { class_scores{classes}; }), "class embedding 0: norm 0"));
    classes(0, 0) = 1;
    const class_scores scores(classes);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(has(thrown<numeric_error>([&] {
                  scores.logits(std::span<const double>(std::vector<double>{nan, 0}));
              }),
              "NUMERIC image embedding: norm nan"));
    CHECK(has(thrown<argument_error>([&] { scores.logits(std::span<const float>(std::vector<float>{1})); }),
              "SHAPE image embedding: 1 numbers, expected 2"));
}
