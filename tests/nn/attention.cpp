#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <zeroshot/half.hpp>
#include <zeroshot/nn/attention.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot::nn;
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
matrix<double> naive(const random_weights& made, const matrix<double>& x, attention_mask mask) {
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
            std::vector<double> share(mask == attention_mask::causal ? i + 1 : tokens);
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

constexpr std::array every_precision{precision::f32, precision::bf16, precision::int8};

attention<float> random_attention(zeroshot::precision precision, attention_mask mask) {
    return {weights(random_attention().get().file(), {.precision = precision}) / "visual", width, heads, mask};
}

/// Sequences that share their prefixes, one longer than a block of bfloat16: rows 0 to 39; 0 to 34 and 40 to 49; 0,
/// 1 and 50.
token_sequences shared_prefixes() {
    token_sequences all;
    all.add(0, 40);
    all.add(35, 10);
    all.add(2, 1);
    return all;
}

/// Queries, keys and values of one head: [tokens, 3 * size].
matrix<float> head_of(const matrix<float>& qkv, zeroshot::precision precision, attention_mask mask) {
    const std::size_t tokens = qkv.rows(), size = qkv.columns() / 3;
    attention_head<float> head(tokens, size, score_scale<float>(size), precision, kernels::active());
    head.pack_keys_values(qkv.data() + size, qkv.data() + 2 * size, 3 * size);
    matrix<float> results(tokens, size);
    head.attend(qkv.data(), 3 * size, tokens, 0, mask, results.data(), size);
    return results;
}

matrix<float> as_bfloats(matrix<float> numbers) {
    for (float& number : numbers.values()) number = float_from_bfloat(bfloat_from_float(number));
    return numbers;
}

/// How far a head in bfloat16 may be from the definition over rounded queries, keys and values. A share's relative
/// error is half a step of 2^-7, and what float's softmax makes of a score that is off by (size + 2) epsilon of its
/// norm, twice: above and below the line. The sum of shares times values is off by (tokens + 2) epsilon.
void check_head(const matrix<float>& qkv, attention_mask mask) {
    const matrix<float> got = head_of(qkv, precision::bf16, mask), x = as_bfloats(qkv);
    const std::size_t tokens = x.rows(), size = x.columns() / 3;
    constexpr double epsilon = std::numeric_limits<float>::epsilon(), half_step = 1.0 / 256, softmax = 16 * epsilon;
    for (std::size_t i = 0; i < tokens; ++i) {
        std::vector<double> share(mask == attention_mask::causal ? i + 1 : tokens);
        double sum = 0, largest_norm = 0;
        for (std::size_t j = 0; j < share.size(); ++j) {
            double score = 0, norm = 0;
            for (std::size_t k = 0; k < size; ++k) {
                const double term = static_cast<double>(x(i, k)) * static_cast<double>(x(j, size + k));
                score += term;
                norm += std::abs(term);
            }
            largest_norm = std::max(largest_norm, norm / std::sqrt(static_cast<double>(size)));
            sum += share[j] = std::exp(score / std::sqrt(static_cast<double>(size)));
        }
        const double of_share = half_step + softmax + 2 * static_cast<double>(size + 2) * epsilon * largest_norm;
        for (std::size_t k = 0; k < size; ++k) {
            double exact = 0, norm = 0;
            for (std::size_t j = 0; j < share.size(); ++j) {
                const double term = share[j] / sum * static_cast<double>(x(j, 2 * size + k));
                exact += term;
                norm += std::abs(term);
            }
            const double bound = (of_share + static_cast<double>(tokens + 2) * epsilon) * norm;
            INFO(tokens << " tokens, token " << i << ", size " << size);
            REQUIRE(std::abs(static_cast<double>(got(i, k)) - exact) <= bound);
        }
    }
}

std::vector<std::size_t> rows_of(const token_sequences& all, std::size_t index) {
    return {all[index].begin(), all[index].end()};
}

}  // namespace

TEST_CASE("each head of attention is softmax(Q K^T / sqrt(d)) V") {
    const random_weights made = random_attention();
    const matrix<double> x = random_matrix<double>(7, width, 5);
    for (const attention_mask mask : {attention_mask::none, attention_mask::causal}) {
        const attention<double> layer(made.get(), width, heads, mask);
        const matrix<double> got = layer(x, token_sequences(std::array<std::size_t, 1>{7}), nullptr),
                             expected = naive(made, x, mask);
        // three sums of 12 terms below about 20, in double
        for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::abs(got.values()[i] - expected.values()[i]) <= 1e-13);
    }
}

TEST_CASE("in bf16, a head equals the definition with rounded queries, keys and values") {
    for (const attention_mask mask : {attention_mask::none, attention_mask::causal}) {
        for (const std::size_t size : {1u, 5u, 64u, 80u}) {
            for (const std::size_t tokens : {1u, 2u, 33u, 77u})
                check_head(random_matrix<float>(tokens, 3 * size, 3), mask);
        }
        check_head(random_matrix<float>(577, 3 * 31, 4), mask);
    }
}

TEST_CASE("in bf16 and int8, queries, keys, values and attention weights are rounded; in f32 none of them") {
    for (const attention_mask mask : {attention_mask::none, attention_mask::causal}) {
        const matrix<float> qkv = random_matrix<float>(50, 3 * 20, 5);
        CHECK_FALSE(head_of(qkv, precision::f32, mask) == head_of(as_bfloats(qkv), precision::f32, mask));
        const matrix<float> expected = head_of(as_bfloats(qkv), precision::bf16, mask);
        CHECK(head_of(qkv, precision::bf16, mask) == expected);
        CHECK(head_of(qkv, precision::int8, mask) == expected);
    }
    matrix<float> equal(3, 3);  // no token differs from another but for the first one's value
    equal(0, 2) = 1;
    CHECK(head_of(equal, precision::bf16, attention_mask::none)(0, 0) ==
          float_from_bfloat(bfloat_from_float(1.0f / 3)));
    CHECK(std::abs(head_of(equal, precision::f32, attention_mask::none)(0, 0) - 1.0f / 3) <= 1e-7f);
}

TEST_CASE("attention multiplies in the precision of its weights") {
    const matrix<float> x = random_matrix<float>(7, width, 5);
    const token_sequences one(std::array<std::size_t, 1>{7});
    const auto results = [&](zeroshot::precision precision) {
        return matrix<float>(random_attention(precision, attention_mask::none)(x, one, nullptr));
    };
    CHECK_FALSE(results(precision::f32) == results(precision::bf16));
    for (const zeroshot::precision precision : {precision::bf16, precision::int8}) {  // by hand, of the same maps
        const weights w = weights(random_attention().get().file(), {.precision = precision}) / "visual";
        const matrix<float> qkv = linear<float>(w, "in_proj_weight", "in_proj_bias", width, 3 * width)(x);
        matrix<float> mixed(7, width);
        for (std::size_t column = 0; column < width; column += width / heads) {
            attention_head<float> head(7, width / heads, score_scale<float>(width / heads), precision::bf16,
                                       kernels::active());
            head.pack_keys_values(qkv.data() + width + column, qkv.data() + 2 * width + column, 3 * width);
            head.attend(qkv.data() + column, 3 * width, 7, 0, attention_mask::none, mixed.data() + column, width);
        }
        CHECK(results(precision) == linear<float>(w / "out_proj", width, width)(mixed));
    }
}

TEST_CASE("a causal mask hides later tokens") {
    const attention<float> layer(random_attention().get(), width, heads, attention_mask::causal);
    matrix<float> x = random_matrix<float>(6, width, 5);
    const matrix<float> before = layer(x, token_sequences(std::array<std::size_t, 1>{6}), nullptr);
    std::ranges::fill(x.row(5), 9.0f);
    const matrix<float> after = layer(x, token_sequences(std::array<std::size_t, 1>{6}), nullptr);
    for (std::size_t row = 0; row < 5; ++row) CHECK(std::ranges::equal(before.row(row), after.row(row)));
    CHECK_FALSE(std::ranges::equal(before.row(5), after.row(5)));
}

TEST_CASE("consecutive sequences have the bits of each alone") {
    thread_pool threads(2);
    for (const zeroshot::precision precision : every_precision) {
        const attention<float> layer = random_attention(precision, attention_mask::none);
        const matrix<float> x = random_matrix<float>(45, width, 5);
        const matrix<float> together = layer(x, token_sequences(std::array<std::size_t, 3>{2, 3, 40}), &threads);
        std::size_t first = 0;
        for (const std::size_t tokens : {2u, 3u, 40u}) {
            matrix<float> own(tokens, width);
            std::ranges::copy(x.values().subspan(first * width, tokens * width), own.data());
            const matrix<float> alone = layer(own, token_sequences(std::array<std::size_t, 1>{tokens}), nullptr);
            CHECK(std::ranges::equal(alone.values(), together.values().subspan(first * width, tokens * width)));
            first += tokens;
        }
    }
}

TEST_CASE("a shared prefix has the bits of a prefix of their own") {
    const matrix<float> x = random_matrix<float>(51, width, 5);
    const token_sequences all = shared_prefixes();
    for (const zeroshot::precision precision : every_precision) {
        const attention<float> layer = random_attention(precision, attention_mask::causal);
        const matrix<float> together = layer(x, all, nullptr);
        for (std::size_t i = 0; i < all.size(); ++i) {
            matrix<float> own(all[i].size(), width);
            for (std::size_t token = 0; token < own.rows(); ++token)
                std::ranges::copy(x.row(all[i][token]), own.row(token).begin());
            const matrix<float> alone = layer(own, token_sequences(std::array<std::size_t, 1>{own.rows()}), nullptr);
            for (std::size_t token = 0; token < own.rows(); ++token)
                CHECK(std::ranges::equal(alone.row(token), together.row(all[i][token])));
        }
    }
}

TEST_CASE("the output at one token has the bits of the full output") {
    const matrix<float> x = random_matrix<float>(51, width, 5);
    const token_sequences all = shared_prefixes();
    thread_pool threads(2);
    for (const zeroshot::precision precision : every_precision) {
        for (const attention_mask mask : {attention_mask::none, attention_mask::causal}) {
            const attention<float> layer = random_attention(precision, mask);
            const matrix<float> together = layer(x, all, nullptr);
            const std::array<std::size_t, 3> positions{39, 36, 2};  // of rows that are their sequences' own
            const matrix<float> alone = layer.output_at(positions, x, all, &threads);
            for (std::size_t i = 0; i < all.size(); ++i)
                CHECK(std::ranges::equal(alone.row(i), together.row(all[i][positions[i]])));
        }
    }
}

TEST_CASE("no NaN is lost in any precision") {
    for (const zeroshot::precision precision : every_precision) {
        matrix<float> x = random_matrix<float>(5, width, 5);
        x(3, 1) = std::numeric_limits<float>::quiet_NaN();
        const matrix<float> y = random_attention(precision, attention_mask::none)(
            x, token_sequences(std::array<std::size_t, 1>{5}), nullptr);
        for (const float number : y.values()) CHECK(std::isnan(number));
    }
}

TEST_CASE("consecutive sequences have rows of their own") {
    const token_sequences all(std::array<std::size_t, 2>{2, 3});
    CHECK(all.size() == 2);
    CHECK(all.row_count() == 5);
    CHECK(rows_of(all, 0) == std::vector<std::size_t>{0, 1});
    CHECK(rows_of(all, 1) == std::vector<std::size_t>{2, 3, 4});
    CHECK(all.own(1) == 3);
}

TEST_CASE("a sequence with a shared prefix continues with rows of its own, and so does the next") {
    token_sequences all;
    all.add(0, 4);
    all.add(3, 1);
    all.add(2, 2);
    CHECK(all.row_count() == 7);
    CHECK(rows_of(all, 1) == std::vector<std::size_t>{0, 1, 2, 4});
    CHECK(rows_of(all, 2) == std::vector<std::size_t>{0, 1, 5, 6});
    CHECK(all.own(2) == 2);
}
