#include <optional>
#include <string>
#include <vector>

#include <zeroshot/load/converted.hpp>
#include <zeroshot/load/load.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"
#include "tests/support/files.hpp"

using namespace zeroshot;
using namespace zeroshot::loading;

namespace {

/// A checkpoint of one tensor with this metadata.
std::optional<settings> read_back(const tensor_metadata& metadata) {
    const float number = 1;
    const std::vector<named_tensor> tensors{{"logit_scale", {dtype::f32, {}, std::as_bytes(std::span(&number, 1))}}};
    return converted_settings(checkpoint::from_bytes(safetensors_bytes(tensors, metadata), "x.safetensors"));
}

tensor_metadata written(const clip_config& config, const preprocessing& how = {}) {
    const auto texts =
        converted_metadata(config, how, tokenizer(vocabulary::from_merges(std::vector<std::string>{"i n", "t h"})));
    return {texts.begin(), texts.end()};
}

const clip& tiny() {
    static const clip model = load(testing::random_checkpoint().bytes());
    return model;
}

}  // namespace

TEST_CASE("written metadata is read back") {
    preprocessing how;
    how.size = 32;
    how.mean = {0.1f, 0.2f, 0.3f};
    how.order = preprocessing_order::hugging_face;
    for (const clip_config& config : {testing::tiny_vision_transformer(), testing::tiny_modified_resnet()}) {
        const auto stated = read_back(written(config, how));
        REQUIRE(stated);
        CHECK(stated->embedding == config.embedding);
        CHECK(stated->image_size == config.image_size());
        CHECK(stated->text.layers == config.text.transformer.layers);
        CHECK(stated->context == config.text.context);
        CHECK(stated->vocabulary == config.text.vocabulary);
        CHECK(stated->text.heads == config.text.transformer.heads);
        CHECK(stated->text.activation == config.text.transformer.activation);
        CHECK(stated->mean == how.mean);
        CHECK(stated->order == how.order);
        CHECK(stated->preprocess_size == how.size);
        CHECK(stated->tokenizer->vocabulary().merge_lines() == std::vector<std::string>{"i n", "t h"});
    }
}

TEST_CASE("settings of a variant are read back as they were written") {
    clip_config config = testing::tiny_vision_transformer();
    auto& tower = std::get<vision_transformer_config>(config.image);
    tower.pre_norm = false;
    tower.pool = image_pool::mean;
    tower.transformer.layer_scale = true;
    tower.image_size = 48;
    tower.positions = {32, position_filter::plain};
    config.text.pool = text_pool::end;
    config.text.end = 2;
    config.text.padding = 1;
    config.text.causal = false;
    preprocessing how;
    how.size = 48;
    how.filter = interpolation::bilinear;
    how.mode = resize_mode::longest;
    how.fill = 9;
    const auto stated = read_back(converted_metadata(config, how, {}, "google/mt5-base"));
    REQUIRE(stated);
    CHECK(stated->pre_norm == false);
    CHECK(stated->vision_pooling == image_pool::mean);
    CHECK(stated->vision.layer_scale == true);
    CHECK(stated->text.layer_scale == false);
    CHECK(stated->image_size == 32u);
    CHECK(stated->requested_image_size == 48u);
    CHECK(stated->positions == position_filter::plain);
    CHECK(stated->text_pooling == text_pool::end);
    CHECK(stated->end == 2u);
    CHECK(stated->padding == 1u);
    CHECK(stated->causal == false);
    CHECK(stated->filter == interpolation::bilinear);
    CHECK(stated->mode == resize_mode::longest);
    CHECK(stated->fill == std::uint8_t{9});
    CHECK(stated->other_tokenizer == "google/mt5-base");
    CHECK_FALSE(stated->tokenizer);
}

TEST_CASE("a file without our metadata states no settings") {
    CHECK_FALSE(read_back({{"format", "pt"}}));
}

TEST_CASE("damaged metadata, and that of a later version, is refused with its key") {
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
    CHECK_THROWS_WITH(read_back(with(model_key, "vision_transformer", "perceiver")),
                      Catch::Contains("/image_encoder/kind: an image encoder of kind 'perceiver'"));
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

TEST_CASE("the size before the crop is written where it differs from the crop's") {
    const preprocessing how{.size = 32, .resized = 40};
    const tensor_metadata metadata = written(testing::tiny_vision_transformer(), how);
    const settings read = converted_settings(json::parse(metadata.find(model_key)->second, "m"),
                                             json::parse(metadata.find(preprocessing_key)->second, "p"), std::nullopt);
    CHECK(read.resized == 40u);
    CHECK_FALSE(support::has(written(testing::tiny_vision_transformer()).find(preprocessing_key)->second, "resized"));
}

TEST_CASE("the metadata of a tower alone states nothing of the other") {
    clip_config config = testing::tiny_vision_transformer();
    config.towers = clip_towers::text;
    const tensor_metadata metadata = written(config);
    CHECK_FALSE(metadata.contains(preprocessing_key));
    const settings read =
        converted_settings(json::parse(metadata.find(model_key)->second, "m"), std::nullopt, std::nullopt);
    CHECK(read.text.width == 32u);
    CHECK(read.vision == tower_settings{});
    CHECK_THROWS_WITH(converted_settings(json::parse(R"({"format": 1})", "m"), std::nullopt, std::nullopt),
                      Catch::Contains("image_encoder"));
}

TEST_CASE("a record is read back to the bit, and its model is verified") {
    const self_record record = record_of(tiny());
    CHECK(record.image.size() == tiny().embedding_size());
    CHECK(record.text.size() == tiny().embedding_size());
    const self_record read = read_self_record(json::parse(self_record_text(record), "record"));
    CHECK(read.image == record.image);  // floats, to the bit
    CHECK(read.text == record.text);
    CHECK_NOTHROW(verify(tiny(), read));
    CHECK_NOTHROW(verify(load<double>(testing::random_checkpoint().bytes()), read));
}

TEST_CASE("another model fails, as does a record changed by more than the bound") {
    const self_record record = record_of(tiny());
    const clip other = load(testing::random_checkpoint(testing::tiny_vision_transformer(), 2).bytes());
    CHECK_THROWS_WITH(verify(other, record), Catch::Contains("differ from those at its conversion"));
    self_record moved = record;
    for (float& value : moved.text) value *= 1.0002f;
    CHECK_THROWS_AS(verify(tiny(), moved), numeric_error);
    moved = record;
    for (float& value : moved.text) value *= 1.00005f;
    CHECK_NOTHROW(verify(tiny(), moved));
    moved.image.pop_back();
    CHECK_THROWS_AS(verify(tiny(), moved), numeric_error);
}

TEST_CASE("differences are relative to the longer vector") {
    CHECK(relative_difference({3, 4}, {3, 4}) == 0);
    CHECK(relative_difference({0, 0}, {0, 0}) == 0);
    CHECK(relative_difference({3, 4}, {0, 0}) == 1);
    CHECK(relative_difference({1, 0}, {0.5, 0}) == 0.5);
}

TEST_CASE("a checkpoint without a record is refused with the command that writes one") {
    load_options options;
    options.verify = true;
    CHECK_THROWS_WITH(load(testing::random_checkpoint().bytes(), options),
                      Catch::Contains("it carries no record to verify the model by; convert it first"));
}
