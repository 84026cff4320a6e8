#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <zeroshot/nn/attention.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

namespace {

constexpr std::size_t width = 12, heads = 3;

random_weights random_attention() {
    random_weights made;
    made.add("in_proj_weight", {3 * width, width}).add("in_proj_bias", {3 * width});
    made.add("out_proj.weight", {width, width}).add("out_proj.bias", {width});
    return made;
}

/// The definition, one number at a time.
matrix<double> naive(const random_weights& made, const matrix<double>& x, mask visible) {
    const std::size_t tokens = x.rows(), size = width / heads;
    const auto mapped = [&](const std::string& weight, const std::string& bias, const matrix<double>& rows,
                            std::size_t outputs) {
        matrix<double> y(rows.rows(), outputs);
        for (std::size_t r = 0; r < rows.rows(); ++r) {
            for (std::size_t o = 0; o < outputs; ++o) {
                y(r, o) = made.values(bias)[o];
                for (std::size_t i = 0; i < width; ++i) y(r, o) += rows(r, i) * made.values(weight)[o * width + i];
            }
        }
        return y;
    };
    const matrix<double> qkv = mapped("in_proj_weight", "in_proj_bias", x, 3 * width);
    matrix<double> mixed(tokens, width);
    for (std::size_t h = 0; h < heads; ++h) {
        for (std::size_t i = 0; i < tokens; ++i) {
            std::vector<double> share(visible == mask::causal ? i + 1 : tokens);
            double sum = 0;
            for (std::size_t j = 0; j < share.size(); ++j) {
                double score = 0;
                for (std::size_t k = 0; k < size; ++k) score += qkv(i, h * size + k) * qkv(j, width + h * size + k);
                sum += share[j] = std::exp(score / std::sqrt(static_cast<double>(size)));
            }
            for (std::size_t j = 0; j < share.size(); ++j) {
                for (std::size_t k = 0; k < size; ++k)
                    mixed(i, h * size + k) += share[j] / sum * qkv(j, 2 * width + h * size + k);
            }
        }
    }
    return mapped("out_proj.weight", "out_proj.bias", mixed, width);
}

}  // namespace

TEST_CASE("attention is softmax(Q K^T / sqrt(d)) V for each head") {
    const random_weights made = random_attention();
    const matrix<double> x = random_matrix<double>(7, width, 5);
    for (const mask visible : {mask::none, mask::causal}) {
        const attention<double> layer(made.get(), width, heads, visible);
        const matrix<double> got = layer(x, sequences(std::array<std::size_t, 1>{7}), nullptr),
                             expected = naive(made, x, visible);
        // three sums of 12 terms below about 20, in double
        for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::abs(got.values()[i] - expected.values()[i]) <= 1e-13);
    }
}

TEST_CASE("a causal mask hides later tokens") {
    const attention<float> layer(random_attention().get(), width, heads, mask::causal);
    matrix<float> x = random_matrix<float>(6, width, 5);
    const matrix<float> before = layer(x, sequences(std::array<std::size_t, 1>{6}), nullptr);
    std::ranges::fill(x.row(5), 9.0f);
    const matrix<float> after = layer(x, sequences(std::array<std::size_t, 1>{6}), nullptr);
    for (std::size_t row = 0; row < 5; ++row) CHECK(std::ranges::equal(before.row(row), after.row(row)));
    CHECK_FALSE(std::ranges::equal(before.row(5), after.row(5)));
}

TEST_CASE("sequences side by side see only themselves, to the bit") {
    const attention<float> layer(random_attention().get(), width, heads, mask::none);
    const matrix<float> x = random_matrix<float>(9, width, 5);
    const matrix<float> together = layer(x, sequences(std::array<std::size_t, 3>{2, 3, 4}), nullptr);
    std::size_t first = 0;
    for (const std::size_t tokens : {2u, 3u, 4u}) {
        matrix<float> own(tokens, width);
        std::ranges::copy(x.values().subspan(first * width, tokens * width), own.data());
        const matrix<float> alone = layer(own, sequences(std::array<std::size_t, 1>{tokens}), nullptr);
        CHECK(std::ranges::equal(alone.values(), together.values().subspan(first * width, tokens * width)));
        first += tokens;
    }
}

TEST_CASE("a beginning that sequences share gives the same bits as one of their own") {
    const attention<float> layer(random_attention().get(), width, heads, mask::causal);
    const matrix<float> x = random_matrix<float>(8, width, 5);
    sequences all;
    all.add(0, 5);
    all.add(3, 2);  // rows 0, 1, 2, 5, 6
    all.add(2, 1);  // rows 0, 1, 7
    const matrix<float> together = layer(x, all, nullptr);
    for (std::size_t i = 0; i < all.size(); ++i) {
        matrix<float> own(all[i].size(), width);
        for (std::size_t token = 0; token < own.rows(); ++token)
            std::ranges::copy(x.row(all[i][token]), own.row(token).begin());
        const matrix<float> alone = layer(own, sequences(std::array<std::size_t, 1>{own.rows()}), nullptr);
        for (std::size_t token = 0; token < own.rows(); ++token)
            CHECK(std::ranges::equal(alone.row(token), together.row(all[i][token])));
    }
}
