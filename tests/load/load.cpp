#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <zeroshot/load/build.hpp>
#include <zeroshot/load/load.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"
#include "tests/support/files.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

namespace {

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

std::filesystem::path containers_folder() {
    return std::filesystem::path(ZEROSHOT_SOURCE_DIR) / "tests/golden/containers";
}

/// The refusal of a checkpoint without the tensors whose names begin so.
std::string refused_without(std::string_view names, const checkpoint& whole, const load_options& options) {
    std::vector<named_tensor> tensors;
    for (const named_tensor& each : whole.tensors())
        if (!each.name.starts_with(names)) tensors.push_back(each);
    return support::thrown<checkpoint_error>([&] { load(safetensors_bytes(tensors), options); });
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

/// Every stage of the first image and of each prompt that the record has under the stage's name.
template <class Scalar>
void check_stages(const std::string& name, double bound) {
    INFO(name);
    const reference_model reference(name);
    const auto clip = load<Scalar>(model_folder(name));
    std::size_t stages = 0;
    const auto against = [&](const std::string& prefix) {
        return [&, prefix](std::string_view stage, const matrix<Scalar>& activations) {
            const std::string recorded = prefix + std::string(stage.starts_with("text.") ? stage.substr(5) : stage);
            check_close<Scalar>(recorded, activations.values(), reference.numbers(recorded), bound);
            ++stages;
        };
    };
    const auto pixels = reference.pixels<Scalar>();
    clip.model().visual()(pixels.row(0), 1, against(""));
    const auto prompts = reference.prompts();
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        const std::span<const std::int32_t> one(prompts[i]);
        clip.model().text()(std::span(&one, 1), against("text." + std::to_string(i) + "."));
    }
    // conv1, two blocks, ln_post or attn_pool and, but in CLIPA and SigLIP, ln_pre; embedding, two blocks and ln_final
    // of four prompts
    CHECK(stages == (name == "open_clip_clipa" || name == "hugging_face_siglip" ? 20 : 21));
}

/// The warnings of a file "x".
template <class Warn>
std::vector<std::string> warned(const Warn& warn) {
    provenance origin;
    origin.place = "x";
    warn(origin);
    return origin.warnings;
}

}  // namespace

TEST_CASE("CLIPA, LayerScale, an end token by its number and SigLIP equal the reference at every stage") {
    for (const std::string name :
         {"open_clip_clipa", "open_clip_layer_scale", "open_clip_worldwide", "hugging_face_siglip"}) {
        check_stages<double>(name, stage_bound<double>());
        check_stages<float>(name, stage_bound<float>());
    }
}

TEST_CASE("a tower that sees its padding gives a prompt the same bits whatever its neighbours") {
    const clip model = load(model_folder("open_clip_clipa"));
    const auto prompts = reference_model("open_clip_clipa").prompts();
    const matrix<float> together = model.encode_tokens(prompts);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        std::vector<token_id> padded = prompts[i];
        padded.resize(model.context(), 0);
        const matrix<float> alone = model.encode_tokens(std::span(&padded, 1));
        CHECK(std::ranges::equal(alone.row(0), together.row(i)));
    }
    std::vector<std::vector<token_id>> too_long{std::vector<token_id>(model.context() + 1, 5)};
    CHECK_THROWS_WITH(model.encode_tokens(too_long), Catch::Contains("9 ids, expected at most 8"));
}

TEST_CASE("SigLIP pads prompts to its context, squashes images without their alpha, and takes token ids") {
    const clip model = load(model_folder("hugging_face_siglip"));
    CHECK_FALSE(model.takes_texts());
    REQUIRE(model.provenance().warnings.size() == 1);
    CHECK_THAT(model.provenance().warnings[0],
               Catch::Contains("the model uses the tokenizer 'SiglipTokenizer', which zeroshot does "
                               "not implement; use encode_tokens()"));
    const std::vector<std::vector<token_id>> prompts{
        {5, 6, 1}, {5, 6, 1, 1, 1, 1, 1, 1, 1}, {5, 6, 1, 0, 0, 0, 0, 0, 0}};
    const matrix<float> texts = model.encode_tokens(prompts);
    CHECK(std::ranges::equal(texts.row(0), texts.row(1)));
    CHECK_FALSE(std::ranges::equal(texts.row(0), texts.row(2)));
    CHECK(model.preprocessing().mode == resize_mode::squash);
    CHECK_FALSE(model.preprocessing().transparency.background);
    CHECK(model.preprocessing().mean == std::array{0.5f, 0.5f, 0.5f});
}

TEST_CASE(
    "a SigLIP without its configuration needs its heads alone, and without a processor is prepared as by its own") {
    const checkpoint bare = checkpoint::open(model_folder("hugging_face_siglip") + "/model.safetensors");
    CHECK_THROWS_WITH(load(bare), Catch::Contains("the number of heads of its text tower") &&
                                      Catch::Contains("load_options::text_heads"));
    const clip model = load(bare, {.vision_heads = 3, .text_heads = 4});
    clip_config wanted = load(model_folder("hugging_face_siglip")).config();
    std::get<vision_transformer_config>(wanted.image).image_size = 24;  // the unused pixels do not show in the tensors
    CHECK(model.config() == wanted);
    CHECK(model.preprocessing().mode == resize_mode::squash);
    CHECK_FALSE(model.preprocessing().transparency.background);
    CHECK(model.preprocessing().standard_deviation == std::array{0.5f, 0.5f, 0.5f});
}

TEST_CASE("a SigLIP with a missing tensor is refused by its name") {
    const checkpoint whole = checkpoint::open(model_folder("hugging_face_siglip") + "/model.safetensors");
    load_options options;
    options.config = model_folder("hugging_face_siglip") + "/config.json";
    const auto without = [&](std::string_view names) { return refused_without(names, whole, options); };
    CHECK_THAT(without("vision_model.embeddings.patch_embedding.bias"),
               Catch::Contains("tensor visual.conv1.bias is missing"));
    CHECK_THAT(without("vision_model.head.attention.in_proj_bias"),
               Catch::Contains("tensor visual.attn_pool.attn.in_proj_bias is missing"));
    CHECK_THAT(without("vision_model.head.probe"), Catch::Contains("visual.attn_pool"));
}

TEST_CASE("a prompt without its model's end token is refused") {
    const clip model = load(model_folder("open_clip_worldwide"));
    const std::vector<std::vector<token_id>> prompts{{1, 5, 6}};
    CHECK_THROWS_WITH(model.encode_tokens(prompts), Catch::Contains("a prompt without the end token, expected id 2"));
}

TEST_CASE("a model whose tokenizer is not implemented takes token ids, and refuses texts with that tokenizer's name") {
    const clip model = load(model_folder("open_clip_worldwide"));
    CHECK_FALSE(model.takes_texts());
    CHECK(model.provenance().tokenizer == "facebook/xlm-v-base");
    CHECK_THAT(model.provenance().warnings.at(0), Catch::Contains("uses the tokenizer 'facebook/xlm-v-base'"));
    try {
        model.encode_text("a dog");
        FAIL("accepted");
    } catch (const text_error& fault) {
        CHECK(fault.code() == error_code::unsupported);
        CHECK_THAT(fault.what(), Catch::Contains("the model uses the tokenizer 'facebook/xlm-v-base'"));
    }
    CHECK(load(testing::random_checkpoint().bytes()).takes_texts());
}

TEST_CASE("a requested image size resamples the positions") {
    load_options options;
    options.image_size = 48;
    for (const char* name : {"openai_vit", "hugging_face_mixed", "open_clip_clipa"}) {
        const clip model = load(model_folder(name), options);
        CHECK(model.config().image_size() == 48);
        CHECK(model.preprocessing().size == 48);
        CHECK(model.encode_pixels(tensor<float, 4>(1, 3, 48, 48)).rows() == 1);
    }
    const clip open_clip = load(model_folder("openai_vit"), options);
    const auto& tower = std::get<vision_transformer_config>(open_clip.config().image);
    CHECK(tower.positions == trained_positions{32, position_filter::antialiased});
    const clip hugging_face = load(model_folder("hugging_face_mixed"), options);
    CHECK(std::get<vision_transformer_config>(hugging_face.config().image).positions ==
          trained_positions{30, position_filter::plain});
    CHECK_THROWS_WITH(load(model_folder("openai_resnet"), options),
                      Catch::Contains("images of 48 pixels, expected 64"));
    options.image_size = 32;
    CHECK(load(model_folder("openai_vit"), options).config() == load(model_folder("openai_vit")).config());
}

TEST_CASE("every layout, in double, equals the reference in double") {
    for (const std::string& name : all_models) check_model<double>(name, stage_bound<double>());
}

TEST_CASE("every layout, in float, equals the reference within float's rounding") {
    for (const std::string& name : all_models) check_model<float>(name, stage_bound<float>());
}

TEST_CASE("a bare file in OpenAI's layout warns once; one with its configuration does not warn") {
    const clip bare = load(model_folder("openai_vit"));
    REQUIRE(bare.provenance().warnings.size() == 2);
    CHECK_THAT(bare.provenance().warnings[0],
               Catch::Contains("assumed to be one of OpenAI's own, with heads of 64 and QuickGELU"));
    CHECK_THAT(bare.provenance().warnings[1], Catch::Contains("CLIP's own tokenizer has 49408 ids for 600 rows"));
    CHECK_THROWS_AS(bare.encode_text("a dog"), text_error);
    CHECK(load(testing::random_checkpoint().bytes()).provenance().warnings.empty());
}

TEST_CASE("options go before configuration files") {
    load_options options;
    options.mean = {0.5f, 0.25f, 0.125f};
    options.order = preprocessing_order::openai;
    const clip model = load(model_folder("hugging_face_mixed"), options);
    CHECK(model.preprocessing().mean == *options.mean);
    CHECK(model.preprocessing().order == preprocessing_order::openai);
    CHECK(load(model_folder("hugging_face_mixed")).preprocessing().order == preprocessing_order::hugging_face);
    CHECK(load(model_folder("open_clip_gelu")).preprocessing().mean == std::array<float, 3>{0.5f, 0.5f, 0.5f});
}

TEST_CASE("a configuration may be given as a file of any of the three forms") {
    load_options options;
    options.config = model_folder("hugging_face_mixed") + "/config.json";
    const clip model = load(model_folder("hugging_face_mixed") + "/model.safetensors", options);
    CHECK(model.config() == load(model_folder("hugging_face_mixed")).config());
    options.config = model_folder("custom_text") + "/open_clip_config.json";
    CHECK_THROWS_AS(load(model_folder("hugging_face_mixed"), options), checkpoint_error);
}

TEST_CASE("one model gives the same bits from every container that it is published in") {
    const std::filesystem::path folder = containers_folder();
    const auto embedded = [&](const char* name) {
        const clip model = load(folder / name);
        const auto embedding = model.encode_tokens(std::vector<std::vector<std::int32_t>>{{98, 5, 99}});
        return std::vector<float>(embedding.values().begin(), embedding.values().end());
    };
    const std::vector<float> expected = embedded("model.safetensors");
    for (const char* name : {"state_dict.pt", "training.pt", "torchscript.pt", "model.safetensors.index.json",
                             "pytorch_model.bin.index.json"}) {
        INFO(name);
        CHECK(embedded(name) == expected);
    }
}

TEST_CASE("a folder as transformers 5 saves it gives its ids and embeddings without a warning") {
    const std::string folder = "../folders/transformers_5";  // shards of a variant, a processor and a tokenizer
    const reference_model reference(folder);
    const clip model = load(model_folder(folder));
    const std::vector<std::string> texts = read_json(model_folder(folder) + "/texts.json").texts();
    CHECK(model.provenance().warnings.empty());
    CHECK(model.tokenize(texts) == reference.prompts());
    CHECK(model.preprocessing().mean == std::array{0.4f, 0.45f, 0.5f});
    const auto images = model.encode_pixels(reference.pixels<float>());
    check_close<float>("image embeddings", images.values(), reference.numbers("embedding.image"), stage_bound<float>());
    const auto embeddings = model.encode_text(texts);
    check_close<float>("text embeddings", embeddings.values(), reference.numbers("embedding.text"),
                       stage_bound<float>());
}

TEST_CASE("a folder without a checkpoint, and a missing path, are refused") {
    CHECK_THROWS_WITH(load(std::string(ZEROSHOT_SOURCE_DIR) + "/tests"),
                      Catch::Contains("the folder holds no checkpoint"));
    CHECK_THROWS_AS(load("no/such/file.safetensors"), file_error);
}

TEST_CASE("a failed load leaves a loaded model as it was") {
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

TEST_CASE("a tower that transformers saved alone loads, and equals the reference") {
    const reference_model image_reference("hugging_face_image"), text_reference("hugging_face_text");
    const clip image = load(model_folder("hugging_face_image")), text = load(model_folder("hugging_face_text"));
    CHECK(image.config().towers == clip_towers::image);
    CHECK(text.config().towers == clip_towers::text);
    CHECK(image.preprocessing().order == preprocessing_order::hugging_face);
    const matrix<float> images = image.encode_pixels(image_reference.pixels<float>());
    const matrix<float> texts = text.encode_tokens(text_reference.prompts());
    check_close<float>("image", images.values(), image_reference.numbers("embedding.image"), stage_bound<float>());
    check_close<float>("text", texts.values(), text_reference.numbers("embedding.text"), stage_bound<float>());
    const clip whole = load(model_folder("hugging_face_mixed"));
    CHECK(images == whole.encode_pixels(image_reference.pixels<float>()));
    CHECK(texts == whole.encode_tokens(text_reference.prompts()));
}

TEST_CASE("a verb of a missing tower is refused") {
    const clip image = load(model_folder("hugging_face_image")), text = load(model_folder("hugging_face_text"));
    const auto refused = [](const auto& call) { return support::thrown<checkpoint_error>(call); };
    const std::vector<std::vector<token_id>> prompts{{598, 5, 599}};
    for (const std::string& message :
         {refused([&] { image.encode_tokens(prompts); }), refused([&] { image.encode_text("a dog"); }),
          refused([&] { image.tokenize("a dog"); })}) {
        CHECK_THAT(message, Catch::Contains("UNSUPPORTED") &&
                                Catch::Contains("it holds the image tower alone, expected a text tower"));
    }
    const zeroshot::image pixels_2x2(std::vector<std::uint8_t>(12), 2, 2, pixel_mode::rgb);
    for (const std::string& message :
         {refused([&] { text.encode_pixels(tensor<float, 4>(1, 3, 30, 30)); }),
          refused([&] { text.encode_image(pixels_2x2); }), refused([&] { text.preprocess(pixels_2x2); })}) {
        CHECK_THAT(message, Catch::Contains("UNSUPPORTED") &&
                                Catch::Contains("it holds the text tower alone, expected an image tower"));
    }
    CHECK_THAT(refused([&] { image.logit_scale(); }), Catch::Contains("logit scale"));
}

TEST_CASE("a CLIP without a tower or its logit scale does not load as one tower") {
    const checkpoint whole = checkpoint::open(model_folder("hugging_face_mixed") + "/model.safetensors");
    load_options options;
    options.config = model_folder("hugging_face_mixed") + "/config.json";
    const auto without = [&](std::string_view names) { return refused_without(names, whole, options); };
    CHECK_THAT(without("vision_model."), Catch::Contains("is missing"));
    CHECK_THAT(without("text_model."), Catch::Contains("is missing"));
    CHECK_THAT(without("visual_projection."),
               Catch::Contains("neither visual.proj nor visual.layer1, but visual.class_embedding"));
    CHECK_THAT(without("logit_scale"), Catch::Contains("tensor logit_scale is missing"));
}

TEST_CASE("the converted form names its sizes itself") {
    const clip model = load(testing::random_checkpoint(testing::tiny_modified_resnet()).bytes());
    CHECK(model.config() == testing::tiny_modified_resnet());
    CHECK(model.provenance().layout == "openai");
    CHECK(model.provenance().dtypes == std::vector<std::string>{"F32"});
    CHECK(model.provenance().unread.empty());
}

TEST_CASE("the converted form of a variant loads with its configuration") {
    clip_config config = testing::tiny_vision_transformer();
    auto& tower = std::get<vision_transformer_config>(config.image);
    tower.pre_norm = false;
    tower.pool = image_pool::mean;
    tower.transformer.layer_scale = true;
    tower.image_size = 48;
    tower.positions = {32, position_filter::plain};
    config.text.pool = text_pool::last;
    config.text.padding = 1;
    config.text.causal = false;
    const clip model = load(testing::random_checkpoint(config).bytes());
    CHECK(model.config() == config);
    CHECK(model.provenance().unread.empty());
    CHECK(model.encode_text("a dog").rows() == 1);
}

TEST_CASE("the converted form of a tower with a pooling head loads with its configuration, at another size, too") {
    clip_config config = testing::tiny_vision_transformer();
    auto& tower = std::get<vision_transformer_config>(config.image);
    config.embedding = tower.transformer.width;
    tower.class_token = tower.pre_norm = tower.projection = false;
    tower.patch_bias = true;
    tower.pool = image_pool::attention;
    tower.image_size = 48;
    tower.positions = {32, position_filter::plain};
    const testing::random_checkpoint made(config);
    const clip model = load(made.bytes());
    CHECK(model.config() == config);
    CHECK(model.provenance().unread.empty());
    CHECK(model.provenance().warnings.empty());
    const tensor<float, 4> pixels = loading::fixed_pixels<float>(48);
    const matrix<float> exact = model.encode_pixels(pixels);
    for (const precision each : {precision::bf16, precision::int8}) {
        const matrix<float> rounded = load(made.bytes(), {.precision = each}).encode_pixels(pixels);
        const auto a = rounded.eigen().row(0), b = exact.eigen().row(0);
        CHECK(a.dot(b) > 0.99f * a.norm() * b.norm());
    }
}

TEST_CASE("a configuration that contradicts the tensors is refused") {
    clip_config config = testing::tiny_vision_transformer();
    config.text.transformer.layer_scale = true;
    const checkpoint whole = checkpoint::from_bytes(testing::random_checkpoint(config).bytes(), "tiny");
    const auto without = [&](std::string_view removed, std::string_view from, std::string_view to) {
        std::vector<named_tensor> tensors;
        for (const named_tensor& each : whole.tensors()) {
            if (!each.name.ends_with(removed)) tensors.push_back(each);
        }
        tensor_metadata metadata = whole.metadata();
        std::string& model = metadata.find(loading::model_key)->second;
        if (!from.empty()) model.replace(model.find(from), from.size(), to);
        return [bytes = safetensors_bytes(tensors, metadata)] { load(bytes); };
    };
    CHECK_THROWS_WITH(without(".gamma", "", "")(),
                      Catch::Contains("text blocks without LayerScale (ls_1, ls_2), expected it"));
    CHECK_THROWS_WITH(without("no tensor", R"("layer_scale":true)", R"("layer_scale":false)")(),
                      Catch::Contains("text blocks with LayerScale (ls_1, ls_2), expected none"));
    CHECK_THROWS_WITH(without("no tensor", R"("pre_norm":true)", R"("pre_norm":false)")(),
                      Catch::Contains("a vision tower with ln_pre, expected none, as in the configuration"));
}

TEST_CASE("a checkpoint without a block in its middle does not load as a shorter model") {
    const checkpoint whole = checkpoint::open(model_folder("openai_vit") + "/model.safetensors");
    std::vector<named_tensor> tensors;
    for (const named_tensor& each : whole.tensors()) {
        if (!each.name.starts_with("visual.transformer.resblocks.0.")) tensors.push_back(each);
    }
    CHECK_THROWS_WITH(load(safetensors_bytes(tensors)),
                      Catch::Contains("tensors of visual.transformer.resblocks.0 are missing"));
}

TEST_CASE("the caller's name for a bare file must fit it, be known, and tell the activation") {
    const auto named = [](const std::string& name) {
        load_options options;
        options.name = name;
        load(model_folder("openai_vit") + "/model.safetensors", options);
    };
    CHECK_THROWS_WITH(named("ViT-B-32:openai"), Catch::Contains("in the known model ViT-B-32 (openai), expected"));
    CHECK_THROWS_WITH(named("ViTB-32"), "name: no model is known as 'ViTB-32'; did you mean 'ViT-B-32'?");
    CHECK_THROWS_WITH(named("ViT-L-14"), Catch::Contains("'ViT-L-14' leaves the activation open, expected the name of "
                                                         "weights: ViT-L-14:openai, ViT-L-14:laion400m_e31"));
    CHECK_THROWS_WITH(named("ViT-H-14-quickgelu"),
                      Catch::Contains("'ViT-H-14-quickgelu' leaves how images are resized open, expected the name of "
                                      "weights: ViT-H-14-quickgelu:"));
}

TEST_CASE("a path is a path: names of models and bytes of checkpoints are refused with the right verb") {
    CHECK_THROWS_WITH(load("ViT-B-32:openai"), Catch::Contains("load(find_model('ViT-B-32:openai'))"));
    CHECK_THROWS_WITH(load("hf-hub:someone/mine"), Catch::Contains("load(find_model('hf-hub:someone/mine'))"));
    CHECK_THROWS_AS(load("ViT-B-32:openai"), file_error);
    const auto bytes = testing::random_checkpoint().bytes();
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    CHECK_THROWS_WITH(load(text), Catch::Contains("std::as_bytes"));
    CHECK_THROWS_AS(load(text), argument_error);
    CHECK(load(std::as_bytes(std::span(text))).config() == load(bytes).config());
}

TEST_CASE("a model is loaded by name from the caller's folders") {
    const support::scratch_folder root;
    std::filesystem::create_directories(root / "hub/models--someone--mine/snapshots");
    std::filesystem::copy(model_folder("hugging_face_mixed"), root / "hub/models--someone--mine/snapshots/main");
    const model_folders folders{{}, {}, root / "hub"};
    const clip model = load(find_model("someone/mine@main", folders));
    CHECK(model.config() == load(model_folder("hugging_face_mixed")).config());
    CHECK(model.provenance().sources.size() == 2);
    CHECK_THROWS_WITH(find_model("someone/other", folders), Catch::Contains("hf download someone/other"));
}

TEST_CASE("kept weights give the same bits without being packed, in every form a model is kept in") {
    const support::scratch_folder home;
    for (const char* name : {"openai_vit", "openai_resnet", "open_clip_tanh_f16", "hugging_face_mixed"}) {
        INFO(name);
        const reference_model reference(name);
        const auto embeddings = [&](const clip& model) {
            return std::pair(model.encode_pixels(reference.pixels<float>()), model.encode_tokens(reference.prompts()));
        };
        for (const precision how : {precision::f32, precision::bf16, precision::int8}) {
            for (const weight_storage storage : {weight_storage::full, weight_storage::compact}) {
                load_options options{.storage = storage, .precision = how};
                const auto expected = embeddings(load(model_folder(name), options));
                options.weight_cache = home / "weights";
                const clip first = load(model_folder(name), options), second = load(model_folder(name), options);
                CHECK_FALSE(first.provenance().weights_from_cache);
                CHECK(second.provenance().weights_from_cache);
                CHECK(first.provenance().warnings == second.provenance().warnings);
                CHECK(first.provenance().unread == second.provenance().unread);
                CHECK(embeddings(first) == expected);
                CHECK(embeddings(second) == expected);
            }
        }
    }
}

TEST_CASE("kept weights are those of the file as it is now") {
    const support::scratch_folder home;
    const reference_model reference("openai_vit");
    const auto put = [&](const char* name) {
        write_file(home / "model.safetensors", read_file(model_folder(name) + "/model.safetensors"));
    };
    const load_options options{.weight_cache = home / "weights"};
    const auto model = [&] { return load(home / "model.safetensors", options); };
    put("openai_vit");
    model();
    CHECK(model().provenance().weights_from_cache);
    put("openai_resnet");
    CHECK_FALSE(model().provenance().weights_from_cache);
    put("openai_vit");
    CHECK_FALSE(model().provenance().weights_from_cache);
    CHECK(model().encode_tokens(reference.prompts()) ==
          load(home / "model.safetensors").encode_tokens(reference.prompts()));
    CHECK(std::distance(std::filesystem::directory_iterator(home / "weights"), {}) == 1);
}

TEST_CASE("a folder that weights cannot be kept in is a warning, and bytes in memory are not kept") {
    const support::scratch_folder home;
    write_file(home / "a", "a file");
    const clip model = load(model_folder("openai_vit"), {.weight_cache = home / "a"});
    CHECK(support::has(model.provenance().warnings.back(), "; not cached"));
    const auto bytes = read_file(model_folder("openai_vit") + "/model.safetensors");
    load(bytes, {.weight_cache = home / "none"});
    CHECK_FALSE(std::filesystem::exists(home / "none"));
}

TEST_CASE("an opened file or folder knows the location of its checkpoint") {
    const std::filesystem::path models = std::filesystem::path(ZEROSHOT_SOURCE_DIR) / "tests/golden/models";
    const std::filesystem::path file = models / "openai_vit/model.safetensors";
    for (const std::filesystem::path& path : {file, models / "openai_vit"}) {
        const loading::opened_checkpoint opened = loading::open_checkpoint({path}, {});
        CHECK(opened.location.path == file);
        CHECK(opened.tensors.has("visual.proj"));
    }
    CHECK_THROWS_AS(loading::open_checkpoint({models / "none"}, {}), file_error);
}

TEST_CASE("assumptions and a guess by sizes are one warning") {
    const auto assumed = [](const std::vector<std::string>& assumptions, const char* guess) {
        return warned([&](provenance& origin) {
            loading::warn_of_assumptions(assumptions, loading::known_model::find(guess), origin);
        });
    };
    CHECK(assumed({}, "").empty());
    CHECK(assumed({}, "ViT-B-32:openai").empty());
    REQUIRE(assumed({}, "ViT-g-14").size() == 1);
    CHECK_THAT(assumed({}, "ViT-g-14")[0], Catch::Contains("by its sizes it is ViT-g-14"));
    REQUIRE(assumed({"heads of 64", "QuickGELU"}, "ViT-B-32").size() == 1);
    CHECK_THAT(assumed({"heads of 64", "QuickGELU"}, "ViT-B-32")[0],
               Catch::Contains("assumed to be one of OpenAI's own, with heads of 64 and QuickGELU"));
}

TEST_CASE("a vocabulary of another size than the tokenizer's is a warning") {
    const auto warnings = [](std::size_t rows, const loading::resolved<loading::tokenizer_settings>& settings = {}) {
        return warned([&](provenance& origin) { loading::warn_of_tokenizer(rows, settings, origin); });
    };
    CHECK(warnings(49'408).empty());
    CHECK_THAT(warnings(49'500).at(0), Catch::Contains("CLIP's own tokenizer has 49408 ids for 49500 rows"));
    const loading::resolved<loading::tokenizer_settings> own{{.own = std::make_shared<const tokenizer>()}, "t.json"};
    CHECK(warnings(49'500, own).empty());
    CHECK_THAT(warnings(100, own).at(0), Catch::Contains("t.json: the tokenizer has 49408 ids for 100 rows"));
}

TEST_CASE("weights in a tower that a CLIP does not have are refused, others are listed") {
    const checkpoint whole = checkpoint::open(model_folder("openai_vit") + "/model.safetensors");
    const std::vector<float> one{1};
    const auto loaded_with = [&](const std::string& name) {
        tensor_list list;
        list.tensors = whole.tensors();
        list.tensors.push_back({name, {dtype::f32, {1}, byte_range(std::as_bytes(std::span(one)))}});
        list.sort_names();
        return load(checkpoint::from_tensors(std::move(list), "x")).provenance();
    };
    for (const char* name :
         {"visual.attn_pool.probe", "transformer.resblocks.0.rope.frequencies", "positional_embedding_2"})
        CHECK_THROWS_WITH(loaded_with(name), Catch::Contains("weights of its towers that a CLIP does not have: ") &&
                                                 Catch::Contains(name));
    for (const char* name : {"text_decoder.ln.weight", "head.weight"})
        CHECK(loaded_with(name).unread == std::vector<std::string>{name});
    CHECK(loaded_with("visual.position_ids").unread.empty());
}

TEST_CASE("tensors of no CLIP are refused with the class that the configuration beside them names") {
    const support::scratch_folder folder;
    write_file(folder / "model.safetensors",
               support::file_builder().add("encoder.layer.0.weight", "[1]", support::raw<float>({1})).bytes());
    const auto refusal = [&](const std::string& config) {
        write_file(folder / "config.json", config);
        return support::thrown<checkpoint_error>([&] { load(folder.path()); });
    };
    CHECK_THAT(refusal(R"({"architectures": ["BertModel"], "model_type": "bert"})"),
               Catch::Contains("no CLIP among the tensors 'encoder.layer.0.weight'; config.json beside it is that of "
                               "'BertModel'"));
    CHECK_THAT(refusal(R"({"architectures": ["CLIPModel"]})"), !Catch::Contains("config.json"));
}

TEST_CASE("a model that its configuration says to be of another class is read with a warning") {
    const auto warnings = [](const char* name) {
        const std::vector<loading::settings> sources{{.source = "config.json", .architecture = name}};
        return warned([&](provenance& origin) { loading::warn_of_architecture(sources, origin); });
    };
    CHECK(warnings("").empty());
    CHECK(warnings("CLIPModel").empty());
    CHECK_THAT(warnings("StableDiffusionSafetyChecker").at(0),
               Catch::Contains("config.json: the model is a 'StableDiffusionSafetyChecker', read as a CLIP"));
}

TEST_CASE("a prefix that training left is a warning") {
    const std::string file = std::string(ZEROSHOT_SOURCE_DIR) + "/tests/golden/containers/training.pt";
    const provenance origin = loading::provenance_of(weights(checkpoint::open(file)), {});
    CHECK_THAT(origin.warnings.at(0), Catch::Contains("begin with 'module.'"));
}

TEST_CASE("checkpoints with the names of distillation, FSDP and torch.compile give the plain one's embeddings") {
    const checkpoint plain = checkpoint::open(model_folder("openai_vit") + "/model.safetensors");
    const auto renamed = [&](const std::vector<std::pair<std::string, std::string>>& beginnings) {
        tensor_list list;
        for (named_tensor each : plain.tensors()) {
            const auto at =
                std::ranges::find_if(beginnings, [&](const auto& rule) { return each.name.starts_with(rule.first); });
            if (at != beginnings.end()) each.name = at->second + each.name.substr(at->first.size());
            list.tensors.push_back(std::move(each));
        }
        list.sort_names();
        return load(checkpoint::from_tensors(std::move(list), "x"));
    };
    const std::vector<token_id> ids{1, 2, 3};
    const auto embedding_of = [&](const clip& model) {
        const matrix<float> texts = model.encode_tokens(ids);
        return std::vector<float>(texts.row(0).begin(), texts.row(0).end());
    };
    const std::vector<float> expected = embedding_of(renamed({}));
    const auto check = [&](const std::vector<std::pair<std::string, std::string>>& beginnings,
                           const std::string& warning) {
        const clip model = renamed(beginnings);
        CHECK(embedding_of(model) == expected);
        CHECK(std::ranges::count_if(model.provenance().warnings,
                                    [&](const std::string& each) { return support::has(each, warning); }) == 1);
    };
    check({{"", "student."}}, "begin with 'student.'");
    check({{"", "model.teacher."}}, "begin with 'model.teacher.'");
    check({{"visual.", "visual._orig_mod."}}, "as in 'visual._orig_mod.");
    check({{"visual.", "visual.module."}, {"transformer.", "transformer.module."}}, "as in 'transformer.module.");
    check({{"transformer.resblocks.0.", "_fsdp_wrapped_module.transformer.resblocks.0._checkpoint_wrapped_module."},
           {"", "_fsdp_wrapped_module."}},
          "as in '_fsdp_wrapped_module.transformer.resblocks.0._checkpoint_wrapped_module.");
}

TEST_CASE("the provenance names the file, its layout, its types and the sources") {
    const weights w(checkpoint::from_bytes(testing::random_checkpoint().bytes(), "tiny"));
    const std::vector<loading::settings> sources{{.source = "options"}, {.source = "config.json"}};
    const provenance origin = loading::provenance_of(w, sources);
    CHECK(origin.place == "tiny");
    CHECK(origin.layout == "openai");
    CHECK(origin.dtypes == std::vector<std::string>{"F32"});
    CHECK(origin.sources == std::vector<std::string>{"options", "config.json"});
}

TEST_CASE("an unread tensor whose name is a misspelling is a warning") {
    const std::vector<std::string> read{"visual.proj", "visual.transformer.resblocks.1.ln_1.bias"};
    const auto warning = [&](const std::string& unread) {
        const auto warnings = warned([&](provenance& origin) {
            origin.unread = {unread};
            loading::warn_of_misspellings(read, origin);
        });
        return warnings.empty() ? "none" : warnings.front();
    };
    CHECK(warning("logit_bais") == "x: tensor 'logit_bais' is not used; is 'logit_bias' meant?");
    CHECK(warning("visual.projj") == "x: tensor 'visual.projj' is not used; is 'visual.proj' meant?");
    CHECK(warning("visual.transformer.resblocks.2.ln_1.bias") == "none");  // another block
    CHECK(warning("optimizer.momentum") == "none");
}

TEST_CASE("the provenance names the container, and its entries beside the tensors") {
    const std::string folder = std::string(ZEROSHOT_SOURCE_DIR) + "/tests/golden/containers/";
    const provenance origin = loading::provenance_of(weights(checkpoint::open(folder + "training.pt")), {});
    CHECK(origin.container == "pytorch");
    CHECK(origin.skipped == std::vector<std::string>{"epoch", "name", "optimizer", "scaler"});
    CHECK(loading::provenance_of(weights(checkpoint::open(folder + "torchscript.pt")), {}).container == "torchscript");
}
