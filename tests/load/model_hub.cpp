#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/load/model_hub.hpp>

#include "tests/catch.hpp"
#include "tests/support/files.hpp"

using namespace zeroshot;
using support::has;
using support::scratch_folder;

namespace {

constexpr const char* commit = "0123456789abcdef0123456789abcdef01234567";

/// Folders of each kind in one place, empty but for what a test puts there.
class workshop {
   public:
    workshop() : folders_{{root_ / "mine", root_ / "theirs"}, root_ / "openai", root_ / "hub"} {}

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

    model_location found(const std::string& name) const { return find_model(name, folders_); }

    std::string refused(const std::string& name) const {
        return support::thrown<file_error>([&] { found(name); });
    }

    const std::filesystem::path& path() const { return root_.path(); }

   private:
    scratch_folder root_;
    model_folders folders_;
};

/// Sets a variable of the environment until the end of the scope.
class scoped_variable {
   public:
    scoped_variable(std::string name, const char* value) : name_(std::move(name)) {
        if (const char* old = std::getenv(name_.c_str())) old_ = old;
        ::setenv(name_.c_str(), value, 1);
    }
    ~scoped_variable() {
        if (old_) ::setenv(name_.c_str(), old_->c_str(), 1);
        if (!old_) ::unsetenv(name_.c_str());
    }
    scoped_variable(const scoped_variable&) = delete;
    scoped_variable& operator=(const scoped_variable&) = delete;

   private:
    std::string name_;
    std::optional<std::string> old_;
};

}  // namespace

TEST_CASE("an existing file or folder of that name always wins") {
    const workshop all;
    const std::filesystem::path file = all.file("mine/ViT-B-32.safetensors");
    all.snapshot("models--openai--clip-vit-base-patch32");
    CHECK(all.found(file.string()).path == file);
    CHECK(all.found(all.path().string()).path == all.path());
    CHECK_FALSE(all.found(file.string()).known.has_value());
}

TEST_CASE("org/name leads to the snapshot of its main branch in Hugging Face's cache") {
    const workshop all;
    const std::filesystem::path place = all.snapshot("models--openai--clip-vit-base-patch32");
    CHECK(all.found("openai/clip-vit-base-patch32").path == place);
    CHECK(all.found("openai/clip-vit-base-patch32").known->name() == "ViT-B-32:openai");
    CHECK(all.found("hf-hub:openai/clip-vit-base-patch32").path == place);
    CHECK(all.found("hf-hub:openai/clip-vit-base-patch32@main").path == place);
    const std::filesystem::path other = all.snapshot("models--someone--mine");
    CHECK(all.found("someone/mine").path == other);
    CHECK_FALSE(all.found("someone/mine").known.has_value());
}

TEST_CASE("org/name@revision takes a branch, a tag or a commit") {
    const workshop all;
    const std::filesystem::path place = all.snapshot("models--someone--mine", "v1.0");
    CHECK(all.found("someone/mine@v1.0").path == place);
    CHECK(all.found(std::string("someone/mine@") + commit).path == place);
    CHECK(has(all.refused("someone/mine"), "hf download someone/mine"));
    CHECK(has(all.refused("someone/mine@v2"), "hf download someone/mine --revision v2"));
    CHECK(has(all.refused("someone/mine@refs/pr/2"), "hf download someone/mine --revision refs/pr/2"));
}

TEST_CASE("a known name is looked up in the user's folders, then in OpenAI's, then in Hugging Face's") {
    const workshop all;
    const std::filesystem::path hub = all.snapshot("models--openai--clip-vit-base-patch32");
    CHECK(all.found("ViT-B/32").path == hub);
    const std::filesystem::path openai = all.file("openai/ViT-B-32.pt");
    CHECK(all.found("ViT-B/32").path == openai);
    CHECK(all.found("ViT-B-32").path == openai);
    CHECK(all.found("ViT-B-32").known->name() == "ViT-B-32:openai");
    const std::filesystem::path own = all.file("theirs/ViT-B-32.safetensors");
    CHECK(all.found("ViT-B-32").path == own);
    CHECK(all.found("ViT-B-32").known->name() == "ViT-B-32");
    CHECK(all.found("ViT-B-32:openai").path == openai);
    const std::filesystem::path large = all.file("openai/ViT-L-14-336px.pt");
    CHECK(all.found("ViT-L/14@336px").path == large);
}

TEST_CASE("known weights have a file name of their own") {
    const workshop all;
    all.file("mine/ViT-B-32.pt");
    const std::filesystem::path place = all.file("mine/ViT-B-32-laion2b_s34b_b79k.pt");
    CHECK(all.found("ViT-B-32:laion2b_s34b_b79k").path == place);
    CHECK(all.found("ViT-B-32:laion2b_s34b_b79k").known->name() == "ViT-B-32:laion2b_s34b_b79k");
    CHECK(has(all.refused("ViT-B-32:laion2b_e16"), "there is no model 'ViT-B-32:laion2b_e16'"));
}

TEST_CASE("a name of the user's own is a file or a folder in the folders that are listed") {
    const workshop all;
    const std::filesystem::path file = all.file("theirs/mine.pt"), folder = all.file("mine/shelf/x").parent_path();
    CHECK(all.found("mine").path == file);
    CHECK(all.found("shelf").path == folder);
}

TEST_CASE("a name that leads nowhere is a sentence with the places, and the command that gets the model") {
    const workshop all;
    const std::string vit = all.refused("ViT-B-32");
    CHECK(has(vit, "IO there is no model 'ViT-B-32'; it was looked for as a file or folder of that name, and in "));
    for (const char* part : {"mine/ViT-B-32.safetensors", "theirs/ViT-B-32.pt", "openai/ViT-B-32.pt",
                             "models--openai--clip-vit-base-patch32", "ViT-B-32:openai, ViT-B-32:laion400m_e31",
                             "; this gets it: hf download openai/clip-vit-base-patch32"}) {
        INFO(vit);
        CHECK(has(vit, part));
    }
    CHECK(has(all.refused("RN50:openai"), "hf download timm/resnet50_clip.openai"));
    CHECK(has(all.refused("ViT-S-16"), "nobody is known to have published weights of it"));
    CHECK(has(all.refused("ViT-B-31"), "did you mean 'ViT-B-32'?"));
    CHECK(has(all.refused("ViT-B-32-datacomp_xl_s13b_b90k"), "hf download laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K"));
    CHECK(has(support::thrown([] { find_model("mine", {}); }), "the folders that ZEROSHOT_MODELS lists"));
}

TEST_CASE("no name leads out of the folders") {
    const workshop all;
    all.file("secret.safetensors");
    all.file("hub/models--a--b/refs/x");
    for (const std::string name :
         {"../secret", "a/../secret", "..", ".", "a/..", "../a", "a/.hidden", "/a/b", "a/b@../x", "a/b@", "a/b@x/../y",
          "a/b@x/", "a/b/c", "a\\b", "C:x", "hf-hub:../x", "hf-hub:mine", ""}) {
        INFO(name);
        CHECK((all.found(name).path == name));  // taken for a path
    }
    const std::string nul("a\0b", 3);
    CHECK(all.found(nul).path.native() == nul);
}

TEST_CASE("a reference that holds no commit is refused") {
    const workshop all;
    all.snapshot("models--someone--mine", "main", "../../../../etc");
    CHECK(has(all.refused("someone/mine"), "refs/main: it holds '../../../../etc', expected a commit"));
}

TEST_CASE("names of files stay paths: opening them says what is wrong") {
    const workshop all;
    for (const char* name : {"gone.safetensors", "ViT-B-32.pt", "models/gone.bin", "no/such/folder"}) {
        CHECK(all.found(name).path == name);
    }
}

TEST_CASE("the folders of the environment are those of the documented variables") {
    const scoped_variable list("ZEROSHOT_MODELS", "/a:/b::"), hub("HF_HUB_CACHE", "/hub"), home("HOME", "/me");
    const model_folders folders = model_folders::of_environment();
    CHECK(folders.own == std::vector<std::filesystem::path>{"/a", "/b"});
    CHECK(folders.openai == "/me/.cache/clip");
    CHECK(folders.hub == "/hub");
}
