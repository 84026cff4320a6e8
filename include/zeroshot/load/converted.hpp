#pragma once
/// \file The converted form: one safetensors file under OpenAI's names, with configuration, preprocessing, tokenizer
/// and a self-check in its metadata.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/readers.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/tensor.hpp>
#include <zeroshot/text/tokenizer.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace loading {

/// The keys of the metadata; each value is a JSON text.
inline constexpr std::string_view model_key = "zeroshot.model";
inline constexpr std::string_view preprocessing_key = "zeroshot.preprocessing";
inline constexpr std::string_view tokenizer_key = "zeroshot.tokenizer";
inline constexpr std::string_view origin_key = "zeroshot.origin";          // provenance, for people
inline constexpr std::string_view self_check_key = "zeroshot.self_check";  // embeddings of a fixed image and prompt

inline constexpr std::size_t converted_format = 1;  // of the JSON under model_key

inline constexpr const char* vision_transformer_kind = "vision_transformer";  // kinds of image encoders
inline constexpr const char* modified_resnet_kind = "modified_resnet";
inline constexpr std::string_view other_tokenizer = "other";  // kind of those that are not implemented

inline tower_settings converted_tower(const json& tower) {
    tower_settings result;
    result.width = optional_size(tower, "width");
    if (const std::optional<json> layers = tower.find("layers"); layers && layers->is_number())
        result.layers = layers->as_size();
    result.heads = optional_size(tower, "heads");
    result.mlp_width = optional_size(tower, "mlp_width");
    result.activation = optional_activation(tower, "activation");
    result.epsilon = optional_number(tower, "epsilon").value_or(1e-5);
    result.layer_scale = optional_bool(tower, "layer_scale");
    return result;
}

inline void read_converted_image(const json& image, settings& result) {
    const std::string kind = image.at("kind").as_string();
    if (kind != vision_transformer_kind && kind != modified_resnet_kind) {
        refuse_setting(image.at("kind"), "an image encoder of kind " + quoted(kind),
                       std::string(vision_transformer_kind) + " or " + modified_resnet_kind);
    }
    result.image_size = optional_size(image, "image_size");
    result.patch_size = optional_size(image, "patch_size");
    result.vision = converted_tower(image);
    result.pre_norm = optional_bool(image, "pre_norm");
    result.patch_bias = optional_bool(image, "patch_bias");
    result.vision_pooling = optional_choice(
        image, "pool",
        {image_pool::class_token, image_pool::mean, image_pool::mean_of_normalised, image_pool::attention});
    if (const std::optional<std::size_t> trained = optional_size(image, "trained_image_size")) {
        result.requested_image_size = std::exchange(result.image_size, trained);
        result.positions = optional_choice(image, "positions", {position_filter::antialiased, position_filter::plain});
    }
}

inline void read_converted_text(const json& text, settings& result) {
    result.context = optional_size(text, "context");
    result.vocabulary = optional_size(text, "vocabulary");
    result.text = converted_tower(text);
    result.text_pooling =
        optional_choice(text, "pool", {text_pool::argmax, text_pool::end, text_pool::first, text_pool::last});
    result.end = optional_size(text, "end");
    result.padding = optional_size(text, "padding");
    result.causal = optional_bool(text, "causal");
}

inline void read_converted_model(const json& model, settings& result) {
    const json format = model.at("format");
    if (format.as_size() != converted_format) {
        refuse_setting(format, "format " + std::to_string(format.as_size()),
                       "format 1; a newer zeroshot wrote this file");
    }
    result.embedding = optional_size(model, "embedding");
    const std::optional<json> image = model.find("image_encoder"), text = model.find("text_encoder");
    if (!image && !text) model.at("image_encoder");  // throws: it is missing
    if (image) read_converted_image(*image, result);
    if (text) read_converted_text(*text, result);
}

inline void read_converted_preprocessing(const json& images, settings& result) {
    result.preprocess_size = optional_size(images, "size");
    result.mean = optional_colour(images, "mean");
    result.standard_deviation = optional_colour(images, "std");
    result.order = optional_choice(images, "order", {preprocessing_order::openai, preprocessing_order::hugging_face});
    result.transparency = optional_member<transparency>(images, "transparency", [](const json& name) {
        return made_of(name, "transparency ", [&] { return transparency::of(name.as_string()); });
    });
    result.filter = optional_choice(images, "interpolation", all_interpolations);
    result.mode = optional_choice(images, "resize", all_resize_modes);
    result.fill = optional_level(images, "fill");
    result.resized = optional_size(images, "resized");
}

/// Rules of a tokenizer other than OpenAI's.
inline tokenizer_rules converted_tokenizer_rules(const json& rules) {
    tokenizer_rules result{.normalizer = text_normalizer::hugging_face,
                           .nfc = rules.at("nfc").as_bool(),
                           .single_spaces = rules.at("single_spaces").as_bool(),
                           .lowercase = rules.at("lowercase").as_bool(),
                           .finds_names = rules.at("finds_names").as_bool()};
    for (const json& each : rules.at("added").items())
        result.added.push_back(
            {each.at("text").as_string(), as_token_id(each.at("id")), each.at("normalized").as_bool()});
    if (const std::optional<json> ids = rules.find("ids"))
        for (const json& each : ids->items()) result.ids.push_back(each.is_null() ? -1 : as_token_id(each));
    return result;
}

inline void read_converted_tokenizer(const json& tokenizer, settings& result) {
    const json kind = tokenizer.at("kind");
    if (kind.as_string() == other_tokenizer) {
        result.other_tokenizer = tokenizer.at("name").as_string();
        return;
    }
    if (kind.as_string() != "clip_bpe")
        refuse_setting(kind, "a tokenizer of kind " + quoted(kind.as_string()), "clip_bpe");
    const std::optional<json> merges = tokenizer.find("merges"), rules = tokenizer.find("rules");
    if (!merges && !rules) return;
    result.tokenizer = made_of(tokenizer, "", [&] {
        return std::make_shared<const zeroshot::tokenizer>(
            merges ? vocabulary::from_merges(merges->texts()) : vocabulary::clip(),
            rules ? converted_tokenizer_rules(*rules) : tokenizer_rules{});
    });
}

inline void write_blocks(nlohmann::ordered_json& written, const transformer_config& tower) {
    written["width"] = tower.width;
    written["layers"] = tower.layers;
    written["heads"] = tower.heads;
    written["mlp_width"] = tower.mlp_width;
    written["activation"] = name_of(tower.activation);
    written["epsilon"] = json_number(tower.epsilon);
    written["layer_scale"] = tower.layer_scale;
}

inline nlohmann::ordered_json json_of(const vision_transformer_config& tower) {
    nlohmann::ordered_json written{{"kind", vision_transformer_kind}, {"image_size", tower.image_size},
                                   {"patch_size", tower.patch_size},  {"pre_norm", tower.pre_norm},
                                   {"patch_bias", tower.patch_bias},  {"pool", name_of(tower.pool)}};
    if (tower.positions) {
        written["trained_image_size"] = tower.positions->image_size;
        written["positions"] = name_of(tower.positions->filter);
    }
    write_blocks(written, tower.transformer);
    return written;
}

inline nlohmann::ordered_json json_of(const modified_resnet_config& tower) {
    return {{"kind", modified_resnet_kind},
            {"image_size", tower.image_size},
            {"width", tower.width},
            {"layers", tower.layers},
            {"heads", tower.heads}};
}

inline nlohmann::ordered_json json_of(const text_config& tower) {
    nlohmann::ordered_json written{{"context", tower.context},    {"vocabulary", tower.vocabulary},
                                   {"pool", name_of(tower.pool)}, {"end", tower.end},
                                   {"padding", tower.padding},    {"causal", tower.causal}};
    write_blocks(written, tower.transformer);
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
                                   {"std", json_numbers(how.standard_deviation)},
                                   {"order", name_of(how.order)},
                                   {"transparency", name_of(how.transparency)},
                                   {"interpolation", name_of(how.filter)},
                                   {"resize", name_of(how.mode)},
                                   {"fill", how.fill}};
    if (how.resized) written["resized"] = *how.resized;
    return json_text_of(written);
}

inline nlohmann::ordered_json json_of(const tokenizer_rules& rules) {
    nlohmann::ordered_json written{{"nfc", rules.nfc},
                                   {"single_spaces", rules.single_spaces},
                                   {"lowercase", rules.lowercase},
                                   {"finds_names", rules.finds_names}};
    written["added"] = nlohmann::ordered_json::array();
    for (const added_token& each : rules.added)
        written["added"].push_back({{"text", each.text}, {"id", each.id}, {"normalized", each.normalized}});
    for (const token_id id : rules.ids)
        written["ids"].push_back(id < 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(id));
    return written;
}

/// \param own the model's tokenizer: what differs from CLIP's own is written
/// \param other the name of a tokenizer that is not implemented, instead
inline std::string tokenizer_text(const std::optional<tokenizer>& own, const std::string& other) {
    if (!other.empty()) return json_text_of({{"kind", other_tokenizer}, {"name", other}});
    nlohmann::ordered_json written{{"kind", "clip_bpe"}};
    if (!own) return json_text_of(written);
    if (!own->vocabulary().has_clip_merges()) written["merges"] = own->vocabulary().merge_lines();
    if (own->rules() != tokenizer_rules{}) written["rules"] = json_of(own->rules());
    return json_text_of(written);
}

/// Reads the converted form from the JSON of its model, preprocessing and tokenizer.
/// \throws checkpoint_error for damaged metadata, or a later format
inline settings converted_settings(const json& model, const std::optional<json>& images,
                                   const std::optional<json>& tokenizer) {
    settings result;
    result.source = model.where();
    read_converted_model(model, result);
    if (images) read_converted_preprocessing(*images, result);
    if (tokenizer) read_converted_tokenizer(*tokenizer, result);
    return result;
}

/// Reads the converted form from a checkpoint's metadata; empty for another checkpoint.
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

/// The metadata of the converted form, for the towers of the configuration.
/// \param own the model's tokenizer; empty: CLIP's own
/// \param other the name of a tokenizer that is not implemented, instead
inline tensor_metadata converted_metadata(const clip_config& config, const preprocessing& how,
                                          const std::optional<tokenizer>& own, const std::string& other = {}) {
    tensor_metadata all{{std::string(model_key), model_text(config)}};
    if (config.has_image()) all.emplace(preprocessing_key, preprocessing_text(how));
    if (config.has_text()) all.emplace(tokenizer_key, tokenizer_text(own, other));
    return all;
}

/// The embeddings of a fixed image and a fixed prompt; empty for a missing tower.
struct self_record {
    std::vector<float> image;
    std::vector<float> text;
};

/// Largest difference of two records, relative to the longer of two vectors: the project's bound for fidelity to the
/// reference. Another instruction set adds the same terms in another order, which changes a result by some 1e-6.
inline constexpr double self_check_bound = 1e-4;

/// Deterministic noise between -2 and 2 as the self-check's image: [1, 3, size, size].
template <class Scalar>
tensor<Scalar, 4> fixed_pixels(std::size_t size) {
    tensor<Scalar, 4> pixels(1, 3, size, size);
    std::uint32_t state = 1;
    for (Scalar& value : pixels.values()) {
        state = state * 1664525u + 1013904223u;  // Numerical Recipes' generator
        value = static_cast<Scalar>(static_cast<int>(state >> 24) - 128) / 64;
    }
    return pixels;
}

/// The self-check's prompt: ids spread over the whole vocabulary, between the start and the end token.
inline std::vector<token_id> fixed_prompt(const text_config& text) {
    const auto rows = static_cast<token_id>(text.vocabulary);
    const std::size_t between = (std::min<std::size_t>)(6, text.context - 2);
    std::vector<token_id> ids{rows - 2};
    for (std::size_t i = 0; i < between; ++i) ids.push_back(rows / 8 * static_cast<token_id>(i + 1));
    ids.push_back(text.pool == text_pool::end ? static_cast<token_id>(text.end) : rows - 1);
    return ids;
}

template <class Scalar>
std::vector<float> floats_of(const matrix<Scalar>& embedding) {
    std::vector<float> numbers;
    for (const Scalar value : embedding.values()) numbers.push_back(static_cast<float>(value));
    return numbers;
}

/// Encodes the fixed image and the fixed prompt.
/// \throws numeric_error for an output that is not finite
template <class Scalar>
self_record record_of(const basic_clip<Scalar>& model) {
    const clip_config& config = model.config();
    self_record record;
    if (config.has_image()) record.image = floats_of(model.encode_pixels(fixed_pixels<Scalar>(config.image_size())));
    if (config.has_text()) {
        const std::vector<token_id> prompt = fixed_prompt(config.text);
        record.text = floats_of(model.encode_tokens(std::span(&prompt, 1)));
    }
    return record;
}

/// The length of the difference of two embeddings, relative to the longer one; infinite where their sizes differ.
inline double relative_difference(const std::vector<float>& a, const std::vector<float>& b) {
    if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
    double difference = 0, length_a = 0, length_b = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double x = a[i], y = b[i];
        difference += (x - y) * (x - y);
        length_a += x * x;
        length_b += y * y;
    }
    const double longer = std::sqrt((std::max)(length_a, length_b));
    return longer == 0 ? 0 : std::sqrt(difference) / longer;
}

/// The record as a JSON text.
inline std::string self_record_text(const self_record& record) {
    return json_text_of({{"image", json_numbers(record.image)}, {"text", json_numbers(record.text)}});
}

/// Reads a record.
/// \throws checkpoint_error for another JSON text
inline self_record read_self_record(const json& text) {
    const auto numbers = [&](std::string_view key) {
        std::vector<float> values;
        for (const json& value : text.at(key).items()) values.push_back(static_cast<float>(value.as_number()));
        return values;
    };
    return {numbers("image"), numbers("text")};
}

/// Compares a model with its record.
/// \throws numeric_error where the embeddings differ from those of the conversion by more than self_check_bound
template <class Scalar>
void verify(const basic_clip<Scalar>& model, const self_record& expected) {
    const self_record current = record_of(model);
    const double image = relative_difference(current.image, expected.image);
    const double text = relative_difference(current.text, expected.text);
    if (image <= self_check_bound && text <= self_check_bound) return;
    throw numeric_error(error_code::numeric,
                        {model.provenance().place,
                         "the embeddings differ from those at its conversion by " + number_text(image) +
                             " (image) and " + number_text(text) + " (text) of their length",
                         "at most " + number_text(self_check_bound), "is the file damaged?"});
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::loading
