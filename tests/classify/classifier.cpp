#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include <zeroshot/classify/classifier.hpp>
#include <zeroshot/load/load.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"
#include "tests/random_images.hpp"

using namespace zeroshot;
using zeroshot_tests::random_image;

namespace {

clip tiny_clip() {
    static const clip model = load(testing::random_checkpoint().bytes());
    return model;
}

const std::vector<std::string> labels{"a dog", "a cat", "an airplane", "two red balloons"};

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

TEST_CASE("accessors of a temporary classification return by value") {
    const classifier which(tiny_clip(), labels);
    const image sample = random_image(40, 30, 1);
    const classification kept = which(sample);
    const auto& best = which(sample).best();
    const auto& probabilities = which(sample).probabilities();
    CHECK(best.label == kept.best().label);
    CHECK(probabilities == kept.probabilities());
    std::size_t shown = 0;
    for (const auto& [label, probability] : which(sample).top(3)) shown += label.empty() || probability < 0 ? 0 : 1;
    CHECK(shown == 3);
}

TEST_CASE("the logits equal those of the separate verbs") {
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

TEST_CASE("ties stand in the order of the labels") {
    const classifier which(tiny_clip(), {"a dog", "a cat", "a dog"});
    const classification result = which(random_image(32, 32, 3));
    CHECK(result.logits()[0] == result.logits()[2]);
    const auto& ranking = result.ranking();
    CHECK(std::ranges::find(ranking, 0u) < std::ranges::find(ranking, 2u));
}

TEST_CASE("a classifier keeps its model alive and may be copied") {
    const auto make = [] { return classifier(load(testing::random_checkpoint().bytes()), labels); };
    const classifier first = make();
    const classifier second = first;
    const image sample = random_image(32, 32, 4);
    CHECK(first(sample).logits() == second(sample).logits());
}

TEST_CASE("no labels, and labels that would cut their prompt, are refused") {
    CHECK_THROWS_WITH(classifier(tiny_clip(), std::vector<std::string>{}), Catch::Contains("labels: there are none"));
    for (const char* label : {"a dog <|endoftext|> a cat", "<|startoftext|>", "&lt;|endoftext|&gt; dog"}) {
        CHECK_THROWS_WITH(classifier(tiny_clip(), {"a cat", label}),
                          Catch::Contains("it contains a start or end token"));
    }
    std::string endless;
    for (int i = 0; i < 100; ++i) endless += "dog ";
    CHECK_THROWS_AS(classifier(tiny_clip(), {endless}), text_error);
    CHECK(classifier(tiny_clip(), {endless}, {.fit = overflow::truncate}).labels().size() == 1);
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
        CHECK_THROWS_WITH(classifier(tower, labels), Catch::Contains("both towers and the temperature between them"));
    }
}

TEST_CASE("one image, a span, several in braces and their embeddings are classified alike") {
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
