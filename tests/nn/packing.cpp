#include <algorithm>
#include <optional>

#include <zeroshot/nn/packing.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::nn;
using kernels::number_format;

namespace {

packing in(zeroshot::precision precision, bool at_least_16_bits = false, bool many_rows = false) {
    return {.precision = precision, .at_least_16_bits = at_least_16_bits, .many_rows = many_rows};
}

}  // namespace

TEST_CASE("f32 is never rounded, and bf16 is bfloat16 where it saves memory or time") {
    for (const kernels::table* const each : kernels::tables()) {
        const kernels::table& set = *each;
        const bool no_instruction = kernels::layout_of(set, number_format::bf16).as_floats;
        INFO(set.name);
        CHECK(format_of(in(precision::f32, true, true), 1000, set) == std::nullopt);
        CHECK(format_of(in(precision::bf16), 1000, set) == number_format::bf16);
        CHECK((format_of(in(precision::bf16, false, true), 1000, set) == std::nullopt) == no_instruction);
    }
}

TEST_CASE("int8 becomes 16 bits on request and in short sums: integers where the kernels gain from them") {
    for (const kernels::table* const each : kernels::tables()) {
        const kernels::table& set = *each;
        INFO(set.name);
        CHECK(format_of(in(precision::int8), shortest_int8_sum, set) == number_format::int8);
        CHECK(format_of(in(precision::int8), shortest_int8_sum - 1, set) == set.best_16_bit_format);
        CHECK(format_of(in(precision::int8, true), shortest_int8_sum, set) == set.best_16_bit_format);
        CHECK(format_of(in(precision::int8, true), kernels::deepest_int16 + 1, set) == number_format::bf16);
        const bool float_is_as_fast =
            set.best_16_bit_format == number_format::bf16 && kernels::layout_of(set, number_format::bf16).as_floats;
        CHECK((format_of(in(precision::int8, true, true), 512, set) == std::nullopt) == float_is_as_fast);
    }
}

TEST_CASE("every precision has its name") {
    CHECK(name_of(precision::f32) == "f32");
    CHECK(name_of(precision::bf16) == "bf16");
    CHECK(name_of(precision::int8) == "int8");
}

TEST_CASE("without a cache, packed elements are those written, and copies keep them alive") {
    const packing layer{.name = "weight"};
    shared_array<float> copy;
    {
        const shared_array<float> numbers = layer.elements<float>(5, [](float* to) { std::fill_n(to, 5, 2.5f); });
        copy = numbers;
    }
    REQUIRE(copy.size() == 5);
    CHECK(std::ranges::count(copy.values(), 2.5f) == 5);
}
