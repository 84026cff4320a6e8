#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <zeroshot/kernels/multiply.hpp>

#include "tests/catch.hpp"

using namespace zeroshot::kernels;

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
std::vector<Scalar> multiplied(instruction_set set, const std::vector<Scalar>& rows, std::size_t row_count,
                               const std::vector<Scalar>& weights, const Scalar* bias, std::size_t columns,
                               std::size_t depth) {
    std::vector<Scalar> packed(packed_size(columns, depth)), result(row_count * columns);
    pack(weights.data(), depth, 1, columns, depth, packed.data());
    multiply(
        product<Scalar>{rows.data(), depth, row_count, packed.data(), bias, columns, depth, result.data(), columns},
        set);
    return result;
}

/// The worst excess over the bound |error| <= (depth + 2) * epsilon * sum |a b|, the classical bound of a sum in any
/// order.
template <class Scalar>
void check_against_long_double(instruction_set set, std::size_t row_count, std::size_t columns, std::size_t depth) {
    const auto rows = random_numbers<Scalar>(row_count * depth, 1);
    const auto weights = random_numbers<Scalar>(columns * depth, 2);
    const auto bias = random_numbers<Scalar>(columns, 3);
    const auto result = multiplied(set, rows, row_count, weights, bias.data(), columns, depth);
    for (std::size_t row = 0; row < row_count; ++row) {
        for (std::size_t column = 0; column < columns; ++column) {
            long double exact = bias[column], norm = std::abs(bias[column]);
            for (std::size_t k = 0; k < depth; ++k) {
                const long double term = static_cast<long double>(rows[row * depth + k]) * weights[column * depth + k];
                exact += term;
                norm += std::abs(term);
            }
            const long double bound =
                static_cast<long double>(depth + 2) * std::numeric_limits<Scalar>::epsilon() * norm;
            const Scalar got = result[row * columns + column];
            INFO(name_of(set) << " row " << row << " column " << column << ": " << got << " for " << double(exact));
            REQUIRE(std::abs(static_cast<long double>(got) - exact) <= bound);
        }
    }
}

}  // namespace

TEST_CASE("every instruction set of this machine multiplies within the bound of a sum, at odd shapes") {
    for (const instruction_set set : all_instruction_sets) {
        if (!is_available(set)) {
            WARN("instruction set " << name_of(set) << " is not on this machine: not tested");
            continue;
        }
        for (const std::size_t row_count : {1u, 2u, 5u, 12u, 25u}) {
            for (const std::size_t columns : {1u, 15u, 16u, 17u, 50u}) {
                for (const std::size_t depth : {1u, 7u, 64u, 129u}) {
                    check_against_long_double<float>(set, row_count, columns, depth);
                    check_against_long_double<double>(set, row_count, columns, depth);
                }
            }
        }
    }
}

TEST_CASE("a row gives the same bits whatever rows it is computed beside") {
    const std::size_t row_count = 31, columns = 33, depth = 100;
    const auto rows = random_numbers<float>(row_count * depth, 4);
    const auto weights = random_numbers<float>(columns * depth, 5);
    for (const instruction_set set : all_instruction_sets) {
        if (!is_available(set)) continue;
        const auto together = multiplied<float>(set, rows, row_count, weights, nullptr, columns, depth);
        for (std::size_t row = 0; row < row_count; ++row) {
            const std::vector<float> one(rows.begin() + static_cast<std::ptrdiff_t>(row * depth),
                                         rows.begin() + static_cast<std::ptrdiff_t>((row + 1) * depth));
            const auto alone = multiplied<float>(set, one, 1, weights, nullptr, columns, depth);
            const std::vector<float> slice(together.begin() + static_cast<std::ptrdiff_t>(row * columns),
                                           together.begin() + static_cast<std::ptrdiff_t>((row + 1) * columns));
            REQUIRE(alone == slice);
        }
    }
}
