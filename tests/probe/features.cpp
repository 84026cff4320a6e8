#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <vector>

#include <zeroshot/probe/features.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::probe;
using Catch::Contains;

TEST_CASE("features are read by row, alone or as a subset, from any Eigen matrix") {
    Eigen::MatrixXf values(3, 2);
    values << 1, 2, 3, 4, 5, 6;
    const labelled_features all = labelled(values, {7, 8, 9}), part = subset(all, {2, 0});
    CHECK(all.load(1, 2)(1, 0) == 5);
    CHECK(part.labels == std::vector<std::uint32_t>{9, 7});
    CHECK(part.load(0, 2)(0, 1) == 6);
    CHECK(part.load(1, 1)(0, 1) == 2);
    CHECK_THROWS_AS(labelled(values, {1}), argument_error);
    values(2, 1) = std::numeric_limits<float>::infinity();
    CHECK_THROWS_WITH(labelled(values, {7, 8, 9}).load(1, 2), Contains("row 2 contains NaN or infinity"));
}

TEST_CASE("a stratified split draws the same share of each class, and never all of its rows") {
    std::vector<std::uint32_t> labels(10, 4);
    labels.insert(labels.end(), 5, 2);
    labels.push_back(9);
    const split parts = stratified_split(labels, 0.4, 1);
    std::map<std::uint32_t, int> held;
    for (const std::size_t row : parts.validation) ++held[labels[row]];
    CHECK(held == std::map<std::uint32_t, int>{{2, 2}, {4, 4}});
    CHECK(parts.training.size() == 10);
    CHECK(stratified_split(labels, 0.4, 1).validation == parts.validation);
    CHECK(stratified_split(labels, 0.4, 2).validation != parts.validation);
}

TEST_CASE("a few-shot sample has at most so many rows of each class") {
    const std::vector<std::uint32_t> labels{0, 1, 0, 1, 0, 1, 0, 2};
    const std::vector<std::size_t> rows = few_shot_sample(labels, 2, 5);
    std::map<std::uint32_t, int> drawn;
    for (const std::size_t row : rows) ++drawn[labels[row]];
    CHECK(drawn == std::map<std::uint32_t, int>{{0, 2}, {1, 2}, {2, 1}});
    CHECK(std::ranges::is_sorted(rows));
}
