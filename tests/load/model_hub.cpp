#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/load/model_hub.hpp>

#include "tests/catch.hpp"
#include "tests/scoped_variable.hpp"
#include "tests/support/files.hpp"

using namespace zeroshot;
using support::has;
using support::scratch_folder;

namespace {

constexpr const char* commit = "0123456789abcdef0123456789abcdef01234567";

/// Empty folders of each kind, to which a test adds files.
class model_root {
   public:
    model_root() : folders_{{root_ / "mine", root_ / "theirs"}, root_ / "openai", root_ / "hub"} {}

    std::filesystem::path file(const std::string& name) const {
        std::filesystem::create_directories((root_ / name).parent_path());
        std::ofstream(root_ / name) << "weights";
        return root_ / name;
    }

    /// A repository in the cache, with a commit that a branch or tag leads to.
    std::filesystem::path snapshot(const std::string& repository, const std::string& reference = "main",
                                   const std::string& leads_to = commit) const {
        file("hub/" + repository + "/snapshots/" + commit + "/model.safetensors");
        std::ofstream(file("hub/" + repository + "/refs/" + reference)) << leads_to << '\n';
        return root_ / ("hub/" + repository + "/snapshots/" + commit);
    }

    model_location location(const std::string& name) const { return find_model(name, folders_); }

    std::string refused(const std::string& name) const {
        return support::thrown<file_error>([&] { location(name); });
    }

    const std::filesystem::path& path() const { return root_.path(); }

   private:
    scratch_folder root_;
    model_folders folders_;
};

}  // namespace

TEST_CASE("an existing file or folder of that name goes first") {
    const model_root root;
    const std::filesystem::path file = root.file("mine/ViT-B-32.safetensors");
    root.snapshot("models--openai--clip-vit-base-patch32");
    CHECK(root.location(file.string()).path == file);
    CHECK(root.location(root.path().string()).path == root.path());
    CHECK_FALSE(root.location(file.string()).known.has_value());
}

TEST_CASE("org/name leads to the snapshot of its main branch in Hugging Face's cache") {
    const model_root root;
    const std::filesystem::path place = root.snapshot("models--openai--clip-vit-base-patch32");
    CHECK(root.location("openai/clip-vit-base-patch32").path == place);
    CHECK(root.location("openai/clip-vit-base-patch32").known->name() == "ViT-B-32:openai");
    CHECK(root.location("hf-hub:openai/clip-vit-base-patch32").path == place);
    CHECK(root.location("hf-hub:openai/clip-vit-base-patch32@main").path == place);
    const std::filesystem::path other = root.snapshot("models--someone--mine");
    CHECK(root.location("someone/mine").path == other);
    CHECK_FALSE(root.location("someone/mine").known.has_value());
}

TEST_CASE("org/name@revision takes a branch, a tag or a commit") {
    const model_root root;
    const std::filesystem::path place = root.snapshot("models--someone--mine", "v1.0");
    CHECK(root.location("someone/mine@v1.0").path == place);
    CHECK(root.location(std::string("someone/mine@") + commit).path == place);
    CHECK(has(root.refused("someone/mine"), "hf download someone/mine"));
    CHECK(has(root.refused("someone/mine@v2"), "hf download someone/mine --revision v2"));
    CHECK(has(root.refused("someone/mine@refs/pr/2"), "hf download someone/mine --revision refs/pr/2"));
}

TEST_CASE("a known name is looked up in the user's folders, then in OpenAI's, then in Hugging Face's") {
    const model_root root;
    const std::filesystem::path hub = root.snapshot("models--openai--clip-vit-base-patch32");
    CHECK(root.location("ViT-B/32").path == hub);
    const std::filesystem::path openai = root.file("openai/ViT-B-32.pt");
    CHECK(root.location("ViT-B/32").path == openai);
    CHECK(root.location("ViT-B-32").path == openai);
    CHECK(root.location("ViT-B-32").known->name() == "ViT-B-32:openai");
    const std::filesystem::path own = root.file("theirs/ViT-B-32.safetensors");
    CHECK(root.location("ViT-B-32").path == own);
    CHECK(root.location("ViT-B-32").known->name() == "ViT-B-32");
    CHECK(root.location("ViT-B-32:openai").path == openai);
    const std::filesystem::path large = root.file("openai/ViT-L-14-336px.pt");
    CHECK(root.location("ViT-L/14@336px").path == large);
}

TEST_CASE("known weights have a file name of their own") {
    const model_root root;
    root.file("mine/ViT-B-32.pt");
    const std::filesystem::path place = root.file("mine/ViT-B-32-laion2b_s34b_b79k.pt");
    CHECK(root.location("ViT-B-32:laion2b_s34b_b79k").path == place);
    CHECK(root.location("ViT-B-32:laion2b_s34b_b79k").known->name() == "ViT-B-32:laion2b_s34b_b79k");
    CHECK(has(root.refused("ViT-B-32:laion2b_e16"), "there is no model 'ViT-B-32:laion2b_e16'"));
}

TEST_CASE("a name of the user's own is a file or a folder in the listed folders") {
    const model_root root;
    const std::filesystem::path file = root.file("theirs/mine.pt"), folder = root.file("mine/shelf/x").parent_path();
    CHECK(root.location("mine").path == file);
    CHECK(root.location("shelf").path == folder);
}

TEST_CASE("an unknown name is refused with the folders that were searched and the command that downloads the model") {
    const model_root root;
    const std::string vit = root.refused("ViT-B-32");
    CHECK(has(vit, "IO there is no model 'ViT-B-32'; it was looked for as a file or folder of that name, and in "));
    for (const char* part : {"mine/ViT-B-32.safetensors", "theirs/ViT-B-32.pt", "openai/ViT-B-32.pt",
                             "models--openai--clip-vit-base-patch32", "ViT-B-32:openai, ViT-B-32:laion400m_e31",
                             "; this gets it: hf download openai/clip-vit-base-patch32"}) {
        INFO(vit);
        CHECK(has(vit, part));
    }
    CHECK(has(root.refused("RN50:openai"), "hf download timm/resnet50_clip.openai"));
    CHECK(has(root.refused("ViT-S-16"), "no published weights of it are known"));
    CHECK(has(root.refused("ViT-B-31"), "did you mean 'ViT-B-32'?"));
    CHECK(has(root.refused("ViT-B-32-datacomp_xl_s13b_b90k"), "hf download laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K"));
    CHECK(has(support::thrown([] { find_model("mine", {}); }), "the folders that ZEROSHOT_MODELS lists"));
}

TEST_CASE("no name leads out of the folders") {
    const model_root root;
    root.file("secret.safetensors");
    root.file("hub/models--a--b/refs/x");
    for (const std::string name :
         {"../secret", "a/../secret", "..", ".", "a/..", "../a", "a/.hidden", "/a/b", "a/b@../x", "a/b@", "a/b@x/../y",
          "a/b@x/", "a/b/c", "a\\b", "C:x", "hf-hub:../x", "hf-hub:mine", ""}) {
        INFO(name);
        CHECK((root.location(name).path == name));  // a path
    }
    const std::string nul("a\0b", 3);
    CHECK(root.location(nul).path.native() == nul);
}

TEST_CASE("a reference that holds no commit is refused") {
    const model_root root;
    root.snapshot("models--someone--mine", "main", "../../../../etc");
    CHECK(has(root.refused("someone/mine"), "refs/main: it holds '../../../../etc', expected a commit"));
}

TEST_CASE("names of files stay paths") {
    const model_root root;
    for (const char* name : {"gone.safetensors", "ViT-B-32.pt", "models/gone.bin", "no/such/folder"}) {
        CHECK(root.location(name).path == name);
    }
}

TEST_CASE("the folders of the environment are those of the documented variables") {
    const scoped_variable list("ZEROSHOT_MODELS", "/a:/b::"), hub("HF_HUB_CACHE", "/hub"), home("HOME", "/me");
    const model_folders folders = model_folders::of_environment();
    CHECK(folders.own == std::vector<std::filesystem::path>{"/a", "/b"});
    CHECK(folders.openai == "/me/.cache/clip");
    CHECK(folders.hub == "/hub");
}
