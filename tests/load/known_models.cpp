#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <zeroshot/load/known_models.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::loading;

namespace {

/// A line of the record: what open_clip's own modules are, see tests/golden/record_known_models.py.
struct recorded_model {
    std::string name, activation, layers, mean, std, repository, squash;
    std::size_t image, patch, width, hidden, heads, text_width, text_layers, text_heads, embedding;
};

std::vector<recorded_model> recorded_models() {
    std::ifstream file(std::string(ZEROSHOT_SOURCE_DIR) + "/tests/golden/known_models.txt");
    std::vector<recorded_model> all;
    for (std::string line; std::getline(file, line);) {
        std::erase(line, '|');
        std::istringstream words(line);
        recorded_model& one = all.emplace_back();
        words >> one.name >> one.activation >> one.image >> one.patch >> one.width >> one.hidden >> one.layers >>
            one.heads >> one.text_width >> one.text_layers >> one.text_heads >> one.embedding >> one.mean >> one.std >>
            one.repository;
        REQUIRE(!words.fail());
        words >> one.squash;
    }
    return all;
}

/// "0.5,0.5,0.5", or "-" where the weights of a name do not agree.
std::optional<std::array<float, 3>> colour(std::string text) {
    if (text == "-") return std::nullopt;
    std::ranges::replace(text, ',', ' ');
    std::istringstream numbers(text);
    std::array<float, 3> found{};
    for (float& number : found) numbers >> number;
    return found;
}

std::string name_of_activation(const std::optional<activation>& function) {
    return function ? std::string(name_of(*function)) : "-";
}

known_model known(const std::string& name) {
    const auto found = known_model::find(name);
    INFO(name);
    REQUIRE(found.has_value());
    return *found;
}

/// The sizes that a name tells, as a checkpoint's tensors would show them.
clip_config sizes(const std::string& name) {
    const settings facts = known(name).facts();
    clip_config config;
    config.embedding = *facts.embedding;
    config.image = vision_transformer_config{
        *facts.image_size, *facts.patch_size, {*facts.vision.width, *facts.vision.layers, 0, *facts.vision.mlp_width}};
    config.text.transformer = {*facts.text.width, *facts.text.layers, 0, *facts.text.mlp_width};
    return config;
}

}  // namespace

TEST_CASE("every name has open_clip's sizes, heads, activation, mean and std") {
    const std::vector<recorded_model> all = recorded_models();
    CHECK(all.size() > 100);
    for (const recorded_model& wanted : all) {
        INFO(wanted.name);
        const known_model found = known(wanted.name);
        const settings facts = found.facts();
        CHECK(found.name() == wanted.name);
        CHECK(name_of_activation(facts.vision.activation) == wanted.activation);
        CHECK(facts.text.activation == facts.vision.activation);
        CHECK(facts.image_size == wanted.image);
        CHECK(facts.patch_size.value_or(0) == wanted.patch);
        CHECK(facts.vision.width == wanted.width);
        CHECK(facts.vision.mlp_width.value_or(0) == wanted.hidden);
        if (facts.vision.layers) CHECK(std::to_string(*facts.vision.layers) == wanted.layers);
        CHECK(facts.vision.heads == wanted.heads);
        CHECK(facts.text.width == wanted.text_width);
        CHECK(facts.text.layers == wanted.text_layers);
        CHECK(facts.text.heads == wanted.text_heads);
        CHECK(facts.embedding == wanted.embedding);
        CHECK(facts.mean == colour(wanted.mean));
        CHECK(facts.standard_deviation == colour(wanted.std));
        if (found.has_weights())
            CHECK(facts.mode == (wanted.squash == "squash" ? resize_mode::squash : resize_mode::shortest));
    }
}

TEST_CASE("the record and the table hold the same names") {
    std::size_t recorded = 0, in_table = 0;
    for (const recorded_model& each : recorded_models()) {
        if (each.name.find("-quickgelu") == std::string::npos) ++recorded;
    }
    for (const loading::detail::known_architecture& each : loading::detail::known_architectures) {
        if (!each.name.starts_with("TinyCLIP")) in_table += 1 + known(std::string(each.name)).candidates().size();
    }
    CHECK(in_table == recorded);
}

TEST_CASE("a repository is found by its name; one that open_clip names twice is that of the first weights") {
    std::map<std::string, std::string> first;
    for (const recorded_model& each : recorded_models()) {
        if (each.repository == "-" || each.name.find("-quickgelu") != std::string::npos) continue;
        first.emplace(each.repository, each.name);
        CHECK(known(each.repository).name() == first[each.repository]);
    }
    CHECK(known("openai/clip-vit-large-patch14-336").name() == "ViT-L-14-336:openai");
    CHECK(known("ViT-B-32:openai").repositories() ==
          std::vector<std::string>{"openai/clip-vit-base-patch32", "timm/vit_base_patch32_clip_224.openai"});
    CHECK(known("ViT-B-32").repositories().empty());
}

TEST_CASE("OpenAI's own spellings are OpenAI's weights") {
    CHECK(known("ViT-B/32").name() == "ViT-B-32:openai");
    CHECK(known("ViT-L/14@336px").name() == "ViT-L-14-336:openai");
    CHECK(known("ViT-L-14-336px").name() == "ViT-L-14-336:openai");
    CHECK(known("ViT-L/14@336px").openai_file() == "ViT-L-14-336px.pt");
    CHECK(known("RN50x4").of_openai()->openai_file() == "RN50x4.pt");
    CHECK(known("ViT-H/14").name() == "ViT-H-14");
    CHECK_FALSE(known("ViT-H-14").of_openai().has_value());
}

TEST_CASE("a tag follows a colon or, in the name of a file, a hyphen, in any spelling that open_clip accepts") {
    CHECK(known("ViT-B-32-laion2b_s34b_b79k").name() == "ViT-B-32:laion2b_s34b_b79k");
    CHECK(known("ViT-B-32:LAION2B-s34B-b79K").name() == "ViT-B-32:laion2b_s34b_b79k");
    CHECK(known("ViT-B-32-256-datacomp_s34b_b86k").name() == "ViT-B-32-256:datacomp_s34b_b86k");
    for (const char* name : {"", "ViT", "ViT-B-32:", "ViT-B-32:no", "ViT-B-32-quickgelu:laion2b_s34b_b79k", "-", "/"}) {
        INFO(name);
        CHECK_FALSE(known_model::find(name).has_value());
    }
}

TEST_CASE("a name without weights states the settings that all its weights share") {
    CHECK_FALSE(known("ViT-B-32").activation().has_value());
    CHECK(known("ViT-B-32-quickgelu").activation() == activation::quick_gelu);
    CHECK(known("ViT-g-14").activation() == activation::gelu);
    CHECK(known("RN50").activation() == activation::quick_gelu);
    CHECK_FALSE(known("ViT-L-14").facts().mean.has_value());
    CHECK(known("ViT-L-14:laion2b_s32b_b82k").facts().mean == std::array<float, 3>{0.5f, 0.5f, 0.5f});
    CHECK(known("ViT-B-32:laion2b_s34b_b79k").facts().source == "the known model ViT-B-32 (laion2b_s34b_b79k)");
    CHECK_FALSE(known("ViT-H-14").facts().mode.has_value());
    CHECK(known("ViT-H-14:dfn5b").facts().mode == resize_mode::squash);
    CHECK(known("ViT-B-32").facts().mode == resize_mode::shortest);
}

TEST_CASE("TinyCLIP's sizes and heads are known, its activation is not") {
    const settings facts = known("wkcn/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M").facts();
    CHECK(facts.vision.heads == 4u);
    CHECK(facts.text.layers == 3u);
    CHECK_FALSE(facts.vision.activation.has_value());
    CHECK(known("TinyCLIP-ResNet-19M-Text-19M").facts().vision.heads == 22u);
}

TEST_CASE("every transformer is recognised by its sizes, and by no others") {
    for (const loading::detail::known_architecture& each : loading::detail::known_architectures) {
        if (each.patch_size == 0) continue;
        const std::string name(each.name);
        CHECK(known_model::of_sizes(sizes(name))->name() == name);
    }
    clip_config resnet = sizes("ViT-B-32");
    resnet.image = modified_resnet_config{224, 64, {3, 4, 23, 3}, 0};
    CHECK(known_model::of_sizes(resnet)->name() == "RN101");
    clip_config shorter = sizes("ViT-B-32");
    shorter.text.context = 76;
    CHECK_FALSE(known_model::of_sizes(shorter).has_value());
}

TEST_CASE("a misspelt name has a nearest known one, a distant one has none") {
    CHECK(nearest_known_model("ViTB-32") == "ViT-B-32");
    CHECK(nearest_known_model("vit-l/14") == "ViT-L-14");
    CHECK(nearest_known_model("ViT-B-32:laion2b_s34b_b79") == "ViT-B-32:laion2b_s34b_b79k");
    CHECK(nearest_known_model("a name of nothing").empty());
    CHECK(nearest_known_model(std::string(100'000, 'V')).empty());
}
