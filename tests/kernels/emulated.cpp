#include "tests/kernels/emulated.hpp"

#if ZEROSHOT_KERNELS_X86
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

TEST_CASE("the kernels of AVX-512, AVX-VNNI, AVX512_VNNI, AVX512_BF16 and AMX give what the portable ones give") {
    for (const instruction_set set : all_instruction_sets) {
        for (const std::size_t row_count : {1u, 2u, 5u, 13u, 14u, 27u, 30u}) {
            for (const std::size_t columns : {1u, 16u, 32u, 47u, 64u}) {
                INFO(name_of(set) << ", " << row_count << " rows, " << columns << " columns");
                const narrow_case eights(narrow::int8, row_count, columns, 150);
                REQUIRE(eights.product(set) == eights.product(instruction_set::portable));
                const narrow_case sixteens(narrow::bf16, row_count, columns, 150);
                const std::vector<float> got = sixteens.product(set);
                const std::vector<float> expected = sixteens.product(instruction_set::portable);
                if (is_widened(narrow::bf16, set)) REQUIRE(got == expected);
                // Sums of 150 products of normal numbers, each rounded: their norm stays below 500 by far.
                constexpr float bound = 2 * 152 * std::numeric_limits<float>::epsilon() * 500;
                for (std::size_t i = 0; i < got.size(); ++i) REQUIRE(std::abs(got[i] - expected[i]) <= bound);
            }
        }
    }
}
#endif
