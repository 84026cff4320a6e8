#include <filesystem>
#include <string>
#include <vector>

#include <zeroshot/load/opened_checkpoint.hpp>

#include "tests/catch.hpp"
#include "tests/support/files.hpp"

using namespace zeroshot;

TEST_CASE("a folder's checkpoint is found by the names it is published under, a single .pt by its ending") {
    const auto found = [](const std::vector<std::string>& names) {
        const support::scratch_folder folder;
        for (const std::string& name : names) write_file(folder / name, "");
        return detail::checkpoint_in(folder.path()).filename().string();
    };
    CHECK(found({"pytorch_model.bin", "model.safetensors"}) == "model.safetensors");
    CHECK(found({"model.safetensors.index.json", "model-00001-of-00001.safetensors"}) ==
          "model.safetensors.index.json");
    for (const char* name : {"open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "pytorch_model.bin",
                             "pytorch_model.bin.index.json", "open_clip_pytorch_model.bin", "ViT-B-32.pt"}) {
        CHECK(found({"README.md", name}) == name);
    }
    CHECK_THROWS_AS(found({"a.pt", "b.pt"}), file_error);
}

TEST_CASE("a file opens as itself, a folder as the checkpoint in it, and both tell where they lie") {
    const std::filesystem::path models = std::filesystem::path(ZEROSHOT_SOURCE_DIR) / "tests/golden/models";
    const std::filesystem::path file = models / "openai_vit/model.safetensors";
    for (const std::filesystem::path& path : {file, models / "openai_vit"}) {
        const opened_checkpoint found = open_checkpoint(path, {});
        CHECK(found.place.path == file);
        CHECK(found.tensors.has("visual.proj"));
    }
    CHECK_THROWS_AS(open_checkpoint(models / "none", {}), file_error);
}
