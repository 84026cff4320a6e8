#include <array>
#include <string>
#include <vector>

#include <zeroshot/model/transformer.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

TEST_CASE("a transformer shows each block to its observer, and its own result last") {
    const weights w(checkpoint::open(model_folder("openai_vit") + "/model.safetensors"));
    const transformer_config config{64, 2, 1, 256, activation::quick_gelu, 1e-5};
    const transformer<float> blocks(w / "visual" / "transformer", config, mask::none);
    std::vector<std::string> stages;
    matrix<float> last;
    const matrix<float> result = blocks(random_matrix<float>(5, 64, 1), sequences(std::array<std::size_t, 1>{5}),
                                        "visual.transformer", [&](std::string_view stage, const matrix<float>& x) {
                                            stages.emplace_back(stage);
                                            last = x;
                                        });
    CHECK(stages == std::vector<std::string>{"visual.transformer.resblocks.0", "visual.transformer.resblocks.1"});
    CHECK(last == result);
}

TEST_CASE("the activation is the configuration's") {
    const weights w(checkpoint::open(model_folder("openai_vit") + "/model.safetensors"));
    const matrix<float> x = random_matrix<float>(3, 64, 2);
    const auto through = [&](activation function) {
        const residual_attention_block<float> block(w / "visual" / "transformer" / "resblocks" / 0,
                                                    {64, 1, 1, 256, function, 1e-5}, mask::none);
        return block(x, sequences(std::array<std::size_t, 1>{3}));
    };
    CHECK_FALSE(through(activation::quick_gelu) == through(activation::gelu));
    CHECK_FALSE(through(activation::gelu_tanh) == through(activation::gelu));
}

TEST_CASE(
    "the tokens that are read have the same bits where the last block computes no others, on any number of threads") {
    const weights w(checkpoint::open(model_folder("openai_vit") + "/model.safetensors"));
    const transformer_config config{64, 2, 1, 256, activation::gelu, 1e-5};
    const sequences all(std::array<std::size_t, 3>{4, 1, 6});
    const std::array<std::size_t, 3> places{3, 0, 2};
    const matrix<float> x = random_matrix<float>(11, 64, 3);
    thread_pool threads(3);
    for (const mask visible : {mask::none, mask::causal}) {
        const transformer<float> blocks(w / "visual" / "transformer", config, visible);
        const matrix<float> full = blocks(x, all, "", {});
        CHECK(blocks(x, all, "", {}, &threads) == full);
        CHECK(blocks.at(places, x, all, "", {}) == rows_at<float>(places, full, all));
        CHECK(blocks.at(places, x, all, "", {}, &threads) == rows_at<float>(places, full, all));
    }
}
