#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include <zeroshot/kernels/kernels.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

namespace {

template <class Scalar>
std::vector<Scalar> random_numbers(std::size_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<Scalar> normal;
    std::vector<Scalar> numbers(count);
    for (Scalar& number : numbers) number = normal(generator);
    return numbers;
}

template <class Scalar>
std::vector<Scalar> packed_weights(const std::vector<Scalar>& weights, std::size_t columns, std::size_t depth) {
    std::vector<Scalar> packed(packed_size(columns, depth));
    pack(weights.data(), depth, 1, columns, depth, packed.data());
    return packed;
}

/// Rows [row_count, depth] as a table's products need them.
template <class Scalar>
std::vector<Scalar> packed_tiles(const table& set, const std::vector<Scalar>& rows, std::size_t row_count,
                                 std::size_t depth) {
    const std::size_t height = kernels_of<Scalar>(set).tile_height;
    if (height == 0) return rows;
    const row_tiles tiles(row_count, height, 1);
    std::vector<Scalar> packed(rows.size());
    for (std::size_t tile = 0; tile < tiles.count; ++tile) {
        const std::size_t row = tiles.row(tile);
        pack_tile(rows.data() + row * depth, depth, tiles.row(tile + 1) - row, depth, packed.data() + row * depth, set);
    }
    return packed;
}

template <class Scalar>
std::vector<Scalar> multiplied(const table& set, const std::vector<Scalar>& rows, std::size_t row_count,
                               const std::vector<Scalar>& packed, std::size_t columns, std::size_t depth,
                               const epilogue<Scalar>& epilogue = {}) {
    std::vector<Scalar> result(row_count * columns);
    const std::vector<Scalar> left = packed_tiles(set, rows, row_count, depth);
    multiply<Scalar>({left.data(), depth, row_count, packed.data(), columns, depth, result.data(), columns, epilogue},
                     set);
    return result;
}

/// Whether the errors are within (depth + 2) * epsilon * sum |a b|, the classical bound of a sum in any order; the
/// exact sums are made of wider numbers.
template <class Scalar>
void check_against_wider(const table& set, std::size_t row_count, std::size_t columns, std::size_t depth) {
    const auto rows = random_numbers<Scalar>(row_count * depth, 1);
    const auto weights = random_numbers<Scalar>(columns * depth, 2);
    const auto bias = random_numbers<Scalar>(columns, 3);
    using wider = std::conditional_t<std::is_same_v<Scalar, float>, double, long double>;
    const auto result =
        multiplied(set, rows, row_count, packed_weights(weights, columns, depth), columns, depth, {bias.data()});
    for (std::size_t row = 0; row < row_count; ++row) {
        for (std::size_t column = 0; column < columns; ++column) {
            wider exact = bias[column], norm = std::abs(exact);
            for (std::size_t k = 0; k < depth; ++k) {
                const wider term =
                    static_cast<wider>(rows[row * depth + k]) * static_cast<wider>(weights[column * depth + k]);
                exact += term;
                norm += std::abs(term);
            }
            const wider bound = static_cast<wider>(depth + 2) * std::numeric_limits<Scalar>::epsilon() * norm;
            const Scalar got = result[row * columns + column];
            if (std::abs(static_cast<wider>(got) - exact) <= bound) continue;
            FAIL(set.name << " row " << row << " column " << column << ": " << got << " for " << double(exact));
        }
    }
}

template <class Scalar>
std::vector<Scalar> part_of(const std::vector<Scalar>& numbers, std::size_t first, std::size_t count) {
    const auto begin = numbers.begin() + static_cast<std::ptrdiff_t>(first);
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

TEST_CASE("products are within the bound of a sum, by every instruction set and at odd shapes") {
    for (const table* const each : tables()) {
        const table& set = *each;
        if (!set.is_available()) {
            WARN("instruction set " << set.name << " is not on this machine: not tested");
            continue;
        }
        for (const std::size_t row_count : {1u, 2u, 5u, 12u, 25u, 28u}) {
            for (const std::size_t columns : {1u, 15u, 16u, 17u, 50u}) {
                for (const std::size_t depth : {1u, 7u, 64u, 129u}) {
                    check_against_wider<float>(set, row_count, columns, depth);
                    check_against_wider<double>(set, row_count, columns, depth);
                }
            }
        }
        check_against_wider<float>(set, 230, 33, 1000);  // more than one block of rows
    }
}

TEST_CASE("a row has the same bits whatever rows it is computed beside") {
    const std::size_t row_count = 131, columns = 49, depth = 900;
    const auto rows = random_numbers<float>(row_count * depth, 4);
    const auto packed = packed_weights(random_numbers<float>(columns * depth, 5), columns, depth);
    for (const table& set : available_tables()) {
        const auto together = multiplied<float>(set, rows, row_count, packed, columns, depth);
        for (const std::size_t count : {1u, 2u, 3u, 5u, 13u, 14u, 100u}) {
            for (std::size_t row = 0; row + count <= row_count; row += count) {
                const auto part =
                    multiplied<float>(set, part_of(rows, row * depth, count * depth), count, packed, columns, depth);
                REQUIRE(part == part_of(together, row * columns, count * columns));
            }
        }
    }
}

TEST_CASE("panels computed one by one have the same bits as all at once, and nothing else is written") {
    const std::size_t row_count = 7, columns = 75, depth = 40;
    const auto rows = random_numbers<float>(row_count * depth, 4);
    const auto packed = packed_weights(random_numbers<float>(columns * depth, 5), columns, depth);
    const auto bias = random_numbers<float>(columns, 6);
    for (const table& set : available_tables()) {
        const epilogue<float> epilogue{bias.data(), nullptr, false, activation::quick_gelu};
        const auto together = multiplied<float>(set, rows, row_count, packed, columns, depth, epilogue);
        std::vector<float> apart(row_count * columns, -7.0f);
        const std::vector<float> left = packed_tiles(set, rows, row_count, depth);
        const product<float> p{left.data(), depth,        row_count, packed.data(), columns,
                               depth,       apart.data(), columns,   epilogue};
        multiply(p, set, 1, 2);
        for (std::size_t i = 0; i < apart.size(); ++i)
            REQUIRE((apart[i] != -7.0f) == (i % columns >= 16 && i % columns < 32));
        multiply(p, set, 0, 1);
        multiply(p, set, 2, panel_count(columns));
        CHECK(apart == together);
    }
}

TEST_CASE("the epilogue adds bias, multiplies with gain, adds the old value and applies the function") {
    const std::size_t row_count = 9, columns = 50, depth = 1;
    const std::vector<float> rows(row_count, 2.0f), weights(columns, 1.5f), bias(columns, -5.0f), gain(columns, 4.0f);
    for (const table& set : available_tables()) {
        const auto packed = packed_weights(weights, columns, depth);
        const auto with = [&](const epilogue<float>& epilogue) {
            std::vector<float> result(row_count * columns, 7.0f);
            multiply<float>(
                {rows.data(), 1, row_count, packed.data(), columns, depth, result.data(), columns, epilogue}, set);
            return result;
        };
        const auto all = [&](float value) { return std::vector<float>(row_count * columns, value); };
        CHECK(with({}) == all(3));
        CHECK(with({bias.data()}) == all(-2));
        CHECK(with({bias.data(), gain.data()}) == all(-8));
        CHECK(with({bias.data(), gain.data(), true}) == all(-1));
        CHECK(with({bias.data(), gain.data(), true, activation::relu}) == all(0));
        CHECK(with({nullptr, nullptr, true}) == all(10));
    }
}
