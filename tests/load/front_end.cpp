#include <array>
#include <string>
#include <vector>

#include <zeroshot/load/front_end.hpp>

#include "tests/catch.hpp"
#include "tests/support/files.hpp"

using namespace zeroshot;

TEST_CASE("images are prepared as the first source says that is not silent, and as OpenAI's where none speaks") {
    CHECK(detail::preprocessing_of({}, 32) == preprocessing{.size = 32});
    const std::array<float, 3> halves{0.5f, 0.5f, 0.5f};
    const std::vector<settings> sources{{.source = "a", .filter = interpolation::bilinear},
                                        {.source = "b", .mean = halves, .filter = interpolation::bicubic}};
    const preprocessing how = detail::preprocessing_of(sources, 32);
    CHECK(how.mean == halves);
    CHECK(how.std == clip_std);
    CHECK(how.filter == interpolation::bilinear);
    const std::vector<settings> useless{{.source = "a", .std = std::array<float, 3>{1, 0, 1}}};
    CHECK_THROWS_AS(detail::preprocessing_of(useless, 32), argument_error);
}

TEST_CASE("a tokenizer whose ids are not the rows of the embedding is refused") {
    const std::vector<settings> sources{{.source = "tiny", .merges = std::vector<std::string>{"i n", "t h"}}};
    provenance origin;
    CHECK(detail::tokenizer_of(sources, 516, origin)->vocabulary().size() == 516);
    CHECK_THROWS_WITH(detail::tokenizer_of(sources, 770, origin),
                      "tiny: the tokenizer has 516 ids, expected 770, the rows of the token embedding");
}

TEST_CASE("CLIP's own table serves where nothing is said, unless its ids are more than there are rows") {
    provenance origin;
    CHECK(detail::tokenizer_of({}, 49408, origin).has_value());
    CHECK(detail::tokenizer_of({}, 60000, origin).has_value());
    CHECK_FALSE(detail::tokenizer_of({}, 600, origin).has_value());
    const std::vector<settings> sources{{.source = "a", .tokenizer = "google/mt5-base"}};
    CHECK_FALSE(detail::tokenizer_of(sources, 250'000, origin).has_value());
    CHECK(origin.tokenizer == "google/mt5-base");
}
