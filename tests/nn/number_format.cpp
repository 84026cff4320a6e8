#include <optional>

#include <zeroshot/nn/number_format.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using kernels::instruction_set;
using kernels::narrow;

namespace {

packing in(precision how, bool at_least_16_bits = false, bool many_rows = false) {
    return {.arithmetic = how, .at_least_16_bits = at_least_16_bits, .many_rows = many_rows};
}

}  // namespace

TEST_CASE("what is asked for in float stays so, and bfloat16 is bfloat16 where it saves memory or time") {
    for (const instruction_set set : kernels::all_instruction_sets) {
        const bool no_instruction = kernels::is_widened(narrow::bf16, set);
        INFO(kernels::name_of(set));
        CHECK(rounding(in(precision::f32, true, true), 1000, set) == std::nullopt);
        CHECK(rounding(in(precision::bf16), 1000, set) == narrow::bf16);
        CHECK((rounding(in(precision::bf16, false, true), 1000, set) == std::nullopt) == no_instruction);
    }
}

TEST_CASE("8 bits become 16 where they would do harm, in short sums, and then integers where those are multiplied") {
    for (const instruction_set set : kernels::all_instruction_sets) {
        INFO(kernels::name_of(set));
        CHECK(rounding(in(precision::int8), shortest_int8_sum, set) == narrow::int8);
        CHECK(rounding(in(precision::int8), shortest_int8_sum - 1, set) == kernels::best_of_16_bits(set));
        CHECK(rounding(in(precision::int8, true), shortest_int8_sum, set) == kernels::best_of_16_bits(set));
        CHECK(rounding(in(precision::int8, true), kernels::deepest_int16 + 1, set) == narrow::bf16);
        const bool float_is_as_fast =
            kernels::best_of_16_bits(set) == narrow::bf16 && kernels::is_widened(narrow::bf16, set);
        CHECK((rounding(in(precision::int8, true, true), 512, set) == std::nullopt) == float_is_as_fast);
    }
}
