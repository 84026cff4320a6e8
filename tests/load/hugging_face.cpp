#include <zeroshot/load/hugging_face.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

settings model(const char* text) {
    return hugging_face_settings(json::parse(text, "config.json"));
}
settings images(const char* text) {
    return hugging_face_preprocessing(json::parse(text, "preprocessor_config.json"));
}

}  // namespace

TEST_CASE("what config.json leaves out is what configuration_clip.py says") {
    const settings found = model(R"({"model_type": "clip"})");
    CHECK(found.vision.heads == 12u);
    CHECK(found.text.heads == 8u);
    CHECK(found.vision.function == activation::quick_gelu);
    CHECK(found.text.epsilon == 1e-5);
    CHECK_FALSE(found.embedding);
}

TEST_CASE("each tower has its own activation, heads and epsilon") {
    const settings found = model(
        R"({"projection_dim": 24,
            "vision_config": {"hidden_act": "gelu", "num_attention_heads": 4, "layer_norm_eps": 1e-6},
            "text_config": {"num_attention_heads": 3, "vocab_size": 600}})");
    CHECK(found.embedding == 24u);
    CHECK(found.vision.function == activation::gelu);
    CHECK(found.vision.heads == 4u);
    CHECK(found.vision.epsilon == 1e-6);
    CHECK(found.text.function == activation::quick_gelu);
    CHECK(found.vocabulary == 600u);
}

TEST_CASE("vision_config_dict replaces vision_config, defaults included") {
    const settings found = model(
        R"({"vision_config": {"hidden_act": "gelu", "num_attention_heads": 4},
            "vision_config_dict": {"num_attention_heads": 2}})");
    CHECK(found.vision.heads == 2u);
    CHECK(found.vision.function == activation::quick_gelu);
}

TEST_CASE("the end token is the highest id, also where an older file says 2, or the one that is named") {
    CHECK(model(R"({"text_config": {"vocab_size": 600, "eos_token_id": 599}})").text_pooling == text_pool::argmax);
    CHECK(model(R"({"text_config": {"vocab_size": 600, "eos_token_id": 2}})").text_pooling == text_pool::argmax);
    CHECK(model(R"({"text_config": {"vocab_size": 600}})").text_pooling == text_pool::argmax);
    const settings named = model(R"({"text_config": {"vocab_size": 601, "eos_token_id": 599}})");  // tokens were added
    CHECK(named.text_pooling == text_pool::end);
    CHECK(named.end == 599u);
}

TEST_CASE("another kind of model is refused") {
    CHECK_THROWS_WITH(model(R"({"model_type": "siglip"})"), Catch::Contains("a model of type 'siglip', expected clip"));
}

TEST_CASE("the size of images is a number or one of two objects") {
    CHECK(images(R"({"size": 224})").preprocess_size == 224u);
    CHECK(images(R"({"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}})").preprocess_size ==
          224u);
    const settings squashed = images(R"({"size": {"height": 224, "width": 224}, "do_center_crop": false})");
    CHECK(squashed.preprocess_size == 224u);
    CHECK(squashed.mode == resize_mode::squash);
    CHECK(images(R"({"resample": 2})").filter == interpolation::bilinear);
    CHECK(images("{}").order == crop_order::hugging_face);
    CHECK_THROWS_WITH(images(R"({"crop_size": {"height": 224, "width": 200}})"),
                      Catch::Contains("a size of 224 x 200, expected a square"));
}

TEST_CASE("a crop of another size than the resized image's is said as both") {
    const settings larger = images(R"({"size": {"shortest_edge": 256}, "crop_size": 224})");
    CHECK(larger.preprocess_size == 224u);
    CHECK(larger.resized == 256u);
    CHECK_FALSE(images(R"({"size": 224, "crop_size": 224})").resized.has_value());
    CHECK_FALSE(images(R"({"size": 256, "crop_size": 224, "do_center_crop": true, "resample": 2})").mode.has_value());
}

TEST_CASE("a tower that was saved alone has its keys at the root, and nothing is said of the other") {
    const settings image = model(R"({"model_type": "clip_vision_model", "hidden_size": 24, "num_attention_heads": 4,
                                     "image_size": 30, "patch_size": 10, "projection_dim": 20})");
    CHECK(image.vision.width == 24u);
    CHECK(image.vision.heads == 4u);
    CHECK(image.image_size == 30u);
    CHECK(image.embedding == 20u);
    CHECK(image.text == tower_settings{});
    const settings text =
        model(R"({"model_type": "clip_text_model", "hidden_size": 18, "eos_token_id": 7, "vocab_size": 9})");
    CHECK(text.text.width == 18u);
    CHECK(text.text.heads == 8u);
    CHECK(text.text_pooling == text_pool::end);
    CHECK(text.vision == tower_settings{});
}

TEST_CASE("steps this library does not do are refused") {
    CHECK_THROWS_WITH(images(R"({"resample": 0})"),
                      Catch::Contains("resample is 0, expected 2 (bilinear) or 3 (bicubic)"));
    CHECK_THROWS_WITH(images(R"({"rescale_factor": 0.5})"), Catch::Contains("pixels are multiplied with 0.5"));
    CHECK_THROWS_WITH(images(R"({"do_center_crop": false})"), Catch::Contains("do_center_crop is off"));
    CHECK_NOTHROW(images(R"({"resample": 3, "do_center_crop": true})"));
}
