#include <cstdint>
#include <vector>

#include <zeroshot/metrics/confusion.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::metrics;

TEST_CASE("classes that are confused with one another form groups, the group with the most mistakes first") {
    const std::vector<std::size_t> counts{10, 10, 10, 4, 4, 10};
    const std::vector<confusion_entry> confusion{{0, 0, 7}, {0, 1, 2}, {1, 0, 3}, {1, 2, 1}, {2, 1, 1},
                                                 {0, 2, 1}, {3, 4, 3}, {4, 3, 1}, {5, 0, 9}};
    const std::vector<confusion_group> found = confusion_groups(counts, confusion);
    REQUIRE(found.size() == 2);  // 5 is taken for 0, but nothing for 5
    CHECK(found[0].classes == std::vector<std::uint32_t>{0, 1, 2});
    CHECK(found[0].mistakes == 8);
    CHECK(found[0].images == 30);
    CHECK(found[1].classes == std::vector<std::uint32_t>{3, 4});
    CHECK(found[1].mistakes == 4);
}

TEST_CASE("a chain of confused classes is split into groups of at most eight") {
    constexpr std::uint32_t classes = 40;
    const std::vector<std::size_t> counts(classes, 2);
    std::vector<confusion_entry> chain;
    for (std::uint32_t label = 0; label + 1 < classes; ++label) {
        chain.push_back({label, label + 1, 1});
        chain.push_back({label + 1, label, 1});
    }
    std::size_t total = 0;
    for (const confusion_group& one : confusion_groups(counts, chain)) {
        CHECK(one.classes.size() <= 8);
        total += one.classes.size();
    }
    CHECK(total == classes);
    CHECK(confusion_groups(counts, {}).empty());
}
