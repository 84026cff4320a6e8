#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/nn/packed_activations.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot;
using namespace zeroshot::nn;
using namespace zeroshot_tests;

namespace {

float rounded(float number, zeroshot::precision precision) {
    return precision == precision::f32 ? number : float_from_bfloat(bfloat_from_float(number));
}

/// rows times columns; both are [count, depth].
template <class Scalar>
matrix<Scalar> product(const matrix<Scalar>& rows, const matrix<Scalar>& columns, zeroshot::precision precision,
                       const kernels::table& set = kernels::active()) {
    packed_columns<Scalar> packed(columns.rows(), columns.columns(), precision, set);
    packed.pack(columns.data(), columns.columns(), 1);
    matrix<Scalar> y(rows.rows(), columns.rows());
    packed.multiply(rows.data(), rows.columns(), rows.rows(), y.data(), columns.rows());
    return y;
}

/// The same with the columns stored transposed.
matrix<float> transposed_product(const matrix<float>& rows, const matrix<float>& columns,
                                 zeroshot::precision precision) {
    matrix<float> transposed(columns.columns(), columns.rows());
    for (std::size_t c = 0; c < columns.rows(); ++c) {
        for (std::size_t k = 0; k < columns.columns(); ++k) transposed(k, c) = columns(c, k);
    }
    packed_columns<float> packed(columns.rows(), columns.columns(), precision, kernels::active());
    packed.pack(transposed.data(), 1, columns.rows());
    matrix<float> y(rows.rows(), columns.rows());
    packed.multiply(rows.data(), rows.columns(), rows.rows(), y.data(), columns.rows());
    return y;
}

}  // namespace

TEST_CASE("quantized rows times any panels give the same bits on any number of threads") {
    const std::size_t columns = 40, depth = 70;
    const matrix<float> weights = random_matrix<float>(columns, depth, 2);
    std::vector<std::uint32_t> packed(kernels::packed_size(kernels::number_format::bf16, columns, depth));
    kernels::pack(kernels::number_format::bf16, weights.data(), depth, 1, columns, depth, packed.data(),
                  kernels::active());
    thread_pool two(2);
    for (const std::size_t count : {1u, 2u, 7u}) {
        const matrix<float> x = random_matrix<float>(count, 2 * depth, 1);
        const auto with = [&](executor* threads, std::vector<std::size_t> cuts) {
            const packed_rows<float> rows(kernels::number_format::bf16, x.data(), 2 * depth, count, depth,
                                          kernels::active(), threads);
            matrix<float> y(count, columns);
            for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
                rows.multiply(packed.data(), columns, y.data(), columns, {}, cuts[i], cuts[i + 1]);
            return y;
        };
        const matrix<float> whole = with(nullptr, {0, 3});
        CHECK(with(nullptr, {0, 1, 3}) == whole);
        CHECK(with(&two, {0, 3}) == whole);
        for (std::size_t row = 0; row < count; ++row) {
            for (std::size_t column = 0; column < columns; ++column) {
                double exact = 0, norm = 0;
                for (std::size_t k = 0; k < depth; ++k) {
                    const double term = static_cast<double>(float_from_bfloat(bfloat_from_float(x(row, k)))) *
                                        static_cast<double>(float_from_bfloat(bfloat_from_float(weights(column, k))));
                    exact += term;
                    norm += std::abs(term);
                }
                const double bound = static_cast<double>(depth + 2) * std::numeric_limits<float>::epsilon() * norm;
                REQUIRE(std::abs(static_cast<double>(whole(row, column)) - exact) <= bound);
            }
        }
    }
}

TEST_CASE("packed columns are not rounded in f32 and rounded to bfloat16 otherwise, in either storage order") {
    for (const zeroshot::precision precision : {precision::f32, precision::bf16, precision::int8}) {
        for (const std::size_t count : {1u, 2u, 7u}) {
            for (const std::size_t columns : {1u, 16u, 77u}) {
                for (const std::size_t depth : {1u, 31u, 64u, 197u}) {
                    const matrix<float> rows = random_matrix<float>(count, depth, 1);
                    const matrix<float> others = random_matrix<float>(columns, depth, 2);
                    const matrix<float> y = product(rows, others, precision);
                    REQUIRE(transposed_product(rows, others, precision) == y);
                    for (std::size_t i = 0; i < y.size(); ++i) {
                        double exact = 0, norm = 0;
                        for (std::size_t k = 0; k < depth; ++k) {
                            const double term = static_cast<double>(rounded(rows(i / columns, k), precision)) *
                                                static_cast<double>(rounded(others(i % columns, k), precision));
                            exact += term;
                            norm += std::abs(term);
                        }
                        const double bound =
                            static_cast<double>(depth + 2) * std::numeric_limits<float>::epsilon() * norm;
                        REQUIRE(std::abs(static_cast<double>(y.values()[i]) - exact) <= bound);
                    }
                }
            }
        }
    }
}

TEST_CASE("in bfloat16, all instruction sets without a product of pairs give the same bits") {
    const matrix<float> rows = random_matrix<float>(5, 50, 1), columns = random_matrix<float>(19, 50, 2);
    const matrix<float> expected = product(rows, columns, precision::bf16, *kernels::tables().back());
    for (const kernels::table* const each : kernels::tables()) {
        const kernels::table& set = *each;
        if (set.is_available() && kernels::layout_of(set, kernels::number_format::bf16).as_floats)
            CHECK(product(rows, columns, precision::bf16, set) == expected);
    }
}

TEST_CASE("double is never rounded, and no NaN is lost in any precision") {
    const matrix<double> rows = random_matrix<double>(3, 5, 1), columns = random_matrix<double>(4, 5, 2);
    CHECK(product(rows, columns, precision::bf16) == product(rows, columns, precision::f32));
    const matrix<float> x = random_matrix<float>(3, 40, 1);
    for (const zeroshot::precision precision : {precision::f32, precision::bf16}) {
        matrix<float> others = random_matrix<float>(4, 40, 2);
        others(2, 37) = std::numeric_limits<float>::quiet_NaN();
        const matrix<float> y = product(x, others, precision);
        for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y.values()[i]) == (i % 4 == 2));
    }
}

TEST_CASE("the memory of packed columns can be packed again") {
    const matrix<float> rows = random_matrix<float>(2, 33, 1), first = random_matrix<float>(5, 33, 2),
                        second = random_matrix<float>(5, 33, 3);
    for (const zeroshot::precision precision : {precision::f32, precision::bf16}) {
        packed_columns<float> packed(5, 33, precision, kernels::active());
        matrix<float> y(2, 5);
        for (const matrix<float>* columns : {&first, &second}) {
            packed.pack(columns->data(), 33, 1);
            packed.multiply(rows.data(), 33, 2, y.data(), 5);
            CHECK(y == product(rows, *columns, precision));
        }
    }
}

TEST_CASE("the product with the first columns over a part of the depth is that of these columns packed alone") {
    const matrix<float> rows = random_matrix<float>(17, 77, 1), columns = random_matrix<float>(77, 77, 2);
    for (const zeroshot::precision precision : {precision::f32, precision::bf16}) {
        packed_columns<float> packed(77, 77, precision, kernels::active());
        packed.pack(columns.data(), 77, 1);
        for (const std::size_t count : {1u, 16u, 17u, 48u, 76u}) {
            packed_columns<float> part(count, count, precision, kernels::active());
            part.pack(columns.data(), 77, 1);
            matrix<float> got(17, count), expected(17, count);
            packed.multiply(rows.data(), 77, 17, got.data(), count, count, count);
            part.multiply(rows.data(), 77, 17, expected.data(), count);
            CHECK(got == expected);
        }
    }
}
