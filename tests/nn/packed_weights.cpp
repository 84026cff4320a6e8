#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <zeroshot/nn/packed_weights.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"
#include "tests/support/files.hpp"

using namespace zeroshot;
using namespace zeroshot::nn;
using namespace zeroshot_tests;

namespace {

/// A matrix [4, 37] in 16 bits, "weight", and its first row in full, "row".
checkpoint stored_as(dtype type) {
    std::vector<std::uint16_t> bits;
    for (const double value : random_numbers(4 * 37, 3)) {
        const auto number = static_cast<float>(value);
        bits.push_back(type == dtype::f16 ? half_from_float(number) : bfloat_from_float(number));
    }
    const std::vector<named_tensor> tensors{{"visual.weight", {type, {4, 37}, std::as_bytes(std::span(bits))}}};
    return checkpoint::from_bytes(safetensors_bytes(tensors), "test");
}

matrix<float> product(const weights& w, std::size_t inputs, std::size_t outputs, matrix_order order) {
    const packed_weights<float> packed(w, "visual.weight", inputs, outputs, order);
    REQUIRE(packed.inputs() == inputs);
    REQUIRE(packed.outputs() == outputs);
    const matrix<float> x = random_matrix<float>(11, inputs, 5);
    const std::vector<float> bias(outputs, 0.25f);
    matrix<float> y(11, outputs);
    packed.multiply(x.data(), inputs, 11, y.data(), {bias.data()});
    return y;
}

/// All bytes that determine the products: weights, format and kernels.
std::vector<std::byte> packed_as(const weights& w, std::size_t inputs = 37, std::size_t outputs = 4) {
    std::vector<std::byte> all;
    packed_weights<float>(w, "visual.weight", inputs, outputs, matrix_order::outputs_first)
        .parameters([&](std::span<const std::byte> bytes) { all.insert(all.end(), bytes.begin(), bytes.end()); });
    return all;
}

}  // namespace

TEST_CASE("compact and full storage give the same results, in either order of axes") {
    for (const dtype type : {dtype::f16, dtype::bf16}) {
        const weights full(stored_as(type));
        const weights compact(stored_as(type), {.storage = weight_storage::compact});
        CHECK(packed_as(compact) != packed_as(full));
        for (const matrix_order order : {matrix_order::outputs_first, matrix_order::inputs_first}) {
            const bool first = order == matrix_order::outputs_first;
            const std::size_t inputs = first ? 37 : 4, outputs = first ? 4 : 37;
            CHECK(product(compact, inputs, outputs, order) == product(full, inputs, outputs, order));
        }
    }
}

TEST_CASE("in every precision, products of a single row and on two threads have the same bits, near those in float") {
    const std::size_t rows = 21, inputs = 600, outputs = 700;  // enough for two threads
    const matrix<float> weight = random_matrix<float>(outputs, inputs, 1), x = random_matrix<float>(rows, inputs, 2);
    const auto with = [&](const packed_weights<float>& packed, std::size_t row, std::size_t count, executor* threads) {
        matrix<float> y(count, outputs);
        packed.multiply(x.row(row).data(), inputs, count, y.data(), {}, threads);
        return y;
    };
    const matrix<float> exact = with(packed_weights<float>(weight, matrix_order::outputs_first), 0, rows, nullptr);
    thread_pool threads(2);
    for (const zeroshot::precision precision : {precision::bf16, precision::int8}) {
        const packed_weights<float> packed(weight, matrix_order::outputs_first, precision);
        const matrix<float> all = with(packed, 0, rows, nullptr);
        CHECK(with(packed, 0, rows, &threads) == all);
        for (std::size_t row = 0; row < rows; ++row)
            REQUIRE(std::ranges::equal(with(packed, row, 1, nullptr).row(0), all.row(row)));
        // Numbers below 1, of a variance of a third: a sum of 600 products has the deviation sqrt(600) / 3 = 8.2. A
        // step of rounding is 2^-8 of a number, or a 126th of 1 for rows and a 63rd at most for weights; its deviation
        // is 0.29 of it, and 8 deviations do not happen.
        const double step = precision == precision::bf16 ? 2.0 / 256 : 1.0 / 126 + 1.0 / 63;
        const double bound = 8 * 0.29 * step * std::sqrt(600.0 / 3);
        for (std::size_t i = 0; i < all.size(); ++i)
            REQUIRE(std::abs(static_cast<double>(all.values()[i] - exact.values()[i])) <= bound);
    }
}

TEST_CASE(
    "weights read a few rows at a time have the bits of the whole matrix, in every precision and on two threads") {
    const std::size_t inputs = 600, outputs = 1700;  // several pieces, and enough for two threads
    const matrix<float> weight = random_matrix<float>(outputs, inputs, 1), x = random_matrix<float>(3, inputs, 2);
    const auto product_of = [&](const packed_weights<float>& packed) {
        matrix<float> y(3, outputs);
        packed.multiply(x.data(), inputs, 3, y.data());
        return y;
    };
    const auto read_rows = [&](std::size_t first, std::size_t count, float* rows) {
        std::copy_n(weight.row(first).data(), count * inputs, rows);
    };
    thread_pool threads(2);
    for (const zeroshot::precision precision : {precision::f32, precision::bf16, precision::int8}) {
        const matrix<float> whole = product_of(packed_weights<float>(weight, matrix_order::outputs_first, precision));
        CHECK(product_of(packed_weights<float>(outputs, inputs, read_rows, {.precision = precision})) == whole);
        CHECK(product_of(packed_weights<float>(outputs, inputs, read_rows, {precision, &threads})) == whole);
    }
}

TEST_CASE("a range of rows of a tensor can be packed alone, in every precision and storage") {
    const auto product_of = [](const packed_weights<float>& packed) {
        REQUIRE(packed.inputs() == 2);
        REQUIRE(packed.outputs() == 37);
        const matrix<float> x = random_matrix<float>(3, 2, 5);
        matrix<float> y(3, 37);
        packed.multiply(x.data(), 2, 3, y.data());
        return y;
    };
    const checkpoint file = stored_as(dtype::f16);
    const matrix<float> all = weights(file).read<float, 2>("visual.weight", {4, 37});
    matrix<float> rows(2, 37);
    std::ranges::copy(all.values().subspan(37, 2 * 37), rows.data());
    for (const zeroshot::precision precision : {precision::f32, precision::bf16, precision::int8}) {
        const matrix<float> expected = product_of({rows, matrix_order::inputs_first, precision});
        for (const auto storage : {weight_storage::full, weight_storage::compact}) {
            const weights w(file, {.storage = storage, .precision = precision});
            CHECK(product_of({w, "visual.weight", {4, 37}, 1, 2}) == expected);
        }
    }
}

TEST_CASE("double is never quantized") {
    const matrix<double> weight = random_matrix<double>(3, 5, 1), x = random_matrix<double>(2, 5, 2);
    const auto with = [&](zeroshot::precision precision) {
        matrix<double> y(2, 3);
        packed_weights<double>(weight, matrix_order::outputs_first, precision).multiply(x.data(), 5, 2, y.data());
        return y;
    };
    CHECK(with(precision::int8) == with(precision::f32));
}

TEST_CASE("int8 uses 16 bits on request and for short sums") {
    random_weights made;
    made.add("weight", {20, 600}).add("short", {20, 40});
    const matrix<float> x = random_matrix<float>(3, 600, 5);
    const auto with = [&](const weights& w, const char* name = "weight", std::size_t inputs = 600) {
        matrix<float> y(3, 20);
        packed_weights<float>(w, name, inputs, 20, matrix_order::outputs_first).multiply(x.data(), inputs, 3, y.data());
        return y;
    };
    const auto in = [&](zeroshot::precision precision) {
        return weights(made.get().file(), {.precision = precision}) / "visual";
    };
    const matrix<float> exact = with(in(precision::f32)), eights = with(in(precision::int8));
    const matrix<float> sixteens = with(at_least_16_bits(in(precision::int8)));
    CHECK(with(at_least_16_bits(in(precision::f32))) == exact);
    CHECK(with(at_least_16_bits(in(precision::bf16))) == with(in(precision::bf16)));
    CHECK_FALSE(eights == with(in(precision::bf16)));
    CHECK_FALSE(with(in(precision::bf16)) == exact);
    const auto error_of = [&](const matrix<float>& y, const matrix<float>& of) {
        double sum = 0;
        for (std::size_t i = 0; i < y.size(); ++i)
            sum += std::pow(static_cast<double>(y.values()[i] - of.values()[i]), 2);
        return std::sqrt(sum);
    };
    CHECK(error_of(sixteens, exact) < error_of(eights, exact) / 2);  // 3 times less in bfloat16, 20 in integers
    const matrix<float> short_sums = with(in(precision::f32), "short", 40);
    CHECK(error_of(with(in(precision::int8), "short", 40), short_sums) <=
          error_of(with(in(precision::bf16), "short", 40), short_sums));
}

TEST_CASE("compact storage changes nothing for weights stored in more than 16 bits") {
    random_weights made;
    made.add("weight", {2, 3});
    const checkpoint file = made.get().file();
    const auto packed = [&](weight_storage storage) { return packed_as(weights(file, {.storage = storage}), 3, 2); };
    CHECK(packed(weight_storage::compact) == packed(weight_storage::full));
}

TEST_CASE("compact storage refuses numbers that are not finite") {
    std::vector<std::uint16_t> bits{0x3c00, 0x7c00};
    const std::vector<named_tensor> tensors{{"visual.weight", {dtype::f16, {1, 2}, std::as_bytes(std::span(bits))}}};
    const weights w(checkpoint::from_bytes(safetensors_bytes(tensors), "test"), {.storage = weight_storage::compact});
    CHECK_THROWS_WITH((packed_weights<float>(w, "visual.weight", 2, 1, matrix_order::outputs_first)),
                      Catch::Contains("tensor visual.weight is not finite at [0, 1]"));
}

TEST_CASE("weights in the cache are not read from the checkpoint") {
    std::vector<std::uint16_t> bits(4 * 37, 0x3c00);
    const auto file_of = [&] {
        const std::vector<named_tensor> tensors{
            {"visual.weight", {dtype::f16, {4, 37}, std::as_bytes(std::span(bits))}}};
        return checkpoint::from_bytes(safetensors_bytes(tensors), "test");
    };
    const support::scratch_folder home;
    const auto packed_rows = [&](const std::shared_ptr<packed_weight_cache>& cache) {
        const weights w(file_of(), {.cache = cache});
        return packed_weights<float>(w, "visual.weight", {4, 37}, 1, 2);
    };
    const auto cache = std::make_shared<packed_weight_cache>(home / "cache", "key");
    packed_rows(cache);
    cache->write();
    bits[37] = 0x7c00;  // infinity
    CHECK_THROWS_WITH(packed_rows(nullptr), Catch::Contains("tensor visual.weight is not finite at [1, 0]"));
    CHECK_NOTHROW(packed_rows(std::make_shared<packed_weight_cache>(home / "cache", "key")));
}
