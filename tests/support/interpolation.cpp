#include <zeroshot/support/interpolation.hpp>

#include "tests/catch.hpp"

using namespace zeroshot::detail;

TEST_CASE("interpolation filters are 1 at their sample, 0 at all others, and sum to 1 in between") {
    for (const double a : {-0.5, -0.75}) {
        CHECK(cubic_filter(0, a) == 1);
        for (const double distance : {1.0, 2.0, 3.0, -1.0, -2.5}) CHECK(cubic_filter(distance, a) == 0);
        for (const double x : {0.125, 0.25, 0.5}) {  // exact in binary
            CHECK(cubic_filter(-1 - x, a) + cubic_filter(-x, a) + cubic_filter(1 - x, a) + cubic_filter(2 - x, a) == 1);
        }
    }
    CHECK(cubic_filter(0.5, -0.5) == 0.5625);
    CHECK(cubic_filter(1.5, -0.75) == -0.09375);
    CHECK(linear_filter(0.25) == 0.75);
    CHECK(linear_filter(-1) == 0);
    CHECK(linear_filter(7) == 0);
}
