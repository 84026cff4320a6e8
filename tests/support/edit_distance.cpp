#include <zeroshot/support/edit_distance.hpp>

#include "tests/catch.hpp"

using zeroshot::detail::edit_distance;

TEST_CASE("the edit distance counts insertions, deletions and replacements") {
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("abc", "") == 3);
    CHECK(edit_distance("ViT-B-32", "ViT-B-32") == 0);
    CHECK(edit_distance("ViT-B-32", "ViT-B-16") == 2);
    CHECK(edit_distance("kitten", "sitting") == 3);
}
