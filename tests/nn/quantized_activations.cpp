#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/pack_columns.hpp>
#include <zeroshot/nn/quantized_activations.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

TEST_CASE("rows that were rounded once are multiplied panel by panel, and on any number of threads to the same bits") {
    const std::size_t columns = 40, depth = 70;
    const matrix<float> weights = random_matrix<float>(columns, depth, 2);
    std::vector<std::uint32_t> packed(kernels::packed_size(kernels::narrow::bf16, columns, depth));
    kernels::pack(kernels::narrow::bf16, weights.data(), depth, 1, columns, depth, packed.data());
    thread_pool two(2);
    for (const std::size_t count : {1u, 2u, 7u}) {
        const matrix<float> x = random_matrix<float>(count, 2 * depth, 1);
        const auto with = [&](executor* threads, std::vector<std::size_t> cuts) {
            const rounded_rows rows(kernels::narrow::bf16, x.data(), 2 * depth, count, depth, kernels::active(),
                                    threads);
            matrix<float> y(count, columns);
            for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
                rows.multiply(packed.data(), columns, y.data(), columns, {}, cuts[i], cuts[i + 1]);
            return y;
        };
        const matrix<float> whole = with(nullptr, {0, 3});
        CHECK(with(nullptr, {0, 1, 3}) == whole);
        CHECK(with(&two, {0, 3}) == whole);
        for (std::size_t row = 0; row < count; ++row) {
            for (std::size_t column = 0; column < columns; ++column) {
                double exact = 0, norm = 0;
                for (std::size_t k = 0; k < depth; ++k) {
                    const double term = static_cast<double>(float_from_bfloat(bfloat_from_float(x(row, k)))) *
                                        static_cast<double>(float_from_bfloat(bfloat_from_float(weights(column, k))));
                    exact += term;
                    norm += std::abs(term);
                }
                const double bound = static_cast<double>(depth + 2) * std::numeric_limits<float>::epsilon() * norm;
                REQUIRE(std::abs(static_cast<double>(whole(row, column)) - exact) <= bound);
            }
        }
    }
}
