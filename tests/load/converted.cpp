#include <string>
#include <vector>

#include <zeroshot/load/converted.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

/// A checkpoint of one tensor with this metadata.
std::optional<settings> read_back(const tensor_metadata& metadata) {
    const float number = 1;
    const std::vector<named_tensor> tensors{{"logit_scale", {dtype::f32, {}, std::as_bytes(std::span(&number, 1))}}};
    return converted_settings(checkpoint::from_bytes(safetensors_bytes(tensors, metadata), "x.safetensors"));
}

tensor_metadata written(const clip_config& config, const preprocessing& how = {}) {
    const auto texts = converted_metadata(config, how, {"i n", "t h"});
    return {texts.begin(), texts.end()};
}

}  // namespace

TEST_CASE("what is written into the metadata is read back") {
    preprocessing how;
    how.size = 32;
    how.mean = {0.1f, 0.2f, 0.3f};
    how.order = crop_order::hugging_face;
    for (const clip_config& config : {testing::tiny_vision_transformer(), testing::tiny_modified_resnet()}) {
        const auto found = read_back(written(config, how));
        REQUIRE(found);
        CHECK(found->embedding == config.embedding);
        CHECK(found->image_size == config.image_size());
        CHECK(found->text.layers == config.text.blocks.layers);
        CHECK(found->context == config.text.context);
        CHECK(found->vocabulary == config.text.vocabulary);
        CHECK(found->text.heads == config.text.blocks.heads);
        CHECK(found->text.function == config.text.blocks.function);
        CHECK(found->mean == how.mean);
        CHECK(found->order == how.order);
        CHECK(found->preprocess_size == how.size);
        CHECK(found->merges == std::vector<std::string>{"i n", "t h"});
    }
}

TEST_CASE("a file without our metadata says nothing") {
    CHECK_FALSE(read_back({{"format", "pt"}}));
}

TEST_CASE("damaged metadata, and that of a later version, is refused with its place") {
    tensor_metadata metadata = written(testing::tiny_vision_transformer());
    const auto with = [&](std::string_view key, const std::string& from, const std::string& to) {
        tensor_metadata changed = metadata;
        std::string& text = changed.find(key)->second;
        text.replace(text.find(from), from.size(), to);
        return changed;
    };
    CHECK_THROWS_WITH(read_back(with(model_key, "\"format\":1", "\"format\":2")),
                      Catch::Contains("metadata zeroshot.model: /format: format 2"));
    CHECK_THROWS_WITH(read_back(with(model_key, "quick_gelu", "relu")),
                      Catch::Contains("/image_encoder/activation: activation 'relu'"));
    CHECK_THROWS_WITH(read_back(with(tokenizer_key, "clip_bpe", "wordpiece")),
                      Catch::Contains("a tokenizer of kind 'wordpiece', expected clip_bpe"));
    CHECK_THROWS_WITH(read_back(with(preprocessing_key, "bicubic", "nearest")),
                      Catch::Contains("interpolation 'nearest'"));
    CHECK_THROWS_WITH(read_back(with(preprocessing_key, "openai", "timm")),
                      Catch::Contains("order 'timm', expected openai or hf"));
    CHECK_THROWS_AS(read_back({{std::string(model_key), "{"}}), checkpoint_error);
    CHECK_THROWS_WITH(read_back({{std::string(model_key), "{\"format\":1}"}}),
                      Catch::Contains("/image_encoder is missing"));
}
