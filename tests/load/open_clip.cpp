#include <string>

#include <zeroshot/load/open_clip.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

settings configured(const std::string& vision, const std::string& text = "", const std::string& more = "") {
    return open_clip_settings(json::parse(R"({"model_cfg": {"embed_dim": 512, "vision_cfg": {)" + vision +
                                              R"(}, "text_cfg": {)" + text + "}" + more + "}}",
                                          "open_clip_config.json"));
}

}  // namespace

TEST_CASE("open_clip means GELU unless it says quick_gelu, and heads of 64 unless it says head_width") {
    const settings found = configured(R"("width": 768)", R"("heads": 12)");
    CHECK(found.vision.function == activation::gelu);
    CHECK(found.vision.head_width == 64u);
    CHECK(found.text.heads == 12u);
    CHECK(configured("", "", R"(, "quick_gelu": true)").text.function == activation::quick_gelu);
    CHECK(configured(R"("act_kwargs": {"approximate": "tanh"})").vision.function == activation::gelu_tanh);
    CHECK(configured(R"("norm_kwargs": {"eps": 1e-6})").vision.epsilon == 1e-6);
    CHECK(configured(R"("head_width": 80)").vision.head_width == 80u);
}

TEST_CASE("a model_cfg alone will do, and preprocess_cfg gives mean and std") {
    const settings bare =
        open_clip_settings(json::parse(R"({"embed_dim": 640, "vision_cfg": {}, "text_cfg": {}})", "ViT.json"));
    CHECK(bare.embedding == 640u);
    CHECK_FALSE(bare.mean);
    const settings whole = open_clip_settings(json::parse(
        R"({"model_cfg": {"vision_cfg": {}, "text_cfg": {}},
            "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}})",
        "c"));
    CHECK((*whole.mean)[2] == 0.5f);
    CHECK(open_clip_settings(
              json::parse(
                  R"({"model_cfg": {"vision_cfg": {}, "text_cfg": {}}, "preprocess_cfg": {"size": [224, 224]}})", "c"))
              .preprocess_size == 224u);
}

TEST_CASE("what makes another model than CLIP is refused by its name") {
    CHECK_THROWS_WITH(configured(R"("timm_model_name": "vit_base")"), Catch::Contains("timm_model_name is set"));
    CHECK_THROWS_WITH(configured("", R"("hf_model_name": "roberta")"), Catch::Contains("hf_model_name is set"));
    CHECK_THROWS_WITH(configured("", R"("embed_cls": true)"), Catch::Contains("embed_cls is set"));
    CHECK_THROWS_WITH(configured(R"("qk_norm": true)"), Catch::Contains("qk_norm is set"));
    CHECK_THROWS_WITH(configured(R"("pool_type": "none")"),
                      Catch::Contains("pool_type is 'none', expected tok or avg"));
    CHECK_THROWS_WITH(configured("", R"("pool_type": "none")"),
                      Catch::Contains("pool_type is 'none', expected argmax, eos, last or first"));
    CHECK_THROWS_WITH(configured("", R"("proj_type": "none")"), Catch::Contains("proj_type is 'none'"));
    CHECK_THROWS_WITH(configured(R"("norm_kwargs": {"elementwise_affine": false})"),
                      Catch::Contains("a layer norm with 'elementwise_affine'"));
    CHECK_NOTHROW(configured(R"("timm_model_name": null, "attentional_pool": false)"));
    CHECK_THROWS_WITH(
        open_clip_settings(json::parse(
            R"({"model_cfg": {"vision_cfg": {}, "text_cfg": {}}, "preprocess_cfg": {"resize_mode": "crop"}})", "c")),
        Catch::Contains("resize_mode 'crop', expected shortest or longest or squash"));
}

TEST_CASE("what open_clip's own variants say of their towers is understood") {
    const settings clipa = configured(R"("no_ln_pre": true, "pool_type": "avg", "final_ln_after_pool": true)",
                                      R"("no_causal_mask": true, "pool_type": "last", "pad_id": 1)");
    CHECK(clipa.pre_norm == false);
    CHECK(clipa.vision_pooling == image_pool::mean);
    CHECK(clipa.causal == false);
    CHECK(clipa.text_pooling == text_pool::last);
    CHECK(clipa.padding == 1u);
    CHECK(configured(R"("pool_type": "avg")").vision_pooling == image_pool::mean_of_normalised);
    CHECK(configured("", R"("pool_type": "eos")").end == 2u);
    CHECK(configured("", R"("pool_type": "eos", "eos_id": 1)").end == 1u);
    CHECK(configured("", R"("pool_type": "first")").text_pooling == text_pool::first);
    CHECK(configured(R"("ls_init_value": 0.0001)").vision.layer_scale == true);
    const settings usual = configured("");
    CHECK(usual.pre_norm == true);
    CHECK(usual.vision_pooling == image_pool::class_token);
    CHECK(usual.text_pooling == text_pool::argmax);
    CHECK(usual.causal == true);
    CHECK(usual.text.layer_scale == false);
}

TEST_CASE("a tokenizer other than CLIP's is known by its name, and so is another way to clean") {
    CHECK(configured("", R"("hf_tokenizer_name": "google/mt5-base")").tokenizer == "google/mt5-base");
    CHECK(configured("", R"("tokenizer_kwargs": {"clean": "canonicalize"})").tokenizer == "SimpleTokenizer with clean");
    CHECK_FALSE(configured("", R"("hf_tokenizer_name": null, "tokenizer_kwargs": {"clean": "lower"})").tokenizer);
}

TEST_CASE("preprocess_cfg says how images become squares") {
    const settings found = open_clip_settings(json::parse(
        R"({"model_cfg": {"vision_cfg": {}, "text_cfg": {}},
            "preprocess_cfg": {"resize_mode": "longest", "interpolation": "bilinear", "fill_color": 7,
                               "mode": "RGB"}})",
        "c"));
    CHECK(found.mode == resize_mode::longest);
    CHECK(found.filter == interpolation::bilinear);
    CHECK(found.fill == std::uint8_t{7});
}
