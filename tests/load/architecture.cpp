#include <string>
#include <vector>

#include <zeroshot/load/architecture.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

namespace {

architecture drawn(const std::string& model, const std::vector<settings>& sources = {},
                   const std::string& file = "model.safetensors") {
    return architecture_of(weights(checkpoint::open(model_folder(model) + "/" + file)), sources);
}

settings said(const std::string& source) {
    settings found;
    found.source = source;
    return found;
}

}  // namespace

TEST_CASE("a bare file in OpenAI's layout follows OpenAI's rule, and tells what was assumed") {
    const architecture vit = drawn("openai_vit");
    CHECK(vit.config.embedding == 32);
    CHECK(std::get<vision_transformer_config>(vit.config.image) ==
          vision_transformer_config{32, 8, {64, 2, 1, 256, activation::quick_gelu, 1e-5}});
    CHECK(vit.config.text == text_config{16, 600, {64, 1, 1, 256, activation::quick_gelu, 1e-5}});
    CHECK(vit.assumed == std::vector<std::string>{"heads of 64", "QuickGELU"});
    const architecture resnet = drawn("openai_resnet");
    CHECK(std::get<modified_resnet_config>(resnet.config.image) == modified_resnet_config{64, 4, {1, 1, 1, 1}, 2});
}

TEST_CASE("what the options say is not assumed") {
    settings options = said("options");
    options.vision.heads = 2;
    options.text.heads = 4;
    options.vision.function = options.text.function = activation::gelu;
    const architecture vit = drawn("openai_vit", {options});
    CHECK(vit.assumed.empty());
    CHECK(std::get<vision_transformer_config>(vit.config.image).blocks.heads == 2);
    CHECK(vit.config.text.blocks.activation == activation::gelu);
}

TEST_CASE("what can be neither seen nor assumed is an error that names the option") {
    CHECK_THROWS_WITH(drawn("hugging_face_mixed"),
                      Catch::Contains("the number of heads of its text tower") && Catch::Contains("--text-heads"));
    CHECK_THROWS_WITH(drawn("open_clip_gelu", {}, "open_clip_model.safetensors"),
                      Catch::Contains("load_options::text_heads"));
    settings heads = said("options");
    heads.vision.heads = heads.text.heads = 1;
    CHECK_THROWS_WITH(drawn("hugging_face_mixed", {heads}), Catch::Contains("--activation"));
}

TEST_CASE("a configuration that contradicts the tensors is refused, with both values") {
    const auto refused = [](auto change) {
        settings config = said("config.json");
        change(config);
        return [config] { drawn("openai_vit", {config}); };
    };
    CHECK_THROWS_WITH(refused([](settings& s) { s.embedding = 512; })(),
                      Catch::Contains("embedding is 512 in config.json, expected 32 as the tensors show"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.context = 77; })(), Catch::Contains("context is 77"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.vocabulary = 49408; })(), Catch::Contains("vocabulary is 49408"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.image_size = 224; })(), Catch::Contains("image_size is 224"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.patch_size = 16; })(), Catch::Contains("patch_size is 16"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.vision.width = 768; })(), Catch::Contains("vision width is 768"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.vision.layers = 12; })(),
                      Catch::Contains("vision layers is 12 in config.json, expected 2"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.text.mlp_width = 1; })(), Catch::Contains("text mlp_width is 1"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.preprocess_size = 224; })(),
                      Catch::Contains("size of the preprocessing is 224"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.vision.heads = 7; })(),
                      Catch::Contains("vision width 64 is not a multiple of heads 7"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.text.heads = 0; })(), Catch::Contains("text heads is 0"));
}

TEST_CASE("open_clip's heads of 80, 88 and 104 are not taken for heads of 64") {
    clip_config config = testing::tiny_vision_transformer();
    config.image = vision_transformer_config{28, 14, {1280, 1, 16, 64, activation::gelu, 1e-5}};
    config.text.blocks = {64, 1, 1, 64, activation::gelu, 1e-5};
    const checkpoint made = checkpoint::from_bytes(testing::random_checkpoint(config).bytes(), "ViT-H-14.safetensors");
    CHECK_THROWS_WITH(architecture_of(weights(made), {}),
                      Catch::Contains("heads of its vision tower, 1280 wide") && Catch::Contains("--vision-heads"));
    settings heads = said("options");
    heads.vision.heads = 16;
    CHECK_THROWS_WITH(architecture_of(weights(made), std::vector{heads}),
                      Catch::Contains("the activation of its vision tower") && Catch::Contains("--activation"));
}
