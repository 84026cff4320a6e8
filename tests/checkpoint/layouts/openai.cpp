#include <string>

#include <zeroshot/checkpoint/layouts/openai.hpp>
#include <zeroshot/load/load.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

TEST_CASE("every tensor of OpenAI's and open_clip's checkpoints is read") {
    for (const std::string& name : all_models) {
        if (name.starts_with("hugging_face")) continue;
        INFO(name);
        const provenance origin = load(model_folder(name)).provenance();
        CHECK(origin.layout == (name == "custom_text" ? "custom_text" : "openai"));
        CHECK(origin.unread.empty());
    }
}

TEST_CASE("the text projection of a Linear is stored transposed, that of a matrix is not") {
    const detail::canonical_place turned{"text_projection", 0, 1, true};
    CHECK(detail::place_of(detail::openai_rules, "text_projection.weight") == turned);
    CHECK(detail::place_of(detail::custom_text_rules, "text.text_projection.weight") == turned);
    CHECK_FALSE(detail::place_of(detail::openai_rules, "text_projection")->transposed);
    CHECK_FALSE(detail::place_of(detail::custom_text_rules, "text.text_projection")->transposed);
}
