#include <string>

#include <zeroshot/load/readers.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::loading;

namespace {

json parsed(const char* text) {
    return json::parse(text, "config.json");
}

settings model(const char* text) {
    return hugging_face_settings(json::parse(text, "config.json"));
}
settings images(const char* text) {
    return hugging_face_preprocessing(json::parse(text, "preprocessor_config.json"));
}

settings configured(const std::string& vision, const std::string& text = "", const std::string& more = "") {
    return open_clip_settings(json::parse(R"({"model_cfg": {"embed_dim": 512, "vision_cfg": {)" + vision +
                                              R"(}, "text_cfg": {)" + text + "}" + more + "}}",
                                          "open_clip_config.json"));
}

}  // namespace

TEST_CASE("activations go by the names transformers gives them") {
    CHECK(optional_activation(parsed(R"({"a": "quick_gelu"})"), "a") == activation::quick_gelu);
    CHECK(optional_activation(parsed(R"({"a": "gelu"})"), "a") == activation::gelu);
    CHECK(optional_activation(parsed(R"({"a": "gelu_pytorch_tanh"})"), "a") == activation::gelu_tanh);
    CHECK_FALSE(optional_activation(parsed(R"({"a": null})"), "a"));
    CHECK_FALSE(optional_activation(parsed("{}"), "a"));
    CHECK_THROWS_WITH(optional_activation(parsed(R"({"a": "relu"})"), "a"),
                      Catch::Contains("config.json: /a: activation 'relu', expected quick_gelu"));
    CHECK_THROWS_AS(optional_activation(parsed(R"({"a": 12})"), "a"), checkpoint_error);
}

TEST_CASE("a mean is three numbers") {
    CHECK((*optional_colour(parsed(R"({"mean": [0.5, 0.25, 1]})"), "mean"))[1] == 0.25f);
    CHECK_THROWS_WITH(optional_colour(parsed(R"({"mean": [0.5, 0.5]})"), "mean"),
                      Catch::Contains("2 numbers, expected 3"));
    CHECK_THROWS_WITH(optional_colour(parsed(R"({"mean": [1, 2, 3, 4]})"), "mean"),
                      Catch::Contains("4 numbers, expected 3"));
    CHECK_THROWS_AS(optional_colour(parsed(R"({"mean": ["a", 1, 2]})"), "mean"), checkpoint_error);
}

TEST_CASE("a number in quotes is refused") {
    CHECK_THROWS_WITH(optional_size(parsed(R"({"layers": "12"})"), "layers"), Catch::Contains("/layers is a string"));
    CHECK_THROWS_AS(optional_size(parsed(R"({"layers": -1})"), "layers"), checkpoint_error);
    CHECK_THROWS_AS(optional_size(parsed(R"({"layers": 1.5})"), "layers"), checkpoint_error);
}

TEST_CASE("what config.json leaves out is what configuration_clip.py says") {
    const settings stated = model(R"({"model_type": "clip"})");
    CHECK(stated.vision.heads == 12u);
    CHECK(stated.text.heads == 8u);
    CHECK(stated.vision.activation == activation::quick_gelu);
    CHECK(stated.text.epsilon == 1e-5);
    CHECK_FALSE(stated.embedding);
}

TEST_CASE("each tower has its own activation, heads and epsilon") {
    const settings stated = model(
        R"({"projection_dim": 24,
            "vision_config": {"hidden_act": "gelu", "num_attention_heads": 4, "layer_norm_eps": 1e-6},
            "text_config": {"num_attention_heads": 3, "vocab_size": 600}})");
    CHECK(stated.embedding == 24u);
    CHECK(stated.vision.activation == activation::gelu);
    CHECK(stated.vision.heads == 4u);
    CHECK(stated.vision.epsilon == 1e-6);
    CHECK(stated.text.activation == activation::quick_gelu);
    CHECK(stated.vocabulary == 600u);
}

TEST_CASE("vision_config_dict replaces vision_config, defaults included") {
    const settings stated = model(
        R"({"vision_config": {"hidden_act": "gelu", "num_attention_heads": 4},
            "vision_config_dict": {"num_attention_heads": 2}})");
    CHECK(stated.vision.heads == 2u);
    CHECK(stated.vision.activation == activation::quick_gelu);
}

TEST_CASE("the end token is the highest id, also where an older file says 2, or the one that is named") {
    CHECK(model(R"({"text_config": {"vocab_size": 600, "eos_token_id": 599}})").text_pooling == text_pool::argmax);
    CHECK(model(R"({"text_config": {"vocab_size": 600, "eos_token_id": 2}})").text_pooling == text_pool::argmax);
    CHECK(model(R"({"text_config": {"vocab_size": 600}})").text_pooling == text_pool::argmax);
    CHECK(model(R"({"text_config": {"vocab_size": 49410}})").end == 49407u);  // the default of CLIPTextConfig
    CHECK(model("{}").text_pooling == text_pool::argmax);
    const settings named = model(R"({"text_config": {"vocab_size": 601, "eos_token_id": 599}})");  // tokens were added
    CHECK(named.text_pooling == text_pool::end);
    CHECK(named.end == 599u);
}

TEST_CASE("another kind of model is refused") {
    CHECK_THROWS_WITH(model(R"({"model_type": "siglip2"})"),
                      Catch::Contains("a model of type 'siglip2', expected clip"));
    CHECK_THROWS_WITH(model(R"({"model_type": "siglip", "vision_config": {"vision_use_head": false}})"),
                      Catch::Contains("vision_use_head is off, expected true"));
}

TEST_CASE("a published configuration of SigLIP states sizes, and what it leaves out is transformers' default") {
    const settings stated = model(
        R"({"model_type": "siglip", "text_config": {"vocab_size": 256000, "projection_size": 1536},
            "vision_config": {"image_size": 512, "hidden_act": "gelu"}})");
    CHECK(stated.vocabulary == 256000u);
    CHECK(stated.embedding == 1536u);
    CHECK(stated.image_size == 512u);
    CHECK(stated.vision.heads == 12u);
    CHECK(stated.text.heads == 12u);
    CHECK(stated.vision.activation == activation::gelu);
    CHECK_FALSE(stated.text.activation);
    CHECK_FALSE(stated.text_pooling);
    const settings usual = siglip_defaults();
    CHECK(usual.text.activation == activation::gelu_tanh);
    CHECK(usual.vision.epsilon == 1e-6);
    CHECK(usual.text_pooling == text_pool::last);
    CHECK(usual.causal == false);
    CHECK(usual.padding == 1u);
    CHECK_FALSE(usual.vision.heads);
}

TEST_CASE("the class of a model is that of its configuration, and CLIP's own classes are known") {
    const auto architecture = [](const char* text) { return hugging_face_architecture(json::parse(text, "c")); };
    CHECK(architecture(R"({"architectures": ["BertModel"], "model_type": "bert"})") == "BertModel");
    CHECK(architecture(R"({"_class_name": "AutoencoderKL"})") == "AutoencoderKL");
    CHECK(architecture(R"({"architectures": null, "model_type": "bert"})") == "bert");
    CHECK(architecture("{}").empty());
    for (const char* name :
         {"CLIPModel", "SiglipModel", "siglip", "TFCLIPModel", "FlaxCLIPModel", "CLIPTextModelWithProjection", "clip"})
        CHECK(is_clip(name));
    for (const char* name : {"CLIPSegModel", "ChineseCLIPModel", "StableDiffusionSafetyChecker", "clipseg", ""})
        CHECK_FALSE(is_clip(name));
}

TEST_CASE("the size of images is a number or one of two objects") {
    CHECK(images(R"({"size": 224})").preprocess_size == 224u);
    CHECK(images(R"({"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}})").preprocess_size ==
          224u);
    const settings squashed = images(R"({"size": {"height": 224, "width": 224}, "do_center_crop": false})");
    CHECK(squashed.preprocess_size == 224u);
    CHECK(squashed.mode == resize_mode::squash);
    CHECK(images(R"({"resample": 2})").filter == interpolation::bilinear);
    CHECK(images("{}").order == preprocessing_order::hugging_face);
    CHECK_THROWS_WITH(images(R"({"crop_size": {"height": 224, "width": 200}})"),
                      Catch::Contains("a size of 224 x 200, expected a square"));
}

TEST_CASE("image processors of other models are refused where they differ, or leave settings to their defaults") {
    CHECK_NOTHROW(images(R"({"image_processor_type": "CLIPImageProcessorFast", "crop_pct": 0.9})"));
    CHECK_NOTHROW(images(R"({"feature_extractor_type": "CLIPFeatureExtractor"})"));
    CHECK_THROWS_WITH(images(R"({"image_processor_type": "ViTImageProcessor", "size": 224})"),
                      Catch::Contains("'ViTImageProcessor' with its own defaults, expected the settings of a CLIP"));
    const std::string whole = R"("size": {"height": 24, "width": 24}, "image_mean": [0.5, 0.5, 0.5],
                                 "image_std": [0.5, 0.5, 0.5], "resample": 2)";
    const auto of_type = [&](const std::string& name, const std::string& more = "") {
        return images(("{\"image_processor_type\": \"" + name + "\", " + whole + more + "}").c_str());
    };
    CHECK(of_type("ViTImageProcessor").mode == resize_mode::squash);
    CHECK_THROWS_WITH(of_type("LevitImageProcessor"), Catch::Contains("own defaults"));
    CHECK_THROWS_WITH(of_type("ConvNextImageProcessor", ", \"crop_pct\": 0.875"),
                      Catch::Contains("'crop_pct' of 'Conv"));
    CHECK_NOTHROW(of_type("MobileViTImageProcessor", ", \"do_flip_channel_order\": false"));
}

TEST_CASE("a crop without a size is cut from an image of CLIP's usual size") {
    CHECK(images(R"({"crop_size": 96})").resized == 224u);
    CHECK_FALSE(images(R"({"crop_size": 224})").resized.has_value());
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
    CHECK_THROWS_WITH(images(R"({"size": {"shortest_edge": 40, "longest_edge": 50}})"),
                      Catch::Contains("a longest_edge, expected a shortest_edge alone"));
    CHECK_NOTHROW(images(R"({"resample": 3, "do_center_crop": true})"));
}

TEST_CASE("open_clip means GELU unless it says quick_gelu, and heads of 64 unless it says head_width") {
    const settings stated = configured(R"("width": 768)", R"("heads": 12)");
    CHECK(stated.vision.activation == activation::gelu);
    CHECK(stated.vision.head_width == 64u);
    CHECK(stated.text.heads == 12u);
    CHECK(configured("", "", R"(, "quick_gelu": true)").text.activation == activation::quick_gelu);
    CHECK(configured(R"("act_kwargs": {"approximate": "tanh"})").vision.activation == activation::gelu_tanh);
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
    CHECK_THROWS_WITH(configured("", "", R"(, "multimodal_cfg": {"width": 512})"), Catch::Contains("a CoCa"));
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
    CHECK(configured("", R"("hf_tokenizer_name": "google/mt5-base")").other_tokenizer == "google/mt5-base");
    CHECK(configured("", R"("tokenizer_kwargs": {"clean": "canonicalize"})").other_tokenizer ==
          "SimpleTokenizer with clean");
    CHECK_FALSE(configured("", R"("hf_tokenizer_name": null, "tokenizer_kwargs": {"clean": "lower"})").other_tokenizer);
}

TEST_CASE("preprocess_cfg says how images become squares") {
    const settings stated = open_clip_settings(json::parse(
        R"({"model_cfg": {"vision_cfg": {}, "text_cfg": {}},
            "preprocess_cfg": {"resize_mode": "longest", "interpolation": "bilinear", "fill_color": 7,
                               "mode": "RGB"}})",
        "c"));
    CHECK(stated.mode == resize_mode::longest);
    CHECK(stated.filter == interpolation::bilinear);
    CHECK(stated.fill == std::uint8_t{7});
}
