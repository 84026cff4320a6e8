#include <string>

#include <zeroshot/checkpoint/layouts/hugging_face_siglip.hpp>
#include <zeroshot/load/load.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

TEST_CASE("every tensor of a SiglipModel of transformers is read") {
    const provenance origin = load(model_folder("hugging_face_siglip")).provenance();
    CHECK(origin.layout == "hugging_face_siglip");
    CHECK(origin.unread.empty());
}

TEST_CASE("SigLIP's heads are the attention pooling of images and the projection of texts") {
    const auto name_of = [](const std::string& name) {
        const auto place = detail::place_of(detail::hugging_face_siglip_rules, name);
        return place ? place->name + (place->transposed ? " transposed" : "") : "none";
    };
    CHECK(name_of("vision_model.head.probe") == "visual.attn_pool.probe");
    CHECK(name_of("vision_model.head.attention.in_proj_weight") == "visual.attn_pool.attn.in_proj_weight");
    CHECK(name_of("vision_model.head.mlp.fc2.bias") == "visual.attn_pool.mlp.c_proj.bias");
    CHECK(name_of("text_model.head.weight") == "text_projection transposed");
    CHECK(name_of("text_model.head.bias") == "text_projection.bias");
    CHECK(name_of("vision_model.embeddings.patch_embedding.bias") == "visual.conv1.bias");
    CHECK(name_of("vision_model.embeddings.class_embedding") == "none");
    CHECK(name_of("visual_projection.weight") == "none");
}
