#include <string>

#include <zeroshot/model/image_encoder.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

namespace {

void check_tower(const std::string& name, const clip_config& config) {
    const reference_model reference(name);
    const weights w(checkpoint::open(model_folder(name) + "/model.safetensors"));
    const image_encoder<double> visual(w / "visual", config);
    const auto pixels = reference.pixels<double>();
    check_close<double>(name, visual(pixels.values(), pixels.rows()).values(), reference.numbers("embedding.image"),
                        stage_bound<double>());
}

}  // namespace

TEST_CASE("an image encoder is whichever tower the configuration names") {
    clip_config config;
    config.embedding = 32;
    config.image = vision_transformer_config{32, 8, {64, 2, 1, 256, activation::quick_gelu, 1e-5}};
    check_tower("openai_vit", config);
    config.embedding = 24;
    config.image = modified_resnet_config{64, 4, {1, 1, 1, 1}, 2};
    check_tower("openai_resnet", config);
}

TEST_CASE("tensors of another tower are an error that names the first one missing") {
    clip_config config;
    config.embedding = 24;
    config.image = modified_resnet_config{64, 4, {1, 1, 1, 1}, 2};
    const weights w(checkpoint::open(model_folder("openai_vit") + "/model.safetensors"));
    CHECK_THROWS_WITH((image_encoder<float>(w / "visual", config)), Catch::Contains("visual."));
}
