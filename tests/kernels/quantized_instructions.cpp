#include <algorithm>
#include <vector>

#include <zeroshot/kernels/quantized_instructions.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

TEST_CASE("every instruction set gives what the portable one gives: the same sums, finished alike") {
    const narrow_case eights(narrow::int8, 27, 50, 333), sixteens(narrow::bf16, 27, 50, 333);
    const narrow_case integers(narrow::int16, 27, 50, 333);
    const std::vector<float> eight = eights.product(instruction_set::portable);
    const std::vector<float> sixteen = sixteens.product(instruction_set::portable);
    const std::vector<std::uint32_t> rows = integers.packed_rows(instruction_set::portable, 0, integers.row_count);
    const std::vector<std::uint32_t> weights = integers.packed_weights();
    const auto of_the_same_rows = [&](instruction_set set) {  // packed alike for all, but for ties in rounding
        std::vector<float> result(integers.row_count * integers.columns);
        multiply(narrow::int16, integers.over(rows, weights, set, integers.row_count, result), set, 0,
                 panel_count(integers.columns));
        return result;
    };
    const std::vector<float> integer = of_the_same_rows(instruction_set::portable);
    for (const instruction_set set : available_sets()) {
        INFO(name_of(set));
        CHECK(std::ranges::equal(eights.product(set), eight, nearly_equal));
        CHECK(of_the_same_rows(set) == integer);
        if (is_widened(narrow::bf16, set)) CHECK(sixteens.product(set) == sixteen);
    }
}
