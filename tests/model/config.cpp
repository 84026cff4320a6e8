#include <functional>
#include <limits>
#include <string>

#include <zeroshot/model/config.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

clip_config vit() {
    clip_config config;
    config.embedding = 512;
    config.image = vision_transformer_config{224, 32, {768, 12, 12, 3072, activation::quick_gelu, 1e-5}};
    config.text = {77, 49408, {512, 12, 8, 2048, activation::quick_gelu, 1e-5}};
    return config;
}

clip_config resnet() {
    clip_config config = vit();
    config.image = modified_resnet_config{224, 64, {3, 4, 6, 3}, 32};
    return config;
}

/// The sentence with which a changed configuration is refused.
std::string refusal(clip_config config, const std::function<void(clip_config&)>& change) {
    change(config);
    try {
        check(config, "config.json");
    } catch (const checkpoint_error& fault) {
        return fault.what();
    }
    return "accepted";
}

vision_transformer_config& tower_of(clip_config& config) {
    return std::get<vision_transformer_config>(config.image);
}
modified_resnet_config& stages(clip_config& config) {
    return std::get<modified_resnet_config>(config.image);
}

}  // namespace

TEST_CASE("the shapes of ViT-B/32 and RN50 are accepted, and their derived sizes are the paper's") {
    CHECK_NOTHROW(check(vit(), ""));
    CHECK_NOTHROW(check(resnet(), ""));
    CHECK(std::get<vision_transformer_config>(vit().image).patches() == 49);
    CHECK(std::get<modified_resnet_config>(resnet().image).cells() == 49);
    CHECK(std::get<modified_resnet_config>(resnet().image).features() == 2048);
    CHECK(resnet().image_size() == 224);
}

TEST_CASE(
    "a vision transformer has a class token to be pooled at, and a projection unless it has the embedding's width") {
    const auto without = [](auto change) { return refusal(vit(), [=](clip_config& c) { change(tower_of(c)); }); };
    CHECK(std::get<vision_transformer_config>(vit().image).tokens() == 50);
    CHECK_THAT(without([](auto& tower) { tower.class_token = false; }),
               Catch::Contains("a class token that it does not have"));
    CHECK_THAT(without([](auto& tower) { tower.projection = false; }),
               Catch::Contains("embedding is 512, expected 768, the width of a vision tower without a projection"));
    CHECK(without([](auto& tower) { tower.class_token = false, tower.pool = image_pool::attention; }) == "accepted");
}

TEST_CASE("sizes that make no model are refused") {
    const std::size_t huge = std::numeric_limits<std::size_t>::max();
    const auto starts = [](const std::string& text) { return Catch::StartsWith("config.json: " + text); };
    CHECK_THAT(refusal(vit(), [](auto& c) { tower_of(c).patch_size = 0; }), starts("patch_size is 0"));
    CHECK_THAT(refusal(vit(), [](auto& c) { tower_of(c).image_size = 0; }), starts("image_size is 0"));
    CHECK_THAT(refusal(vit(), [](auto& c) { tower_of(c).patch_size = 225; }),
               starts("patch_size is 225, expected 1 to 224"));
    CHECK_THAT(refusal(vit(), [](auto& c) { tower_of(c).image_size = 46340; }), starts("image_size is 46340"));
    CHECK_THAT(refusal(vit(), [](auto& c) { tower_of(c).image_size = 256, tower_of(c).patch_size = 1; }),
               starts("tokens of the vision tower is 65537"));
    CHECK_THAT(refusal(vit(), [](auto& c) { tower_of(c).patch_size = 4, tower_of(c).transformer.mlp_width = 65536; }),
               starts("activations of the vision tower is"));
    CHECK_THAT(refusal(resnet(), [](auto& c) { stages(c).image_size = 4096; }),
               starts("activations of the vision tower is"));
    CHECK_THAT(refusal(vit(), [](auto& c) { tower_of(c).transformer.heads = 0; }), starts("vision heads is 0"));
    CHECK_THAT(refusal(vit(), [](auto& c) { tower_of(c).transformer.heads = 7; }),
               starts("vision width 768 is not a multiple of heads 7"));
    CHECK_THAT(refusal(vit(), [=](auto& c) { tower_of(c).transformer.layers = huge; }), starts("vision layers is"));
    CHECK_THAT(refusal(vit(), [=](auto& c) { tower_of(c).transformer.width = huge; }), starts("vision width is"));
    CHECK_THAT(refusal(vit(), [](auto& c) { tower_of(c).transformer.epsilon = -1; }),
               starts("vision layer norm epsilon"));
    CHECK_THAT(refusal(vit(), [](auto& c) { c.text.context = 0; }), starts("context is 0"));
    CHECK_THAT(refusal(vit(), [](auto& c) { c.text.context = 2; }), starts("context is 2, expected at least 3"));
    CHECK_THAT(refusal(vit(), [](auto& c) { c.text.vocabulary = 0; }), starts("vocabulary is 0"));
    CHECK_THAT(refusal(vit(), [](auto& c) { c.embedding = 0; }), starts("embedding is 0"));
    CHECK_THAT(refusal(resnet(), [](auto& c) { stages(c).image_size = 225; }),
               starts("image_size 225 is not a multiple of the reduction 32"));
    CHECK_THAT(refusal(resnet(), [](auto& c) { stages(c).width = 63; }), starts("vision width 63"));
    CHECK_THAT(refusal(resnet(), [](auto& c) { stages(c).layers[2] = 0; }), starts("layers of a vision stage is 0"));
    CHECK_THAT(refusal(resnet(), [](auto& c) { stages(c).heads = 33; }),
               starts("vision features 2048 is not a multiple of heads 33"));
}

TEST_CASE("the configuration of an absent tower is not validated") {
    clip_config config = vit();
    config.towers = clip_towers::image;
    config.text = {};
    CHECK_NOTHROW(check(config, "x"));
    config = vit();
    config.towers = clip_towers::text;
    config.image = vision_transformer_config{};
    CHECK_NOTHROW(check(config, "x"));
    config.towers = clip_towers::both;
    CHECK_THROWS_AS(check(config, "x"), checkpoint_error);
}
