#include <string>

#include <zeroshot/load/open_clip.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

settings model(const std::string& vision, const std::string& text = "", const std::string& more = "") {
    return open_clip_settings(json::parse(R"({"model_cfg": {"embed_dim": 512, "vision_cfg": {)" + vision +
                                              R"(}, "text_cfg": {)" + text + "}" + more + "}}",
                                          "open_clip_config.json"));
}

}  // namespace

TEST_CASE("open_clip means GELU unless it says quick_gelu, and heads of 64 unless it says head_width") {
    const settings found = model(R"("width": 768)", R"("heads": 12)");
    CHECK(found.vision.function == activation::gelu);
    CHECK(found.vision.head_width == 64u);
    CHECK(found.text.heads == 12u);
    CHECK(model("", "", R"(, "quick_gelu": true)").text.function == activation::quick_gelu);
    CHECK(model(R"("act_kwargs": {"approximate": "tanh"})").vision.function == activation::gelu_tanh);
    CHECK(model(R"("norm_kwargs": {"eps": 1e-6})").vision.epsilon == 1e-6);
    CHECK(model(R"("head_width": 80)").vision.head_width == 80u);
}

TEST_CASE("a model_cfg alone will do, and preprocess_cfg gives mean and std") {
    const settings bare =
        open_clip_settings(json::parse(R"({"embed_dim": 640, "vision_cfg": {}, "text_cfg": {}})", "ViT.json"));
    CHECK(bare.embedding == 640u);
    CHECK_FALSE(bare.mean);
    const settings whole = open_clip_settings(json::parse(
        R"({"model_cfg": {"vision_cfg": {}, "text_cfg": {}}, "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}})",
        "c"));
    CHECK((*whole.mean)[2] == 0.5f);
    CHECK(open_clip_settings(
              json::parse(
                  R"({"model_cfg": {"vision_cfg": {}, "text_cfg": {}}, "preprocess_cfg": {"size": [224, 224]}})", "c"))
              .preprocess_size == 224u);
}

TEST_CASE("what makes another model than CLIP is refused by its name") {
    CHECK_THROWS_WITH(model(R"("timm_model_name": "vit_base")"), Catch::Contains("timm_model_name is set"));
    CHECK_THROWS_WITH(model("", R"("hf_model_name": "roberta")"), Catch::Contains("hf_model_name is set"));
    CHECK_THROWS_WITH(model("", R"("no_causal_mask": true)"), Catch::Contains("no_causal_mask is set"));
    CHECK_THROWS_WITH(model(R"("qk_norm": true)"), Catch::Contains("qk_norm is set"));
    CHECK_THROWS_WITH(model(R"("pool_type": "avg")"), Catch::Contains("pool_type is 'avg'"));
    CHECK_THROWS_WITH(model("", R"("proj_type": "none")"), Catch::Contains("proj_type is 'none'"));
    CHECK_THROWS_WITH(model(R"("norm_kwargs": {"elementwise_affine": false})"),
                      Catch::Contains("a layer norm with 'elementwise_affine'"));
    CHECK_NOTHROW(model(R"("timm_model_name": null, "attentional_pool": false)"));
    CHECK_THROWS_WITH(
        open_clip_settings(json::parse(
            R"({"model_cfg": {"vision_cfg": {}, "text_cfg": {}}, "preprocess_cfg": {"resize_mode": "squash"}})", "c")),
        Catch::Contains("resize_mode is 'squash', expected 'shortest'"));
}
