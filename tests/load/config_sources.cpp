#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <zeroshot/load/config_sources.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"
#include "tests/support/files.hpp"

using namespace zeroshot;
using namespace zeroshot::loading;
using namespace zeroshot_tests;

namespace {

/// Tensors of OpenAI's layout with the sizes of a known transformer, as far as sizes are read off them. One byte an
/// element: nobody reads their values.
std::vector<std::byte> shapes_of(const std::string& name, bool from_openai = false) {
    const settings facts = known_model::find(name)->facts();
    std::string header;
    std::size_t size = 0;
    const auto add = [&](const std::string& tensor, const std::vector<std::size_t>& shape) {
        std::size_t count = 1;
        for (const std::size_t extent : shape) count *= extent;
        header += (header.empty() ? "\"" : ",\"") + tensor + R"(":{"dtype":"U8","shape":)" + shape_text(shape) +
                  R"(,"data_offsets":[)" + std::to_string(size) + "," + std::to_string(size + count) + "]}";
        size += count;
    };
    const auto add_blocks = [&](const std::string& path, const tower_settings& tower) {
        for (std::size_t i = 0; i < *tower.layers; ++i)
            add(path + "transformer.resblocks." + std::to_string(i) + ".ln_1.weight", {*tower.width});
        add(path + "transformer.resblocks.0.mlp.c_fc.weight", {*tower.mlp_width, *tower.width});
    };
    const std::size_t side = *facts.image_size / *facts.patch_size;
    add("text_projection", {*facts.text.width, *facts.embedding});
    add("positional_embedding", {*facts.context, *facts.text.width});
    add("token_embedding.weight", {*facts.vocabulary, *facts.text.width});
    add("ln_final.weight", {*facts.text.width});
    add_blocks("", facts.text);
    add("visual.proj", {*facts.vision.width, *facts.embedding});
    add("visual.conv1.weight", {*facts.vision.width, 3, *facts.patch_size, *facts.patch_size});
    add("visual.positional_embedding", {side * side + 1, *facts.vision.width});
    add("visual.ln_post.weight", {*facts.vision.width});
    add_blocks("visual.", facts.vision);
    if (from_openai) add("input_resolution", {});
    return support::container("{" + header + "}", std::string(size, '\0'));
}

/// The known model that is recognised in a bare file of that name, and its activation.
std::string recognised_in(const std::vector<std::byte>& bytes, const std::string& file) {
    const weights w(checkpoint::from_bytes(bytes, file));
    const auto guess = recognised(w, file, std::nullopt);
    if (!guess) return "nothing";
    const settings facts = guess->facts();
    CHECK(facts.vision.heads.has_value());
    return guess->name() + " " + (facts.vision.activation ? std::string(name_of(*facts.vision.activation)) : "-");
}

/// The sources of a golden model, in order of precedence.
std::vector<std::string> sources_of(const std::string& name, const load_options& options = {}) {
    const std::string folder = model_folder(name);
    const bool open_clips = std::filesystem::exists(folder + "/open_clip_config.json");
    const std::string file = open_clips ? "/open_clip_model.safetensors" : "/model.safetensors";
    std::vector<std::string> names;
    for (const settings& each : settings_for(weights(checkpoint::open(folder + file)), folder, options))
        names.push_back(std::filesystem::path(each.source).filename().string());
    return names;
}

}  // namespace

TEST_CASE("options are a source of settings, and state nothing where they are empty") {
    CHECK(settings_of({}) == settings{.source = "options"});
    load_options options;
    options.activation = activation::gelu;
    options.vision_heads = 16;
    options.image_size = 336;
    const settings stated = settings_of(options);
    CHECK(stated.vision.activation == activation::gelu);
    CHECK(stated.text.activation == activation::gelu);
    CHECK(stated.vision.heads == 16);
    CHECK_FALSE(stated.text.heads.has_value());
    CHECK(stated.requested_image_size == 336);
}

TEST_CASE("a bare file is recognised as the known model of its sizes, with the settings that all its weights share") {
    CHECK(recognised_in(shapes_of("ViT-B-32"), "x.safetensors") == "ViT-B-32 -");
    CHECK(recognised_in(shapes_of("ViT-g-14"), "x.safetensors") == "ViT-g-14 gelu");
    CHECK(recognised_in(shapes_of("ViT-H-14-378"), "x.safetensors") == "ViT-H-14-378 quick_gelu");
    const auto golden = checkpoint::open(model_folder("openai_vit") + "/model.safetensors");
    CHECK_FALSE(recognised(weights(golden), "ViT-B-32.pt", std::nullopt).has_value());
}

TEST_CASE("the name of a bare file tells its weights, where it agrees with its sizes") {
    const std::vector<std::byte> vit = shapes_of("ViT-B-32");
    CHECK(recognised_in(vit, "ViT-B-32-laion2b_s34b_b79k.safetensors") == "ViT-B-32:laion2b_s34b_b79k gelu");
    CHECK(recognised_in(vit, "ViT-B-32-quickgelu.safetensors") == "ViT-B-32-quickgelu quick_gelu");
    CHECK(recognised_in(vit, "ViT-B-16-laion2b_s34b_b88k.safetensors") == "ViT-B-32 -");
    CHECK(recognised_in(vit, "ViT-B-32.pt") == "ViT-B-32 -");
    CHECK(recognised_in(shapes_of("ViT-B-32", true), "ViT-B-32.pt") == "ViT-B-32:openai quick_gelu");
    CHECK(recognised_in(shapes_of("ViT-B-32", true), "mine.pt") == "ViT-B-32 -");
}

TEST_CASE("a bare file of open_clip's wide towers needs the name of its weights, or the activation") {
    const weights w(checkpoint::from_bytes(shapes_of("ViT-H-14"), "huge.safetensors"));
    const settings by_sizes = recognised(w, "huge.safetensors", std::nullopt)->facts();
    CHECK_THROWS_WITH(resolve(w, std::vector{by_sizes}),
                      Catch::Contains("the activation of its vision tower") && Catch::Contains("load_options::name"));
    const settings named = named_settings("ViT-H-14:laion2b_s32b_b79k");
    CHECK(std::get<vision_transformer_config>(resolve(w, std::vector{named}).config.image).transformer.heads == 16);
}

TEST_CASE("options go before names, and names before files beside the checkpoint") {
    CHECK(sources_of("openai_vit").empty());
    CHECK(sources_of("open_clip_gelu") == std::vector<std::string>{"open_clip_config.json"});
    CHECK(sources_of("hugging_face_mixed") == std::vector<std::string>{"config.json", "preprocessor_config.json"});
    load_options options;
    options.text_heads = 2;
    options.name = "ViT-B-32:openai";
    const std::vector<std::string> expected{"options", "the known model ViT-B-32 (openai)", "open_clip_config.json"};
    CHECK(sources_of("open_clip_gelu", options) == expected);
}

TEST_CASE("image settings nested in processor_config.json go before preprocessor_config.json") {
    const support::scratch_folder home;
    std::filesystem::copy(model_folder("hugging_face_mixed"), home / "m");
    write_file(home / "m/processor_config.json",
               R"({"image_processor": {"image_mean": [0.25, 0.5, 0.75], "size": {"height": 32, "width": 32},
                   "do_center_crop": false}, "processor_class": "CLIPProcessor"})");
    const weights w(checkpoint::open(home / "m/model.safetensors"));
    const settings images = settings_for(w, home / "m", {}).back();
    CHECK(images.mean == std::array{0.25f, 0.5f, 0.75f});
    CHECK(images.mode == resize_mode::squash);
    CHECK(support::has(images.source, "processor_config.json: /image_processor"));
    write_file(home / "m/processor_config.json", R"({"processor_class": "CLIPProcessor"})");  // of transformers 4
    CHECK(support::has(settings_for(w, home / "m", {}).back().source, "preprocessor_config.json"));
}

TEST_CASE("configuration and tokenizer files that no source read are named, unless others replace them") {
    const support::scratch_folder home;
    for (const char* name : {"config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json",
                             "vocab.json", "merges.txt", "tokenizer_config.json", "open_clip_config.json", "notes.json",
                             "spiece.model", "model.safetensors"})
        write_file(home / name, "{}");
    const auto source = [&](const std::string& name) { return settings{.source = name, .file = home / name}; };
    using names = std::vector<std::string>;
    CHECK(unread_configurations(home.path(), std::vector{source("config.json"), source("processor_config.json"),
                                                         source("tokenizer.json")}) ==
          names{"open_clip_config.json", "spiece.model"});
    CHECK(unread_configurations(home.path(), std::vector{source("open_clip_config.json")}) ==
          names{"config.json", "merges.txt", "preprocessor_config.json", "processor_config.json", "spiece.model",
                "tokenizer.json", "vocab.json"});
    CHECK(unread_configurations({}, {}).empty());
}

TEST_CASE("a JSON file that is no configuration is refused") {
    const json other = read_json(model_folder("hugging_face_mixed") + "/preprocessor_config.json");
    CHECK_THROWS_WITH(configuration_settings(other), Catch::Contains("no configuration of a CLIP"));
}
