#include <array>
#include <optional>
#include <vector>

#include <zeroshot/load/settings.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::loading;

TEST_CASE("the first source that states a setting decides it, and is named") {
    const std::array<float, 3> halves{0.5f, 0.5f, 0.5f};
    const std::vector<settings> sources{{.source = "options", .filter = interpolation::bilinear},
                                        {.source = "config.json", .mean = halves, .filter = interpolation::bicubic}};
    const auto filter = first_stated(sources, &settings::filter), none = first_stated({}, &settings::filter);
    CHECK(filter->value == interpolation::bilinear);
    CHECK(filter->source == "options");
    CHECK(first_stated(sources, &settings::mean)->source == "config.json");
    CHECK_FALSE(first_stated(sources, &settings::fill).has_value());
    CHECK_FALSE(none.has_value());
}

TEST_CASE("a setting that no source states has the fallback and its rule") {
    const std::vector<settings> sources{{.source = "options", .patch_size = 16}};
    const auto patch = stated_or(sources, &settings::patch_size, std::size_t{32}, "a rule");
    const auto image = stated_or(sources, &settings::image_size, std::size_t{224}, "a rule");
    CHECK(patch.value == 16);
    CHECK(patch.source == "options");
    CHECK(image.value == 224);
    CHECK(image.source == "a rule");
}
