#pragma once
/// \file What transformers writes beside a CLIPModel, or one of its towers: config.json and preprocessor_config.json.

#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// What configuration_clip.py takes for a key that config.json leaves out.
inline constexpr double hugging_face_epsilon = 1e-5;
inline constexpr std::size_t hugging_face_vision_heads = 12;
inline constexpr std::size_t hugging_face_text_heads = 8;

inline constexpr std::string_view hugging_face_vision_type = "clip_vision_model";  // CLIPVisionConfig.model_type
inline constexpr std::string_view hugging_face_text_type = "clip_text_model";      // CLIPTextConfig.model_type

inline tower_settings hugging_face_tower(const json& config, std::size_t default_heads) {
    tower_settings tower;
    tower.width = optional_size(config, "hidden_size");
    tower.layers = optional_size(config, "num_hidden_layers");
    tower.heads = optional_size(config, "num_attention_heads").value_or(default_heads);
    tower.mlp_width = optional_size(config, "intermediate_size");
    tower.function = optional_activation(config, "hidden_act").value_or(activation::quick_gelu);
    tower.epsilon = optional_number(config, "layer_norm_eps").value_or(hugging_face_epsilon);
    return tower;
}

/// vision_config, or vision_config_dict, which replaces it where an older file has both (CLIPConfig.__init__).
inline json hugging_face_part(const json& config, std::string_view name) {
    for (const std::string& key : {std::string(name) + "_dict", std::string(name)}) {
        const std::optional<json> part = config.find(key);
        if (part && !part->is_null()) return *part;
    }
    return json::parse("{}", config.where());  // all defaults
}

/// Where the text tower is read: at the first end token. A 2 stands in older files for the highest id, which is the end
/// token of CLIP's own vocabulary (modeling_clip.py, CLIPTextTransformer.forward).
inline void read_end_token(const json& text, settings& found) {
    constexpr std::size_t older = 2;
    const std::optional<std::size_t> end = optional_size(text, "eos_token_id");
    const bool last = end && found.vocabulary && *end + 1 == *found.vocabulary;
    if (!end || *end == older || last) {
        found.text_pooling = text_pool::argmax;
    } else {
        found.text_pooling = text_pool::end;
        found.end = end;
    }
}

inline void read_vision(const json& vision, settings& found) {
    found.vision = hugging_face_tower(vision, hugging_face_vision_heads);
    found.image_size = optional_size(vision, "image_size");
    found.patch_size = optional_size(vision, "patch_size");
}

inline void read_text(const json& text, settings& found) {
    found.text = hugging_face_tower(text, hugging_face_text_heads);
    found.context = optional_size(text, "max_position_embeddings");
    found.vocabulary = optional_size(text, "vocab_size");
    read_end_token(text, found);
}

}  // namespace detail

/// Reads config.json of a CLIPModel, or of a CLIPVisionModelWithProjection or CLIPTextModelWithProjection, where the
/// keys of the tower stand at the root. \throws checkpoint_error for another kind of model, or a value of the wrong
/// type
inline settings hugging_face_settings(const json& config) {
    const std::optional<json> type = config.find("model_type");
    const std::string kind = type ? type->as_string() : "clip";
    if (kind != "clip" && kind != detail::hugging_face_vision_type && kind != detail::hugging_face_text_type)
        detail::refuse_setting(*type, "a model of type " + quoted(kind), "clip, clip_vision_model or clip_text_model");
    settings found;
    found.source = config.where();
    found.embedding = detail::optional_size(config, "projection_dim");
    if (kind != detail::hugging_face_text_type)
        detail::read_vision(kind == "clip" ? detail::hugging_face_part(config, "vision_config") : config, found);
    if (kind != detail::hugging_face_vision_type)
        detail::read_text(kind == "clip" ? detail::hugging_face_part(config, "text_config") : config, found);
    return found;
}

namespace detail {

/// {"height": 224, "width": 224}
inline std::size_t square_edge(const json& size) {
    const std::size_t height = size.at("height").as_size(), width = size.at("width").as_size();
    if (height != width)
        refuse_setting(size, "a size of " + std::to_string(height) + " x " + std::to_string(width), "a square");
    return height;
}

/// "size": 224 or {"shortest_edge": 224}; images are squashed to {"height": 224, "width": 224}.
inline std::optional<std::size_t> resized_edge(const json& config, settings& found) {
    const std::optional<json> size = config.find("size");
    if (!size || size->is_null()) return std::nullopt;
    if (!size->is_object()) return size->as_size();
    if (const std::optional<json> shortest = size->find("shortest_edge")) return shortest->as_size();
    found.mode = resize_mode::squash;
    return square_edge(*size);
}

/// "crop_size": 224 or {"height": 224, "width": 224}.
inline std::optional<std::size_t> cropped_edge(const json& config) {
    return optional_member<std::size_t>(
        config, "crop_size", [](const json& size) { return size.is_object() ? square_edge(size) : size.as_size(); });
}

/// "resample": a filter of PIL.Image.
inline std::optional<interpolation> hugging_face_filter(const json& config) {
    return optional_member<interpolation>(config, "resample", [](const json& resample) {
        constexpr std::size_t bilinear = 2, bicubic = 3;  // PIL.Image.BILINEAR, BICUBIC
        const std::size_t filter = resample.as_size();
        if (filter != bilinear && filter != bicubic)
            refuse_setting(resample, "resample is " + std::to_string(filter), "2 (bilinear) or 3 (bicubic)");
        return filter == bilinear ? interpolation::bilinear : interpolation::bicubic;
    });
}

inline void expect_step(const json& config, std::string_view key) {
    const std::optional<json> step = config.find(key);
    if (step && !step->is_null() && !step->as_bool()) refuse_setting(*step, std::string(key) + " is off", "true");
}

}  // namespace detail

/// Reads preprocessor_config.json of a CLIPImageProcessor. Its order of operations is Hugging Face's own.
/// \throws checkpoint_error UNSUPPORTED for steps this library does not do
inline settings hugging_face_preprocessing(const json& config) {
    settings found;
    found.source = config.where();
    found.order = crop_order::hugging_face;
    found.mean = detail::optional_colour(config, "image_mean");
    found.std = detail::optional_colour(config, "image_std");
    for (const std::string_view step : {"do_resize", "do_normalize", "do_rescale", "do_convert_rgb"})
        detail::expect_step(config, step);
    constexpr double usual_factor = 1.0 / 255;
    const std::optional<json> factor = config.find("rescale_factor");
    if (factor && !factor->is_null() && std::abs(factor->as_number() - usual_factor) > 1e-9) {
        detail::refuse_setting(*factor, "pixels are multiplied with " + std::to_string(factor->as_number()), "1/255");
    }
    found.filter = detail::hugging_face_filter(config);
    const std::optional<std::size_t> size = detail::resized_edge(config, found);
    if (found.mode != resize_mode::squash) detail::expect_step(config, "do_center_crop");
    if (detail::optional_bool(config, "do_center_crop").value_or(true))
        found.preprocess_size = detail::cropped_edge(config);
    if (!found.preprocess_size) found.preprocess_size = size;
    if (size != found.preprocess_size) found.resized = size;
    return found;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
