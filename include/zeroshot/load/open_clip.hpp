#pragma once
/// \file What open_clip writes beside its weights: open_clip_config.json.

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <zeroshot/load/settings.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

inline constexpr std::size_t open_clip_head_width = 64;  // CLIPVisionCfg.head_width
inline constexpr std::size_t open_clip_text_heads = 8;   // CLIPTextCfg.heads

/// nn.GELU, with {"approximate": "tanh"} in act_kwargs its approximation; QuickGELU where the model says so.
inline activation open_clip_activation(const json& tower, bool quick_gelu) {
    if (quick_gelu) return activation::quick_gelu;
    const std::optional<json> arguments = tower.find("act_kwargs");
    if (!arguments || arguments->is_null()) return activation::gelu;
    const std::optional<json> approximate = arguments->find("approximate");
    if (!approximate || approximate->as_string() == "none") return activation::gelu;
    if (approximate->as_string() == "tanh") return activation::gelu_tanh;
    refuse_setting(*approximate, "a GELU approximated by " + quoted(approximate->as_string()), "tanh or none");
}

/// Refuses members that make another model, unless they are null, false or what CLIP has.
inline void refuse_members(const json& tower, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
        const std::optional<json> member = tower.find(name);
        if (!member || member->is_null() || (member->is_bool() && !member->as_bool())) continue;
        refuse_setting(*member, std::string(name) + " is set",
                       "a VisionTransformer or ModifiedResNet and a text transformer as in OpenAI's CLIP");
    }
}

/// Refuses a member unless it has the value CLIP has.
inline void expect_member(const json& object, std::string_view name, std::string_view usual) {
    const std::optional<json> member = object.find(name);
    if (!member || member->is_null()) return;
    if (member->as_string() != usual) {
        refuse_setting(*member, std::string(name) + " is " + quoted(member->as_string()), quoted(usual));
    }
}

/// Variants of the residual attention block that open_clip knows and CLIP does not have.
inline void refuse_block_variants(const json& tower) {
    refuse_members(tower,
                   {"qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc"});
    expect_member(tower, "block_type", "default");
}

/// The epsilon of the layer norms: norm_kwargs.eps, or PyTorch's own.
inline double open_clip_epsilon(const json& tower) {
    constexpr double usual = 1e-5;
    const std::optional<json> arguments = tower.find("norm_kwargs");
    if (!arguments || arguments->is_null()) return usual;
    for (const auto& [name, value] : arguments->members()) {
        if (name != "eps") refuse_setting(value, "a layer norm with " + quoted(name), "eps alone");
    }
    return optional_number(*arguments, "eps").value_or(usual);
}

/// Whether ls_init_value asks for LayerScale.
inline bool open_clip_layer_scale(const json& tower) {
    return optional_number(tower, "ls_init_value").has_value();
}

/// Mirrors VisionTransformer._pool in open_clip transformer.py.
inline image_pool open_clip_image_pool(const json& vision) {
    const std::optional<json> pool = vision.find("pool_type");
    if (!pool || pool->is_null() || pool->as_string() == "tok") return image_pool::class_token;
    if (pool->as_string() != "avg") refuse_setting(*pool, "pool_type is " + quoted(pool->as_string()), "tok or avg");
    const bool after = optional_bool(vision, "final_ln_after_pool").value_or(false);
    return after ? image_pool::mean : image_pool::mean_of_normalised;
}

/// Mirrors text_global_pool in open_clip transformer.py.
inline text_pool open_clip_text_pool(const json& text) {
    const std::optional<json> pool = text.find("pool_type");
    if (!pool || pool->is_null() || pool->as_string() == "argmax") return text_pool::argmax;
    if (pool->as_string() == "eos") return text_pool::end;
    if (pool->as_string() == "last") return text_pool::last;
    if (pool->as_string() == "first") return text_pool::first;
    refuse_setting(*pool, "pool_type is " + quoted(pool->as_string()), "argmax, eos, last or first");
}

/// A tokenizer other than CLIP's byte pairs as OpenAI cleans their texts.
inline std::optional<std::string> open_clip_tokenizer(const json& text) {
    if (const std::optional<json> name = text.find("hf_tokenizer_name"); name && !name->is_null())
        return name->as_string();
    const std::optional<json> arguments = text.find("tokenizer_kwargs");
    if (!arguments || arguments->is_null()) return std::nullopt;
    for (const auto& [name, value] : arguments->members()) {
        const bool usual = name == "context_length" || (name == "clean" && value.as_string() == "lower");
        if (!usual) return "SimpleTokenizer with " + name;
    }
    return std::nullopt;
}

inline void read_open_clip_vision(const json& vision, bool quick_gelu, settings& found) {
    refuse_members(vision, {"timm_model_name", "attentional_pool", "attn_pooler_queries", "global_average_pool"});
    refuse_block_variants(vision);
    found.image_size = optional_size(vision, "image_size");
    found.patch_size = optional_size(vision, "patch_size");
    found.vision.width = optional_size(vision, "width");
    if (const std::optional<json> layers = vision.find("layers"); layers && layers->is_number())
        found.vision.layers = layers->as_size();
    found.vision.head_width = optional_size(vision, "head_width").value_or(open_clip_head_width);
    found.vision.function = open_clip_activation(vision, quick_gelu);
    found.vision.epsilon = open_clip_epsilon(vision);
    found.vision.layer_scale = open_clip_layer_scale(vision);
    found.pre_norm = !optional_bool(vision, "no_ln_pre").value_or(false);
    found.vision_pooling = open_clip_image_pool(vision);
}

inline void read_open_clip_text(const json& text, bool quick_gelu, settings& found) {
    constexpr std::size_t usual_end = 2, usual_padding = 0;  // CLIPTextCfg.eos_id, pad_id
    refuse_members(text, {"hf_model_name", "embed_cls"});
    refuse_block_variants(text);
    expect_member(text, "proj_type", "linear");
    found.context = optional_size(text, "context_length");
    found.vocabulary = optional_size(text, "vocab_size");
    found.text.width = optional_size(text, "width");
    found.text.layers = optional_size(text, "layers");
    found.text.heads = optional_size(text, "heads").value_or(open_clip_text_heads);
    found.text.function = open_clip_activation(text, quick_gelu);
    found.text.epsilon = open_clip_epsilon(text);
    found.text.layer_scale = open_clip_layer_scale(text);
    found.text_pooling = open_clip_text_pool(text);
    if (found.text_pooling == text_pool::end) found.end = optional_size(text, "eos_id").value_or(usual_end);
    found.padding = optional_size(text, "pad_id").value_or(usual_padding);
    found.causal = !optional_bool(text, "no_causal_mask").value_or(false);
    found.tokenizer = open_clip_tokenizer(text);
}

/// "size": 224 or [224, 224].
inline std::optional<std::size_t> open_clip_size(const json& images) {
    const std::optional<json> size = images.find("size");
    if (!size || size->is_null()) return std::nullopt;
    if (!size->is_array()) return size->as_size();
    if (size->size() != 2 || size->at(0).as_size() != size->at(1).as_size())
        refuse_setting(*size, "images are not square", "one size");
    return size->at(0).as_size();
}

}  // namespace detail

/// Reads open_clip_config.json: {"model_cfg": {...}, "preprocess_cfg": {...}}, or a model_cfg alone as open_clip's own
/// model_configs have it.
/// \throws checkpoint_error for what makes another model than CLIP, or a value of the wrong type
inline settings open_clip_settings(const json& config) {
    settings found;
    found.source = config.where();
    const json model = config.find("model_cfg").value_or(config);
    const bool quick_gelu = detail::optional_bool(model, "quick_gelu").value_or(false);
    found.embedding = detail::optional_size(model, "embed_dim");
    detail::read_open_clip_vision(model.at("vision_cfg"), quick_gelu, found);
    detail::read_open_clip_text(model.at("text_cfg"), quick_gelu, found);
    if (const std::optional<json> images = config.find("preprocess_cfg"); images && !images->is_null()) {
        found.mean = detail::optional_colour(*images, "mean");
        found.std = detail::optional_colour(*images, "std");
        found.preprocess_size = detail::open_clip_size(*images);
        found.filter = detail::optional_choice(*images, "interpolation", detail::all_interpolations);
        found.mode = detail::optional_choice(*images, "resize_mode", detail::all_resize_modes);
        found.fill = detail::optional_level(*images, "fill_color");
        detail::expect_member(*images, "mode", "RGB");
    }
    return found;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
