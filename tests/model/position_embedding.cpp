#include <cmath>
#include <cstddef>

#include <zeroshot/model/position_embedding.hpp>

#include "tests/catch.hpp"
#include "tests/golden/positions.hpp"

using namespace zeroshot;

namespace {

/// A class token of 100, then cell * cell % 17 - 8 in each cell, twice as much in the second column.
matrix<double> grid(std::size_t side) {
    matrix<double> positions(1 + side * side, 2);
    positions(0, 0) = 100;
    for (std::size_t cell = 0; cell < side * side; ++cell) {
        positions(1 + cell, 0) = static_cast<double>(cell * cell % 17) - 8;
        positions(1 + cell, 1) = 2 * positions(1 + cell, 0);
    }
    return positions;
}

}  // namespace

TEST_CASE("positions resampled to another grid equal PyTorch's two bicubic interpolations") {
    // sums of 7 terms of at most 8, twice, in double: far below 1e-12
    constexpr double bound = 1e-12;
    for (const auto& [from, to, antialias, values] : zeroshot_tests::resized_grids) {
        INFO(from << " to " << to << (antialias ? ", antialiased" : ""));
        const auto filter = antialias ? position_filter::antialiased : position_filter::plain;
        const matrix<double> resampled = resampled_positions(grid(from), from, to, filter);
        REQUIRE(resampled.rows() == values.size() + 1);
        CHECK(resampled(0, 0) == 100);
        for (std::size_t cell = 0; cell < values.size(); ++cell) {
            CHECK(std::abs(resampled(1 + cell, 0) - values[cell]) <= bound);
            CHECK(std::abs(resampled(1 + cell, 1) - 2 * values[cell]) <= 2 * bound);
        }
    }
}

TEST_CASE("resampling to the same grid changes nothing") {
    const matrix<double> same = resampled_positions(grid(4), 4, 4, position_filter::antialiased);
    CHECK(same == grid(4));
}
