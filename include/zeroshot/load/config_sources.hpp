#pragma once
/// \file Sources of a checkpoint's settings, in order of precedence.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/load/known_models.hpp>
#include <zeroshot/load/load_options.hpp>
#include <zeroshot/load/model_folder.hpp>
#include <zeroshot/load/model_hub.hpp>
#include <zeroshot/load/readers.hpp>
#include <zeroshot/load/resolve.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/load/tokenizer_files.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace loading {

inline constexpr const char* options_source = "options";

inline settings settings_of(const load_options& options) {
    settings stated;
    stated.source = options_source;
    stated.vision.activation = stated.text.activation = options.activation;
    stated.vision.heads = options.vision_heads;
    stated.text.heads = options.text_heads;
    stated.mean = options.mean;
    stated.standard_deviation = options.standard_deviation;
    stated.order = options.order;
    stated.transparency = options.transparency;
    stated.requested_image_size = options.image_size;
    return stated;
}

/// Settings of a configuration in any of the three forms.
inline settings configuration_settings(const json& config) {
    const auto has = [&](std::string_view key) { return config.find(key).has_value(); };
    if (has("image_encoder")) return converted_settings(config, config.find("preprocessing"), config.find("tokenizer"));
    if (has("model_cfg") || has("vision_cfg")) return open_clip_settings(config);
    if (has("vision_config") || has("text_config") || has("vision_config_dict") || has("text_config_dict"))
        return hugging_face_settings(config);
    throw checkpoint_error(error_code::format,
                           {config.where(), "no configuration of a CLIP",
                            "image_encoder (our own form), model_cfg (open_clip) or vision_config (Hugging Face)", ""});
}

inline settings named_settings(const std::string& name) {
    if (const std::optional<known_model> known = known_model::find(name)) return known->facts();
    const std::string nearest = nearest_known_model(name);
    throw argument_error(error_code::argument, {"name", "no model is known as " + quoted(name), "",
                                                nearest.empty() ? "" : "did you mean " + quoted(nearest) + "?"});
}

/// The known model in a bare file: the one it was looked up as, or the one of its sizes; its file name tells the
/// weights. Three numbers, input_resolution among them, are in OpenAI's own files and in none that open_clip wrote.
inline std::optional<known_model> recognised(const weights& w, const std::filesystem::path& file,
                                             const std::optional<known_model>& looked_up) {
    if (looked_up && looked_up->has_weights()) return looked_up;
    const std::optional<known_model> by_sizes = known_model::of_sizes(tensor_sizes(w).config());
    if (!by_sizes) return std::nullopt;
    const std::optional<known_model> by_name = known_model::find(file.stem().string());
    if (by_name && by_name->same_architecture(*by_sizes)) {
        const bool openais = !by_name->has_weights() && w.file().find("input_resolution") != nullptr;
        return openais && by_name->of_openai() ? by_name->of_openai() : by_name;
    }
    return by_sizes;
}

/// Whether only options describe the checkpoint.
inline bool is_bare(std::span<const settings> sources) {
    return std::ranges::all_of(sources, [](const settings& each) { return each.source == options_source; });
}

/// Refuses a name whose weights differ in their activations, or in how images are resized, where no other source states
/// it.
inline void expect_agreement(const std::string& name, std::span<const settings> sources) {
    const auto is_open = [&](auto member) {
        return std::ranges::none_of(sources, [&](const settings& each) { return member(each).has_value(); });
    };
    const bool no_activation = is_open([](const settings& each) { return each.text.activation; });
    if (!no_activation && !is_open([](const settings& each) { return each.mode; })) return;
    std::string weights;
    for (const known_model& each : known_model::find(name)->candidates())
        weights += (weights.empty() ? "" : ", ") + each.name();
    const std::string what = no_activation ? "the activation" : "how images are resized";
    throw argument_error(error_code::argument,
                         {"name", quoted(name) + " leaves " + what + " open", "the name of weights: " + weights,
                          no_activation ? "or give the activation: load_options::activation" : ""});
}

/// The member image_processor of processor_config.json, in which transformers 5 saves what preprocessor_config.json
/// held. Where both exist it goes first, as in ImageProcessingMixin.get_image_processor_dict.
inline std::optional<json> nested_preprocessing(const std::filesystem::path& folder) {
    const std::filesystem::path file = folder / "processor_config.json";
    return !folder.empty() && path_exists(file) ? member(read_json(file), "image_processor") : std::nullopt;
}

/// The settings of all sources outside the tensors, in order of precedence: options, configuration file, name,
/// metadata, files beside the checkpoint.
/// \param folder of the checkpoint; empty for bytes in memory
inline std::vector<settings> settings_for(const weights& w, const std::filesystem::path& folder,
                                          const load_options& options) {
    std::vector<settings> sources{settings_of(options)};
    if (sources.front() == settings{.source = options_source}) sources.clear();
    if (options.config) {
        sources.push_back(configuration_settings(read_json(*options.config)));
        sources.back().file = *options.config;
    }
    if (options.name) sources.push_back(named_settings(*options.name));
    const auto add = [&](settings stated, const char* file) {
        stated.file = folder / file;
        sources.push_back(std::move(stated));
    };
    const auto read_beside = [&](const char* name, settings (*read)(const json&)) {
        if (!folder.empty() && path_exists(folder / name)) add(read(read_json(folder / name)), name);
    };
    if (auto own = converted_settings(w.file())) {
        sources.push_back(std::move(*own));
    } else if (is_hugging_face(w.layout())) {
        read_beside("config.json", hugging_face_settings);
        if (auto nested = nested_preprocessing(folder))
            add(hugging_face_preprocessing(*nested), "processor_config.json");
        else
            read_beside("preprocessor_config.json", hugging_face_preprocessing);
        if (auto tokenizer = folder.empty() ? std::nullopt : tokenizer_beside(folder))
            sources.push_back(*std::move(tokenizer));
    } else {
        read_beside("open_clip_config.json", open_clip_settings);
    }
    if (w.layout() == checkpoint_layout::hugging_face_siglip) {
        if (auto padding = folder.empty() ? std::nullopt : padding_beside(folder))
            sources.push_back(*std::move(padding));
        sources.push_back(siglip_defaults());
    }
    return sources;
}

/// Names of configuration and tokenizer files in a folder that no source read and no read file replaces.
inline std::vector<std::string> unread_configurations(const std::filesystem::path& folder,
                                                      std::span<const settings> sources) {
    constexpr std::array<std::string_view, 7> tokenizers{"tokenizer.json", "vocab.json",   "merges.txt",
                                                         "vocab.txt",      "spiece.model", "sentencepiece.bpe.model",
                                                         "tokenizer.model"};
    constexpr std::array<std::string_view, 3> of_no_interest{"tokenizer_config.json", "generation_config.json",
                                                             "sentence_bert_config.json"};
    const auto is_read = [&](std::string_view name) {
        return std::ranges::any_of(sources, [&](const settings& each) { return each.file == folder / name; });
    };
    const auto is_replaced = [&](std::string_view name) {
        const bool has_tokenizer = is_read("tokenizer.json") || is_read("vocab.json");
        return (name == "preprocessor_config.json" && is_read("processor_config.json")) ||
               (has_tokenizer && (name == "vocab.json" || name == "merges.txt"));
    };
    std::vector<std::string> names;
    if (folder.empty()) return names;
    for (const std::string& name : folder_listing(folder).files) {
        const bool is_configuration = name.ends_with("config.json") || std::ranges::count(tokenizers, name) > 0;
        if (is_configuration && std::ranges::count(of_no_interest, name) == 0 && !is_read(name) && !is_replaced(name))
            names.push_back(name);
    }
    return names;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::loading
