#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <zeroshot/nn/attention_pool.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot;
using namespace zeroshot::nn;
using namespace zeroshot_tests;

TEST_CASE("attention pooling is attention with the mean of the cells as the query") {
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

TEST_CASE("attention pooling multiplies activations in bfloat16 if its weights are bf16 or int8") {
    constexpr std::size_t cells = 40, width = 12, heads = 2, size = width / heads;
    random_weights made;
    made.add("positional_embedding", {cells + 1, width});
    for (const std::string name : {"q_proj", "k_proj", "v_proj", "c_proj"})
        made.add(name + ".weight", {width, width}).add(name + ".bias", {width});
    const auto in = [&](zeroshot::precision precision) {
        return weights(made.get().file(), {.precision = precision}) / "visual";
    };
    const matrix<float> x = random_matrix<float>(cells, width, 77);
    const auto attended = [&](zeroshot::precision precision) {
        return attention_pool<float>(in(precision), cells, width, heads, width).attended(x);
    };
    CHECK_FALSE(attended(precision::f32) == attended(precision::bf16));

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
    for (const zeroshot::precision precision : {precision::bf16, precision::int8}) {
        const auto map = [&](const char* name) { return linear<float>(in(precision) / name, width, width); };
        const matrix<float> queries = map("q_proj")(tokens);
        attention_head<float> head(cells + 1, width, score_scale<float>(size), precision::bf16, kernels::active());
        head.pack_keys_values(tokens.data(), tokens.data(), width);
        matrix<float> expected(1, width);
        for (std::size_t h = 0; h < heads; ++h) {
            matrix<float> row(1, width);
            packed_weights<float>(in(precision) / "k_proj", "weight", {width, width}, h * size, size)
                .multiply(queries.data() + h * size, width, 1, row.data());
            head.attend(row.data(), width, 1, 0, attention_mask::none, row.data(), width);
            const matrix<float> values = map("v_proj")(row);
            for (std::size_t i = h * size; i < (h + 1) * size; ++i) expected(0, i) = values(0, i);
        }
        CHECK(attended(precision) == expected);
    }
}

TEST_CASE("attention pooling has the same bits for an image alone, in a batch and on many threads") {
    constexpr std::size_t cells = 9, width = 24, heads = 3, images = 5;
    random_weights made;
    made.add("positional_embedding", {cells + 1, width});
    for (const std::string name : {"q_proj", "k_proj", "v_proj", "c_proj"})
        made.add(name + ".weight", {width, width}).add(name + ".bias", {width});
    const matrix<float> x = random_matrix<float>(images * cells, width, 78);
    thread_pool threads(3);
    for (const zeroshot::precision precision : {precision::f32, precision::bf16, precision::int8}) {
        const attention_pool<float> pool(weights(made.get().file(), {.precision = precision}) / "visual", cells, width,
                                         heads, width);
        const matrix<float> all = pool.attended(x);
        CHECK(pool.attended(x, &threads) == all);
        for (std::size_t index = 0; index < images; ++index) {
            matrix<float> own(cells, width);
            std::ranges::copy(x.values().subspan(index * cells * width, cells * width), own.data());
            CHECK(std::ranges::equal(pool.attended(own).row(0), all.row(index)));
        }
    }
}
