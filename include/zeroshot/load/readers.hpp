#pragma once
/// \file Readers of published configurations: config.json and preprocessor_config.json of transformers,
/// open_clip_config.json of open_clip.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <zeroshot/error.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/text/vocabulary.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace loading {

/// A member of an object, unless it is missing or null.
inline std::optional<json> member(const json& object, std::string_view key) {
    std::optional<json> value = object.find(key);
    return value && !value->is_null() ? value : std::nullopt;
}

/// A member's value by `read`; empty where the member is missing or null.
template <class Value, class Read>
std::optional<Value> optional_member(const json& object, std::string_view key, const Read& read) {
    const std::optional<json> value = member(object, key);
    return value ? std::optional<Value>(read(*value)) : std::nullopt;
}

inline std::optional<std::size_t> optional_size(const json& object, std::string_view key) {
    return optional_member<std::size_t>(object, key, [](const json& value) { return value.as_size(); });
}

inline std::optional<double> optional_number(const json& object, std::string_view key) {
    return optional_member<double>(object, key, [](const json& value) { return value.as_number(); });
}

inline std::optional<bool> optional_bool(const json& object, std::string_view key) {
    return optional_member<bool>(object, key, [](const json& value) { return value.as_bool(); });
}

/// Refuses a setting that is not implemented.
[[noreturn]] inline void refuse_setting(const json& value, std::string what, std::string expected) {
    throw checkpoint_error(error_code::unsupported, {value.where(), std::move(what), std::move(expected), ""});
}

/// What `make` returns; an argument that it refuses is a setting that is not implemented.
template <class Make>
auto made_of(const json& value, const std::string& subject, const Make& make) {
    try {
        return make();
    } catch (const argument_error& fault) {
        refuse_setting(value, subject + fault.diagnostic().what, fault.diagnostic().expected);
    }
}

/// One of several choices, by its name.
template <class Choice>
std::optional<Choice> optional_choice(const json& object, std::string_view key, std::initializer_list<Choice> choices) {
    return optional_member<Choice>(object, key, [&](const json& value) {
        std::string names;
        for (const Choice choice : choices) {
            if (value.as_string() == name_of(choice)) return choice;
            names += (names.empty() ? "" : " or ") + std::string(name_of(choice));
        }
        refuse_setting(value, std::string(key) + " " + quoted(value.as_string()), names);
    });
}

inline constexpr std::initializer_list<interpolation> all_interpolations{interpolation::bicubic,
                                                                         interpolation::bilinear};
inline constexpr std::initializer_list<resize_mode> all_resize_modes{resize_mode::shortest, resize_mode::longest,
                                                                     resize_mode::squash};

/// The grey level of an image's padding, 0 to 255.
inline std::optional<std::uint8_t> optional_level(const json& object, std::string_view key) {
    return optional_member<std::uint8_t>(object, key, [](const json& value) {
        constexpr std::size_t brightest = 255;
        if (value.as_size() > brightest) refuse_setting(value, std::to_string(value.as_size()), "0 to 255");
        return static_cast<std::uint8_t>(value.as_size());
    });
}

/// An activation, by its name in transformers (ACT2FN in activations.py).
inline std::optional<activation> optional_activation(const json& object, std::string_view key) {
    return optional_member<activation>(object, key, [](const json& value) {
        const std::string& name = value.as_string();
        if (name == "quick_gelu") return activation::quick_gelu;
        if (name == "gelu") return activation::gelu;
        if (name == "gelu_tanh" || name == "gelu_new" || name == "gelu_pytorch_tanh") return activation::gelu_tanh;
        refuse_setting(value, "activation " + quoted(name),
                       "quick_gelu, gelu or gelu_tanh (gelu_new, gelu_pytorch_tanh)");
    });
}

/// A mean or standard deviation: three numbers, for red, green and blue.
inline std::optional<std::array<float, 3>> optional_colour(const json& object, std::string_view key) {
    return optional_member<std::array<float, 3>>(object, key, [](const json& value) {
        const auto refuse = [](const json& part, std::string what, std::string expected) {
            throw checkpoint_error(error_code::argument, {part.where(), std::move(what), std::move(expected), ""});
        };
        constexpr double largest = 1e6;
        std::array<float, 3> colour{};
        if (value.size() != colour.size()) refuse(value, std::to_string(value.size()) + " numbers", "3");
        for (std::size_t i = 0; i < colour.size(); ++i) {
            const double number = value.at(i).as_number();
            if (!(std::abs(number) <= largest)) refuse(value, std::to_string(number), "numbers of a few units");
            colour[i] = static_cast<float>(number);
        }
        return colour;
    });
}

/// The id of a token.
inline token_id as_token_id(const json& value) {
    constexpr auto largest = static_cast<std::size_t>((std::numeric_limits<token_id>::max)());
    if (value.as_size() > largest) refuse_setting(value, std::to_string(value.as_size()), "an id below 2147483648");
    return static_cast<token_id>(value.as_size());
}

// transformers: defaults of configuration_clip.py, and the model types of one tower alone.
inline constexpr tower_settings clip_vision_defaults{
    .heads = 12, .activation = activation::quick_gelu, .epsilon = 1e-5};
inline constexpr tower_settings clip_text_defaults{.heads = 8, .activation = activation::quick_gelu, .epsilon = 1e-5};
inline constexpr std::string_view hugging_face_vision_type = "clip_vision_model";
inline constexpr std::string_view hugging_face_text_type = "clip_text_model";
inline constexpr std::string_view siglip_type = "siglip";

/// \param defaults of heads, activation and epsilon
inline tower_settings hugging_face_tower(const json& config, const tower_settings& defaults) {
    const auto or_usual = [](const auto& stated, const auto& usual) { return stated ? stated : usual; };
    tower_settings tower;
    tower.width = optional_size(config, "hidden_size");
    tower.layers = optional_size(config, "num_hidden_layers");
    tower.heads = or_usual(optional_size(config, "num_attention_heads"), defaults.heads);
    tower.mlp_width = optional_size(config, "intermediate_size");
    tower.activation = or_usual(optional_activation(config, "hidden_act"), defaults.activation);
    tower.epsilon = or_usual(optional_number(config, "layer_norm_eps"), defaults.epsilon);
    return tower;
}

/// The configuration of one tower: vision_config, or vision_config_dict, which replaces it where an older file has both
/// (CLIPConfig.__init__).
inline json hugging_face_part(const json& config, const std::string& name) {
    if (const std::optional<json> part = member(config, name + "_dict")) return *part;
    if (const std::optional<json> part = member(config, name)) return *part;
    return json::parse("{}", config.where());  // all defaults
}

inline void read_hugging_face_vision(const json& vision, const tower_settings& defaults, settings& result) {
    result.vision = hugging_face_tower(vision, defaults);
    result.image_size = optional_size(vision, "image_size");
    result.patch_size = optional_size(vision, "patch_size");
}

inline void read_hugging_face_text_sizes(const json& text, const tower_settings& defaults, settings& result) {
    result.text = hugging_face_tower(text, defaults);
    result.context = optional_size(text, "max_position_embeddings");
    result.vocabulary = optional_size(text, "vocab_size");
}

/// The text tower, pooled at the first end token. In older files an eos_token_id of 2 stands for the highest id, which
/// is the end token of CLIP's own vocabulary (modeling_clip.py, CLIPTextTransformer.forward).
inline void read_hugging_face_text(const json& text, settings& result) {
    constexpr std::size_t older = 2, usual_end = 49407, usual_vocabulary = 49408;  // CLIPTextConfig
    read_hugging_face_text_sizes(text, clip_text_defaults, result);
    const std::size_t vocabulary = result.vocabulary.value_or(usual_vocabulary);
    const std::size_t end = optional_size(text, "eos_token_id").value_or((std::min)(usual_end, vocabulary - 1));
    const bool pools_highest = end == older || end + 1 == vocabulary;
    result.text_pooling = pools_highest ? text_pool::argmax : text_pool::end;
    if (!pools_highest) result.end = end;
}

/// The class that config.json of transformers, timm or diffusers names, else its model type; empty for none.
inline std::string hugging_face_architecture(const json& config) {
    const auto text = [&](std::string_view key) {
        std::optional<json> value = member(config, key);
        if (value && value->is_array() && value->size() > 0) value = value->at(0);
        return value && value->is_string() ? value->as_string() : std::string();
    };
    for (const char* key : {"architectures", "architecture", "_class_name", "model_type"})
        if (const std::string name = text(key); !name.empty()) return name;
    return "";
}

/// Whether the name of a class or model type is that of a CLIP or SigLIP in transformers.
inline bool is_clip(std::string_view name) {
    constexpr std::array<std::string_view, 11> names{"CLIPModel",
                                                     "SiglipModel",
                                                     siglip_type,
                                                     "CLIPVisionModelWithProjection",
                                                     "CLIPTextModelWithProjection",
                                                     "CLIPVisionModel",
                                                     "CLIPTextModel",
                                                     "CLIPForImageClassification",
                                                     "clip",
                                                     hugging_face_vision_type,
                                                     hugging_face_text_type};
    for (const std::string_view framework : {"TF", "Flax"})
        if (name.starts_with(framework)) name.remove_prefix(framework.size());
    return std::ranges::count(names, name) > 0;
}

/// Reads config.json of a SiglipModel; published ones state little. siglip_defaults() has what they leave out, but for
/// the heads.
inline settings siglip_settings(const json& config) {
    const tower_settings defaults{.heads = 12};  // configuration_siglip.py
    const json vision = hugging_face_part(config, "vision_config"), text = hugging_face_part(config, "text_config");
    if (const std::optional<json> head = member(vision, "vision_use_head"); head && !head->as_bool())
        refuse_setting(*head, "vision_use_head is off", "true");
    settings result;
    result.source = config.where();
    result.architecture = hugging_face_architecture(config);
    read_hugging_face_vision(vision, defaults, result);
    read_hugging_face_text_sizes(text, defaults, result);
    result.embedding = optional_size(text, "projection_size");
    return result;
}

/// What every SiglipModel has where no file beside it says otherwise: modeling_siglip.py, configuration_siglip.py,
/// image_processing_siglip.py and tokenization_siglip.py of transformers. Its pipeline opens images without their
/// alpha.
inline settings siglip_defaults() {
    settings result;
    result.source = "default: as SigLIP in transformers";
    result.vision.activation = result.text.activation = activation::gelu_tanh;
    result.vision.epsilon = result.text.epsilon = 1e-6;
    result.pre_norm = false;
    result.patch_bias = true;
    result.vision_pooling = image_pool::attention;
    result.text_pooling = text_pool::last;
    result.padding = 1;
    result.causal = false;
    result.mean = result.standard_deviation = std::array<float, 3>{0.5f, 0.5f, 0.5f};
    result.transparency = transparency{};
    result.mode = resize_mode::squash;
    result.filter = interpolation::bicubic;
    result.other_tokenizer = "SiglipTokenizer";
    return result;
}

/// Reads config.json of a CLIPModel or SiglipModel, or of a CLIPVisionModelWithProjection or
/// CLIPTextModelWithProjection, which have the keys of their tower at the root.
/// \throws checkpoint_error for another kind of model, or a value of the wrong type
inline settings hugging_face_settings(const json& config) {
    const std::optional<json> type = config.find("model_type");
    const std::string kind = type ? type->as_string() : "clip";
    if (kind == siglip_type) return siglip_settings(config);
    if (kind != "clip" && kind != hugging_face_vision_type && kind != hugging_face_text_type)
        refuse_setting(*type, "a model of type " + quoted(kind), "clip, clip_vision_model, clip_text_model or siglip");
    settings result;
    result.source = config.where();
    result.architecture = hugging_face_architecture(config);
    result.embedding = optional_size(config, "projection_dim");
    if (kind != hugging_face_text_type)
        read_hugging_face_vision(kind == "clip" ? hugging_face_part(config, "vision_config") : config,
                                 clip_vision_defaults, result);
    if (kind != hugging_face_vision_type)
        read_hugging_face_text(kind == "clip" ? hugging_face_part(config, "text_config") : config, result);
    return result;
}

/// The side of {"height": 224, "width": 224}.
inline std::size_t square_side(const json& size) {
    const std::size_t height = size.at("height").as_size(), width = size.at("width").as_size();
    if (height != width)
        refuse_setting(size, "a size of " + std::to_string(height) + " x " + std::to_string(width), "a square");
    return height;
}

/// Refuses image processors of other models where they prepare images in another way, or leave a setting to defaults
/// that are not CLIP's. BitImageProcessor is CLIP's by another name.
inline void expect_clip_processor(const json& config) {
    std::optional<json> type = member(config, "image_processor_type");
    if (!type) type = member(config, "feature_extractor_type");
    const std::string name = type ? type->as_string() : "CLIPImageProcessor";
    if (name.starts_with("CLIP") || name.starts_with("Bit")) return;
    for (const char* step : {"crop_pct", "do_flip_channel_order", "include_top", "use_square_size"})
        if (const std::optional<json> value = member(config, step); value && !(value->is_bool() && !value->as_bool()))
            refuse_setting(*value, quoted(step) + " of " + quoted(name), "the settings of a CLIPImageProcessor");
    for (const char* setting : {"size", "image_mean", "image_std", "resample"})
        if (name.starts_with("Levit") || !member(config, setting))
            refuse_setting(*type, quoted(name) + " with its own defaults", "the settings of a CLIPImageProcessor");
}

/// Reads preprocessor_config.json of a CLIPImageProcessor. "size" is 224 or {"shortest_edge": 224}, or a square that
/// images are squashed to; "crop_size" is 224 or a square. The order of operations is Hugging Face's own.
/// \throws checkpoint_error (UNSUPPORTED) for steps that are not implemented
inline settings hugging_face_preprocessing(const json& config) {
    const auto expect_step = [&](std::string_view key) {
        const std::optional<json> step = member(config, key);
        if (step && !step->as_bool()) refuse_setting(*step, std::string(key) + " is off", "true");
    };
    expect_clip_processor(config);
    settings result;
    result.source = config.where();
    result.order = preprocessing_order::hugging_face;
    result.mean = optional_colour(config, "image_mean");
    result.standard_deviation = optional_colour(config, "image_std");
    for (const std::string_view step : {"do_resize", "do_normalize", "do_rescale", "do_convert_rgb"}) expect_step(step);
    constexpr double usual_factor = 1.0 / 255;
    const std::optional<json> factor = member(config, "rescale_factor");
    if (factor && std::abs(factor->as_number() - usual_factor) > 1e-9)
        refuse_setting(*factor, "pixels are multiplied with " + std::to_string(factor->as_number()), "1/255");
    result.filter = optional_member<interpolation>(config, "resample", [](const json& resample) {
        constexpr std::size_t bilinear = 2, bicubic = 3;  // PIL.Image.BILINEAR, BICUBIC
        const std::size_t filter = resample.as_size();
        if (filter != bilinear && filter != bicubic)
            refuse_setting(resample, "resample is " + std::to_string(filter), "2 (bilinear) or 3 (bicubic)");
        return filter == bilinear ? interpolation::bilinear : interpolation::bicubic;
    });
    auto size = optional_member<std::size_t>(config, "size", [&](const json& side) {
        if (!side.is_object()) return side.as_size();
        if (const std::optional<json> longest = member(side, "longest_edge"))
            refuse_setting(*longest, "a longest_edge", "a shortest_edge alone, or height and width");
        if (const std::optional<json> shortest = side.find("shortest_edge")) return shortest->as_size();
        result.mode = resize_mode::squash;
        return square_side(side);
    });
    if (result.mode != resize_mode::squash) expect_step("do_center_crop");
    if (optional_bool(config, "do_center_crop").value_or(true)) {
        result.preprocess_size = optional_member<std::size_t>(config, "crop_size", [](const json& side) {
            return side.is_object() ? square_side(side) : side.as_size();
        });
    }
    constexpr std::size_t usual_size = 224;  // CLIPImageProcessor
    if (result.preprocess_size && !size) size = usual_size;
    if (!result.preprocess_size) result.preprocess_size = size;
    if (size != result.preprocess_size) result.resized = size;
    return result;
}

// open_clip: defaults of CLIPVisionCfg and CLIPTextCfg in model.py.
inline constexpr std::size_t open_clip_head_width = 64, open_clip_text_heads = 8;
inline constexpr std::size_t open_clip_end = 2, open_clip_padding = 0;

/// Refuses members that make another model, unless they are null or false.
inline void refuse_members(const json& tower, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
        const std::optional<json> value = member(tower, name);
        if (!value || (value->is_bool() && !value->as_bool())) continue;
        refuse_setting(*value, std::string(name) + " is set",
                       "a VisionTransformer or ModifiedResNet and a text transformer as in OpenAI's CLIP");
    }
}

/// Refuses a member unless it has the value of CLIP.
inline void expect_member(const json& object, std::string_view name, std::string_view usual) {
    const std::optional<json> value = member(object, name);
    if (value && value->as_string() != usual)
        refuse_setting(*value, std::string(name) + " is " + quoted(value->as_string()), quoted(usual));
}

/// The activation: nn.GELU, its tanh approximation by act_kwargs, or QuickGELU.
inline activation open_clip_activation(const json& tower, bool quick_gelu) {
    if (quick_gelu) return activation::quick_gelu;
    const std::optional<json> arguments = member(tower, "act_kwargs");
    const std::optional<json> approximate = arguments ? arguments->find("approximate") : std::nullopt;
    if (!approximate || approximate->as_string() == "none") return activation::gelu;
    if (approximate->as_string() == "tanh") return activation::gelu_tanh;
    refuse_setting(*approximate, "a GELU approximated by " + quoted(approximate->as_string()), "tanh or none");
}

/// The epsilon of the layer norms: norm_kwargs.eps, or PyTorch's own.
inline double open_clip_epsilon(const json& tower) {
    constexpr double usual = 1e-5;
    const std::optional<json> arguments = member(tower, "norm_kwargs");
    if (!arguments) return usual;
    for (const auto& [name, value] : arguments->members())
        if (name != "eps") refuse_setting(value, "a layer norm with " + quoted(name), "eps alone");
    return optional_number(*arguments, "eps").value_or(usual);
}

/// Settings that both towers have; refuses variants of the residual attention block that CLIP does not have.
inline tower_settings open_clip_tower(const json& tower, bool quick_gelu) {
    refuse_members(tower,
                   {"qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc"});
    expect_member(tower, "block_type", "default");
    tower_settings result;
    result.width = optional_size(tower, "width");
    result.activation = open_clip_activation(tower, quick_gelu);
    result.epsilon = open_clip_epsilon(tower);
    result.layer_scale = optional_number(tower, "ls_init_value").has_value();
    return result;
}

/// Mirrors VisionTransformer._pool in open_clip transformer.py.
inline image_pool open_clip_image_pool(const json& vision) {
    const std::optional<json> pool = member(vision, "pool_type");
    if (!pool || pool->as_string() == "tok") return image_pool::class_token;
    if (pool->as_string() != "avg") refuse_setting(*pool, "pool_type is " + quoted(pool->as_string()), "tok or avg");
    const bool after = optional_bool(vision, "final_ln_after_pool").value_or(false);
    return after ? image_pool::mean : image_pool::mean_of_normalised;
}

/// Mirrors text_global_pool in open_clip transformer.py.
inline text_pool open_clip_text_pool(const json& text) {
    const std::optional<json> pool = member(text, "pool_type");
    if (!pool || pool->as_string() == "argmax") return text_pool::argmax;
    if (pool->as_string() == "eos") return text_pool::end;
    if (pool->as_string() == "last") return text_pool::last;
    if (pool->as_string() == "first") return text_pool::first;
    refuse_setting(*pool, "pool_type is " + quoted(pool->as_string()), "argmax, eos, last or first");
}

/// The name of a tokenizer other than CLIP's byte pairs with OpenAI's cleaning.
inline std::optional<std::string> open_clip_tokenizer(const json& text) {
    if (const std::optional<json> name = member(text, "hf_tokenizer_name")) return name->as_string();
    const std::optional<json> arguments = member(text, "tokenizer_kwargs");
    if (!arguments) return std::nullopt;
    for (const auto& [name, value] : arguments->members()) {
        const bool usual = name == "context_length" || (name == "clean" && value.as_string() == "lower");
        if (!usual) return "SimpleTokenizer with " + name;
    }
    return std::nullopt;
}

inline void read_open_clip_vision(const json& vision, bool quick_gelu, settings& result) {
    refuse_members(vision, {"timm_model_name", "attentional_pool", "attn_pooler_queries", "global_average_pool"});
    result.vision = open_clip_tower(vision, quick_gelu);
    if (const std::optional<json> layers = vision.find("layers"); layers && layers->is_number())
        result.vision.layers = layers->as_size();  // a ModifiedResNet has an array
    result.vision.head_width = optional_size(vision, "head_width").value_or(open_clip_head_width);
    result.image_size = optional_size(vision, "image_size");
    result.patch_size = optional_size(vision, "patch_size");
    result.pre_norm = !optional_bool(vision, "no_ln_pre").value_or(false);
    result.vision_pooling = open_clip_image_pool(vision);
}

inline void read_open_clip_text(const json& text, bool quick_gelu, settings& result) {
    refuse_members(text, {"hf_model_name", "embed_cls"});
    expect_member(text, "proj_type", "linear");
    result.text = open_clip_tower(text, quick_gelu);
    result.text.layers = optional_size(text, "layers");
    result.text.heads = optional_size(text, "heads").value_or(open_clip_text_heads);
    result.context = optional_size(text, "context_length");
    result.vocabulary = optional_size(text, "vocab_size");
    result.text_pooling = open_clip_text_pool(text);
    if (result.text_pooling == text_pool::end) result.end = optional_size(text, "eos_id").value_or(open_clip_end);
    result.padding = optional_size(text, "pad_id").value_or(open_clip_padding);
    result.causal = !optional_bool(text, "no_causal_mask").value_or(false);
    result.other_tokenizer = open_clip_tokenizer(text);
}

/// Reads preprocess_cfg; "size" is 224 or [224, 224].
inline void read_open_clip_preprocessing(const json& images, settings& result) {
    result.mean = optional_colour(images, "mean");
    result.standard_deviation = optional_colour(images, "std");
    result.preprocess_size = optional_member<std::size_t>(images, "size", [](const json& size) {
        if (!size.is_array()) return size.as_size();
        if (size.size() != 2 || size.at(0).as_size() != size.at(1).as_size())
            refuse_setting(size, "images are not square", "one size");
        return size.at(0).as_size();
    });
    result.filter = optional_choice(images, "interpolation", all_interpolations);
    result.mode = optional_choice(images, "resize_mode", all_resize_modes);
    result.fill = optional_level(images, "fill_color");
    expect_member(images, "mode", "RGB");
}

/// Reads open_clip_config.json: {"model_cfg": {...}, "preprocess_cfg": {...}}, or a model_cfg alone, as in open_clip's
/// model_configs.
/// \throws checkpoint_error for settings of another model than CLIP, or a value of the wrong type
inline settings open_clip_settings(const json& config) {
    settings result;
    result.source = config.where();
    const json model = config.find("model_cfg").value_or(config);
    if (const std::optional<json> decoder = member(model, "multimodal_cfg"))
        refuse_setting(*decoder, "a CoCa, with a text decoder", "a CLIP");
    const bool quick_gelu = optional_bool(model, "quick_gelu").value_or(false);
    result.embedding = optional_size(model, "embed_dim");
    read_open_clip_vision(model.at("vision_cfg"), quick_gelu, result);
    read_open_clip_text(model.at("text_cfg"), quick_gelu, result);
    if (const std::optional<json> images = member(config, "preprocess_cfg"))
        read_open_clip_preprocessing(*images, result);
    return result;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::loading
