#include <array>
#include <cmath>
#include <string>
#include <vector>

#include <zeroshot/load.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

namespace {

const std::vector<std::string> all_models{
    "openai_vit",          "openai_resnet",    "open_clip_gelu", "open_clip_tanh",     "open_clip_tanh_f16",
    "open_clip_tanh_bf16", "open_clip_resnet", "custom_text",    "hugging_face_mixed", "hugging_face_older"};

template <class Scalar>
std::vector<double> logits(const basic_clip<Scalar>& clip, const matrix<Scalar>& images, const matrix<Scalar>& texts) {
    std::vector<double> all;
    const auto length = [](auto row) {
        double squares = 0;
        for (const auto x : row) squares += static_cast<double>(x) * static_cast<double>(x);
        return std::sqrt(squares);
    };
    for (std::size_t i = 0; i < images.rows(); ++i) {
        for (std::size_t t = 0; t < texts.rows(); ++t) {
            double dot = 0;
            for (std::size_t k = 0; k < images.columns(); ++k)
                dot += static_cast<double>(images(i, k)) * static_cast<double>(texts(t, k));
            all.push_back(static_cast<double>(clip.logit_scale()) * dot / length(images.row(i)) / length(texts.row(t)) +
                          static_cast<double>(clip.logit_bias()));
        }
    }
    return all;
}

template <class Scalar>
void check_model(const std::string& name, double bound) {
    INFO(name);
    const reference_model reference(name);
    const auto clip = load<Scalar>(model_folder(name));
    const auto images = clip.encode_pixels(reference.pixels<Scalar>());
    const auto texts = clip.encode_tokens(reference.prompts());
    check_close<Scalar>("image embeddings", images.values(), reference.numbers("embedding.image"), bound);
    check_close<Scalar>("text embeddings", texts.values(), reference.numbers("embedding.text"), bound);
    const auto found = logits(clip, images, texts);
    check_close<double>("logits", found, reference.numbers("logits_per_image"), bound);
}

}  // namespace

TEST_CASE("every layout, in double, equals the reference in double") {
    for (const std::string& name : all_models) check_model<double>(name, stage_bound<double>());
}

TEST_CASE("every layout, in float, equals the reference within float's rounding") {
    for (const std::string& name : all_models) check_model<float>(name, stage_bound<float>());
}

TEST_CASE("a bare file in OpenAI's layout warns once; one with its configuration does not") {
    const clip bare = load(model_folder("openai_vit"));
    REQUIRE(bare.origin().warnings.size() == 2);
    CHECK_THAT(bare.origin().warnings[0],
               Catch::Contains("taken for one of OpenAI's own, with heads of 64 and QuickGELU"));
    CHECK_THAT(bare.origin().warnings[1],
               Catch::Contains("its vocabulary has 600 rows, CLIP's own tokenizer 49408 ids"));
    CHECK_THROWS_AS(bare.encode_text("a dog"), text_error);
    CHECK(load(testing::random_checkpoint().bytes()).origin().warnings.empty());
}

TEST_CASE("what the caller says goes before what the files say") {
    load_options options;
    options.mean = {0.5f, 0.25f, 0.125f};
    options.order = crop_order::openai;
    const clip model = load(model_folder("hugging_face_mixed"), options);
    CHECK(model.pixels().mean == *options.mean);
    CHECK(model.pixels().order == crop_order::openai);
    CHECK(load(model_folder("hugging_face_mixed")).pixels().order == crop_order::hugging_face);
    CHECK(load(model_folder("open_clip_gelu")).pixels().mean == std::array<float, 3>{0.5f, 0.5f, 0.5f});
}

TEST_CASE("a configuration may be given as a file of any of the three forms") {
    load_options options;
    options.config = model_folder("hugging_face_mixed") + "/config.json";
    const clip model = load(model_folder("hugging_face_mixed") + "/model.safetensors", options);
    CHECK(model.config() == load(model_folder("hugging_face_mixed")).config());
    options.config = model_folder("custom_text") + "/open_clip_config.json";
    CHECK_THROWS_AS(load(model_folder("hugging_face_mixed"), options), checkpoint_error);
}

TEST_CASE("a folder without a checkpoint, and a path that is not there, are sentences") {
    CHECK_THROWS_WITH(load(std::string(ZEROSHOT_SOURCE_DIR) + "/tests"),
                      Catch::Contains("the folder holds no checkpoint"));
    CHECK_THROWS_AS(load("no/such/file.safetensors"), file_error);
}

TEST_CASE("C2: a failed load leaves a loaded model as it was") {
    const clip model = load(testing::random_checkpoint().bytes());
    const matrix<float> before = model.encode_text("a dog");
    auto damaged = testing::random_checkpoint().bytes();
    damaged.pop_back();
    CHECK_THROWS_AS(load(damaged), checkpoint_error);
    CHECK(model.encode_text("a dog") == before);
}

TEST_CASE("a model whose weights stay in 16 bits gives the same bits") {
    for (const char* name :
         {"custom_text", "hugging_face_older", "open_clip_resnet", "open_clip_tanh_bf16", "openai_vit"}) {
        INFO(name);
        load_options options;
        options.storage = weight_storage::compact;
        const clip full = load(model_folder(name)), compact = load(model_folder(name), options);
        const reference_model inputs(name);
        CHECK(compact.encode_pixels(inputs.pixels<float>()) == full.encode_pixels(inputs.pixels<float>()));
        CHECK(compact.encode_tokens(inputs.prompts()) == full.encode_tokens(inputs.prompts()));
    }
}

TEST_CASE("the converted form names its sizes itself") {
    const clip model = load(testing::random_checkpoint(testing::tiny_modified_resnet()).bytes());
    CHECK(model.config() == testing::tiny_modified_resnet());
    CHECK(model.origin().layout == "openai");
    CHECK(model.origin().dtypes == std::vector<std::string>{"F32"});
    CHECK(model.origin().unread.empty());
}

TEST_CASE("B11: a checkpoint that lacks a block in its middle is not taken for a shorter model") {
    const checkpoint whole = checkpoint::open(model_folder("openai_vit") + "/model.safetensors");
    std::vector<named_tensor> tensors;
    for (const named_tensor& each : whole.tensors()) {
        if (!each.name.starts_with("visual.transformer.resblocks.0.")) tensors.push_back(each);
    }
    CHECK_THROWS_WITH(load(safetensors_bytes(tensors)),
                      Catch::Contains("tensors of visual.transformer.resblocks.0 are missing"));
}

TEST_CASE("a JSON file that is no configuration is not taken for one") {
    load_options options;
    options.config = model_folder("hugging_face_mixed") + "/preprocessor_config.json";
    CHECK_THROWS_WITH(load(model_folder("openai_vit"), options), Catch::Contains("no configuration of a CLIP"));
}

TEST_CASE("a tokenizer whose ids are not the rows of the embedding is refused") {
    const checkpoint whole = checkpoint::from_bytes(testing::random_checkpoint().bytes(), "tiny");
    const std::vector<named_tensor> tensors(whole.tensors().begin(), whole.tensors().end());
    tensor_metadata metadata = whole.metadata();
    metadata.find(tokenizer_key)->second = R"({"kind": "clip_bpe", "merges": ["i n", "t h"]})";
    CHECK_THROWS_WITH(load(safetensors_bytes(tensors, metadata)),
                      Catch::Contains("the tokenizer has 516 ids, expected 770"));
}
