#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <sys/stat.h>

#include <zeroshot/classify/class_embedding_cache.hpp>
#include <zeroshot/classify/classifier.hpp>
#include <zeroshot/load/load.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"
#include "tests/support/files.hpp"

using namespace zeroshot;
using support::has;
using support::scratch_folder;

namespace {

/// A tiny CLIP with sums long enough for int8.
testing::random_checkpoint any_checkpoint(std::uint64_t seed = 1) {
    clip_config config = testing::tiny_vision_transformer();
    config.text.blocks.mlp_width = 512;
    return testing::random_checkpoint(config, seed);
}

clip any_clip(const load_options& options = {}, std::uint64_t seed = 1) {
    return load(any_checkpoint(seed).bytes(), options);
}

const std::vector<std::string> two_labels{"a dog", "a cat"};

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& each : std::filesystem::directory_iterator(folder)) files.push_back(each.path());
    return files;
}

void put(const std::filesystem::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace

TEST_CASE("class embeddings from the cache have the bits of computed ones") {
    const scratch_folder home;
    const clip model = any_clip();
    const classifier without(model, two_labels);
    CHECK_FALSE(without.cache().hit);
    const classifier_options options{.cache = home / "a" / "new folder"};
    const classifier first(model, two_labels, options), second(model, two_labels, options);
    CHECK_FALSE(first.cache().hit);
    CHECK(second.cache().hit);
    CHECK((first.cache().warning + second.cache().warning).empty());
    CHECK(first.text_embeddings() == without.text_embeddings());
    CHECK(second.text_embeddings() == without.text_embeddings());
    CHECK(files_in(options.cache).size() == 1);
}

TEST_CASE("the key depends on the weights, not on their file or the number of threads") {
    const scratch_folder home;
    any_checkpoint().write(home / "m.safetensors");
    thread_pool two(2);
    const classifier_options options{.cache = home / "kept"};
    CHECK_FALSE(classifier(any_clip(), two_labels, options).cache().hit);
    CHECK(classifier(load(home / "m.safetensors", {.threads = &two}), two_labels, options).cache().hit);
    CHECK(classifier(any_clip({.mean = std::array{0.f, 0.f, 0.f}}), two_labels, options).cache().hit);
}

TEST_CASE("everything that decides the bits of class embeddings is part of their key") {
    const scratch_folder home;
    const auto keep = [&](const clip& model, const std::vector<std::string>& names = two_labels,
                          std::vector<prompt_template> templates = {}, overflow fit = overflow::refuse) {
        const classifier kept(model, names, {.templates = std::move(templates), .fit = fit, .cache = home.path()});
        return kept.cache().hit ? 0 : 1;
    };
    const prompt_template photo("a photo of {}."), snow("{} in the snow");
    const clip model = any_clip();
    int files = 0;
    files += keep(model);
    files += keep(model, {"a cat", "a dog"});
    files += keep(model, {"a dog", "a cat", "a cat"});
    files += keep(model, {"a doga cat"});
    files += keep(model, two_labels, {photo});
    files += keep(model, two_labels, {photo, snow});
    files += keep(model, two_labels, {snow, photo});
    files += keep(model, two_labels, {}, overflow::truncate);
    files += keep(any_clip({}, 2));
    files += keep(any_clip({.activation = activation::gelu}));
    files += keep(any_clip({.text_heads = 4}));
    files += keep(any_clip({.precision = precision::bf16}));
    files += keep(any_clip({.precision = precision::int8}));
    CHECK(files == 13);
    const std::vector<std::string> merges = model.tokenizer().vocabulary().merge_lines();
    const tokenizer other(vocabulary::from_merges(std::span(merges).first(merges.size() - 1)));
    files += keep(clip(model.model(), other, model.preprocessing(), model.provenance()));
    CHECK(files == 14);
    CHECK(keep(model, two_labels, {verbatim()}) == 0);  // what no template means
    CHECK(files_in(home.path()).size() == 14);
}

TEST_CASE("a cache file with a byte changed, missing or added is computed again and replaced") {
    const scratch_folder home;
    const clip model = any_clip();
    const classifier_options options{.cache = home.path()};
    const classifier sound(model, {"a dog"}, options);
    const std::filesystem::path file = files_in(home.path()).at(0);
    const std::string whole = support::text_of(read_file(file));
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string changed = whole;
        changed[at] ^= 1;
        for (const std::string& bytes : {changed, whole.substr(0, at), whole + whole.substr(at)}) {
            put(file, bytes);
            const classifier again(model, {"a dog"}, options);
            INFO("byte " << at << ": " << again.cache().warning);
            CHECK_FALSE(again.cache().hit);
            CHECK(again.text_embeddings() == sound.text_embeddings());
            CHECK(support::text_of(read_file(file)) == whole);
        }
    }
}

TEST_CASE("a cache file of other classes, and a pipe, are not read") {
    const scratch_folder home;
    const clip model = any_clip();
    const classifier_options options{.cache = home.path()};
    const classifier sound(model, two_labels, options);
    const std::filesystem::path file = files_in(home.path()).at(0);
    classifier(model, {"a dog", "a fish"}, {.cache = home / "others"});
    put(file, support::text_of(read_file(files_in(home / "others").at(0))));
    const classifier again(model, two_labels, options);
    CHECK_FALSE(again.cache().hit);
    CHECK(again.text_embeddings() == sound.text_embeddings());
    std::filesystem::remove(file);
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    const classifier piped(model, two_labels, options);
    CHECK(has(piped.cache().warning, "this is a pipe"));
    CHECK(has(piped.cache().warning, "not cached"));
    CHECK(piped.text_embeddings() == sound.text_embeddings());
}

TEST_CASE("a cache folder that cannot be written is a warning") {
    const scratch_folder home;
    put(home / "file", "");
    const clip model = any_clip();
    const classifier which(model, two_labels, {.cache = home / "file"});
    CHECK_FALSE(which.cache().hit);
    CHECK(has(which.cache().warning, "not cached"));
    CHECK(which.text_embeddings() == classifier(model, two_labels).text_embeddings());
}

TEST_CASE("refused labels leave no cache file") {
    const scratch_folder home;
    const clip model = any_clip();
    for (int twice = 0; twice < 2; ++twice) {
        CHECK_THROWS_AS(classifier(model, {"a dog", "<|endoftext|>"}, {.cache = home.path()}), text_error);
    }
    CHECK(files_in(home.path()).empty());
}

TEST_CASE("threads that write the same cache file at once agree, and leave one file") {
    const scratch_folder home;
    const clip model = any_clip();
    const matrix<float> alone = classifier(model, two_labels).text_embeddings();
    std::vector<matrix<float>> found(8);
    std::vector<std::string> trouble(found.size());
    std::vector<std::thread> many;
    for (std::size_t i = 0; i < found.size(); ++i) {
        many.emplace_back([&, i] {
            const classifier which(model, two_labels, {.cache = home.path()});
            found[i] = which.text_embeddings();
            trouble[i] = which.cache().warning;
        });
    }
    for (std::thread& each : many) each.join();
    for (std::size_t i = 0; i < found.size(); ++i) {
        CHECK(found[i] == alone);
        CHECK(trouble[i].empty());
    }
    CHECK(files_in(home.path()).size() == 1);
}
