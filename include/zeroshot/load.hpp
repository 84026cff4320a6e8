#pragma once
/// \file The front door: a checkpoint, from a file, a folder or memory, becomes a CLIP.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/clip.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/io/checkpoint.hpp>
#include <zeroshot/io/json.hpp>
#include <zeroshot/io/weights.hpp>
#include <zeroshot/load/architecture.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/load/decisions.hpp>
#include <zeroshot/load/hugging_face.hpp>
#include <zeroshot/load/known_models.hpp>
#include <zeroshot/load/open_clip.hpp>
#include <zeroshot/load/places.hpp>
#include <zeroshot/load/self_check.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/text/tokenizer.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// What a caller may say about a checkpoint; what is left empty is found out.
struct load_options {
    std::optional<activation> function{};  ///< of both towers
    std::optional<std::size_t> vision_heads{};
    std::optional<std::size_t> text_heads{};
    std::optional<std::array<float, 3>> mean{};
    std::optional<std::array<float, 3>> std{};
    std::optional<crop_order> order{};
    std::optional<std::string> name{};  ///< what a bare file is: "ViT-B-32:laion2b_s34b_b79k"
    std::optional<std::size_t>
        image_size{};  ///< pixels, if not those the tower was trained with: positions are resampled
    std::optional<std::filesystem::path> config{};  ///< a JSON file: config.json, open_clip_config.json or our own form
    finite_check check = finite_check::checked;     ///< look for NaN and infinity among the weights
    bool verify = false;                            ///< replay the record that a converted checkpoint carries of itself
    weight_storage storage = weight_storage::full;  ///< compact: 16-bit matrices stay 16 bits wide in memory
    checkpoint_limits limits{};
    std::optional<model_folders> folders{};  ///< where names are looked up; the environment's unless said
};

namespace detail {

inline constexpr const char* options_source = "options";

inline settings settings_of(const load_options& options) {
    settings said;
    said.source = options_source;
    said.vision.function = said.text.function = options.function;
    said.vision.heads = options.vision_heads;
    said.text.heads = options.text_heads;
    said.mean = options.mean;
    said.std = options.std;
    said.order = options.order;
    said.wanted_size = options.image_size;
    return said;
}

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
        throw checkpoint_error(error_code::unsupported, {facts.source, "its pictures are squashed to a square",
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

inline preprocessing preprocessing_of(std::span<const settings> sources, std::size_t image_size) {
    preprocessing how;
    how.size = image_size;
    how.mean = first_said(sources, &settings::mean).value_or(how.mean);
    how.std = first_said(sources, &settings::std).value_or(how.std);
    how.order = first_said(sources, &settings::order).value_or(how.order);
    how.filter = first_said(sources, &settings::filter).value_or(how.filter);
    how.mode = first_said(sources, &settings::mode).value_or(how.mode);
    how.fill = first_said(sources, &settings::fill).value_or(how.fill);
    check(how);
    return how;
}

/// CLIP's own table, unless the checkpoint carries another; none where its texts are cut in another way.
/// \param rows of the token embedding: as many as the checkpoint's own table has ids
inline std::optional<tokenizer> tokenizer_of(std::span<const settings> sources, std::size_t rows, provenance& origin) {
    for (const settings& source : sources) {
        if (source.tokenizer) {
            origin.tokenizer = *source.tokenizer;
            return std::nullopt;
        }
        if (!source.merges) continue;
        vocabulary own = vocabulary::from_merges(*source.merges);
        if (own.size() != rows) {
            throw checkpoint_error(error_code::shape,
                                   {source.source, "the tokenizer has " + std::to_string(own.size()) + " ids",
                                    std::to_string(rows) + ", the rows of the token embedding", ""});
        }
        return tokenizer(std::move(own));
    }
    tokenizer own;
    return rows < own.words().size() ? std::nullopt : std::optional(std::move(own));
}

inline provenance provenance_of(const weights& w, std::span<const settings> sources) {
    provenance origin;
    origin.place = w.place();
    origin.layout = name_of(w.layout());
    std::set<std::string> types;
    for (const named_tensor& each : w.file().tensors()) types.emplace(name_of(each.tensor.type));
    origin.dtypes.assign(types.begin(), types.end());
    for (const settings& source : sources) origin.sources.push_back(source.source);
    return origin;
}

inline std::string joined(std::span<const std::string> parts) {
    std::string text;
    for (std::size_t i = 0; i < parts.size(); ++i)
        text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
    return text;
}

/// CLIP clips its own factor at 100 while it trains; rounding to half precision may put a little on top.
inline bool is_odd_temperature(double factor) {
    return factor < 1 || factor > 101;
}

/// What a user should know before believing the numbers.
inline void warn(const architecture& found, const std::optional<known_model>& guess,
                 const std::optional<tokenizer>& words, provenance& origin) {
    if (guess && !guess->has_weights() && found.assumed.empty()) {
        origin.warnings.push_back(origin.place + ": nothing beside it says what it is; by its sizes it is " +
                                  guess->name() + ", and taken for what all known weights of that are");
    }
    if (!found.assumed.empty()) {
        origin.warnings.push_back(origin.place +
                                  ": nothing beside it says what it is; taken for one of OpenAI's own, with " +
                                  joined(found.assumed) +
                                  " and OpenAI's mean and std; files of open_clip look the same and mostly want gelu");
    }
    const std::size_t rows = found.config.text.vocabulary;
    const std::size_t ids = words ? words->words().size() : vocabulary::clip().size();
    if (!origin.tokenizer.empty()) {
        origin.warnings.push_back(origin.place + ": its texts are cut by " + missing_tokenizer(origin) +
                                  ", which is not here: embed ids, not texts");
    } else if (ids != rows) {
        origin.warnings.push_back(origin.place + ": its vocabulary has " + std::to_string(rows) +
                                  " rows, CLIP's own tokenizer " + std::to_string(ids) +
                                  " ids, and it carries no table of its own" + (words ? "" : ": embed ids, not texts"));
    }
}

/// The record that a converted checkpoint carries of itself.
inline self_record recorded_in(const checkpoint& file) {
    const auto record = file.metadata().find(self_check_key);
    if (record == file.metadata().end()) {
        throw checkpoint_error(error_code::argument, {file.place(), "it carries no record to verify the model by", "",
                                                      "convert it first: zeroshot convert writes one"});
    }
    return read_self_record(json::parse(record->second, file.place() + ": metadata " + std::string(self_check_key)));
}

/// \param place the checkpoint's file, and what it was looked up as; empty where it lies in none
template <class Scalar>
basic_clip<Scalar> build(const weights& w, const model_place& place, const load_options& options) {
    std::vector<settings> sources = settings_for(w, place.path.empty() ? place.path : folder_of(place.path), options);
    std::optional<known_model> guess;
    if (is_bare(sources)) guess = recognised(w, place.path, place.known);
    if (guess) sources.push_back(facts_of(*guess));
    if (options.name) expect_activation(*options.name, sources);
    const architecture found = architecture_of(w, sources);
    provenance origin = provenance_of(w, sources);
    std::optional<tokenizer> words = tokenizer_of(sources, found.config.text.vocabulary, origin);
    warn(found, guess, words, origin);
    clip_model<Scalar> model(w, found.config);
    w.file().expect_unchanged();
    origin.unread = w.unread();
    origin.decisions = decisions_of(found.config, sources);
    if (is_odd_temperature(static_cast<double>(model.logit_scale()))) {
        origin.warnings.push_back(origin.place + ": cosines are multiplied by " + std::to_string(model.logit_scale()) +
                                  "; published models have 1 to 100: is it the temperature of another kind of model?");
    }
    const basic_clip<Scalar> clip(std::move(model), std::move(words),
                                  preprocessing_of(sources, found.config.image_size()), std::move(origin));
    if (options.verify) verify(clip, recorded_in(w.file()));
    return clip;
}

/// The only file in a folder that ends in .pt, if there is one.
inline std::optional<std::filesystem::path> only_pt(const std::filesystem::path& folder) {
    std::optional<std::filesystem::path> found;
    std::error_code unreadable;
    for (const auto& each : std::filesystem::directory_iterator(folder, unreadable)) {
        if (each.path().extension() != ".pt") continue;
        if (found) return std::nullopt;
        found = each.path();
    }
    return found;
}

/// The checkpoint in a folder, by the names that Hugging Face and open_clip give it.
inline std::filesystem::path checkpoint_in(const std::filesystem::path& folder) {
    for (const char* name : {"model.safetensors", "model.safetensors.index.json", "open_clip_model.safetensors",
                             "open_clip_pytorch_model.safetensors", "pytorch_model.bin", "pytorch_model.bin.index.json",
                             "open_clip_pytorch_model.bin"}) {
        if (stands(folder / name)) return folder / name;
    }
    if (const auto single = only_pt(folder)) return *single;
    throw file_error(error_code::io,
                     {path_text(folder), "the folder holds no checkpoint",
                      "model.safetensors, open_clip_model.safetensors, pytorch_model.bin or one .pt file", ""});
}

}  // namespace detail

/// A checkpoint, opened, and its place: the files about it may lie beside it.
struct opened_checkpoint {
    weights tensors;
    model_place place;
};

/// Finds what the path or name leads to, and opens it: a file, or a folder as Hugging Face and open_clip publish it.
/// \throws file_error, checkpoint_error
inline opened_checkpoint open_checkpoint(const std::filesystem::path& path, const load_options& options) {
    model_place place = find_model(path, options.folders ? *options.folders : folders_of_environment());
    std::error_code unreadable;  // whatever is wrong with the path, opening it says it better
    if (std::filesystem::is_directory(place.path, unreadable)) place.path = detail::checkpoint_in(place.path);
    return {weights(checkpoint::open(place.path, options.limits), {options.check, options.storage}), place};
}

/// Loads a CLIP from a checkpoint in any form that checkpoint::open reads, from a folder as Hugging Face and open_clip
/// publish it, or by a name that find_model knows. What the tensors leave open is taken, in this order, from the
/// options, the file and the name they give, the checkpoint's own metadata, and the files beside it. A bare file is
/// taken for the known model that has its sizes, and where that leaves the activation open in OpenAI's layout, for one
/// of OpenAI's own; origin().warnings says so.
///
///     const auto clip = zeroshot::load("ViT-B-32.safetensors");
///     const auto found = zeroshot::load("openai/clip-vit-base-patch32");
///     const auto oracle = zeroshot::load<double>("ViT-B-32.safetensors");
///
/// \throws file_error, checkpoint_error, numeric_error; argument_error for a mean or std that cannot be used
template <class Scalar = float>
basic_clip<Scalar> load(const std::filesystem::path& path, const load_options& options = {}) {
    const opened_checkpoint input = open_checkpoint(path, options);
    return detail::build<Scalar>(input.tensors, input.place, options);
}

/// Loads a CLIP from a checkpoint that is open already; nothing beside it is looked at.
/// \throws as load from bytes
template <class Scalar = float>
basic_clip<Scalar> load(checkpoint file, const load_options& options = {}) {
    return detail::build<Scalar>(weights(std::move(file), {options.check, options.storage}), {}, options);
}

/// Loads a CLIP from the bytes of a file.
/// \throws as the other, but for file_error
template <class Scalar = float>
basic_clip<Scalar> load(std::span<const std::byte> bytes, const load_options& options = {}) {
    return load<Scalar>(checkpoint::from_bytes(bytes, "memory", options.limits), options);
}

}  // namespace zeroshot::inline ZEROSHOT_ABI
