#include <zeroshot/load/options.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("what a caller says is a source like others, silent where nothing was said") {
    CHECK(detail::settings_of({}) == settings{.source = "options"});
    load_options options;
    options.function = activation::gelu;
    options.vision_heads = 16;
    options.image_size = 336;
    const settings said = detail::settings_of(options);
    CHECK(said.vision.function == activation::gelu);
    CHECK(said.text.function == activation::gelu);
    CHECK(said.vision.heads == 16);
    CHECK_FALSE(said.text.heads.has_value());
    CHECK(said.wanted_size == 336);
}
