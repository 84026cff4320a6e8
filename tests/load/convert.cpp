#include <set>

#include <zeroshot/load/convert.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"
#include "tests/support/files.hpp"
#include "tests/support/stored_values.hpp"

using namespace zeroshot;
using namespace zeroshot::loading;
using namespace zeroshot_tests;

namespace {

struct embeddings {
    matrix<float> images, texts;
    bool operator==(const embeddings&) const = default;
};

embeddings embedded(const clip& model, const reference_model& inputs) {
    return {model.encode_pixels(inputs.pixels<float>()), model.encode_tokens(inputs.prompts())};
}

/// Whether no setting was assumed.
bool is_sure(const clip& model) {
    const auto assumes = [](const std::string& warning) {
        return support::has(warning, "assumed to be one of OpenAI's own");
    };
    return std::ranges::none_of(model.provenance().warnings, assumes);
}

std::set<std::string> types_in(const std::filesystem::path& file) {
    const checkpoint opened = checkpoint::open(file);
    std::set<std::string> types;
    for (const named_tensor& each : opened.tensors()) {
        if (each.tensor.shape.size() >= 2) types.emplace(name_of(each.tensor.type));
    }
    return types;
}

}  // namespace

TEST_CASE("a converted checkpoint gives the same bits as its original, without other files") {
    const support::scratch_folder folder;
    for (const std::string& name : all_models) {
        INFO(name);
        const reference_model inputs(name);
        const clip original = load(model_folder(name));
        for (const std::optional<dtype> type : {std::optional<dtype>(), std::optional(dtype::f32)}) {
            const conversion made = convert(model_folder(name), folder / "converted.safetensors", {.type = type});
            CHECK(made.image_drift == 0);
            CHECK(made.text_drift == 0);
            CHECK(made.bytes == std::filesystem::file_size(folder / "converted.safetensors"));
            load_options verified;
            verified.verify = true;
            const clip converted = load(folder / "converted.safetensors", verified);
            CHECK(embedded(converted, inputs) == embedded(original, inputs));
            CHECK(converted.config() == original.config());
            CHECK(converted.preprocessing() == original.preprocessing());
            CHECK(converted.provenance().tokenizer == original.provenance().tokenizer);
            CHECK(is_sure(converted));
            CHECK(converted.provenance().unread.empty());
        }
    }
}

TEST_CASE("a requested image size is written into the file") {
    const support::scratch_folder folder;
    convert_options options;
    options.load.image_size = 48;
    convert(model_folder("hugging_face_mixed"), folder / "converted.safetensors", options);
    load_options verified;
    verified.verify = true;
    const clip converted = load(folder / "converted.safetensors", verified);
    CHECK(converted.config() == load(model_folder("hugging_face_mixed"), options.load).config());
    CHECK(converted.preprocessing().size == 48);
}

TEST_CASE("matrices are written in the requested type, and the change of the embeddings is measured") {
    const support::scratch_folder folder;
    const std::filesystem::path file = folder / "half.safetensors";
    for (const auto& [type, name, bits] : {std::tuple(dtype::f16, "F16", 11), std::tuple(dtype::bf16, "BF16", 8)}) {
        const conversion made = convert(model_folder("hugging_face_mixed"), file, {.type = type});
        CHECK(types_in(file) == std::set<std::string>{name});
        CHECK(checkpoint::open(file).find("logit_scale")->type == dtype::f32);
        // Each weight moves by at most 2^-bits of itself; a few layers of a tiny model add such moves, mostly at
        // random.
        const double step = std::ldexp(1.0, -bits);
        CHECK(made.image_drift > 0);
        CHECK(made.image_drift < 8 * step);
        CHECK(made.text_drift < 8 * step);
        load_options verified;
        verified.verify = true;
        load(file, verified);
    }
}

TEST_CASE("converting again gives the same bytes, and so does converting what was converted") {
    const support::scratch_folder folder;
    convert(model_folder("openai_vit"), folder / "a.safetensors");
    convert(model_folder("openai_vit"), folder / "b.safetensors");
    CHECK(read_file(folder / "a.safetensors") == read_file(folder / "b.safetensors"));
    const conversion again = convert(folder / "a.safetensors", folder / "c.safetensors");
    CHECK(again.sha256 == sha256().add(read_file(folder / "a.safetensors")).digits());
    CHECK(embedded(load(folder / "c.safetensors"), reference_model("openai_vit")) ==
          embedded(load(folder / "a.safetensors"), reference_model("openai_vit")));
}

TEST_CASE("settings of the options are written into the file") {
    const support::scratch_folder folder;
    convert_options options;
    options.load.activation = activation::gelu;
    options.load.mean = {0.5f, 0.5f, 0.5f};
    const conversion made =
        convert(model_folder("openai_vit") + "/model.safetensors", folder / "a.safetensors", options);
    CHECK_FALSE(made.warnings.empty());  // of the other settings, which were assumed
    const clip converted = load(folder / "a.safetensors");
    CHECK(converted.preprocessing().mean == std::array{0.5f, 0.5f, 0.5f});
    CHECK(std::get<vision_transformer_config>(converted.config().image).transformer.activation == activation::gelu);
    CHECK(is_sure(converted));
}

TEST_CASE("a checkpoint's own tokenizer is written, CLIP's own is not") {
    const support::scratch_folder folder;
    testing::random_checkpoint().write(folder / "own.safetensors");
    convert(folder / "own.safetensors", folder / "a.safetensors");
    const clip original = load(folder / "own.safetensors"), converted = load(folder / "a.safetensors");
    CHECK(converted.tokenizer().vocabulary().merge_lines() == original.tokenizer().vocabulary().merge_lines());
    CHECK(converted.tokenize("a dog") == original.tokenize("a dog"));
}

TEST_CASE("a number that does not fit the type is an error, and the old file keeps its bytes") {
    const support::scratch_folder folder;
    const checkpoint whole = checkpoint::from_bytes(testing::random_checkpoint().bytes(), "tiny");
    std::vector<named_tensor> tensors(whole.tensors().begin(), whole.tensors().end());
    auto values = support::stored_values<float>(*whole.find("visual.proj"));
    values[3] = 70'000;
    for (named_tensor& each : tensors) {
        if (each.name == "visual.proj") each.tensor.bytes = std::as_bytes(std::span(values));
    }
    write_safetensors(folder / "large.safetensors", tensors, whole.metadata());
    write_file(folder / "old.safetensors", "what was there before");
    CHECK_THROWS_WITH(
        convert(folder / "large.safetensors", folder / "old.safetensors", {.type = dtype::f16}),
        Catch::Contains("tensor visual.proj holds 70000, expected numbers that fit F16; convert to bf16 or f32"));
    CHECK(support::text_of(read_file(folder / "old.safetensors")) == "what was there before");
}

TEST_CASE("a checkpoint of one tower is converted and verified") {
    const support::scratch_folder folder;
    for (const char* name : {"hugging_face_image", "hugging_face_text"}) {
        convert(model_folder(name), folder / "tower.safetensors");
        load_options verified;
        verified.verify = true;
        const clip converted = load(folder / "tower.safetensors", verified), original = load(model_folder(name));
        CHECK(converted.config() == original.config());
        CHECK(record_of(converted).image == record_of(original).image);
        CHECK(record_of(converted).text == record_of(original).text);
    }
}
