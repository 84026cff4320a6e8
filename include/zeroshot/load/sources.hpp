#pragma once
/// \file Whom to ask what a checkpoint is: the caller, its name, its metadata, the files beside it, the model that has
/// its sizes.

#include <algorithm>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/load/architecture.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/load/hugging_face.hpp>
#include <zeroshot/load/known_models.hpp>
#include <zeroshot/load/model_hub.hpp>
#include <zeroshot/load/open_clip.hpp>
#include <zeroshot/load/options.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// A configuration in any of the three forms.
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

/// What a known model's name says, where this library does what its weights want.
inline settings facts_of(const known_model& known) {
    settings facts = known.facts();
    if (known.squashes()) {
        throw checkpoint_error(error_code::unsupported, {facts.source, "its images are squashed to a square",
                                                         "resized by their shorter side", ""});
    }
    return facts;
}

inline settings named_settings(const std::string& name) {
    const std::optional<known_model> known = known_model::find(name);
    if (known) return facts_of(*known);
    const std::string nearest = nearest_known_model(name);
    throw argument_error(error_code::argument, {"name", "no model is known as " + quoted(name), "",
                                                nearest.empty() ? "" : "did you mean " + quoted(nearest) + "?"});
}

/// Three numbers that OpenAI's own files hold, and files that open_clip wrote do not.
inline bool is_openais_archive(const checkpoint& file) {
    return std::ranges::any_of(file.tensors(),
                               [](const named_tensor& each) { return each.name == "input_resolution"; });
}

/// A bare file is what it was looked up as, or what its sizes show; of which weights, its own name may tell.
inline std::optional<known_model> recognised(const weights& w, const std::filesystem::path& file,
                                             const std::optional<known_model>& looked_up) {
    if (looked_up && looked_up->has_weights()) return looked_up;
    const std::optional<known_model> by_sizes = known_model::of_sizes(sizes_of(w));
    if (!by_sizes) return std::nullopt;
    const std::optional<known_model> by_name = known_model::find(file.stem().string());
    if (by_name && by_name->same_architecture(*by_sizes)) {
        const bool openais = !by_name->has_weights() && is_openais_archive(w.file());
        return openais && by_name->of_openai() ? by_name->of_openai() : by_name;
    }
    if (by_sizes->squashes()) return std::nullopt;
    return by_sizes;
}

/// Whether nothing but options describes the checkpoint.
inline bool is_bare(std::span<const settings> sources) {
    return std::ranges::all_of(sources, [](const settings& each) { return each.source == options_source; });
}

/// A name alone may leave open what its user should say rather than believe.
inline void expect_activation(const std::string& name, std::span<const settings> sources) {
    if (std::ranges::any_of(sources, [](const settings& each) { return each.text.function.has_value(); })) return;
    std::string weights;
    for (const known_model& each : known_model::find(name)->candidates())
        weights += (weights.empty() ? "" : ", ") + each.name();
    throw argument_error(error_code::argument,
                         {"name", quoted(name) + " leaves the activation open", "the name of weights: " + weights,
                          "or give the activation: load_options::function, or --activation of the program"});
}

/// Reads a file that may stand beside the checkpoint.
inline void read_beside(const std::filesystem::path& folder, const char* name, settings (*read)(const json&),
                        std::vector<settings>& sources) {
    if (stands(folder / name)) sources.push_back(read(read_json(folder / name)));
}

/// Everything that is said outside the tensors, the first one counts most.
/// \param folder where the checkpoint lies; empty for bytes in memory
inline std::vector<settings> settings_for(const weights& w, const std::filesystem::path& folder,
                                          const load_options& options) {
    std::vector<settings> sources{settings_of(options)};
    if (sources.front() == settings{.source = sources.front().source}) sources.clear();  // nothing was said
    if (options.config) sources.push_back(configuration_settings(read_json(*options.config)));
    if (options.name) sources.push_back(named_settings(*options.name));
    if (auto own = converted_settings(w.file())) {
        sources.push_back(std::move(*own));
    } else if (!folder.empty() && w.layout() == checkpoint_layout::hugging_face) {
        read_beside(folder, "config.json", hugging_face_settings, sources);
        read_beside(folder, "preprocessor_config.json", hugging_face_preprocessing, sources);
    } else if (!folder.empty()) {
        read_beside(folder, "open_clip_config.json", open_clip_settings, sources);
    }
    return sources;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
