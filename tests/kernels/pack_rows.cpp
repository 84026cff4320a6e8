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

float scale_of(number_format format, const std::vector<float>& row, const table& set) {
    return packed_row(format, row, set).scale;
}

/// Byte `index` / 16 of word `index` % 16 of its block of 64, less the one that stands for zero.
int byte_at(const row_contents& packed, std::size_t index, const table& set) {
    const std::uint32_t word = packed.words[index / 64 * 16 + index % 16];
    const auto byte = static_cast<std::uint8_t>((word >> (8 * (index % 64 / 16))) & 0xffu);
    const int number = layout_of(set, number_format::int8).signed_bytes ? static_cast<std::int8_t>(byte) : byte;
    return number - static_cast<int>(packed.zero_point);
}

}  // namespace

TEST_CASE("int8 rounds a row to the nearest of 254 levels, of which zero is one") {
    for (const float shift : {0.0f, 10.0f, -10.0f, 0.5f}) {
        std::vector<float> row = normal_numbers(150, 3);
        for (float& number : row) number += shift;
        for (const table& set : available_tables()) {
            const row_contents packed = packed_row(number_format::int8, row, set);
            const auto step = static_cast<double>(packed.scale);
            int largest = 0, lowest = 0;
            for (std::size_t index = 0; index < row.size(); ++index) {
                const double steps = static_cast<double>(row[index]) / step;
                REQUIRE(std::abs(byte_at(packed, index, set) - steps) <= 0.5 + 1e-4);
                largest = std::max(largest, byte_at(packed, index, set));
                lowest = std::min(lowest, byte_at(packed, index, set));
            }
            CHECK(largest - lowest >= 252);
            CHECK(largest - lowest <= 254);
            for (std::size_t index = row.size(); index < 192; ++index) REQUIRE(byte_at(packed, index, set) == 0);
        }
    }
}

TEST_CASE("int16 rounds a row to nearest, and its largest magnitude to the largest integer") {
    for (const float shift : {0.0f, 10.0f, -10.0f}) {
        std::vector<float> row = normal_numbers(150, 3);
        for (float& number : row) number += shift;
        for (const table& set : available_tables()) {
            const row_contents packed = packed_row(number_format::int16, row, set);
            const auto step = static_cast<double>(packed.scale);
            int largest = 0;
            for (std::size_t index = 0; index < row.size(); ++index) {
                const int number = int16_at(packed.words.data(), index);
                // Half a step, and what the product with 1 / step is rounded by: some 2^-23 of up to 2^13.
                REQUIRE(std::abs(number - static_cast<double>(row[index]) / step) <= 0.5 + 0.002);
                largest = std::max(largest, std::abs(number));
            }
            CHECK(largest == static_cast<int>(largest_int16_in_row(row.size())));
            for (std::size_t index = row.size(); index < 160; ++index)
                REQUIRE(int16_at(packed.words.data(), index) == 0);
        }
    }
}

TEST_CASE("rows of zeros and of tiny numbers become zeros, and no NaN or infinity is lost") {
    for (const table& set : available_tables()) {
        for (const number_format format : {number_format::int16, number_format::int8}) {
            CHECK(scale_of(format, {0.0f, -0.0f}, set) == 0.0f);
            for (const std::size_t index : {0u, 20u, 69u}) {
                std::vector<float> row(70, 1.0f);
                row[index] = not_a_number;
                CHECK(std::isnan(scale_of(format, row, set)));
                row[index] = -infinity;
                CHECK(std::isinf(scale_of(format, row, set)));
            }
        }
        CHECK(byte_at(packed_row(number_format::int8, {0.0f, -0.0f}, set), 0, set) == 0);
        CHECK(byte_at(packed_row(number_format::int8, {1e-40f, -1e-39f}, set), 1, set) == 0);
        CHECK(int16_at(packed_row(number_format::int16, {1e-40f, -1e-39f}, set).words.data(), 1) == 0);
    }
}
