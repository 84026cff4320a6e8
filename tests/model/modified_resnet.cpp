#include <set>
#include <string>

#include <zeroshot/model/modified_resnet.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

namespace {

template <class Scalar>
void check_resnet_stages(const std::string& name, const std::string& file, const modified_resnet_config& config,
                         std::size_t embedding, double bound) {
    const reference_model reference(name);
    const weights w(checkpoint::open(model_folder(name) + "/" + file));
    const modified_resnet<Scalar> visual(w / "visual", config, embedding);
    const auto pixels = reference.pixels<Scalar>();
    std::set<std::string> seen;
    const auto observe = [&](std::string_view stage, const matrix<Scalar>& activations) {
        const std::string path(stage);
        seen.insert(path);
        const auto expected = channels_last(reference.numbers(path), reference.shape(path).front());
        check_close<Scalar>(path, activations.values(), expected, bound);
    };
    const matrix<Scalar> embeddings = visual(pixels.values(), pixels.rows(), observe);
    CHECK(seen.size() == 2 + config.layers[0] + config.layers[1] + config.layers[2] + config.layers[3]);
    check_close<Scalar>("embedding.image", embeddings.values(), reference.numbers("embedding.image"), bound);
}

template <class Scalar>
void check_both() {
    check_resnet_stages<Scalar>("openai_resnet", "model.safetensors", {64, 4, {1, 1, 1, 1}, 2}, 24,
                                stage_bound<Scalar>());
    check_resnet_stages<Scalar>("open_clip_resnet", "open_clip_model.safetensors", {96, 2, {2, 1, 2, 1}, 2}, 16,
                                stage_bound<Scalar>());
}

}  // namespace

TEST_CASE("a modified ResNet in double equals the reference at every stage") {
    check_both<double>();
}
TEST_CASE("a modified ResNet in float equals the reference at every stage") {
    check_both<float>();
}
