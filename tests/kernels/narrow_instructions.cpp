#include <algorithm>
#include <vector>

#include <zeroshot/kernels/narrow_instructions.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

TEST_CASE("every instruction set gives what the portable one gives: the same sums, finished alike") {
    const narrow_case eights(narrow::int8, 27, 50, 333), sixteens(narrow::bf16, 27, 50, 333);
    const narrow_case integers(narrow::int16, 27, 50, 333);
    const std::vector<float> eight = eights.product(instruction_set::portable);
    const std::vector<float> sixteen = sixteens.product(instruction_set::portable);
    const std::vector<float> integer = integers.product(instruction_set::portable);
    for (const instruction_set set : available_sets()) {
        INFO(name_of(set));
        CHECK(std::ranges::equal(eights.product(set), eight, nearly_equal));
        CHECK(std::ranges::equal(integers.product(set), integer, nearly_equal));
        if (is_widened(narrow::bf16, set)) CHECK(sixteens.product(set) == sixteen);
    }
}
