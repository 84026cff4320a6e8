#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <zeroshot/kernels/narrow.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

std::vector<std::uint32_t> packed_row(narrow type, const std::vector<float>& row, instruction_set set) {
    std::vector<std::uint32_t> packed(packed_rows_size(type, 1, row.size(), set));
    pack_rows(type, row.data(), row.size(), 1, row.size(), packed.data(), set);
    return packed;
}

float scale_of(const std::vector<float>& row, instruction_set set) {
    return std::bit_cast<float>(packed_row(narrow::int8, row, set)[0]);
}

/// Byte `place` / 16 of word `place` % 16 of its block of 64, less the one that stands for zero.
int byte_at(const std::vector<std::uint32_t>& packed, std::size_t place, instruction_set set) {
    const std::uint32_t word = packed[row_header + place / 64 * 16 + place % 16];
    const auto byte = static_cast<std::uint8_t>((word >> (8 * (place % 64 / 16))) & 0xffu);
    const int number = is_signed(narrow::int8, set) ? static_cast<std::int8_t>(byte) : byte;
    return number - static_cast<int>(packed[1]);
}

std::vector<instruction_set> sets_here() {
    std::vector<instruction_set> here;
    for (const instruction_set set : all_instruction_sets) {
        if (is_available(set)) here.push_back(set);
    }
    return here;
}

}  // namespace

TEST_CASE("a row's numbers become the nearest of 256 steps, of which the row takes 254 and zero is one") {
    for (const float shift : {0.0f, 10.0f, -10.0f, 0.5f}) {
        std::vector<float> row = normal_numbers(150, 3);
        for (float& number : row) number += shift;
        for (const instruction_set set : sets_here()) {
            const std::vector<std::uint32_t> packed = packed_row(narrow::int8, row, set);
            const auto step = static_cast<double>(std::bit_cast<float>(packed[0]));
            int largest = 0, lowest = 0;
            for (std::size_t place = 0; place < row.size(); ++place) {
                const double steps = static_cast<double>(row[place]) / step;
                REQUIRE(std::abs(byte_at(packed, place, set) - steps) <= 0.5 + 1e-4);
                largest = std::max(largest, byte_at(packed, place, set));
                lowest = std::min(lowest, byte_at(packed, place, set));
            }
            CHECK(largest - lowest >= 252);
            CHECK(largest - lowest <= 254);
            for (std::size_t place = row.size(); place < 192; ++place) REQUIRE(byte_at(packed, place, set) == 0);
        }
    }
}

TEST_CASE("a row of zeros stays one, what is too small becomes one, and no NaN or infinity is lost") {
    for (const instruction_set set : sets_here()) {
        CHECK(scale_of({0.0f, -0.0f}, set) == 0.0f);
        CHECK(byte_at(packed_row(narrow::int8, {0.0f, -0.0f}, set), 0, set) == 0);
        CHECK(byte_at(packed_row(narrow::int8, {1e-40f, -1e-39f}, set), 1, set) == 0);
        for (const std::size_t place : {0u, 20u, 69u}) {
            std::vector<float> row(70, 1.0f);
            row[place] = not_a_number;
            CHECK(std::isnan(scale_of(row, set)));
            row[place] = -infinity;
            CHECK(std::isinf(scale_of(row, set)));
        }
    }
}

TEST_CASE("bfloat16 is rounded as half.hpp does it, whatever the instruction set, in pairs and as floats") {
    std::vector<float> row = normal_numbers(70, 4);
    row[1] = infinity;
    row[2] = not_a_number;
    row[3] = std::numeric_limits<float>::max();  // rounds to infinity
    row[4] = std::bit_cast<float>(0x3f808000u);  // a tie
    row[5] = std::bit_cast<float>(0x7fffffffu);  // a NaN whose bits would overflow
    for (const instruction_set set : sets_here()) {
        const std::vector<std::uint32_t> floats = packed_row(narrow::bf16, row, set);  // or pairs
        const std::size_t words = word_count(narrow::bf16, row.size());
        std::vector<std::uint32_t> pairs(packed_rows_size(narrow::bf16, 1, row.size(), instruction_set::avx512_bf16));
        detail::pack_rows<4>(narrow::bf16, row.data(), row.size(), 1, row.size(), pairs.data(),
                             instruction_set::avx512_bf16);
        std::vector<float> alone = row;
        round_floats(alone.data(), alone.size(), alone.data(), set);
        for (std::size_t place = 0; place < row.size(); ++place) {
            const std::uint32_t expected = zeroshot::bfloat_from_float(row[place]);
            const std::size_t word = place / 32 * 16 + place % 16, half = place % 32 / 16;
            INFO("place " << place);
            if (is_widened(narrow::bf16, set)) REQUIRE(floats[row_header + half * words + word] == expected << 16);
            REQUIRE(((pairs[row_header + word] >> (16 * half)) & 0xffffu) == expected);
            REQUIRE(std::bit_cast<std::uint32_t>(alone[place]) == expected << 16);
        }
    }
}

TEST_CASE("no two bytes of weights that meet in 16 bits exceed 128 together") {
    const std::size_t columns = 20, depth = 300;
    std::vector<float> weights = normal_numbers(columns * depth, 5);
    for (std::size_t k = 0; k < depth; ++k) weights[k] = k % 3 == 0 ? 1.0f : -1.0f;  // all as large as the largest
    std::vector<std::uint32_t> packed(packed_size(narrow::int8, columns, depth));
    pack(narrow::int8, weights.data(), depth, 1, columns, depth, packed.data());
    const std::size_t words = column_words(narrow::int8, depth);
    for (std::size_t column = 0; column < 32; ++column) {
        const std::uint32_t* const lane = packed.data() + column / 16 * 16 * words + column % 16;
        int sum = 0;
        for (std::size_t k = int8_column_header; k < words; ++k) {
            for (const unsigned half : {0u, 16u}) {
                int together = 0;
                for (const unsigned bit : {half, half + 8}) {
                    const int byte = static_cast<std::int8_t>(static_cast<std::uint8_t>((lane[k * 16] >> bit) & 0xffu));
                    together += std::abs(byte);
                    sum += byte;
                }
                REQUIRE(together <= 128);
            }
        }
        CHECK(static_cast<std::int32_t>(lane[16]) == sum);
        if (column >= columns) CHECK(lane[0] == 0);
    }
}

TEST_CASE("weights are packed alike whichever way round they are stored, and with gaps; what is missing is zero") {
    for (const std::size_t columns : {1u, 16u, 19u}) {
        for (const std::size_t depth : {1u, 17u, 32u, 70u}) {
            const std::vector<float> weights = normal_numbers(columns * depth, 6);
            std::vector<float> turned(weights.size(), not_a_number), apart(2 * weights.size(), not_a_number);
            for (std::size_t column = 0; column < columns; ++column) {
                for (std::size_t k = 0; k < depth; ++k) {
                    const float number = weights[column * depth + k];
                    turned[k * columns + column] = apart[2 * (k * columns + column)] = number;
                }
            }
            for (const narrow type : {narrow::bf16, narrow::int8}) {
                std::vector<std::uint32_t> one(packed_size(type, columns, depth), 7u), other = one, third = one;
                pack(type, weights.data(), depth, 1, columns, depth, one.data());
                pack(type, turned.data(), 1, columns, columns, depth, other.data());
                pack(type, apart.data(), 2, 2 * columns, columns, depth, third.data());
                REQUIRE(one == other);
                REQUIRE(one == third);
                const std::size_t words = column_words(type, depth);
                for (std::size_t i = 0; i < one.size(); ++i) {
                    const std::size_t column = i / (16 * words) * 16 + i % 16;
                    if (column >= columns) REQUIRE(one[i] == 0);
                }
            }
        }
    }
}

TEST_CASE("columns of bfloat16 hold what rows of it hold, word by word") {
    const std::size_t columns = 19, depth = 70, words = column_words(narrow::bf16, depth);
    const std::vector<float> numbers = normal_numbers(columns * depth, 8);
    std::vector<std::uint32_t> packed(packed_size(narrow::bf16, columns, depth));
    pack(narrow::bf16, numbers.data(), depth, 1, columns, depth, packed.data());
    for (std::size_t column = 0; column < columns; ++column) {
        std::vector<std::uint32_t> row(packed_rows_size(narrow::bf16, 1, depth, instruction_set::avx512_bf16));
        detail::pack_rows<4>(narrow::bf16, numbers.data() + column * depth, depth, 1, depth, row.data(),
                             instruction_set::avx512_bf16);
        for (std::size_t w = 0; w < words; ++w)
            REQUIRE(packed[column / 16 * 16 * words + w * 16 + column % 16] == row[row_header + w]);
    }
}
