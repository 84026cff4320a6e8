#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <zeroshot/model/vision_transformer.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"
#include "tests/golden/positions.hpp"
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

/// A class token of 100, then cell * cell % 17 - 8 in each cell, twice as much in the second column.
matrix<double> grid(std::size_t side) {
    matrix<double> positions(1 + side * side, 2);
    positions(0, 0) = 100;
    for (std::size_t cell = 0; cell < side * side; ++cell) {
        positions(1 + cell, 0) = static_cast<double>(cell * cell % 17) - 8;
        positions(1 + cell, 1) = 2 * positions(1 + cell, 0);
    }
    return positions;
}

}  // namespace

TEST_CASE("a vision transformer in double equals the reference at every stage") {
    check_visual_stages<double>(stage_bound<double>());
}
TEST_CASE("a vision transformer in float equals the reference at every stage") {
    check_visual_stages<float>(stage_bound<float>());
}

TEST_CASE("positions resampled to another grid equal PyTorch's two bicubic interpolations") {
    // sums of 7 terms of at most 8, twice, in double: far below 1e-12
    constexpr double bound = 1e-12;
    for (const auto& [from, to, antialias, values] : zeroshot_tests::resized_grids) {
        INFO(from << " to " << to << (antialias ? ", antialiased" : ""));
        const auto filter = antialias ? position_filter::antialiased : position_filter::plain;
        const matrix<double> resampled = resampled_positions(grid(from), from, to, filter);
        REQUIRE(resampled.rows() == values.size() + 1);
        CHECK(resampled(0, 0) == 100);
        for (std::size_t cell = 0; cell < values.size(); ++cell) {
            CHECK(std::abs(resampled(1 + cell, 0) - values[cell]) <= bound);
            CHECK(std::abs(resampled(1 + cell, 1) - 2 * values[cell]) <= 2 * bound);
        }
    }
}

TEST_CASE("positions without a class token's are resampled as those with it") {
    matrix<double> patches(16, 2);
    patches.eigen() = grid(4).eigen().bottomRows(16);
    const matrix<double> alone = resampled_positions(patches, 4, 6, position_filter::plain);
    const matrix<double> with_class_token = resampled_positions(grid(4), 4, 6, position_filter::plain);
    REQUIRE(alone.rows() == 36);
    CHECK(alone.eigen() == with_class_token.eigen().bottomRows(36));
}

TEST_CASE("a tower without class token, projection and their like has the tokens of its patches alone") {
    clip_config config = testing::tiny_vision_transformer();
    auto& tower = std::get<vision_transformer_config>(config.image);
    config.embedding = tower.transformer.width;
    tower.class_token = tower.pre_norm = tower.projection = false;
    tower.patch_bias = true;
    tower.pool = image_pool::mean_of_normalised;
    const weights w(checkpoint::from_bytes(testing::random_checkpoint(config).bytes(), "tiny"));
    const vision_transformer<double> visual(w / "visual", tower, config.embedding);
    matrix<double> conv1, last;
    const auto observe = [&](std::string_view stage, const matrix<double>& activations) {
        if (stage == "visual.conv1") conv1 = activations;
        if (stage == "visual.transformer.resblocks.1") last = activations;
    };
    const std::vector<double> black(std::size_t{3} * 32 * 32, 0);
    const matrix<double> embedding = visual(black, 1, observe);
    const auto bias = w.read_vector<double>("visual.conv1.bias", tower.transformer.width);
    REQUIRE(conv1.rows() == 16);
    CHECK(std::ranges::equal(conv1.row(5), bias));  // the convolution of zeros
    REQUIRE(last.rows() == 16);
    const matrix<double> normalised = nn::layer_norm<double>(w / "visual" / "ln_post", 32, 1e-5)(last);
    for (std::size_t i = 0; i < embedding.columns(); ++i)
        CHECK(embedding(0, i) == Approx(normalised.eigen().col(Eigen::Index(i)).mean()));
}

TEST_CASE("resampling to the same grid changes nothing") {
    const matrix<double> same = resampled_positions(grid(4), 4, 4, position_filter::antialiased);
    CHECK(same == grid(4));
}
