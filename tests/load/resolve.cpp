#include <array>
#include <optional>
#include <string>
#include <vector>

#include <zeroshot/load/resolve.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot::loading;
using namespace zeroshot_tests;

namespace {

resolved_model resolved_from(const std::string& model, const std::vector<settings>& sources = {},
                             const std::string& file = "model.safetensors") {
    return resolve(weights(checkpoint::open(model_folder(model) + "/" + file)), sources);
}

settings stated_by(const std::string& source) {
    settings stated;
    stated.source = source;
    return stated;
}

std::string decided_by(const std::vector<decision>& decisions, const std::string& what) {
    for (const decision& each : decisions) {
        if (each.what == what) return each.by;
    }
    return "not decided";
}

}  // namespace

TEST_CASE("a bare file in OpenAI's layout follows OpenAI's rules, which are listed as assumptions") {
    const resolved_model vit = resolved_from("openai_vit");
    CHECK(vit.config.embedding == 32);
    CHECK(std::get<vision_transformer_config>(vit.config.image) ==
          vision_transformer_config{32, 8, {64, 2, 1, 256, activation::quick_gelu, 1e-5}});
    CHECK(vit.config.text == text_config{16, 600, {64, 1, 1, 256, activation::quick_gelu, 1e-5}});
    CHECK(vit.assumptions() == std::vector<std::string>{"heads of 64", "QuickGELU"});
    const resolved_model resnet = resolved_from("openai_resnet");
    CHECK(std::get<modified_resnet_config>(resnet.config.image) == modified_resnet_config{64, 4, {1, 1, 1, 1}, 2});
}

TEST_CASE("settings of the options are no assumptions") {
    settings options = stated_by("options");
    options.vision.heads = 2;
    options.text.heads = 4;
    options.vision.activation = options.text.activation = activation::gelu;
    const resolved_model vit = resolved_from("openai_vit", {options});
    CHECK(vit.assumptions().empty());
    CHECK(std::get<vision_transformer_config>(vit.config.image).transformer.heads == 2);
    CHECK(vit.config.text.transformer.activation == activation::gelu);
}

TEST_CASE("a setting that is neither stated nor assumed is an error that names the option") {
    CHECK_THROWS_WITH(resolved_from("hugging_face_mixed"), Catch::Contains("the number of heads of its text tower") &&
                                                               Catch::Contains("load_options::text_heads"));
    CHECK_THROWS_WITH(resolved_from("open_clip_gelu", {}, "open_clip_model.safetensors"),
                      Catch::Contains("load_options::text_heads"));
    settings heads = stated_by("options");
    heads.vision.heads = heads.text.heads = 1;
    CHECK_THROWS_WITH(resolved_from("hugging_face_mixed", {heads}), Catch::Contains("load_options::activation"));
}

TEST_CASE("a configuration that contradicts the tensors is refused with both values") {
    const auto refused = [](auto change) {
        settings config = stated_by("config.json");
        change(config);
        return [config] { resolved_from("openai_vit", {config}); };
    };
    CHECK_THROWS_WITH(refused([](settings& s) { s.embedding = 512; })(),
                      Catch::Contains("embedding is 512 in config.json, expected 32 as in the tensors"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.context = 77; })(), Catch::Contains("context is 77"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.vocabulary = 49408; })(), Catch::Contains("vocabulary is 49408"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.image_size = 224; })(), Catch::Contains("image_size is 224"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.patch_size = 16; })(), Catch::Contains("patch_size is 16"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.vision.width = 768; })(), Catch::Contains("vision width is 768"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.vision.layers = 12; })(),
                      Catch::Contains("vision layers is 12 in config.json, expected 2"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.text.mlp_width = 1; })(), Catch::Contains("text mlp_width is 1"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.preprocess_size = 224; })(),
                      Catch::Contains("size of the preprocessing is 224"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.vision.heads = 7; })(),
                      Catch::Contains("vision width 64 is not a multiple of heads 7"));
    CHECK_THROWS_WITH(refused([](settings& s) { s.text.heads = 0; })(), Catch::Contains("text heads is 0"));
}

TEST_CASE("towers of the widths of open_clip's ViT-H, g and bigG are not assumed to have heads of 64") {
    clip_config config = testing::tiny_vision_transformer();
    config.image = vision_transformer_config{28, 14, {1280, 1, 16, 64, activation::gelu, 1e-5}};
    config.text.transformer = {64, 1, 1, 64, activation::gelu, 1e-5};
    const checkpoint made = checkpoint::from_bytes(testing::random_checkpoint(config).bytes(), "ViT-H-14.safetensors");
    CHECK_THROWS_WITH(resolve(weights(made), {}), Catch::Contains("heads of its vision tower, 1280 wide") &&
                                                      Catch::Contains("load_options::vision_heads"));
    settings heads = stated_by("options");
    heads.vision.heads = 16;
    CHECK_THROWS_WITH(
        resolve(weights(made), std::vector{heads}),
        Catch::Contains("the activation of its vision tower") && Catch::Contains("load_options::activation"));
}

TEST_CASE("decisions name the first source that states a setting, or the rule that holds where none does") {
    settings options = stated_by("options"), beside = stated_by("config.json");
    options.text.activation = activation::gelu;
    beside.text.activation = activation::quick_gelu;
    beside.vision.head_width = 64;
    beside.mean = {0.5f, 0.5f, 0.5f};
    const auto decisions = resolved_from("openai_vit", {options, beside}).decisions();
    CHECK(decided_by(decisions, "text activation") == "options");
    CHECK(decided_by(decisions, "vision heads") == "config.json");
    CHECK(decided_by(decisions, "mean") == "config.json");
    CHECK(decided_by(decisions, "text heads") == "default: OpenAI's rule");
    CHECK(decided_by(decisions, "vision activation") == "default: OpenAI's rule");
    CHECK(decided_by(decisions, "std") == "default: as OpenAI's models");
    CHECK(decided_by(decisions, "tokenizer") == "default: as OpenAI's models");
}

TEST_CASE("a ModifiedResNet has no activation to choose, and its heads of 64 are no assumption") {
    const settings text = [] {
        settings stated = stated_by("options");
        stated.text.heads = 1;
        return stated;
    }();
    const resolved_model resnet = resolved_from("openai_resnet", {text});
    CHECK(decided_by(resnet.decisions(), "vision activation") == "not decided");
    CHECK(decided_by(resnet.decisions(), "vision heads") == "default: OpenAI's rule");
    CHECK(resnet.assumptions() == std::vector<std::string>{"QuickGELU"});
}

TEST_CASE("images are preprocessed as the first source states, and as OpenAI's where none does") {
    CHECK(resolved_from("openai_vit").images == preprocessing{.size = 32});
    const std::array<float, 3> halves{0.5f, 0.5f, 0.5f};
    const std::vector<settings> sources{{.source = "a", .filter = interpolation::bilinear},
                                        {.source = "b", .mean = halves, .filter = interpolation::bicubic}};
    const preprocessing images = resolved_from("openai_vit", sources).images;
    CHECK(images.mean == halves);
    CHECK(images.standard_deviation == clip_std);
    CHECK(images.filter == interpolation::bilinear);
    const std::vector<settings> useless{{.source = "a", .standard_deviation = std::array<float, 3>{1, 0, 1}}};
    CHECK_THROWS_AS(resolved_from("openai_vit", useless), argument_error);
}

TEST_CASE("checkpoints of transformers without a processor are prepared as by its image processor") {
    settings towers = stated_by("a");
    towers.text = {.heads = 3, .activation = activation::gelu};
    towers.vision = {.heads = 4, .activation = activation::gelu};
    const resolved_model bare = resolved_from("hugging_face_mixed", {towers});
    CHECK(bare.images.order == preprocessing_order::hugging_face);
    CHECK(bare.images.transparency == transparency::on_white());
}

TEST_CASE("transparent pixels follow the reference of the order, unless a source states a rule") {
    const auto rule_with = [](const settings& stated) {
        return resolved_from("openai_vit", std::vector{stated}).images.transparency;
    };
    CHECK(rule_with({.source = "a"}) == transparency{});
    CHECK(rule_with({.source = "a", .order = preprocessing_order::hugging_face}) == transparency::on_white());
    CHECK(rule_with({.source = "a", .order = preprocessing_order::hugging_face, .transparency = transparency{}}) ==
          transparency{});
    CHECK(rule_with({.source = "a", .transparency = transparency::of("#010203")}) == transparency::of("#010203"));
}

TEST_CASE("a tokenizer with more ids than the embedding has rows is not used") {
    const resolved<tokenizer_settings> tiny{
        {.own = std::make_shared<const tokenizer>(vocabulary::from_merges(std::vector<std::string>{"i n", "t h"}))},
        "tiny"};
    CHECK(tokenizer_of(tiny, 516)->size() == 516);
    CHECK(tokenizer_of(tiny, 576)->size() == 516);  // rows are often padded
    CHECK_FALSE(tokenizer_of(tiny, 500).has_value());
}

TEST_CASE("CLIP's own table holds where no source states one, unless it has more ids than the embedding has rows") {
    CHECK(tokenizer_of({}, 49408).has_value());
    CHECK(tokenizer_of({}, 60000).has_value());
    CHECK_FALSE(tokenizer_of({}, 600).has_value());
    const std::vector<settings> sources{{.source = "a", .other_tokenizer = "google/mt5-base"}};
    const resolved_model model = resolved_from("openai_vit", sources);
    CHECK(model.tokenizer.value.other == "google/mt5-base");
    CHECK(model.tokenizer.source == "a");
    CHECK_FALSE(tokenizer_of(model.tokenizer, 250'000).has_value());
}
