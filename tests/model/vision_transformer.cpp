#include <set>
#include <string>

#include <zeroshot/model/vision_transformer.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

namespace {

/// tests/golden/models/openai_vit: a ViT of two layers in OpenAI's layout.
vision_transformer_config openai_vit() {
    return {32, 8, {64, 2, 1, 256, activation::quick_gelu, 1e-5}};
}

template <class Scalar>
void check_visual_stages(double bound) {
    const reference_model reference("openai_vit");
    const weights w(checkpoint::open(model_folder("openai_vit") + "/model.safetensors"));
    const vision_transformer<Scalar> visual(w / "visual", openai_vit(), 32);
    const auto pixels = reference.pixels<Scalar>();
    std::set<std::string> seen;
    const auto observe = [&](std::string_view stage, const matrix<Scalar>& activations) {
        const std::string name(stage);
        seen.insert(name);
        check_close<Scalar>(name, activations.values(), reference.numbers(name), bound);
    };
    visual(pixels.row(0), 1, observe);
    CHECK(seen == std::set<std::string>{"visual.conv1", "visual.ln_pre", "visual.transformer.resblocks.0",
                                        "visual.transformer.resblocks.1", "visual.ln_post"});
    const matrix<Scalar> embeddings = visual(pixels.values(), 2, {});
    check_close<Scalar>("embedding.image", embeddings.values(), reference.numbers("embedding.image"), bound);
}

}  // namespace

TEST_CASE("a vision transformer in double equals the reference at every stage") {
    check_visual_stages<double>(stage_bound<double>());
}
TEST_CASE("a vision transformer in float equals the reference at every stage") {
    check_visual_stages<float>(stage_bound<float>());
}
