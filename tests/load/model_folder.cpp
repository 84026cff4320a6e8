#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/load/model_folder.hpp>

#include "tests/catch.hpp"
#include "tests/support/files.hpp"

using namespace zeroshot;
using namespace zeroshot::loading;
using support::has;
using support::scratch_folder;

namespace {

void put(const std::filesystem::path& file, const std::string& text = "") {
    std::filesystem::create_directories(file.parent_path());
    write_file(file, text);
}

/// The checkpoint in a folder with these files, relative to the folder.
std::string checkpoint_among(const std::vector<std::pair<std::string, std::string>>& files) {
    const scratch_folder folder;
    for (const auto& [name, text] : files) put(folder / name, text);
    return std::filesystem::relative(checkpoint_in(folder.path()), folder.path()).generic_string();
}

std::string checkpoint_among_names(const std::vector<std::string>& names) {
    std::vector<std::pair<std::string, std::string>> files;
    for (const std::string& name : names) files.emplace_back(name, "");
    return checkpoint_among(files);
}

template <class Error>
std::string refused(const std::vector<std::pair<std::string, std::string>>& files) {
    return support::thrown<Error>([&] { checkpoint_among(files); });
}

}  // namespace

TEST_CASE("a published name goes first, whatever lies beside it") {
    CHECK(checkpoint_among_names({"pytorch_model.bin", "model.safetensors", "model.fp16.safetensors"}) ==
          "model.safetensors");
    CHECK(checkpoint_among_names({"model.safetensors.index.json", "model-00001-of-00001.safetensors"}) ==
          "model.safetensors.index.json");
    for (const char* name : {"open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "pytorch_model.bin",
                             "pytorch_model.bin.index.json", "open_clip_pytorch_model.bin"}) {
        CHECK(checkpoint_among_names({"README.md", "other.pt", name}) == name);
    }
}

TEST_CASE("the only checkpoint of a folder is found whatever its name") {
    for (const char* name : {"ViT-B-32.pt", "model.pth", "last.ckpt", "model.fp16.safetensors", "mine.safetensors",
                             "weights.bin", "model.fp16.safetensors.index.json"}) {
        CHECK(checkpoint_among_names({"README.md", "config.json", name}) == name);
    }
    CHECK(checkpoint_among_names({"model.fp16.safetensors.index.json", "model.fp16-00001-of-00002.safetensors",
                                  "model.fp16-00002-of-00002.safetensors"}) == "model.fp16.safetensors.index.json");
}

TEST_CASE("an index of a variant is an index, wherever its name says so") {
    CHECK(checkpoint_among_names({"model.safetensors.index.fp16.json", "model.fp16-00001-of-00001.safetensors"}) ==
          "model.safetensors.index.fp16.json");
    CHECK(checkpoint_among_names({"pytorch_model.bin.index.fp16.json", "pytorch_model.fp16-00001-of-00001.bin"}) ==
          "pytorch_model.bin.index.fp16.json");
    CHECK(has(refused<file_error>({{"model-00001-of-00002.safetensors", ""}, {"model-00002-of-00002.safetensors", ""}}),
              "shards without their index: model-00001-of-00002.safetensors"));
}

TEST_CASE("one of several shards is refused, the only one is not") {
    CHECK_THROWS_WITH(refuse_shard("m/model-00001-of-00002.safetensors"),
                      Catch::Contains("one of several shards, expected their folder or their index"));
    for (const char* name :
         {"model-00001-of-00001.safetensors", "ViT-of-mine.pt", "best-of-3-runs.pt", "epoch-3-of-30.pt", "1-of-2.txt"})
        CHECK_NOTHROW(refuse_shard(name));
}

TEST_CASE("a folder of DeepSpeed leads to the model beside the states of its optimizer") {
    CHECK(checkpoint_among_names({"mp_rank_00_model_states.pt", "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt"}) ==
          "mp_rank_00_model_states.pt");
}

TEST_CASE("without a checkpoint, a model in another format is opened, and named then") {
    for (const char* name : {"model.onnx", "tf_model.h5", "flax_model.msgpack", "clip.gguf", "saved_model.pb",
                             "__0_0.distcp", "openvino_model.xml"})
        CHECK(checkpoint_among_names({"config.json", name}) == name);
    CHECK(checkpoint_among_names({"model.bin", "model.xml"}) == "model.xml");
    CHECK(checkpoint_among_names({"model.bin", "model.onnx"}) == "model.onnx");
    CHECK(checkpoint_among_names({"pytorch_model.bin", "model.onnx"}) == "pytorch_model.bin");
}

TEST_CASE("the state of a training run is no checkpoint") {
    CHECK(checkpoint_among_names({"epoch_1.pt", "optimizer.pt", "scheduler.pt", "training_args.bin", "rng_state.pth",
                                  "rng_state_0.pth", "scaler.pt", "random_states_0.pkl"}) == "epoch_1.pt");
}

TEST_CASE("a repository in Hugging Face's cache leads to the snapshot of its main branch") {
    CHECK(checkpoint_among({{"refs/main", "0123abcd\n"}, {"snapshots/0123abcd/model.safetensors", ""}}) ==
          "snapshots/0123abcd/model.safetensors");
}

TEST_CASE("a repository without its main branch leads to its only snapshot, and modules.json is followed in it") {
    CHECK(checkpoint_among({{"snapshots/0123abcd/model.safetensors", ""}}) == "snapshots/0123abcd/model.safetensors");
    CHECK(checkpoint_among({{"refs/main", "0123abcd"},
                            {"snapshots/0123abcd/modules.json", R"([{"path": "0_CLIPModel"}, {"path": "1_Pooling"}])"},
                            {"snapshots/0123abcd/0_CLIPModel/model.safetensors", ""}}) ==
          "snapshots/0123abcd/0_CLIPModel/model.safetensors");
}

TEST_CASE("an unrelated modules.json does not hide a checkpoint") {
    for (const char* text : {"{}", "[1]", "[{}]", R"([{"path": "0_CLIPModel"}])"})
        CHECK(checkpoint_among({{"modules.json", text}, {"model.pt", ""}}) == "model.pt");
}

TEST_CASE("a name that is not ASCII is opened as it is") {
    CHECK(checkpoint_among_names({"mod\xc3\xa8le.safetensors"}) == "mod\xc3\xa8le.safetensors");
    CHECK(checkpoint_among_names({std::string(220, 'n') + ".pt"}) == std::string(220, 'n') + ".pt");
    CHECK(checkpoint_among_names({"a.pt", "notes.index.json"}) == "a.pt");
}

TEST_CASE("a folder of sentence-transformers leads to its CLIP") {
    const char* const modules = R"([{"idx": 0, "name": "0", "path": "0_CLIPModel"}])";
    CHECK(checkpoint_among({{"modules.json", modules}, {"0_CLIPModel/model.safetensors", ""}}) ==
          "0_CLIPModel/model.safetensors");
    CHECK(checkpoint_among({{"modules.json", R"([{"idx": 0, "name": "0", "path": "../x/CLIPModel"}])"},
                            {"model.safetensors", ""}}) == "model.safetensors");
}

TEST_CASE("a folder with several checkpoints, or none, is refused with the names of its files") {
    const std::string several = refused<file_error>({{"a.pt", ""}, {"b.safetensors", ""}, {"config.json", ""}});
    CHECK(has(several, "several checkpoints: a.pt, b.safetensors"));
    CHECK(has(refused<file_error>({{"config.json", ""}, {"notes.txt", ""}}),
              "no checkpoint, but config.json, notes.txt"));
    const std::string above = refused<file_error>({{"checkpoint-1/model.safetensors", ""}, {"runs/x", ""}});
    CHECK(has(above, "no checkpoint, but folders: checkpoint-1, runs"));
    CHECK(has(above, "is the model in one of its folders?"));
    const scratch_folder empty;
    CHECK(has(support::thrown<file_error>([&] { checkpoint_in(empty.path()); }), "the folder is empty"));
}

TEST_CASE("a pipeline of diffusers is refused by its name") {
    const std::string refusal =
        refused<checkpoint_error>({{"model_index.json", R"({"_class_name": "StableDiffusionPipeline"})"},
                                   {"text_encoder/model.safetensors", ""}});
    CHECK(has(refusal, "a pipeline of diffusers, 'StableDiffusionPipeline'"));
    CHECK(has(refusal, "get the whole CLIP"));
}

TEST_CASE("a LoRA adapter is refused with the model it belongs to") {
    const std::string adapter = R"({"peft_type": "LORA", "base_model_name_or_path": "openai/clip-vit-base-patch32"})";
    const std::string refusal =
        refused<checkpoint_error>({{"adapter_config.json", adapter}, {"adapter_model.safetensors", ""}});
    CHECK(has(refusal, "a LoRA adapter for 'openai/clip-vit-base-patch32'"));
    CHECK(has(refusal, "merge"));
    CHECK(has(refused<checkpoint_error>({{"adapter_config.json", R"({"peft_type": "IA3"})"}}),
              "an adapter of peft, 'IA3'"));
}
