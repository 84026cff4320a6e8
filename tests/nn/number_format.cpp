#include <algorithm>
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

TEST_CASE("f32 is never rounded, and bf16 is bfloat16 where it saves memory or time") {
    for (const instruction_set set : kernels::all_instruction_sets) {
        const bool no_instruction = kernels::is_widened(narrow::bf16, set);
        INFO(kernels::name_of(set));
        CHECK(quantized_format(in(precision::f32, true, true), 1000, set) == std::nullopt);
        CHECK(quantized_format(in(precision::bf16), 1000, set) == narrow::bf16);
        CHECK((quantized_format(in(precision::bf16, false, true), 1000, set) == std::nullopt) == no_instruction);
    }
}

TEST_CASE("int8 becomes 16 bits on request and in short sums: integers where the kernels gain from them") {
    for (const instruction_set set : kernels::all_instruction_sets) {
        INFO(kernels::name_of(set));
        CHECK(quantized_format(in(precision::int8), shortest_int8_sum, set) == narrow::int8);
        CHECK(quantized_format(in(precision::int8), shortest_int8_sum - 1, set) == kernels::best_of_16_bits(set));
        CHECK(quantized_format(in(precision::int8, true), shortest_int8_sum, set) == kernels::best_of_16_bits(set));
        CHECK(quantized_format(in(precision::int8, true), kernels::deepest_int16 + 1, set) == narrow::bf16);
        const bool float_is_as_fast =
            kernels::best_of_16_bits(set) == narrow::bf16 && kernels::is_widened(narrow::bf16, set);
        CHECK((quantized_format(in(precision::int8, true, true), 512, set) == std::nullopt) == float_is_as_fast);
    }
}

TEST_CASE("every precision has its name") {
    CHECK(name_of(precision::f32) == "f32");
    CHECK(name_of(precision::bf16) == "bf16");
    CHECK(name_of(precision::int8) == "int8");
}

TEST_CASE("without a cache, packed elements are those written, and copies keep them alive") {
    const packing how{.name = "weight"};
    fixed_numbers<float> copy;
    {
        const fixed_numbers<float> numbers = how.elements<float>(5, [](float* to) { std::fill_n(to, 5, 2.5f); });
        copy = numbers;
    }
    REQUIRE(copy.size() == 5);
    CHECK(std::ranges::count(copy.values(), 2.5f) == 5);
}
