#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <sys/stat.h>

#include <zeroshot/classify/classifier.hpp>
#include <zeroshot/classify/similarity.hpp>
#include <zeroshot/load/load.hpp>
#include <zeroshot/model/clip_model.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"
#include "tests/random_images.hpp"
#include "tests/support/files.hpp"

using namespace zeroshot;
using support::has;
using support::scratch_folder;
using zeroshot_tests::random_image;

namespace {

clip tiny_clip() {
    static const clip model = load(testing::random_checkpoint().bytes());
    return model;
}

const std::vector<std::string> labels{"a dog", "a cat", "an airplane", "two red balloons"};

/// A tiny CLIP with sums long enough for int8.
testing::random_checkpoint any_checkpoint(std::uint64_t seed = 1) {
    clip_config config = testing::tiny_vision_transformer();
    config.text.transformer.mlp_width = 512;
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

void write(const std::filesystem::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace

TEST_CASE("a classifier gives probabilities, most probable first, and accessors in the labels' order") {
    const classifier which(tiny_clip(), labels);
    const classification result = which(random_image(40, 30, 1));
    REQUIRE(result.size() == labels.size());
    CHECK(std::accumulate(result.probabilities().begin(), result.probabilities().end(), 0.0) == Approx(1).margin(1e-6));
    float before = 2;
    for (const auto& [label, probability] : result) {
        CHECK(probability <= before);
        before = probability;
        const auto at = static_cast<std::size_t>(std::ranges::find(labels, label) - labels.begin());
        CHECK(result.probabilities()[at] == probability);
    }
    CHECK(result.best().label == labels[result.ranking().front()]);
    CHECK(result.top(2).size() == 2);
    CHECK(result.top(99).size() == labels.size());
    CHECK(result.top(0).empty());
    double length = 0;
    for (const float value : result.embedding()) length += static_cast<double>(value) * static_cast<double>(value);
    CHECK(length == Approx(1).epsilon(1e-6));
}

TEST_CASE("a score is a probability, a cosine or a logit; the last two do not depend on the other labels") {
    const image photo = random_image(40, 30, 1);
    const classifier which(tiny_clip(), labels), alone(tiny_clip(), {labels[2]});
    const classification result = which(photo), single = alone(photo);
    CHECK(which.scores(result, scoring::softmax) == result.probabilities());
    CHECK(which.scores(result, scoring::logit) == result.logits());
    const std::vector<float> cosines = which.scores(result, scoring::cosine);
    const auto embeddings = normalized(tiny_clip().encode_image(photo));
    const auto wanted = similarity(embeddings, which.text_embeddings(), 1);
    for (std::size_t i = 0; i < labels.size(); ++i) {
        INFO(labels[i]);
        // a logit has 24 bits, and the division rounds once more
        CHECK(cosines[i] == Approx(wanted.row(0)[i]).margin(2e-7));
    }
    CHECK(alone.scores(single, scoring::softmax) == std::vector<float>{1});
    CHECK(alone.scores(single, scoring::cosine).front() == cosines[2]);
    CHECK(alone.scores(single, scoring::logit).front() == result.logits()[2]);
}

TEST_CASE("accessors of a temporary classification return by value") {
    const classifier which(tiny_clip(), labels);
    const image sample = random_image(40, 30, 1);
    const classification named = which(sample);
    const auto& best = which(sample).best();
    const auto& probabilities = which(sample).probabilities();
    CHECK(best.label == named.best().label);
    CHECK(probabilities == named.probabilities());
    std::size_t shown = 0;
    for (const auto& [label, probability] : which(sample).top(3)) shown += label.empty() || probability < 0 ? 0 : 1;
    CHECK(shown == 3);
}

TEST_CASE("the logits equal those of encoding, normalising and comparing one by one") {
    const clip model = tiny_clip();
    const image sample = random_image(32, 32, 2);
    const auto images = normalized(model.encode_image(sample));
    const auto texts = normalized(model.encode_text(labels));
    const auto logits = similarity(images, texts, model.logit_scale(), model.logit_bias());
    const classification result = classifier(model, labels)(sample);
    for (std::size_t i = 0; i < labels.size(); ++i) CHECK(result.logits()[i] == Approx(logits(0, i)).epsilon(1e-5));
}

TEST_CASE("an ensemble normalises each prompt, averages, and normalises again") {
    const clip model = tiny_clip();
    const std::vector<prompt_template> templates{prompt_template("a photo of {}."), prompt_template("{} in the snow")};
    const classifier which(model, {"a dog"}, {.templates = templates});
    const auto each = normalized(model.encode_text(std::vector<std::string>{"a photo of a dog.", "a dog in the snow"}));
    matrix<float> mean(1, each.columns());
    for (std::size_t i = 0; i < each.columns(); ++i) mean(0, i) = (each(0, i) + each(1, i)) / 2;
    mean = normalized(mean);
    for (std::size_t i = 0; i < mean.columns(); ++i)
        CHECK(which.text_embeddings()(0, i) == Approx(mean(0, i)).margin(1e-6));
}

TEST_CASE("equal logits are ranked in the order of the labels") {
    const classifier which(tiny_clip(), {"a dog", "a cat", "a dog"});
    const classification result = which(random_image(32, 32, 3));
    CHECK(result.logits()[0] == result.logits()[2]);
    const auto& ranking = result.ranking();
    CHECK(std::ranges::find(ranking, 0u) < std::ranges::find(ranking, 2u));
}

TEST_CASE("a classifier shares ownership of its model and may be copied") {
    const auto make = [] { return classifier(load(testing::random_checkpoint().bytes()), labels); };
    const classifier first = make();
    const classifier second = first;
    const image sample = random_image(32, 32, 4);
    CHECK(first(sample).logits() == second(sample).logits());
}

TEST_CASE("no labels, and labels that would end their prompt, are refused") {
    CHECK_THROWS_WITH(classifier(tiny_clip(), std::vector<std::string>{}), Catch::Contains("labels: there are none"));
    for (const char* label : {"a dog <|endoftext|> a cat", "<|startoftext|>", "&lt;|endoftext|&gt; dog"}) {
        CHECK_THROWS_WITH(classifier(tiny_clip(), {"a cat", label}),
                          Catch::Contains("it contains a start or end token"));
    }
    std::string endless;
    for (int i = 0; i < 100; ++i) endless += "dog ";
    CHECK_THROWS_AS(classifier(tiny_clip(), {endless}), text_error);
    CHECK(classifier(tiny_clip(), {endless}, {.truncation = truncation::allow}).labels().size() == 1);
}

TEST_CASE("more than ten million prompts are refused before any work") {
    const classifier_options many{.templates = std::vector<prompt_template>(10'000, verbatim())};
    CHECK_THROWS_WITH(classifier(tiny_clip(), std::vector<std::string>(2'000, "dog"), many),
                      Catch::Contains("at most 10000000 prompts"));
}

TEST_CASE("a checkpoint of one tower alone is refused before a label is embedded") {
    const std::string models = std::string(ZEROSHOT_SOURCE_DIR) + "/tests/golden/models/";
    for (const char* name : {"hugging_face_image", "hugging_face_text"}) {
        const clip tower = load(models + name);
        CHECK_THROWS_AS(classifier(tower, labels), checkpoint_error);
        CHECK_THROWS_WITH(classifier(tower, labels), Catch::Contains("logit scale"));
    }
}

TEST_CASE("one image, a span, a braced list and embeddings have the same logits") {
    const clip model = tiny_clip();
    const classifier which(model, labels);
    thread_pool pool(2);
    const std::vector<image> images{random_image(40, 30, 5), random_image(32, 32, 6)};
    const auto expected = which(images);
    const auto braced = which({images[0], images[1]}, {.threads = &pool});
    const matrix<float> embeddings = model.encode_image(images);
    const Eigen::MatrixXf columns = embeddings.eigen();  // column-major
    const auto of_eigen = which.of_embeddings(2 * columns);
    for (std::size_t i = 0; i < images.size(); ++i) {
        CHECK(which(images[i], {.threads = &pool}).logits() == expected[i].logits());
        CHECK(braced[i].logits() == expected[i].logits());
        CHECK(of_eigen[i].logits() == expected[i].logits());
    }
}

TEST_CASE("class embeddings from the cache have the bits of computed ones") {
    const scratch_folder folder;
    const clip model = any_clip();
    const classifier without(model, two_labels);
    CHECK_FALSE(without.cache().hit);
    const classifier_options options{.cache = folder / "a" / "new folder"};
    const classifier first(model, two_labels, options), second(model, two_labels, options);
    CHECK_FALSE(first.cache().hit);
    CHECK(second.cache().hit);
    CHECK((first.cache().warning + second.cache().warning).empty());
    CHECK(first.text_embeddings() == without.text_embeddings());
    CHECK(second.text_embeddings() == without.text_embeddings());
    CHECK(files_in(options.cache).size() == 1);
}

TEST_CASE("the key depends on the weights, not on their file or the number of threads") {
    const scratch_folder folder;
    any_checkpoint().write(folder / "m.safetensors");
    thread_pool two(2);
    const classifier_options options{.cache = folder / "cache"};
    CHECK_FALSE(classifier(any_clip(), two_labels, options).cache().hit);
    CHECK(classifier(load(folder / "m.safetensors", {.threads = &two}), two_labels, options).cache().hit);
    CHECK(classifier(any_clip({.mean = std::array{0.f, 0.f, 0.f}}), two_labels, options).cache().hit);
}

TEST_CASE("everything that decides the bits of class embeddings is part of their key") {
    const scratch_folder folder;
    const auto misses = [&](const clip& model, const std::vector<std::string>& names = two_labels,
                            std::vector<prompt_template> templates = {}, truncation rule = truncation::refuse) {
        const classifier cached(model, names,
                                {.templates = std::move(templates), .truncation = rule, .cache = folder.path()});
        return cached.cache().hit ? 0 : 1;
    };
    const prompt_template photo("a photo of {}."), snow("{} in the snow");
    const clip model = any_clip();
    int count = 0;
    count += misses(model);
    count += misses(model, {"a cat", "a dog"});
    count += misses(model, {"a dog", "a cat", "a cat"});
    count += misses(model, {"a doga cat"});
    count += misses(model, two_labels, {photo});
    count += misses(model, two_labels, {photo, snow});
    count += misses(model, two_labels, {snow, photo});
    count += misses(model, two_labels, {}, truncation::allow);
    count += misses(any_clip({}, 2));
    count += misses(any_clip({.activation = activation::gelu}));
    count += misses(any_clip({.text_heads = 4}));
    count += misses(any_clip({.precision = precision::bf16}));
    count += misses(any_clip({.precision = precision::int8}));
    CHECK(count == 13);
    const std::vector<std::string> merges = model.tokenizer().vocabulary().merge_lines();
    const tokenizer other(vocabulary::from_merges(std::span(merges).first(merges.size() - 1)));
    count += misses(clip(model.model(), other, model.preprocessing(), model.provenance()));
    CHECK(count == 14);
    CHECK(misses(model, two_labels, {verbatim()}) == 0);  // the same prompts as without a template
    CHECK(files_in(folder.path()).size() == 14);
}

TEST_CASE("a cache file with a byte changed, missing or added is computed again and replaced") {
    const scratch_folder folder;
    const clip model = any_clip();
    const classifier_options options{.cache = folder.path()};
    const classifier sound(model, {"a dog"}, options);
    const std::filesystem::path file = files_in(folder.path()).at(0);
    const std::string whole = support::text_of(read_file(file));
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string changed = whole;
        changed[at] ^= 1;
        for (const std::string& bytes : {changed, whole.substr(0, at), whole + whole.substr(at)}) {
            write(file, bytes);
            const classifier again(model, {"a dog"}, options);
            INFO("byte " << at << ": " << again.cache().warning);
            CHECK_FALSE(again.cache().hit);
            CHECK(again.text_embeddings() == sound.text_embeddings());
            CHECK(support::text_of(read_file(file)) == whole);
        }
    }
}

TEST_CASE("a cache file with another key is not read") {
    const scratch_folder folder;
    const clip model = any_clip();
    const classifier_options options{.cache = folder.path()};
    const classifier sound(model, two_labels, options);
    const std::filesystem::path file = files_in(folder.path()).at(0);
    classifier(model, {"a dog", "a fish"}, {.cache = folder / "others"});
    write(file, support::text_of(read_file(files_in(folder / "others").at(0))));
    const classifier again(model, two_labels, options);
    CHECK_FALSE(again.cache().hit);
    CHECK(again.text_embeddings() == sound.text_embeddings());
}

#if !defined(_WIN32) && !defined(__EMSCRIPTEN__)
TEST_CASE("a pipe in the place of a cache file is not read") {
    const scratch_folder folder;
    const clip model = any_clip();
    const classifier_options options{.cache = folder.path()};
    const classifier sound(model, two_labels, options);
    const std::filesystem::path file = files_in(folder.path()).at(0);
    std::filesystem::remove(file);
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    const classifier piped(model, two_labels, options);
    CHECK(has(piped.cache().warning, "this is a pipe"));
    CHECK(has(piped.cache().warning, "not cached"));
    CHECK(piped.text_embeddings() == sound.text_embeddings());
}
#endif

TEST_CASE("a cache folder that cannot be written is a warning") {
    const scratch_folder folder;
    write(folder / "file", "");
    const clip model = any_clip();
    const classifier which(model, two_labels, {.cache = folder / "file"});
    CHECK_FALSE(which.cache().hit);
    CHECK(has(which.cache().warning, "not cached"));
    CHECK(which.text_embeddings() == classifier(model, two_labels).text_embeddings());
}

TEST_CASE("refused labels leave no cache file") {
    const scratch_folder folder;
    const clip model = any_clip();
    for (int twice = 0; twice < 2; ++twice) {
        CHECK_THROWS_AS(classifier(model, {"a dog", "<|endoftext|>"}, {.cache = folder.path()}), text_error);
    }
    CHECK(files_in(folder.path()).empty());
}

TEST_CASE("threads that write the same cache file at once agree, and leave one file") {
    const scratch_folder folder;
    const clip model = any_clip();
    const matrix<float> alone = classifier(model, two_labels).text_embeddings();
    std::vector<matrix<float>> results(8);
    std::vector<std::string> warnings(results.size());
    std::vector<std::thread> many;
    for (std::size_t i = 0; i < results.size(); ++i) {
        many.emplace_back([&, i] {
            const classifier which(model, two_labels, {.cache = folder.path()});
            results[i] = which.text_embeddings();
            warnings[i] = which.cache().warning;
        });
    }
    for (std::thread& each : many) each.join();
    for (std::size_t i = 0; i < results.size(); ++i) {
        CHECK(results[i] == alone);
        CHECK(warnings[i].empty());
    }
    CHECK(files_in(folder.path()).size() == 1);
}
