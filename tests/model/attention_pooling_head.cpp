#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <zeroshot/model/attention_pooling_head.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

namespace {

constexpr std::size_t width = 8, heads = 2, head_size = width / heads, hidden = 12;
const transformer_config sizes{width, 1, heads, hidden, activation::gelu_tanh, 1e-6};

random_weights random_head() {
    random_weights made;
    made.add("probe", {1, 1, width});
    made.add("attn.in_proj_weight", {3 * width, width}).add("attn.in_proj_bias", {3 * width});
    made.add("attn.out_proj.weight", {width, width}).add("attn.out_proj.bias", {width});
    made.add("ln.weight", {width}, 1).add("ln.bias", {width});
    made.add("mlp.c_fc.weight", {hidden, width}).add("mlp.c_fc.bias", {hidden});
    made.add("mlp.c_proj.weight", {width, hidden}).add("mlp.c_proj.bias", {width});
    return made;
}

/// Rows `first` to `first + outputs` of a weight times x, plus the bias.
std::vector<double> mapped(const random_weights& made, const std::string& weight, const std::string& bias,
                           const std::vector<double>& x, std::size_t outputs, std::size_t first = 0) {
    std::vector<double> y(outputs);
    for (std::size_t o = 0; o < outputs; ++o) {
        y[o] = made.values(bias)[first + o];
        for (std::size_t i = 0; i < x.size(); ++i) y[o] += made.values(weight)[(first + o) * x.size() + i] * x[i];
    }
    return y;
}

std::vector<double> normalised(const random_weights& made, const std::vector<double>& x) {
    double mean = 0, variance = 0;
    for (const double value : x) mean += value / width;
    for (const double value : x) variance += (value - mean) * (value - mean) / width;
    std::vector<double> y(width);
    for (std::size_t i = 0; i < width; ++i)
        y[i] = (x[i] - mean) / std::sqrt(variance + 1e-6) * made.values("ln.weight")[i] + made.values("ln.bias")[i];
    return y;
}

double gelu_tanh(double x) {
    constexpr double sqrt_2_over_pi = 0.79788456080286535588;
    return x / 2 * (1 + std::tanh(sqrt_2_over_pi * (x + 0.044715 * x * x * x)));
}

/// SiglipMultiheadAttentionPoolingHead.forward of one image, term by term.
std::vector<double> expected(const random_weights& made, const matrix<double>& tokens) {
    const auto projected = [&](const std::vector<double>& x, std::size_t part) {
        return mapped(made, "attn.in_proj_weight", "attn.in_proj_bias", x, width, part * width);
    };
    const std::vector<double> q = projected(made.values("probe"), 0);
    std::vector<double> attended(width);
    for (std::size_t h = 0; h < heads; ++h) {
        double total = 0;
        std::vector<double> sums(head_size);
        for (std::size_t t = 0; t < tokens.rows(); ++t) {
            const std::vector<double> token(tokens.row(t).begin(), tokens.row(t).end());
            const std::vector<double> k = projected(token, 1), v = projected(token, 2);
            double score = 0;
            for (std::size_t i = h * head_size; i < (h + 1) * head_size; ++i) score += q[i] * k[i];
            const double share = std::exp(score / std::sqrt(static_cast<double>(head_size)));
            total += share;
            for (std::size_t i = 0; i < head_size; ++i) sums[i] += share * v[h * head_size + i];
        }
        for (std::size_t i = 0; i < head_size; ++i) attended[h * head_size + i] = sums[i] / total;
    }
    std::vector<double> pooled = mapped(made, "attn.out_proj.weight", "attn.out_proj.bias", attended, width);
    std::vector<double> inner = mapped(made, "mlp.c_fc.weight", "mlp.c_fc.bias", normalised(made, pooled), hidden);
    for (double& value : inner) value = gelu_tanh(value);
    const std::vector<double> outer = mapped(made, "mlp.c_proj.weight", "mlp.c_proj.bias", inner, width);
    for (std::size_t i = 0; i < width; ++i) pooled[i] += outer[i];
    return pooled;
}

}  // namespace

TEST_CASE("the pooling head is attention of its probe to all tokens, then an MLP with a residual") {
    const random_weights made = random_head();
    const attention_pooling_head<double> head(made.get(), sizes);
    constexpr std::size_t tokens = 5, images = 3;
    const matrix<double> x = random_matrix<double>(images * tokens, width, 77);
    const nn::token_sequences sequences(std::vector<std::size_t>(images, tokens));
    const matrix<double> got = head(x, sequences);
    REQUIRE(got.rows() == images);
    for (std::size_t image = 0; image < images; ++image) {
        matrix<double> own(tokens, width);
        std::copy_n(x.row(image * tokens).data(), own.size(), own.data());
        const std::vector<double> wanted = expected(made, own);
        // sums of at most 12 terms below about 10, five in a row, in double
        for (std::size_t i = 0; i < width; ++i) CHECK(std::abs(got(image, i) - wanted[i]) <= 1e-12);
    }
}

TEST_CASE("images of different numbers of tokens are pooled each for itself") {
    const random_weights made = random_head();
    const attention_pooling_head<double> head(made.get(), sizes);
    const matrix<double> x = random_matrix<double>(7, width, 78);
    const std::vector<std::size_t> lengths{3, 4};
    const matrix<double> together = head(x, nn::token_sequences(lengths));
    matrix<double> second(4, width);
    std::copy_n(x.row(3).data(), second.size(), second.data());
    const matrix<double> alone = head(second, nn::token_sequences(std::vector<std::size_t>{4}));
    CHECK(std::ranges::equal(together.row(1), alone.row(0)));
}

TEST_CASE("a pooling head without its probe is refused by the tensor's name") {
    random_weights made;
    made.add("attn.in_proj_weight", {3 * width, width});
    CHECK_THROWS_WITH(attention_pooling_head<float>(made.get(), sizes), Catch::Contains("tensor visual.probe"));
}
