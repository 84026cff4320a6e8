#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("the same seed gives the same bytes, another seed others") {
    const auto bytes = testing::random_checkpoint().bytes();
    CHECK(bytes == testing::random_checkpoint().bytes());
    CHECK(bytes != testing::random_checkpoint(testing::tiny_vision_transformer(), 2).bytes());
}
