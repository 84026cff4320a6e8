#include <zeroshot/load/decisions.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

std::string by(const std::vector<decision>& made, const std::string& what) {
    for (const decision& each : made) {
        if (each.what == what) return each.by;
    }
    return "not decided";
}

}  // namespace

TEST_CASE("the first source that is not silent decides, and nobody where all are silent") {
    settings options, beside;
    options.source = "options";
    options.text.function = activation::gelu;
    beside.source = "config.json";
    beside.text.function = activation::quick_gelu;
    beside.vision.head_width = 64;
    beside.mean = {0.5f, 0.5f, 0.5f};
    clip_config config;
    const std::vector<settings> sources{options, beside};
    const auto made = decisions_of(config, sources);
    CHECK(by(made, "text activation") == "options");
    CHECK(by(made, "vision heads") == "config.json");
    CHECK(by(made, "mean") == "config.json");
    CHECK(by(made, "text heads") == "nobody: OpenAI's rule");
    CHECK(by(made, "std") == "nobody: as OpenAI's models");
}

TEST_CASE("a ModifiedResNet has no activation to choose") {
    clip_config config;
    CHECK(by(decisions_of(config, {}), "vision activation") == "nobody: OpenAI's rule");
    config.image = modified_resnet_config{};
    CHECK(by(decisions_of(config, {}), "vision activation") == "not decided");
}
