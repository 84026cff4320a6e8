#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <zeroshot/model/clip_model.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

namespace {

/// The tiny random model with another logit scale, of any shape.
clip_model<float> with_logit_scale(float stored, std::vector<std::size_t> shape) {
    const checkpoint whole = checkpoint::from_bytes(testing::random_checkpoint().bytes(), "tiny");
    std::vector<named_tensor> tensors(whole.tensors().begin(), whole.tensors().end());
    std::vector<float> values(element_count(shape), stored);
    for (named_tensor& each : tensors) {
        if (each.name == "logit_scale") each.tensor = {dtype::f32, shape, std::as_bytes(std::span(values))};
    }
    return clip_model<float>(
        weights(checkpoint::from_bytes(safetensors_bytes(tensors), "tiny"), {.check = finite_check::unchecked}),
        testing::tiny_vision_transformer());
}

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

TEST_CASE("the logit scale is stored as a logarithm, as [] or [1]") {
    CHECK(with_logit_scale(std::log(100.0f), {}).logit_scale() == Approx(100));
    CHECK(with_logit_scale(std::log(20.0f), {1}).logit_scale() == Approx(20));
    CHECK(with_logit_scale(0, {}).logit_bias() == 0);
}

TEST_CASE("a logit scale that is not finite or out of range is refused") {
    const float infinity = std::numeric_limits<float>::infinity();
    for (const float stored : {1e9f, 100.0f, infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
        CHECK_THROWS_AS(with_logit_scale(stored, {}), checkpoint_error);
    }
    CHECK_THROWS_WITH(with_logit_scale(100, {}), Catch::Contains("is it stored as the factor itself?"));
    CHECK_THROWS_AS(with_logit_scale(1, {2}), checkpoint_error);
}

TEST_CASE("a model of one tower refuses the other, and has no logit scale") {
    clip_config config = testing::tiny_vision_transformer();
    const weights w(checkpoint::from_bytes(testing::random_checkpoint().bytes(), "tiny"));
    config.towers = clip_towers::text;
    const clip_model<float> text(w, config);
    CHECK_NOTHROW(text.text());
    CHECK_THROWS_WITH(text.visual(),
                      "tiny: it holds the text tower alone, expected an image tower; load the whole CLIP for that");
    config.towers = clip_towers::image;
    const clip_model<float> image(w, config);
    CHECK_NOTHROW(image.visual());
    CHECK_THROWS_WITH(image.text(), Catch::Contains("it holds the image tower alone, expected a text tower"));
    CHECK_THROWS_WITH(image.logit_scale(), Catch::Contains("logit scale"));
    CHECK_THROWS_AS(image.logit_bias(), checkpoint_error);
}

TEST_CASE("an image encoder has the tower of its configuration") {
    clip_config config;
    config.embedding = 32;
    config.image = vision_transformer_config{32, 8, {64, 2, 1, 256, activation::quick_gelu, 1e-5}};
    check_tower("openai_vit", config);
    config.embedding = 24;
    config.image = modified_resnet_config{64, 4, {1, 1, 1, 1}, 2};
    check_tower("openai_resnet", config);
}

TEST_CASE("an embedding is the projection of the features") {
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
    matrix<double> transposed(weight.columns(), weight.rows());
    for (std::size_t i = 0; i < transposed.size(); ++i) transposed.data()[i] = weight(i % 24, i / 24);
    check_projection("openai_resnet", config, transposed, pool.read_vector<double>("bias", 24));
}

TEST_CASE("tensors of another tower are an error that names the first one missing") {
    clip_config config;
    config.embedding = 24;
    config.image = modified_resnet_config{64, 4, {1, 1, 1, 1}, 2};
    const weights w(checkpoint::open(model_folder("openai_vit") + "/model.safetensors"));
    CHECK_THROWS_WITH((image_encoder<float>(w / "visual", config)), Catch::Contains("visual."));
}
