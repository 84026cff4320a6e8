#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <zeroshot/kernels/kernels.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

namespace {

constexpr double epsilon = std::numeric_limits<float>::epsilon();

double as_bfloat(float number) {
    return zeroshot::float_from_bfloat(zeroshot::bfloat_from_float(number));
}

/// The exact product of numbers rounded to bfloat16, within the bound of a sum in any order.
void check_bf16(const quantized_case& c, const table& set) {
    const std::vector<float> result = c.product(set);
    for (std::size_t row = 0; row < c.row_count; ++row) {
        for (std::size_t column = 0; column < c.columns; ++column) {
            double exact = 0, norm = 0;
            for (std::size_t k = 0; k < c.depth; ++k) {
                const double term = as_bfloat(c.rows[row * c.depth + k]) * as_bfloat(c.weights[column * c.depth + k]);
                exact += term;
                norm += std::abs(term);
            }
            const double got = static_cast<double>(result[row * c.columns + column]);
            if (std::abs(got - exact) <= static_cast<double>(c.depth + 2) * epsilon * norm) continue;
            FAIL(set.name << " row " << row << " column " << column << ": " << got << " for " << exact);
        }
    }
}

/// The exact product of the numbers themselves: each factor may be off by half its scale. The scale of a row of int8 is
/// a 253rd of its range, of int16 its largest magnitude over the largest integer; that of a column is read, and of int8
/// a 127th of its largest weight, or a 63rd at most where two large ones are summed in 16 bits.
void check_integers(const quantized_case& c, const table& set) {
    const bool bytes = c.format == number_format::int8;
    const std::vector<float> result = c.product(set);
    const std::vector<std::uint32_t> packed = c.packed_weights();
    for (std::size_t column = 0; column < c.columns; ++column) {
        const std::uint32_t* panel =
            packed.data() + column / panel_width * panel_width * column_words(c.format, c.depth);
        const auto scale = static_cast<double>(std::bit_cast<float>(panel[column % panel_width]));
        double largest_weight = 0;
        for (std::size_t k = 0; k < c.depth; ++k)
            largest_weight = std::max(largest_weight, std::abs(static_cast<double>(c.weights[column * c.depth + k])));
        if (bytes) REQUIRE(scale >= largest_weight / 127 * (1 - epsilon));
        if (bytes) REQUIRE(scale <= largest_weight / 63);
        for (std::size_t row = 0; row < c.row_count; ++row) {
            double lowest = 0, highest = 0, exact = 0, bound = 0;
            for (std::size_t k = 0; k < c.depth; ++k) {
                lowest = std::min(lowest, static_cast<double>(c.rows[row * c.depth + k]));
                highest = std::max(highest, static_cast<double>(c.rows[row * c.depth + k]));
            }
            const double row_scale =
                bytes ? (highest - lowest) / 253
                      : std::max(highest, -lowest) / static_cast<double>(largest_int16_in_row(c.depth));
            for (std::size_t k = 0; k < c.depth; ++k) {
                const auto a = static_cast<double>(c.rows[row * c.depth + k]);
                const auto b = static_cast<double>(c.weights[column * c.depth + k]);
                exact += a * b;
                bound += std::abs(a) * scale / 2 + std::abs(b) * row_scale / 2 + scale * row_scale / 4;
            }
            const double got = static_cast<double>(result[row * c.columns + column]);
            // Rounding to int16 is itself rounded, in the last bits of numbers of up to 2^15; so is the scaled sum.
            if (std::abs(got - exact) <= (bytes ? bound * 1.0001 : bound * 1.01 + std::abs(exact) * 4 * epsilon))
                continue;
            FAIL(set.name << " row " << row << " column " << column << ": " << got << " for " << exact);
        }
    }
}

}  // namespace

TEST_CASE("quantized products are within the bounds of their rounding, by every instruction set and at odd shapes") {
    for (const table& set : available_tables()) {
        for (const std::size_t row_count : {1u, 2u, 3u, 6u, 7u, 13u, 17u}) {
            for (const std::size_t columns : {1u, 15u, 16u, 33u}) {
                for (const std::size_t depth : {1u, 31u, 64u, 65u, 200u}) {
                    check_bf16({number_format::bf16, row_count, columns, depth}, set);
                    check_integers({number_format::int16, row_count, columns, depth}, set);
                    check_integers({number_format::int8, row_count, columns, depth}, set);
                }
            }
        }
        check_bf16({number_format::bf16, 230, 33, 1000}, set);  // more than one block of rows
        check_integers({number_format::int16, 430, 17, 1000}, set);
        check_integers({number_format::int8, 430, 17, 1000}, set);
    }
}

TEST_CASE("in a quantized product, a row or panel has the same bits whatever it is computed beside") {
    for (const number_format format : {number_format::bf16, number_format::int16, number_format::int8}) {
        const quantized_case c(format, 61, 49, 300);
        const std::vector<float> bias = normal_numbers(c.columns, 7);
        const epilogue<float> epilogue{bias.data(), nullptr, false, activation::quick_gelu};
        for (const table& set : available_tables()) {
            const std::vector<float> together = c.product(set, 0, c.row_count, epilogue);
            for (const std::size_t count : {1u, 2u, 3u, 5u, 14u, 40u}) {
                for (std::size_t row = 0; row + count <= c.row_count; row += count) {
                    const auto expected = together.begin() + static_cast<std::ptrdiff_t>(row * c.columns);
                    const std::vector<float> part = c.product(set, row, count, epilogue);
                    REQUIRE(std::equal(part.begin(), part.end(), expected));
                }
            }
            check_panels_apart(c, set, epilogue, together);
        }
    }
}

TEST_CASE(
    "the epilogue of a quantized product adds bias, multiplies with gain, adds the old value and applies the "
    "function") {
    for (const number_format format : {number_format::bf16, number_format::int16, number_format::int8}) {
        quantized_case c(format, 9, 50, 1);
        std::ranges::fill(c.rows, 2.0f);
        std::ranges::fill(c.weights, 1.5f);
        const std::vector<float> bias(c.columns, -5.0f), gain(c.columns, 4.0f);
        for (const table& set : available_tables()) {
            const auto with = [&](const epilogue<float>& epilogue) {
                std::vector<float> result(c.row_count * c.columns, 7.0f);
                const std::vector<std::uint32_t> rows = c.packed_rows(set, 0, c.row_count),
                                                 weights = c.packed_weights();
                quantized_product p = c.over(rows, weights, set, c.row_count, result);
                p.epilogue = epilogue;
                multiply(format, p, set, 0, panel_count(c.columns));
                return result;
            };
            const auto all = [&](const std::vector<float>& results, float value) {
                return std::ranges::all_of(results, [&](float number) { return std::abs(number - value) < 1e-4f; });
            };
            CHECK(all(with({}), 3));
            CHECK(all(with({bias.data()}), -2));
            CHECK(all(with({bias.data(), gain.data()}), -8));
            CHECK(all(with({bias.data(), gain.data(), true}), -1));
            CHECK(all(with({bias.data(), gain.data(), true, activation::relu}), 0));
        }
    }
}

TEST_CASE("a row with NaN or infinity has results that are not finite, and does not affect other rows") {
    constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN(),
                    infinity = std::numeric_limits<float>::infinity();
    for (const table& set : available_tables()) {
        for (const number_format format : {number_format::int16, number_format::int8}) {
            const quantized_case sound(format, 3, 17, 70);
            const std::vector<float> expected = sound.product(set);
            for (const float number : {not_a_number, infinity, -infinity}) {
                quantized_case c = sound;
                c.rows[70 + 40] = number;
                const std::vector<float> got = c.product(set);
                for (std::size_t i = 0; i < got.size(); ++i) {
                    if (i / 17 == 1)
                        REQUIRE_FALSE(std::abs(got[i]) < infinity);
                    else
                        REQUIRE(got[i] == expected[i]);
                }
            }
        }
    }
}
