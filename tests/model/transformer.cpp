#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/model/transformer.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot::nn;
using namespace zeroshot_tests;

TEST_CASE("an empty observer is disabled") {
    CHECK_FALSE(stage_observer<float>());
}

TEST_CASE("an observer sees the output of every block") {
    const weights w(checkpoint::open(model_folder("openai_vit") + "/model.safetensors"));
    const transformer_config config{64, 2, 1, 256, activation::quick_gelu, 1e-5};
    const transformer<float> blocks(w / "visual" / "transformer", config, attention_mask::none);
    std::vector<std::string> stages;
    matrix<float> last;
    const matrix<float> result = blocks(random_matrix<float>(5, 64, 1), token_sequences(std::array<std::size_t, 1>{5}),
                                        "visual.transformer", [&](std::string_view stage, const matrix<float>& x) {
                                            stages.emplace_back(stage);
                                            last = x;
                                        });
    CHECK(stages == std::vector<std::string>{"visual.transformer.resblocks.0", "visual.transformer.resblocks.1"});
    CHECK(last == result);
}

// Values of torch 2.15 in double: x * sigmoid(1.702 x), nn.GELU(), nn.GELU(approximate="tanh").
TEST_CASE("each activation of the configuration is PyTorch's") {
    struct values {
        double x, quick_gelu, gelu, gelu_tanh;
    };
    for (const auto& [x, quick_gelu, gelu, gelu_tanh] :
         std::array<values, 4>{{{-3.0, -0.01807130970778597, -0.00404969409489031, -0.0036373920817729943},
                                {-0.5, -0.1496115633936199, -0.15426876936299344, -0.15428599017485606},
                                {0.25, 0.1511996499001942, 0.14967658142073093, 0.149675350701685},
                                {2.0, 1.9356586231442083, 1.9544997361036416, 1.954597694087775}}}) {
        matrix<double> one(1, 1);
        one(0, 0) = 1;
        const linear<double> identity(one);
        const auto activated = [&, x = x](activation which) {  // clang 14 captures no structured binding
            return identity(matrix<double>(Eigen::Matrix<double, 1, 1>(x)), zeroshot::detail::kernel_of(which),
                            nullptr)(0, 0);
        };
        CHECK(activated(activation::quick_gelu) == Approx(quick_gelu).epsilon(1e-14));
        CHECK(activated(activation::gelu) == Approx(gelu).epsilon(1e-14));
        CHECK(activated(activation::gelu_tanh) == Approx(gelu_tanh).epsilon(1e-14));
    }
}

TEST_CASE("the MLP of a block applies the configuration's activation") {
    const weights w = weights(checkpoint::open(model_folder("openai_vit") + "/model.safetensors")) / "visual" /
                      "transformer" / "resblocks" / 0;
    const matrix<double> x = random_matrix<double>(3, 64, 2);
    const token_sequences sequences(std::array<std::size_t, 1>{3});
    const std::array<std::pair<activation, double (*)(double)>, 3> activations{
        {{activation::quick_gelu, [](double v) { return v / (1 + std::exp(-1.702 * v)); }},
         {activation::gelu, [](double v) { return v * 0.5 * std::erfc(-v / std::sqrt(2.0)); }},
         {activation::gelu_tanh, [](double v) {
              return v * 0.5 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v)));
          }}}};
    for (const auto& [which, exact] : activations) {
        const residual_attention_block<double> block(w, {64, 1, 1, 256, which, 1e-5}, attention_mask::none);
        matrix<double> expected = x;
        expected += attention<double>(w / "attn", 64, 1, attention_mask::none)(layer_norm<double>(w / "ln_1", 64)(x),
                                                                               sequences, nullptr);
        matrix<double> hidden =
            linear<double>(w / "mlp" / "c_fc", 64, 256)(layer_norm<double>(w / "ln_2", 64)(expected));
        std::ranges::transform(hidden.values(), hidden.data(), exact);
        expected += linear<double>(w / "mlp" / "c_proj", 256, 64)(hidden);
        const matrix<double> y = block(x, sequences);
        // The three differ by 1e-5 and more; equal ones by the rounding of sums of 256 terms below 10.
        INFO(name_of(which));
        CHECK((y.eigen() - expected.eigen()).cwiseAbs().maxCoeff() <= 256 * 10 * 2.3e-16);
    }
}

TEST_CASE("the output at one token per sequence has the bits of the full output, on any number of threads") {
    const weights w(checkpoint::open(model_folder("openai_vit") + "/model.safetensors"));
    const transformer_config config{64, 2, 1, 256, activation::gelu, 1e-5};
    const token_sequences all(std::array<std::size_t, 3>{4, 1, 6});
    const std::array<std::size_t, 3> positions{3, 0, 2};
    const matrix<float> x = random_matrix<float>(11, 64, 3);
    thread_pool threads(3);
    for (const attention_mask mask : {attention_mask::none, attention_mask::causal}) {
        const transformer<float> blocks(w / "visual" / "transformer", config, mask);
        const matrix<float> full = blocks(x, all, "", {});
        CHECK(blocks(x, all, "", {}, &threads) == full);
        CHECK(blocks.output_at(positions, x, all, "", {}) == gather_rows<float>(positions, full, all));
        CHECK(blocks.output_at(positions, x, all, "", {}, &threads) == gather_rows<float>(positions, full, all));
    }
}
