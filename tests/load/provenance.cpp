#include <string>
#include <vector>

#include <zeroshot/load/provenance.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

/// What is said of a model of these sizes.
std::vector<std::string> warned(const architecture& found, const std::optional<known_model>& guess = std::nullopt) {
    provenance origin;
    origin.place = "x";
    detail::warn(found, guess, tokenizer(), origin);
    return origin.warnings;
}

architecture whole() {
    architecture found{testing::tiny_vision_transformer(), {}};
    found.config.text.vocabulary = 49408;
    return found;
}

}  // namespace

TEST_CASE("a model that everything was said of needs no warning") {
    CHECK(warned(whole()).empty());
}

TEST_CASE("what was assumed or guessed by sizes is told in one sentence") {
    architecture found = whole();
    const std::vector<std::string> guessed = warned(found, known_model::find("ViT-g-14"));
    REQUIRE(guessed.size() == 1);
    CHECK_THAT(guessed[0], Catch::Contains("by its sizes it is ViT-g-14"));
    found.assumed = {"heads of 64", "QuickGELU"};
    const std::vector<std::string> assumed = warned(found, known_model::find("ViT-B-32"));
    REQUIRE(assumed.size() == 1);
    CHECK_THAT(assumed[0], Catch::Contains("taken for one of OpenAI's own, with heads of 64 and QuickGELU"));
}

TEST_CASE("a vocabulary of another size than the tokenizer's is told") {
    architecture found = whole();
    found.config.text.vocabulary = 49'500;
    CHECK_THAT(warned(found).at(0), Catch::Contains("its vocabulary has 49500 rows, CLIP's own tokenizer 49408 ids"));
}

TEST_CASE("the provenance names the file, its layout, its types and who was asked") {
    const weights w(checkpoint::from_bytes(testing::random_checkpoint().bytes(), "tiny"));
    const std::vector<settings> sources{{.source = "options"}, {.source = "config.json"}};
    const provenance origin = detail::provenance_of(w, sources);
    CHECK(origin.place == "tiny");
    CHECK(origin.layout == "openai");
    CHECK(origin.dtypes == std::vector<std::string>{"F32"});
    CHECK(origin.sources == std::vector<std::string>{"options", "config.json"});
}

TEST_CASE("a tensor that nobody needs and that is nearly called like another is told") {
    const std::vector<std::string> read{"visual.proj", "visual.transformer.resblocks.1.ln_1.bias"};
    const auto said = [&](const std::string& unread) {
        provenance origin;
        origin.place = "x";
        origin.unread = {unread};
        detail::warn_of_near_misses(read, origin);
        return origin.warnings.empty() ? "nothing" : origin.warnings.front();
    };
    CHECK(said("logit_bais") == "x: tensor 'logit_bais' is not used; is 'logit_bias' meant?");
    CHECK(said("visual.projj") == "x: tensor 'visual.projj' is not used; is 'visual.proj' meant?");
    CHECK(said("visual.transformer.resblocks.2.ln_1.bias") == "nothing");  // another block, not a slip
    CHECK(said("optimizer.momentum") == "nothing");
}

TEST_CASE("the provenance names the container, and what lies in it beside tensors") {
    const std::string folder = std::string(ZEROSHOT_SOURCE_DIR) + "/tests/golden/containers/";
    const provenance origin = detail::provenance_of(weights(checkpoint::open(folder + "training.pt")), {});
    CHECK(origin.container == "pytorch");
    CHECK(origin.skipped == std::vector<std::string>{"epoch", "name", "optimizer", "scaler"});
    CHECK(detail::provenance_of(weights(checkpoint::open(folder + "torchscript.pt")), {}).container == "torchscript");
}
