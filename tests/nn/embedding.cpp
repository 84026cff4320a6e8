#include <algorithm>
#include <vector>

#include <zeroshot/nn/embedding.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

TEST_CASE("a token becomes its row plus the row of its position") {
    const matrix<float> words = random_matrix<float>(5, 3, 1), places = random_matrix<float>(4, 3, 2);
    const embedding<float> embed(words, places);
    matrix<float> rows(2, 3);
    embed(std::vector<std::int32_t>{4, 0}, 0, rows.values());
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(rows(0, i) == words(4, i) + places(0, i));
        CHECK(rows(1, i) == words(0, i) + places(1, i));
    }
}

TEST_CASE("what stands before the first place wanted is left out") {
    const embedding<float> embed(random_matrix<float>(5, 3, 1), random_matrix<float>(4, 3, 2));
    matrix<float> all(3, 3), last(1, 3);
    embed(std::vector<std::int32_t>{4, 0, 2}, 0, all.values());
    embed(std::vector<std::int32_t>{4, 0, 2}, 2, last.values());
    CHECK(std::ranges::equal(last.row(0), all.row(2)));
}

TEST_CASE("ids outside the vocabulary and prompts beyond the context are refused") {
    const embedding<float> embed(matrix<float>(5, 3), matrix<float>(4, 3));
    matrix<float> rows(5, 3);
    CHECK_THROWS_WITH(embed(std::vector<std::int32_t>{0, 5}, 0, rows.values()),
                      Catch::Contains("id 5 at position 1, expected 0 to 4"));
    CHECK_THROWS_WITH(embed(std::vector<std::int32_t>{-1}, 0, rows.values()), Catch::Contains("id -1"));
    CHECK_THROWS_WITH(embed(std::vector<std::int32_t>(5, 0), 0, rows.values()),
                      Catch::Contains("5 ids, expected at most 4"));
}
