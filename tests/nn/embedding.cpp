#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include <zeroshot/nn/embedding.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot;
using namespace zeroshot::nn;
using namespace zeroshot_tests;

TEST_CASE("the embedding of a token is its row plus the row of its position") {
    const matrix<float> tokens = random_matrix<float>(5, 3, 1), positions = random_matrix<float>(4, 3, 2);
    const embedding<float> embed(tokens, positions);
    matrix<float> rows(2, 3);
    embed(std::vector<std::int32_t>{4, 0}, 0, rows.values());
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(rows(0, i) == tokens(4, i) + positions(0, i));
        CHECK(rows(1, i) == tokens(0, i) + positions(1, i));
    }
}

TEST_CASE("ids before the first requested position are skipped") {
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

TEST_CASE("compact and full storage embed to the same bits") {
    std::vector<std::uint16_t> halves(10 * 4), positions(3 * 4);
    for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = half_from_float(0.37f * static_cast<float>(i) - 5);
    for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = half_from_float(static_cast<float>(i) / 7);
    for (const dtype type : {dtype::f16, dtype::bf16}) {  // the same bits stand for other numbers
        const std::vector<named_tensor> tensors{
            {"positional_embedding", {type, {3, 4}, std::as_bytes(std::span(positions))}},
            {"token_embedding.weight", {type, {10, 4}, std::as_bytes(std::span(halves))}},
            {"transformer.resblocks.0.ln_1.weight", {type, {1}, std::as_bytes(std::span(positions).first(1))}}};
        const checkpoint file = checkpoint::from_bytes(safetensors_bytes(tensors), "tiny");
        const auto embedded = [&](weight_storage storage) {
            matrix<float> rows(3, 4);
            embedding<float>(weights(file, {.storage = storage}), 10, 3, 4)(std::vector<std::int32_t>{9, 0, 4}, 0,
                                                                            rows.values());
            return rows;
        };
        CHECK(embedded(weight_storage::compact) == embedded(weight_storage::full));
    }
}
