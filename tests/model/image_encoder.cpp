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

/// embedding = features · projection + bias
void check_projection(const std::string& name, const clip_config& config, const matrix<double>& projection,
                      const aligned_vector<double>& bias) {
    const reference_model reference(name);
    const image_encoder<double> visual(weights(checkpoint::open(model_folder(name) + "/model.safetensors")) / "visual",
                                       config);
    const auto pixels = reference.pixels<double>();
    const matrix<double> features = visual.features(pixels.values(), pixels.rows());
    REQUIRE(features.columns() == visual.features());
    REQUIRE(features.columns() == projection.rows());
    matrix<double> embeddings(features.rows(), projection.columns());
    for (std::size_t i = 0; i < features.rows(); ++i) {
        for (std::size_t j = 0; j < projection.columns(); ++j) {
            if (!bias.empty()) embeddings(i, j) = bias[j];
            for (std::size_t k = 0; k < features.columns(); ++k) embeddings(i, j) += features(i, k) * projection(k, j);
        }
    }
    check_close<double>(name, embeddings.values(), reference.numbers("embedding.image"), stage_bound<double>());
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

TEST_CASE("features are what an embedding is projected from") {
    clip_config config;
    config.embedding = 32;
    config.image = vision_transformer_config{32, 8, {64, 2, 1, 256, activation::quick_gelu, 1e-5}};
    const weights vit(checkpoint::open(model_folder("openai_vit") + "/model.safetensors"));
    check_projection("openai_vit", config, (vit / "visual").read<double, 2>("proj", {64, 32}), {});
    config.embedding = 24;
    config.image = modified_resnet_config{64, 4, {1, 1, 1, 1}, 2};
    const weights resnet(checkpoint::open(model_folder("openai_resnet") + "/model.safetensors"));
    const weights pool = resnet / "visual" / "attnpool" / "c_proj";
    const matrix<double> weight = pool.read<double, 2>("weight", {24, 128});
    matrix<double> turned(weight.columns(), weight.rows());
    for (std::size_t i = 0; i < turned.size(); ++i) turned.data()[i] = weight(i % 24, i / 24);
    check_projection("openai_resnet", config, turned, pool.read_vector<double>("bias", 24));
}

TEST_CASE("tensors of another tower are an error that names the first one missing") {
    clip_config config;
    config.embedding = 24;
    config.image = modified_resnet_config{64, 4, {1, 1, 1, 1}, 2};
    const weights w(checkpoint::open(model_folder("openai_vit") + "/model.safetensors"));
    CHECK_THROWS_WITH((image_encoder<float>(w / "visual", config)), Catch::Contains("visual."));
}
