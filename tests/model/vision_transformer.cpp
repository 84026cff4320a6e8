#include <cmath>
#include <cstddef>
#include <set>
#include <string>

#include <zeroshot/model/vision_transformer.hpp>

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

TEST_CASE("resampling to the same grid changes nothing") {
    const matrix<double> same = resampled_positions(grid(4), 4, 4, position_filter::antialiased);
    CHECK(same == grid(4));
}
