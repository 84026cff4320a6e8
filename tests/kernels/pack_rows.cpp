#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <zeroshot/kernels/kernels.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

float scale_of(number_format type, const std::vector<float>& row, const table& set) {
    return std::bit_cast<float>(packed_row(type, row, set)[0]);
}

/// Byte `place` / 16 of word `place` % 16 of its block of 64, less the one that stands for zero.
int byte_at(const std::vector<std::uint32_t>& packed, std::size_t place, const table& set) {
    const std::uint32_t word = packed[row_header + place / 64 * 16 + place % 16];
    const auto byte = static_cast<std::uint8_t>((word >> (8 * (place % 64 / 16))) & 0xffu);
    const int number = set.rows.signed_bytes ? static_cast<std::int8_t>(byte) : byte;
    return number - static_cast<int>(packed[1]);
}

}  // namespace

TEST_CASE("a row's numbers become the nearest of 256 steps, of which the row takes 254 and zero is one") {
    for (const float shift : {0.0f, 10.0f, -10.0f, 0.5f}) {
        std::vector<float> row = normal_numbers(150, 3);
        for (float& number : row) number += shift;
        for (const table* const each : available_sets()) {
            const table& set = *each;
            const std::vector<std::uint32_t> packed = packed_row(number_format::int8, row, set);
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

TEST_CASE("a row's numbers become the nearest of the steps of 16 bits, of which the largest has as many as it may") {
    for (const float shift : {0.0f, 10.0f, -10.0f}) {
        std::vector<float> row = normal_numbers(150, 3);
        for (float& number : row) number += shift;
        for (const table* const each : available_sets()) {
            const table& set = *each;
            const std::vector<std::uint32_t> packed = packed_row(number_format::int16, row, set);
            const auto step = static_cast<double>(std::bit_cast<float>(packed[0]));
            int largest = 0;
            for (std::size_t place = 0; place < row.size(); ++place) {
                const int number = sixteen_bits_at(packed.data() + row_header, place);
                // Half a step, and what the product with 1 / step is rounded by: some 2^-23 of up to 2^13.
                REQUIRE(std::abs(number - static_cast<double>(row[place]) / step) <= 0.5 + 0.002);
                largest = std::max(largest, std::abs(number));
            }
            CHECK(largest == static_cast<int>(largest_int16_in_row(row.size())));
            for (std::size_t place = row.size(); place < 160; ++place)
                REQUIRE(sixteen_bits_at(packed.data() + row_header, place) == 0);
        }
    }
}

TEST_CASE("a row of zeros stays one, what is too small becomes one, and no NaN or infinity is lost") {
    for (const table* const each : available_sets()) {
        const table& set = *each;
        for (const number_format type : {number_format::int16, number_format::int8}) {
            CHECK(scale_of(type, {0.0f, -0.0f}, set) == 0.0f);
            for (const std::size_t place : {0u, 20u, 69u}) {
                std::vector<float> row(70, 1.0f);
                row[place] = not_a_number;
                CHECK(std::isnan(scale_of(type, row, set)));
                row[place] = -infinity;
                CHECK(std::isinf(scale_of(type, row, set)));
            }
        }
        CHECK(byte_at(packed_row(number_format::int8, {0.0f, -0.0f}, set), 0, set) == 0);
        CHECK(byte_at(packed_row(number_format::int8, {1e-40f, -1e-39f}, set), 1, set) == 0);
        CHECK(sixteen_bits_at(packed_row(number_format::int16, {1e-40f, -1e-39f}, set).data() + row_header, 1) == 0);
    }
}
