#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/kernels/quantize.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("every instruction set rounds to bfloat16 as half.hpp does, in pairs and as floats") {
    std::vector<float> row = normal_numbers(70, 4);
    row[1] = infinity;
    row[2] = not_a_number;
    row[3] = std::numeric_limits<float>::max();  // rounds to infinity
    row[4] = std::bit_cast<float>(0x3f808000u);  // a tie
    row[5] = std::bit_cast<float>(0x7fffffffu);  // a NaN whose bits would overflow
    for (const table& set : available_tables()) {
        const std::vector<std::uint32_t> floats = packed_row(number_format::bf16, row, set).words;  // or pairs
        const std::size_t words = word_count(number_format::bf16, row.size());
        constexpr row_layout in_pairs{};
        std::vector<std::uint32_t> pairs(row_words(number_format::bf16, row.size(), in_pairs));
        detail::pack_rows<4>(number_format::bf16, in_pairs, row.data(), row.size(), 1, 1, row.size(), pairs.data());
        std::vector<float> alone = row;
        round_floats(alone.data(), alone.size(), alone.data(), set);
        for (std::size_t index = 0; index < row.size(); ++index) {
            const std::uint32_t expected = zeroshot::bfloat_from_float(row[index]);
            const std::size_t word = index / 32 * 16 + index % 16, half = index % 32 / 16;
            INFO("index " << index);
            if (layout_of(set, number_format::bf16).as_floats) REQUIRE(floats[half * words + word] == expected << 16);
            REQUIRE(((pairs[row_header(in_pairs) + word] >> (16 * half)) & 0xffffu) == expected);
            REQUIRE(std::bit_cast<std::uint32_t>(alone[index]) == expected << 16);
        }
    }
}
