#include <array>
#include <optional>

#include <zeroshot/checkpoint/layout_rules.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using detail::canonical_place;
using detail::joined;
using detail::layout_rule;
using detail::place_of;

TEST_CASE("a rule without # and * maps one name") {
    constexpr layout_rule rule{"visual_projection.weight", "visual.proj", 0, 1, true};
    CHECK(place_of(rule, "visual_projection.weight") == canonical_place{"visual.proj", 0, 1, true});
    for (const char* other : {"", "visual_projection", "visual_projection.weights", "a.visual_projection.weight"})
        CHECK_FALSE(place_of(rule, other));
}

TEST_CASE("# stands for the number of a block, * for the rest of the name") {
    constexpr layout_rule rule{"layers.#.k_proj.*", "resblocks.#.in_proj_*", 1, 3};
    CHECK(place_of(rule, "layers.7.k_proj.bias") == canonical_place{"resblocks.7.in_proj_bias", 1, 3});
    CHECK(place_of(rule, "layers.11.k_proj.weight") == canonical_place{"resblocks.11.in_proj_weight", 1, 3});
    CHECK(place_of(rule, "layers.0.k_proj.") == canonical_place{"resblocks.0.in_proj_", 1, 3});
    for (const char* other : {"layers", "layers.", "layers.7", "layers..k_proj.bias", "layers.x.k_proj.bias",
                              "layers.7x.k_proj.bias", "layers.7.k_proj", "layers.7.q_proj.bias"}) {
        CHECK_FALSE(place_of(rule, other));
    }
    CHECK(place_of(layout_rule{"*", "text.*"}, "ln_final") == canonical_place{"text.ln_final"});
    CHECK(place_of(layout_rule{"blocks.#", "#"}, "blocks.3") == canonical_place{"3"});
}

TEST_CASE("joined tables keep the order of their rules") {
    constexpr auto both =
        joined(std::array<layout_rule, 1>{{{"a", "1"}}}, std::array<layout_rule, 2>{{{"a", "2"}, {"b", "3"}}});
    static_assert(both.size() == 3);
    CHECK(place_of(both, "a")->name == "1");
    CHECK(place_of(both, "b")->name == "3");
}

TEST_CASE("the first rule that fits decides, and a name that none fits has no place") {
    constexpr std::array<layout_rule, 2> rules{{{"text.head.weight", "text_projection"}, {"text.*", "*"}}};
    CHECK(place_of(rules, "text.head.weight")->name == "text_projection");
    CHECK(place_of(rules, "text.head.bias")->name == "head.bias");
    CHECK_FALSE(place_of(rules, "visual.proj"));
}
