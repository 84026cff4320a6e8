#include <algorithm>
#include <cmath>
#include <vector>

#include <zeroshot/kernels/quantized_tiles.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

TEST_CASE("products of the largest bytes do not overflow their 16-bit sums") {
    for (const table& set : available_tables()) {
        for (const float sign : {1.0f, -1.0f}) {
            for (const float other : {1.0f, -1.0f}) {  // of the weights that do not meet in a sum of 16 bits
                quantized_case c(number_format::int8, 3, 20, 256);
                std::ranges::fill(c.rows, 1.0f);  // 253 as an unsigned byte
                for (std::size_t i = 0; i < c.weights.size(); ++i)
                    c.weights[i] = sign * (i % 64 < 32 ? 1.0f : other) * (i % 2 == 0 ? 1.0f : 0.96875f);
                double exact = 0;
                for (std::size_t k = 0; k < c.depth; ++k) exact += static_cast<double>(c.weights[k]);
                // 63 steps and a half are 1, and each weight is off by half a step at most.
                const double bound = 256 * 0.5 / 63 + 1e-3;
                for (const float got : c.product(set)) {
                    INFO(set.name << ": " << got << " for " << exact);
                    REQUIRE(std::abs(static_cast<double>(got) - exact) <= bound);
                }
                CHECK(std::ranges::equal(c.product(set), c.product(*tables().back()), nearly_equal));
            }
        }
    }
}

TEST_CASE("products of the largest integers of 16 bits do not overflow their sum") {
    for (const table& set : available_tables()) {
        for (const std::size_t depth : {8u, 1000u}) {  // the largest weights, and the largest sum
            quantized_case c(number_format::int16, 3, 20, depth);
            std::ranges::fill(c.rows, 1.0f);
            for (std::size_t i = 0; i < c.weights.size(); ++i) c.weights[i] = i / depth % 2 == 0 ? 1.0f : -1.0f;
            const std::vector<float> result = c.product(set);
            for (std::size_t i = 0; i < result.size(); ++i) {
                const double exact = static_cast<double>(depth) * (i % c.columns % 2 == 0 ? 1 : -1);
                // 1 is a row's largest integer, and 523 steps of a column where there are 1000 of them.
                REQUIRE(std::abs(static_cast<double>(result[i]) - exact) <= static_cast<double>(depth) * 0.5 / 523);
            }
        }
    }
}
