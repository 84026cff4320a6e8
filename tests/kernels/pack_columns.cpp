#include <algorithm>
#include <bit>
#include <cmath>
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

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("two bytes of weights in a 16-bit sum are at most 128 together") {
    const std::size_t columns = 20, depth = 300;
    std::vector<float> weights = normal_numbers(columns * depth, 5);
    for (std::size_t k = 0; k < depth; ++k) weights[k] = k % 3 == 0 ? 1.0f : -1.0f;  // all as large as the largest
    std::vector<std::uint32_t> packed(packed_size(number_format::int8, columns, depth));
    pack(number_format::int8, weights.data(), depth, 1, columns, depth, packed.data(), active());
    const std::size_t words = column_words(number_format::int8, depth);
    for (std::size_t column = 0; column < 32; ++column) {
        const std::uint32_t* const lane = packed.data() + column / 16 * 16 * words + column % 16;
        int sum = 0;
        for (std::size_t k = column_header(number_format::int8); k < words; ++k) {
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

TEST_CASE("no column of int16 can make a sum of more than 31 bits, and its numbers are rounded to nearest") {
    for (const std::size_t depth :
         {std::size_t{1}, std::size_t{64}, std::size_t{300}, std::size_t{5000}, deepest_int16}) {
        const std::size_t columns = 4;
        std::vector<float> weights = normal_numbers(columns * depth, 5);
        for (std::size_t k = 0; k < depth; ++k) {
            weights[depth + k] = k % 2 == 0 ? 1.0f : -1.0f;         // all alike
            weights[2 * depth + k] = k == depth / 2 ? 3.0f : 0.0f;  // one alone
            weights[3 * depth + k] = 0.0f;
        }
        std::vector<std::uint32_t> packed(packed_size(number_format::int16, columns, depth));
        pack(number_format::int16, weights.data(), depth, 1, columns, depth, packed.data(), active());
        for (std::size_t column = 0; column < columns; ++column) {
            INFO(depth << " numbers, column " << column);
            const auto step = static_cast<double>(std::bit_cast<float>(packed[column]));
            const std::uint32_t* const words =
                packed.data() + column_header(number_format::int16) * panel_width + column;
            std::int64_t sum = 0;
            int largest = 0;
            for (std::size_t k = 0; k < depth; ++k) {
                const int number = int16_at(words, k, panel_width);
                const auto weight = static_cast<double>(weights[column * depth + k]);
                REQUIRE(std::abs(number * step - weight) <= (0.5 + 0.01) * step);
                sum += std::abs(number);
                largest = std::max(largest, std::abs(number));
            }
            REQUIRE(sum <= static_cast<std::int64_t>(largest_int16_column(depth)));
            REQUIRE(static_cast<std::int64_t>(largest_int16_in_row(depth)) * sum <=
                    std::numeric_limits<std::int32_t>::max());
            // As much of both as there is: less what rounding may add to the sum, half a step a number.
            const double used = static_cast<double>(sum) + static_cast<double>(depth) + 2;
            CHECK((column == 3 || largest == 32'767 || used >= static_cast<double>(largest_int16_column(depth))));
            CHECK((column == 3) == (step == 0));
        }
    }
}

TEST_CASE("all tables pack weights alike, in either storage order and with gaps, and padding is zero") {
    for (const std::size_t columns : {1u, 16u, 19u}) {
        for (const std::size_t depth : {1u, 17u, 32u, 70u}) {
            const std::vector<float> weights = normal_numbers(columns * depth, 6);
            std::vector<float> transposed(weights.size(), not_a_number), apart(2 * weights.size(), not_a_number);
            for (std::size_t column = 0; column < columns; ++column) {
                for (std::size_t k = 0; k < depth; ++k) {
                    const float number = weights[column * depth + k];
                    transposed[k * columns + column] = apart[2 * (k * columns + column)] = number;
                }
            }
            for (const number_format format : {number_format::bf16, number_format::int16, number_format::int8}) {
                std::vector<std::uint32_t> one(packed_size(format, columns, depth), 7u), other = one;
                pack(format, weights.data(), depth, 1, columns, depth, one.data(), *tables().back());
                for (const table* set : tables()) {
                    if (!set->is_available()) continue;
                    pack(format, weights.data(), depth, 1, columns, depth, other.data(), *set);
                    REQUIRE(one == other);
                    pack(format, transposed.data(), 1, columns, columns, depth, other.data(), *set);
                    REQUIRE(one == other);
                    pack(format, apart.data(), 2, 2 * columns, columns, depth, other.data(), *set);
                    REQUIRE(one == other);
                }
                const std::size_t words = column_words(format, depth);
                for (std::size_t i = 0; i < one.size(); ++i) {
                    const std::size_t column = i / (16 * words) * 16 + i % 16;
                    if (column >= columns) REQUIRE(one[i] == 0);
                }
            }
        }
    }
}

TEST_CASE("packed columns and rows of bfloat16 have the same words") {
    const std::size_t columns = 19, depth = 70, words = column_words(number_format::bf16, depth);
    const std::vector<float> numbers = normal_numbers(columns * depth, 8);
    std::vector<std::uint32_t> packed(packed_size(number_format::bf16, columns, depth));
    pack(number_format::bf16, numbers.data(), depth, 1, columns, depth, packed.data(), active());
    for (std::size_t column = 0; column < columns; ++column) {
        std::vector<std::uint32_t> row(row_words(number_format::bf16, depth, {}));
        detail::pack_rows<4>(number_format::bf16, {}, numbers.data() + column * depth, depth, 1, 1, depth, row.data());
        for (std::size_t w = 0; w < words; ++w)
            REQUIRE(packed[column / 16 * 16 * words + w * 16 + column % 16] == row[row_header({}) + w]);
    }
}

TEST_CASE("weights too small for a scale become zero, and the largest floats have one") {
    for (const float size : {1e-45f, 1e-38f, 1e30f, 3e38f}) {
        INFO(size);
        const std::vector<float> weights(64, size);
        std::vector<std::uint32_t> packed(packed_size(number_format::int16, 1, weights.size()));
        pack(number_format::int16, weights.data(), weights.size(), 1, 1, weights.size(), packed.data(), active());
        const auto step = static_cast<double>(std::bit_cast<float>(packed[0]));
        const int number = int16_at(packed.data() + panel_width, 5, panel_width);
        if (size < 1e-30f)
            CHECK(number == 0);
        else
            CHECK(std::abs(number * step / static_cast<double>(size) - 1) <= 0.5 / 4000);  // 4096 steps or so
    }
}
