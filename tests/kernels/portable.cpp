#include <algorithm>
#include <vector>

#include <zeroshot/kernels/kernels.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

TEST_CASE("every instruction set equals the portable one in quantized products") {
    const quantized_case eights(number_format::int8, 27, 50, 333), sixteens(number_format::bf16, 27, 50, 333);
    const quantized_case integers(number_format::int16, 27, 50, 333);
    const std::vector<float> eight = eights.product(*tables().back());
    const std::vector<float> sixteen = sixteens.product(*tables().back());
    const std::vector<std::uint32_t> weights = integers.packed_weights();
    const auto of_the_same_rows = [&](const table& set) {  // tables round alike, but for ties
        table packing = set;
        packing.pack_rows = tables().back()->pack_rows;
        const std::vector<std::uint32_t> rows = integers.packed_rows(packing, 0, integers.row_count);
        std::vector<float> result(integers.row_count * integers.columns);
        multiply(number_format::int16, integers.over(rows, weights, set, integers.row_count, result), set, 0,
                 panel_count(integers.columns));
        return result;
    };
    const std::vector<float> integer = of_the_same_rows(*tables().back());
    for (const table& set : available_tables()) {
        INFO(set.name);
        CHECK(std::ranges::equal(eights.product(set), eight, nearly_equal));
        CHECK(of_the_same_rows(set) == integer);
        if (layout_of(set, number_format::bf16).as_floats) CHECK(sixteens.product(set) == sixteen);
    }
}
