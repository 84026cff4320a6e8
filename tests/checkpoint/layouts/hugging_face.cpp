#include <cstddef>
#include <string>

#include <zeroshot/checkpoint/layouts/hugging_face.hpp>
#include <zeroshot/load/load.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

TEST_CASE("every tensor of a CLIPModel of transformers, and of its towers alone, is read") {
    for (const std::string name :
         {"hugging_face_mixed", "hugging_face_older", "hugging_face_image", "hugging_face_text"}) {
        INFO(name);
        const provenance origin = load(model_folder(name)).provenance();
        CHECK(origin.layout == "hugging_face");
        CHECK(origin.unread.empty());
    }
}

TEST_CASE("query, key and value of a block are the thirds of one tensor") {
    const std::string block = "text_model.encoder.layers.2.self_attn.", whole = "transformer.resblocks.2.attn.in_proj_";
    for (std::size_t part = 0; part < 3; ++part) {
        const std::string name = block + "qkv"[part] + "_proj.bias";
        CHECK(detail::place_of(detail::hugging_face_rules, name) == detail::canonical_place{whole + "bias", part, 3});
    }
}
