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

#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/io/checkpoint.hpp>
#include <zeroshot/io/json.hpp>
#include <zeroshot/io/json_writer.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/model/config.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// The keys of the metadata; each value is a JSON text.
inline constexpr std::string_view model_key = "zeroshot.model";
inline constexpr std::string_view preprocessing_key = "zeroshot.preprocessing";
inline constexpr std::string_view tokenizer_key = "zeroshot.tokenizer";
inline constexpr std::string_view origin_key = "zeroshot.origin";          // what was converted; for people
inline constexpr std::string_view self_check_key = "zeroshot.self_check";  // what the model gives for a fixed input

inline constexpr std::size_t converted_format = 1;  // of the JSON under model_key

namespace detail {

inline tower_settings converted_tower(const json& tower) {
    tower_settings found;
    found.width = optional_size(tower, "width");
    if (const std::optional<json> layers = tower.find("layers"); layers && layers->is_number())
        found.layers = layers->as_size();
    found.heads = optional_size(tower, "heads");
    found.mlp_width = optional_size(tower, "mlp_width");
    found.function = optional_activation(tower, "activation");
    found.epsilon = optional_number(tower, "epsilon").value_or(1e-5);
    return found;
}

inline crop_order crop_order_of(const json& value) {
    for (const crop_order order : {crop_order::openai, crop_order::hugging_face}) {
        if (value.as_string() == name_of(order)) return order;
    }
    refuse_setting(value, "order " + quoted(value.as_string()), "openai or hf");
}

inline void read_converted_model(const json& model, settings& found) {
    const json format = model.at("format");
    if (format.as_size() != converted_format) {
        refuse_setting(format, "format " + std::to_string(format.as_size()),
                       "format 1; a newer zeroshot wrote this file");
    }
    const json image = model.at("image_encoder");
    const json text = model.at("text_encoder");
    found.embedding = optional_size(model, "embedding");
    found.image_size = optional_size(image, "image_size");
    found.patch_size = optional_size(image, "patch_size");
    found.vision = converted_tower(image);
    found.context = optional_size(text, "context");
    found.vocabulary = optional_size(text, "vocabulary");
    found.text = converted_tower(text);
}

inline void read_converted_preprocessing(const json& pictures, settings& found) {
    found.preprocess_size = optional_size(pictures, "size");
    found.mean = optional_colour(pictures, "mean");
    found.std = optional_colour(pictures, "std");
    found.order = optional_member<crop_order>(pictures, "order", crop_order_of);
    if (const std::optional<json> filter = pictures.find("interpolation"); filter && filter->as_string() != "bicubic") {
        refuse_setting(*filter, "interpolation " + quoted(filter->as_string()), "bicubic");
    }
}

inline void read_converted_tokenizer(const json& words, settings& found) {
    const json kind = words.at("kind");
    if (kind.as_string() != "clip_bpe")
        refuse_setting(kind, "a tokenizer of kind " + quoted(kind.as_string()), "clip_bpe");
    const std::optional<json> merges = words.find("merges");
    if (!merges) return;  // CLIP's own table
    std::vector<std::string> lines;
    for (const json& line : merges->items()) lines.push_back(line.as_string());
    found.merges = std::move(lines);
}

inline void write_blocks(json_writer& writer, const transformer_config& blocks) {
    writer.key("width").value(blocks.width).key("layers").value(blocks.layers).key("heads").value(blocks.heads);
    writer.key("mlp_width").value(blocks.mlp_width).key("activation").value(name_of(blocks.function));
    writer.key("epsilon").value(blocks.epsilon);
}

inline void write_tower(json_writer& writer, const vision_transformer_config& tower) {
    writer.key("kind").value("vision_transformer").key("image_size").value(tower.image_size);
    writer.key("patch_size").value(tower.patch_size);
    write_blocks(writer, tower.blocks);
}

inline void write_tower(json_writer& writer, const modified_resnet_config& tower) {
    writer.key("kind").value("modified_resnet").key("image_size").value(tower.image_size);
    writer.key("width").value(tower.width).key("layers").begin_array();
    for (const std::size_t layers : tower.layers) writer.value(layers);
    writer.end_array().key("heads").value(tower.heads);
}

inline std::string model_text(const clip_config& config) {
    json_writer writer;
    writer.begin_object().key("format").value(converted_format).key("embedding").value(config.embedding);
    writer.key("image_encoder").begin_object();
    std::visit([&](const auto& tower) { write_tower(writer, tower); }, config.image);
    writer.end_object().key("text_encoder").begin_object();
    writer.key("context").value(config.text.context).key("vocabulary").value(config.text.vocabulary);
    write_blocks(writer, config.text.blocks);
    writer.end_object().end_object();
    return writer.text();
}

inline std::string preprocessing_text(const preprocessing& how) {
    json_writer writer;
    const auto colour = [&](std::string_view name, const std::array<float, 3>& values) {
        writer.key(name).begin_array();
        for (const float value : values) writer.value(value);
        writer.end_array();
    };
    writer.begin_object().key("size").value(how.size);
    colour("mean", how.mean);
    colour("std", how.std);
    writer.key("order").value(name_of(how.order)).key("interpolation").value("bicubic").end_object();
    return writer.text();
}

inline std::string tokenizer_text(const std::optional<std::vector<std::string>>& merges) {
    json_writer writer;
    writer.begin_object().key("kind").value("clip_bpe");
    if (merges) {
        writer.key("merges").begin_array();
        for (const std::string& line : *merges) writer.value(line);
        writer.end_array();
    }
    writer.end_object();
    return writer.text();
}

}  // namespace detail

/// Reads the converted form: the JSON of the model, and of the preprocessing and the tokenizer where they are there.
/// \throws checkpoint_error where it is damaged, or of a later format
inline settings converted_settings(const json& model, const std::optional<json>& pictures,
                                   const std::optional<json>& words) {
    settings found;
    found.source = model.where();
    detail::read_converted_model(model, found);
    if (pictures) detail::read_converted_preprocessing(*pictures, found);
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

/// The metadata of the converted form.
/// \param merges lines of the tokenizer's table, unless it is CLIP's own
inline tensor_metadata converted_metadata(const clip_config& config, const preprocessing& how,
                                          const std::optional<std::vector<std::string>>& merges) {
    return {{std::string(model_key), detail::model_text(config)},
            {std::string(preprocessing_key), detail::preprocessing_text(how)},
            {std::string(tokenizer_key), detail::tokenizer_text(merges)}};
}

}  // namespace zeroshot::inline ZEROSHOT_ABI
