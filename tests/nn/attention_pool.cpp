#include <cmath>
#include <string>
#include <vector>

#include <zeroshot/nn/attention_pool.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

TEST_CASE("attention pooling lets the mean of the cells ask all of them") {
    constexpr std::size_t cells = 4, width = 8, heads = 2, outputs = 3, size = width / heads;
    random_weights made;
    made.add("positional_embedding", {cells + 1, width});
    for (const std::string name : {"q_proj", "k_proj", "v_proj"})
        made.add(name + ".weight", {width, width}).add(name + ".bias", {width});
    made.add("c_proj.weight", {outputs, width}).add("c_proj.bias", {outputs});
    const matrix<double> x = random_matrix<double>(cells, width, 77);
    const matrix<double> got = attention_pool<double>(made.get(), cells, width, heads, outputs)(x);

    matrix<double> tokens(cells + 1, width);
    for (std::size_t i = 0; i < width; ++i) {
        for (std::size_t c = 0; c < cells; ++c) {
            tokens(0, i) += x(c, i) / cells;
            tokens(c + 1, i) = x(c, i);
        }
        for (std::size_t t = 0; t <= cells; ++t) tokens(t, i) += made.values("positional_embedding")[t * width + i];
    }
    const auto mapped = [&](const std::string& name, std::size_t token, std::size_t o) {
        double sum = made.values(name + ".bias")[o];
        for (std::size_t i = 0; i < width; ++i) sum += tokens(token, i) * made.values(name + ".weight")[o * width + i];
        return sum;
    };
    std::vector<double> mixed(width);
    for (std::size_t h = 0; h < heads; ++h) {
        double sum = 0;
        std::vector<double> share(cells + 1);
        for (std::size_t t = 0; t <= cells; ++t) {
            double score = 0;
            for (std::size_t k = h * size; k < (h + 1) * size; ++k)
                score += mapped("q_proj", 0, k) * mapped("k_proj", t, k);
            sum += share[t] = std::exp(score / std::sqrt(static_cast<double>(size)));
        }
        for (std::size_t t = 0; t <= cells; ++t) {
            for (std::size_t k = h * size; k < (h + 1) * size; ++k) mixed[k] += share[t] / sum * mapped("v_proj", t, k);
        }
    }
    for (std::size_t o = 0; o < outputs; ++o) {
        double expected = made.values("c_proj.bias")[o];
        for (std::size_t k = 0; k < width; ++k) expected += mixed[k] * made.values("c_proj.weight")[o * width + k];
        CHECK(std::abs(got(0, o) - expected) <= 1e-13);  // three sums of 8 terms below about 10, in double
    }
}

TEST_CASE("attention pooling's own products are made in bfloat16 where its weights are multiplied so, or in 8 bits") {
    constexpr std::size_t cells = 40, width = 12, heads = 2, size = width / heads;
    random_weights made;
    made.add("positional_embedding", {cells + 1, width});
    for (const std::string name : {"q_proj", "k_proj", "v_proj", "c_proj"})
        made.add(name + ".weight", {width, width}).add(name + ".bias", {width});
    const auto in = [&](precision how) { return weights(made.get().file(), {.arithmetic = how}) / "visual"; };
    const matrix<float> x = random_matrix<float>(cells, width, 77);
    const auto attended = [&](precision how) {
        return attention_pool<float>(in(how), cells, width, heads, width).attended(x);
    };
    CHECK_FALSE(attended(precision::f32) == attended(precision::bf16));
    CHECK(attended(precision::int8) == attended(precision::bf16));  // so short sums stay bf16 in int8

    // By hand, of the same maps.
    matrix<float> tokens(cells + 1, width);
    for (std::size_t c = 0; c < cells; ++c) {
        for (std::size_t i = 0; i < width; ++i) {
            tokens(0, i) += x(c, i);
            tokens(c + 1, i) = x(c, i);
        }
    }
    for (float& value : tokens.row(0)) value /= static_cast<float>(cells);
    tokens += in(precision::f32).read<float, 2>("positional_embedding", {cells + 1, width});
    const auto mapped = [&](const char* name) {
        return linear<float>(in(precision::bf16) / name, width, width)(tokens);
    };
    const matrix<float> queries = mapped("q_proj"), keys = mapped("k_proj"), values = mapped("v_proj");
    matrix<float> mixed(1, width);
    detail::attention_head<float> head(cells + 1, size, precision::bf16, kernels::active());
    for (std::size_t h = 0; h < heads; ++h) {
        head.remember(keys.data() + h * size, values.data() + h * size, width);
        head.answer(queries.data() + h * size, width, 1, 0, mask::none, mixed.data() + h * size, width);
    }
    CHECK(attended(precision::bf16) == mixed);
}
