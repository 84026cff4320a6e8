#pragma once
/// \file Our converted form: one safetensors file under OpenAI's names whose metadata says the rest.

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The keys of the metadata; each value is a JSON text.
inline constexpr std::string_view model_key = "zeroshot.model";
inline constexpr std::string_view preprocessing_key = "zeroshot.preprocessing";
inline constexpr std::string_view tokenizer_key = "zeroshot.tokenizer";
inline constexpr std::string_view origin_key = "zeroshot.origin";          // what was converted; for people
inline constexpr std::string_view self_check_key = "zeroshot.self_check";  // what the model gives for a fixed input

inline constexpr std::size_t converted_format = 1;  // of the JSON under model_key

namespace detail {

inline constexpr std::string_view other_tokenizer = "other";  // the kind of those that this library does not have

inline tower_settings converted_tower(const json& tower) {
    tower_settings found;
    found.width = optional_size(tower, "width");
    if (const std::optional<json> layers = tower.find("layers"); layers && layers->is_number())
        found.layers = layers->as_size();
    found.heads = optional_size(tower, "heads");
    found.mlp_width = optional_size(tower, "mlp_width");
    found.function = optional_activation(tower, "activation");
    found.epsilon = optional_number(tower, "epsilon").value_or(1e-5);
    found.layer_scale = optional_bool(tower, "layer_scale");
    return found;
}

inline void read_converted_image(const json& image, settings& found) {
    found.image_size = optional_size(image, "image_size");
    found.patch_size = optional_size(image, "patch_size");
    found.vision = converted_tower(image);
    found.pre_norm = optional_bool(image, "pre_norm");
    found.vision_pooling =
        optional_choice(image, "pool", {image_pool::class_token, image_pool::mean, image_pool::mean_of_normalised});
    if (const std::optional<std::size_t> trained = optional_size(image, "trained_image_size")) {
        found.wanted_size = std::exchange(found.image_size, trained);
        found.positions = optional_choice(image, "positions", {position_filter::antialiased, position_filter::plain});
    }
}

inline void read_converted_text(const json& text, settings& found) {
    found.context = optional_size(text, "context");
    found.vocabulary = optional_size(text, "vocabulary");
    found.text = converted_tower(text);
    found.text_pooling =
        optional_choice(text, "pool", {text_pool::argmax, text_pool::end, text_pool::first, text_pool::last});
    found.end = optional_size(text, "end");
    found.padding = optional_size(text, "padding");
    found.causal = optional_bool(text, "causal");
}

inline void read_converted_model(const json& model, settings& found) {
    const json format = model.at("format");
    if (format.as_size() != converted_format) {
        refuse_setting(format, "format " + std::to_string(format.as_size()),
                       "format 1; a newer zeroshot wrote this file");
    }
    found.embedding = optional_size(model, "embedding");
    const std::optional<json> image = model.find("image_encoder"), text = model.find("text_encoder");
    if (!image && !text) model.at("image_encoder");  // says what is missing
    if (image) read_converted_image(*image, found);
    if (text) read_converted_text(*text, found);
}

inline void read_converted_preprocessing(const json& images, settings& found) {
    found.preprocess_size = optional_size(images, "size");
    found.mean = optional_colour(images, "mean");
    found.std = optional_colour(images, "std");
    found.order = optional_choice(images, "order", {crop_order::openai, crop_order::hugging_face});
    found.filter = optional_choice(images, "interpolation", all_interpolations);
    found.mode = optional_choice(images, "resize", all_resize_modes);
    found.fill = optional_level(images, "fill");
    found.resized = optional_size(images, "resized");
}

inline void read_converted_tokenizer(const json& words, settings& found) {
    const json kind = words.at("kind");
    if (kind.as_string() == other_tokenizer) {
        found.tokenizer = words.at("name").as_string();
        return;
    }
    if (kind.as_string() != "clip_bpe")
        refuse_setting(kind, "a tokenizer of kind " + quoted(kind.as_string()), "clip_bpe");
    const std::optional<json> merges = words.find("merges");
    if (!merges) return;  // CLIP's own table
    found.merges = merges->texts();
}

inline void write_blocks(nlohmann::ordered_json& written, const transformer_config& blocks) {
    written["width"] = blocks.width;
    written["layers"] = blocks.layers;
    written["heads"] = blocks.heads;
    written["mlp_width"] = blocks.mlp_width;
    written["activation"] = name_of(blocks.activation);
    written["epsilon"] = json_number(blocks.epsilon);
    written["layer_scale"] = blocks.layer_scale;
}

inline nlohmann::ordered_json json_of(const vision_transformer_config& tower) {
    nlohmann::ordered_json written{{"kind", "vision_transformer"},
                                   {"image_size", tower.image_size},
                                   {"patch_size", tower.patch_size},
                                   {"pre_norm", tower.pre_norm},
                                   {"pool", name_of(tower.pool)}};
    if (tower.positions) {
        written["trained_image_size"] = tower.positions->image_size;
        written["positions"] = name_of(tower.positions->filter);
    }
    write_blocks(written, tower.blocks);
    return written;
}

inline nlohmann::ordered_json json_of(const modified_resnet_config& tower) {
    return {{"kind", "modified_resnet"},
            {"image_size", tower.image_size},
            {"width", tower.width},
            {"layers", tower.layers},
            {"heads", tower.heads}};
}

inline nlohmann::ordered_json json_of(const text_config& tower) {
    nlohmann::ordered_json written{{"context", tower.context},    {"vocabulary", tower.vocabulary},
                                   {"pool", name_of(tower.pool)}, {"end", tower.end},
                                   {"padding", tower.padding},    {"causal", tower.causal}};
    write_blocks(written, tower.blocks);
    return written;
}

inline std::string model_text(const clip_config& config) {
    nlohmann::ordered_json model{{"format", converted_format}, {"embedding", config.embedding}};
    if (config.has_image()) {
        model["image_encoder"] = std::visit([](const auto& tower) { return json_of(tower); }, config.image);
    }
    if (config.has_text()) model["text_encoder"] = json_of(config.text);
    return json_text_of(model);
}

inline std::string preprocessing_text(const preprocessing& how) {
    nlohmann::ordered_json written{{"size", how.size},
                                   {"mean", json_numbers(how.mean)},
                                   {"std", json_numbers(how.std)},
                                   {"order", name_of(how.order)},
                                   {"interpolation", name_of(how.filter)},
                                   {"resize", name_of(how.mode)},
                                   {"fill", how.fill}};
    if (how.resized) written["resized"] = *how.resized;
    return json_text_of(written);
}

inline std::string tokenizer_text(const std::optional<std::vector<std::string>>& merges, const std::string& other) {
    if (!other.empty()) return json_text_of({{"kind", other_tokenizer}, {"name", other}});
    nlohmann::ordered_json written{{"kind", "clip_bpe"}};
    if (merges) written["merges"] = *merges;
    return json_text_of(written);
}

}  // namespace detail

/// Reads the converted form: the JSON of the model, and of the preprocessing and the tokenizer where they are there.
/// \throws checkpoint_error where it is damaged, or of a later format
inline settings converted_settings(const json& model, const std::optional<json>& images,
                                   const std::optional<json>& words) {
    settings found;
    found.source = model.where();
    detail::read_converted_model(model, found);
    if (images) detail::read_converted_preprocessing(*images, found);
    if (words) detail::read_converted_tokenizer(*words, found);
    return found;
}

/// Reads it from a checkpoint's metadata; nothing where there is none.
inline std::optional<settings> converted_settings(const checkpoint& file) {
    const auto parsed = [&](std::string_view key) {
        const auto entry = file.metadata().find(std::string(key));
        if (entry == file.metadata().end()) return std::optional<json>{};
        return std::optional(json::parse(entry->second, file.place() + ": metadata " + std::string(key)));
    };
    const std::optional<json> model = parsed(model_key);
    if (!model) return std::nullopt;
    return converted_settings(*model, parsed(preprocessing_key), parsed(tokenizer_key));
}

/// The metadata of the converted form, without what a tower that is not there would need.
/// \param merges lines of the tokenizer's table, unless it is CLIP's own
/// \param other the name of a tokenizer that this library does not have, instead of the table
inline tensor_metadata converted_metadata(const clip_config& config, const preprocessing& how,
                                          const std::optional<std::vector<std::string>>& merges,
                                          const std::string& other = {}) {
    tensor_metadata all{{std::string(model_key), detail::model_text(config)}};
    if (config.has_image()) all.emplace(preprocessing_key, detail::preprocessing_text(how));
    if (config.has_text()) all.emplace(tokenizer_key, detail::tokenizer_text(merges, other));
    return all;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
