#include <algorithm>
#include <numeric>

#include <zeroshot/support/random.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("the random numbers are those of SplitMix64") {
    random_generator random(1234567);
    // The first outputs for this seed, as published with Java's SplittableRandom and at rosettacode.org.
    CHECK(random.next() == 6457827717110365317u);
    CHECK(random.next() == 3203168211198807973u);
    for (int i = 0; i < 1000; ++i) CHECK(random.below(3) < 3);
}

TEST_CASE("a random permutation contains every index once and depends on the seed alone") {
    std::vector<std::size_t> order = shuffled(100, 5), ascending(100);
    CHECK(order != shuffled(100, 6));
    CHECK(order == shuffled(100, 5));
    std::iota(ascending.begin(), ascending.end(), std::size_t{0});
    std::ranges::sort(order);
    CHECK(order == ascending);
}

TEST_CASE("a random half has half of the indices, rounded down") {
    const std::vector<bool> half = random_half(7, 3);
    CHECK(half.size() == 7);
    CHECK(std::ranges::count(half, true) == 3);
    CHECK(random_half(0, 3).empty());
}
