#include <zeroshot/checkpoint/tensor_names.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using support::file_builder;
using support::has;
using support::raw;
using support::thrown;

namespace {

checkpoint file_of(const file_builder& builder) {
    return checkpoint::from_bytes(builder.bytes(), "a.safetensors");
}

/// A tensor of bytes, one for each element, since names and shapes are what counts here.
file_builder& with(file_builder& builder, const std::string& name, const std::vector<std::size_t>& shape) {
    std::size_t count = 1;
    for (const std::size_t extent : shape) count *= extent;
    return builder.add(name, shape_text(shape), std::string(count, 'x'), "U8");
}

/// The canonical names and shapes, as one text: "name [shape] file's name + file's name (transposed)".
std::string described(const canonical_tensors& all) {
    std::string text;
    for (const auto& [name, tensor] : all.tensors) {
        text += name + " " + shape_text(tensor.shape);
        for (const tensor_part& part : tensor.parts) text += " " + (part.name == name ? "=" : part.name);
        text += tensor.transposed ? " transposed\n" : "\n";
    }
    return text;
}

}  // namespace

TEST_CASE("OpenAI's layout keeps its names; buffers are ignored, the unknown is listed") {
    file_builder builder;
    for (const char* name :
         {"input_resolution", "context_length", "vocab_size", "attn_mask", "visual.bn1.num_batches_tracked"}) {
        with(builder, name, {});
    }
    with(builder, "visual.proj", {4, 2});
    with(builder, "visual.transformer.resblocks.0.attn.in_proj_weight", {12, 4});
    with(builder, "text_projection", {3, 2});
    with(builder, "logit_scale", {});
    const canonical_tensors all = canonical(file_of(builder));
    CHECK(all.layout == checkpoint_layout::openai);
    CHECK(name_of(all.layout) == "openai");
    CHECK(described(all) ==
          "logit_scale [] =\n"
          "text_projection [3, 2] =\n"
          "visual.proj [4, 2] =\n"
          "visual.transformer.resblocks.0.attn.in_proj_weight [12, 4] =\n");
    CHECK(all.unknown.empty());
}

TEST_CASE("CustomTextCLIP's text tower loses its prefix, and a Linear projection is turned") {
    file_builder builder;
    with(builder, "visual.proj", {4, 2});
    with(builder, "text.token_embedding.weight", {9, 3});
    with(builder, "text.positional_embedding", {5, 3});
    with(builder, "text.transformer.resblocks.0.ln_1.weight", {3});
    with(builder, "text.ln_final.weight", {3});
    with(builder, "text.text_projection.weight", {2, 3});
    with(builder, "text.text_projection.bias", {2});
    with(builder, "text.attn_mask", {5, 5});
    with(builder, "logit_scale", {1});
    with(builder, "logit_bias", {});
    const canonical_tensors all = canonical(file_of(builder));
    CHECK(all.layout == checkpoint_layout::custom_text);
    CHECK(described(all) ==
          "ln_final.weight [3] text.ln_final.weight\n"
          "logit_bias [] =\n"
          "logit_scale [1] =\n"
          "positional_embedding [5, 3] text.positional_embedding\n"
          "text_projection [3, 2] text.text_projection.weight transposed\n"
          "text_projection.bias [2] text.text_projection.bias\n"
          "token_embedding.weight [9, 3] text.token_embedding.weight\n"
          "transformer.resblocks.0.ln_1.weight [3] text.transformer.resblocks.0.ln_1.weight\n"
          "visual.proj [4, 2] =\n");
}

TEST_CASE("CustomTextCLIP's matrix projection is not transposed") {
    file_builder builder;
    with(builder, "text.text_projection", {3, 3});
    const canonical_tensors all = canonical(file_of(builder));
    CHECK(described(all) == "text_projection [3, 3] text.text_projection\n");
}

TEST_CASE("Hugging Face's names become OpenAI's, every one of them") {
    file_builder builder;
    for (const char* tower : {"vision_model", "text_model"}) {
        const std::string block = std::string(tower) + ".encoder.layers.11.";
        for (const char* leaf : {"weight", "bias"}) {
            const std::vector<std::size_t> shape =
                leaf == std::string("weight") ? std::vector<std::size_t>{2, 2} : std::vector<std::size_t>{2};
            for (const char* each :
                 {"self_attn.k_proj.", "self_attn.v_proj.", "self_attn.q_proj.", "self_attn.out_proj."}) {
                with(builder, block + each + leaf, shape);
            }
            with(builder, block + "mlp.fc1." + leaf, shape);
            with(builder, block + "mlp.fc2." + leaf, shape);
            with(builder, block + "layer_norm1." + leaf, {2});
            with(builder, block + "layer_norm2." + leaf, {2});
        }
        with(builder, std::string(tower) + ".embeddings.position_ids", {1, 5});
        with(builder, std::string(tower) + ".embeddings.position_embedding.weight", {5, 2});
    }
    with(builder, "vision_model.embeddings.class_embedding", {2});
    with(builder, "vision_model.embeddings.patch_embedding.weight", {2, 3, 4, 4});
    with(builder, "vision_model.pre_layrnorm.weight", {2});
    with(builder, "vision_model.post_layernorm.bias", {2});
    with(builder, "visual_projection.weight", {6, 2});
    with(builder, "text_model.embeddings.token_embedding.weight", {9, 2});
    with(builder, "text_model.final_layer_norm.weight", {2});
    with(builder, "text_projection.weight", {6, 2});
    with(builder, "logit_scale", {});
    with(builder, "vision_model.head.weight", {2});
    with(builder, "vision_model.encoder.layers.3", {2});
    const canonical_tensors all = canonical(file_of(builder));
    CHECK(all.layout == checkpoint_layout::hugging_face);
    CHECK(all.unknown == std::vector<std::string>{"vision_model.head.weight", "vision_model.encoder.layers.3"});
    std::string expected;
    const auto block = [&](const std::string& own, const std::string& theirs) {
        const std::string q = theirs + "self_attn.q_proj.", k = theirs + "self_attn.k_proj.",
                          v = theirs + "self_attn.v_proj.";
        expected += own + "attn.in_proj_bias [6] " + q + "bias " + k + "bias " + v + "bias\n";
        expected += own + "attn.in_proj_weight [6, 2] " + q + "weight " + k + "weight " + v + "weight\n";
        expected += own + "attn.out_proj.bias [2] " + theirs + "self_attn.out_proj.bias\n";
        expected += own + "attn.out_proj.weight [2, 2] " + theirs + "self_attn.out_proj.weight\n";
        expected += own + "ln_1.bias [2] " + theirs + "layer_norm1.bias\n";
        expected += own + "ln_1.weight [2] " + theirs + "layer_norm1.weight\n";
        expected += own + "ln_2.bias [2] " + theirs + "layer_norm2.bias\n";
        expected += own + "ln_2.weight [2] " + theirs + "layer_norm2.weight\n";
        expected += own + "mlp.c_fc.bias [2] " + theirs + "mlp.fc1.bias\n";
        expected += own + "mlp.c_fc.weight [2, 2] " + theirs + "mlp.fc1.weight\n";
        expected += own + "mlp.c_proj.bias [2] " + theirs + "mlp.fc2.bias\n";
        expected += own + "mlp.c_proj.weight [2, 2] " + theirs + "mlp.fc2.weight\n";
    };
    expected += "ln_final.weight [2] text_model.final_layer_norm.weight\n";
    expected += "logit_scale [] =\n";
    expected += "positional_embedding [5, 2] text_model.embeddings.position_embedding.weight\n";
    expected += "text_projection [2, 6] text_projection.weight transposed\n";
    expected += "token_embedding.weight [9, 2] text_model.embeddings.token_embedding.weight\n";
    block("transformer.resblocks.11.", "text_model.encoder.layers.11.");
    expected += "visual.class_embedding [2] vision_model.embeddings.class_embedding\n";
    expected += "visual.conv1.weight [2, 3, 4, 4] vision_model.embeddings.patch_embedding.weight\n";
    expected += "visual.ln_post.bias [2] vision_model.post_layernorm.bias\n";
    expected += "visual.ln_pre.weight [2] vision_model.pre_layrnorm.weight\n";
    expected += "visual.positional_embedding [5, 2] vision_model.embeddings.position_embedding.weight\n";
    expected += "visual.proj [2, 6] visual_projection.weight transposed\n";
    block("visual.transformer.resblocks.11.", "vision_model.encoder.layers.11.");
    CHECK(described(all) == expected);
}

TEST_CASE("prefixes that training leaves before the names are dropped, the shortest that fits") {
    const auto prefix_of = [](const std::vector<std::string>& names) {
        file_builder builder;
        for (const std::string& name : names) with(builder, name, {2, 2});
        const canonical_tensors all = canonical(file_of(builder));
        return all.prefix + " " + std::to_string(all.tensors.size()) + " " + std::to_string(all.unknown.size());
    };
    CHECK(prefix_of({"visual.proj", "token_embedding.weight"}) == " 2 0");
    for (const char* prefix :
         {"module.", "_orig_mod.", "model.", "clip_model.", "clip.", "net.", "backbone.", "_forward_module.model.",
          "_fsdp_wrapped_module.", "module._orig_mod.", "state_dict.model.clip.", "student.", "module.teacher.",
          "model.student._orig_mod.", "_fsdp_wrapped_module._checkpoint_wrapped_module."}) {
        const std::string before = prefix;
        CHECK(prefix_of({before + "visual.proj", before + "logit_scale"}) == before + " 2 0");
        CHECK(prefix_of({before + "vision_model.post_layernorm.weight", before + "logit_scale"}) == before + " 2 0");
    }
    CHECK(prefix_of({"model.visual.proj", "loss.weight", "epoch"}) == "model. 1 2");
    CHECK(prefix_of({"visual.proj", "module.visual.proj"}) == " 2 0");
    CHECK(prefix_of({"visual.head", "clip.visual.proj", "clip.transformer.resblocks.0.x"}) == "clip. 2 1");
    CHECK(prefix_of({"teacher.blocks.0.x", "student.visual.proj", "student.text.x"}) == "student. 2 1");
    CHECK(prefix_of({"student.visual.proj", "teacher.visual.proj", "teacher.text.x"}) == "teacher. 2 1");
}

TEST_CASE("two models in one file are refused with the prefixes of both") {
    const auto refusal = [](const std::vector<std::string>& names) {
        file_builder builder;
        for (const std::string& name : names) with(builder, name, {2, 2});
        return thrown<checkpoint_error>([&] { canonical(file_of(builder)); });
    };
    CHECK(has(refusal({"model.visual.proj", "model.transformer.resblocks.0.x", "clip.visual.proj", "clip.text.x"}),
              "two models, below 'clip.' and 'model.'"));
    CHECK(
        has(refusal({"student.visual.proj", "student.text.x", "teacher.visual.proj", "teacher.text.x"}),
            "UNSUPPORTED a.safetensors: two models, below 'student.' and 'teacher.', expected one; save the state dict "
            "of the one you need, as torch.save(model.student.state_dict(), ...)"));
    CHECK(
        has(refusal({"visual.proj", "text.x", "teacher.visual.proj", "teacher.text.x"}), "model.teacher.state_dict()"));
    CHECK(has(refusal({"student.visual.proj", "teacher.visual.proj"}), "below 'student.' and 'teacher.'"));
}

TEST_CASE("wrappers of training inside the names are left out, and the first such name is kept") {
    const auto names_of = [](const std::vector<std::string>& names) {
        file_builder builder;
        for (const std::string& name : names) with(builder, name, {2, 2});
        const canonical_tensors all = canonical(file_of(builder));
        return all.wrapped + "\n" + described(all);
    };
    CHECK(names_of({"visual.proj", "visual._orig_mod.conv1.weight",
                    "transformer.module.resblocks.0._checkpoint_wrapped_module.ln_1.weight"}) ==
          "visual._orig_mod.conv1.weight\n"
          "transformer.resblocks.0.ln_1.weight [2, 2] "
          "transformer.module.resblocks.0._checkpoint_wrapped_module.ln_1.weight\n"
          "visual.conv1.weight [2, 2] visual._orig_mod.conv1.weight\n"
          "visual.proj [2, 2] =\n");
    CHECK(has(names_of({"_fsdp_wrapped_module.vision_model.encoder.layers.0._fsdp_wrapped_module._checkpoint_wrapped_"
                        "module.layer_norm1.weight",
                        "_fsdp_wrapped_module.logit_scale"}),
              "\nvisual.transformer.resblocks.0.ln_1.weight [2, 2]"));
    CHECK(has(names_of({"text._forward_module.transformer.resblocks.0.x"}), "\ntransformer.resblocks.0.x"));
    CHECK(names_of({"visual.submodule.x"}) == "\nvisual.submodule.x [2, 2] =\n");
    CHECK_THROWS_WITH(names_of({"visual.proj", "visual.module.proj"}), Catch::Contains("are the same tensor"));
}

TEST_CASE("a tower without its projection is refused as what it is") {
    const auto refusal = [](const std::vector<std::string>& names) {
        file_builder builder;
        for (const std::string& name : names) with(builder, name, {2});
        return thrown<checkpoint_error>([&] { canonical(file_of(builder)); });
    };
    for (const std::string prefix : {"text_model.", "", "text_encoder.text_model."})
        CHECK(has(refusal({prefix + "embeddings.token_embedding.weight"}), "it holds a CLIPTextModel"));
    for (const std::string prefix : {"vision_model.", "", "model.vision_tower.vision_tower.vision_model."}) {
        const std::vector<std::string> names{prefix + "embeddings.class_embedding",
                                             prefix + "embeddings.patch_embedding.weight"};
        CHECK(has(refusal(names), "it holds a CLIPVisionModel"));
        CHECK(has(refusal({names[0], names[1], "classifier.weight"}), "it holds a CLIPForImageClassification"));
    }
}

TEST_CASE("adapters, quantized weights and parts of other models are refused as what they are") {
    const auto refusal = [](const std::string& name) {
        file_builder builder;
        with(builder, "visual.proj", {2, 2});
        with(builder, name, {2, 2});
        return thrown<checkpoint_error>([&] { canonical(file_of(builder)); });
    };
    const std::string adapter = refusal("base_model.model.visual.q_proj.lora_A.default.weight");
    CHECK(has(adapter, "UNSUPPORTED"));
    CHECK(has(adapter, "it holds the weights of a LoRA adapter: 'base_model.model.visual.q_proj.lora_A"));
    CHECK(has(adapter, "merge_and_unload()"));
    CHECK(has(refusal("model.diffusion_model.out.0.bias"), "it holds a Stable Diffusion"));
    for (const char* name : {"visual.fc1.SCB", "visual.fc1.weight.absmax"})
        CHECK(has(refusal(name), "it holds weights that bitsandbytes has quantized"));
    CHECK(has(refusal("visual.fc1.zero_point"), "weights that PyTorch has quantized"));
    for (const char* name : {"visual.fc1.qweight", "visual.fc1.weight_scale_inv"})
        CHECK(has(refusal(name), "it holds quantized weights"));
    file_builder visual;
    for (const char* name : {"class_embedding", "conv1.weight", "transformer.resblocks.0.ln_1.weight"})
        with(visual, name, {2});
    CHECK(has(thrown<checkpoint_error>([&] { canonical(file_of(visual)); }), "without the prefix \"visual.\""));
}

TEST_CASE("Long-CLIP's positions are those of two tensors") {
    file_builder builder;
    with(builder, "visual.proj", {2, 2});
    with(builder, "positional_embedding", {24, 3});
    with(builder, "positional_embedding_res", {24, 3});
    const canonical_tensors all = canonical(file_of(builder));
    const canonical_tensor& positions = all.tensors.find("positional_embedding")->second;
    CHECK(positions.shape == std::vector<std::size_t>{24, 3});
    REQUIRE(positions.parts.size() == 2);
    CHECK(positions.parts[0].stored.shape == std::vector<std::size_t>{20, 3});
    CHECK(positions.parts[1].stored.shape == std::vector<std::size_t>{4, 3});
    CHECK(positions.parts[1].name == "positional_embedding_res");
    CHECK_FALSE(all.tensors.contains("positional_embedding_res"));
}

TEST_CASE("names of no known layout are refused with some of those found") {
    const auto refusal = [](file_builder& builder) {
        return thrown<checkpoint_error>([&] { canonical(file_of(builder)); });
    };
    SECTION("another model altogether, and no model") {
        file_builder builder;
        CHECK(
            refusal(builder) ==
            "SHAPE a.safetensors: the file holds no tensors, expected the names of OpenAI, open_clip or Hugging Face");
        for (int i = 0; i < 9; ++i) with(builder, "bert.layer." + std::to_string(i), {1});
        CHECK(has(refusal(builder), "'bert.layer.4', ..., expected"));
    }
    SECTION("an image tower of timm") {
        file_builder builder;
        with(builder, "visual.trunk.stem.0.weight", {2});
        CHECK(has(refusal(builder),
                  "UNSUPPORTED a.safetensors: the image tower is one of timm's ('visual.trunk.stem.0.weight')"));
    }
}

TEST_CASE("parts of a tensor that are missing or do not fit are refused") {
    const auto refusal = [](file_builder& builder) {
        return thrown<checkpoint_error>([&] { canonical(file_of(builder)); });
    };
    const std::string block = "vision_model.encoder.layers.0.self_attn.";
    file_builder builder;
    with(builder, block + "q_proj.weight", {2, 2});
    with(builder, block + "v_proj.weight", {2, 2});
    CHECK(refusal(builder) ==
          "SHAPE a.safetensors: a part of tensor 'visual.transformer.resblocks.0.attn.in_proj_weight' is missing, "
          "expected query, key and value");
    with(builder, block + "k_proj.weight", {2, 3});
    CHECK(refusal(builder) ==
          "SHAPE a.safetensors: tensor 'vision_model.encoder.layers.0.self_attn.k_proj.weight' is [2, 3], expected [2, "
          "2]");
    file_builder flat;
    with(flat, "vision_model.post_layernorm.weight", {2});
    with(flat, "visual_projection.weight", {2});
    CHECK(refusal(flat) == "SHAPE a.safetensors: tensor 'visual_projection.weight' is [2], expected a matrix");
    file_builder scalars;
    for (const char* part : {"q", "k", "v"}) with(scalars, block + part + "_proj.bias", {});
    CHECK(has(refusal(scalars), "SHAPE"));
    file_builder both;
    with(both, "text.text_projection", {2, 2});
    with(both, "text.text_projection.weight", {2, 2});
    CHECK(has(refusal(both), "'text.text_projection' and 'text.text_projection.weight' are the same tensor"));
}
