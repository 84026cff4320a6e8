#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <zeroshot/model/clip_model.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

/// The tiny random model with another temperature, of any shape.
clip_model<float> with_temperature(float stored, std::vector<std::size_t> shape) {
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

}  // namespace

TEST_CASE("the temperature is stored as a logarithm, as [] or [1]") {
    CHECK(with_temperature(std::log(100.0f), {}).logit_scale() == Approx(100));
    CHECK(with_temperature(std::log(20.0f), {1}).logit_scale() == Approx(20));
    CHECK(with_temperature(0, {}).logit_bias() == 0);
}

TEST_CASE("a temperature that is not finite or out of range is refused") {
    const float infinity = std::numeric_limits<float>::infinity();
    for (const float stored : {1e9f, 100.0f, infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
        CHECK_THROWS_AS(with_temperature(stored, {}), checkpoint_error);
    }
    CHECK_THROWS_WITH(with_temperature(100, {}), Catch::Contains("is it stored as the factor itself?"));
    CHECK_THROWS_AS(with_temperature(1, {2}), checkpoint_error);
}

TEST_CASE("a model of one tower refuses the other, and has no temperature") {
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
    CHECK_THROWS_WITH(image.logit_scale(), Catch::Contains("expected both towers and the temperature between them"));
    CHECK_THROWS_AS(image.logit_bias(), checkpoint_error);
}
