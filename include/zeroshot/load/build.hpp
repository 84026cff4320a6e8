#pragma once
/// \file The steps of load(): opening a checkpoint, its settings, towers, tokenizer, warnings and self-check.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/config_sources.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/load/known_models.hpp>
#include <zeroshot/load/load.hpp>
#include <zeroshot/load/load_options.hpp>
#include <zeroshot/load/model_folder.hpp>
#include <zeroshot/load/model_hub.hpp>
#include <zeroshot/load/resolve.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/model/clip_model.hpp>
#include <zeroshot/nn/packed_weight_cache.hpp>
#include <zeroshot/nn/shared_array.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/support/checksum.hpp>
#include <zeroshot/support/edit_distance.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/text/tokenizer.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {
namespace loading {

/// The cache of a checkpoint's packed weights, one file for each format; null where the options name no folder.
inline std::shared_ptr<packed_weight_cache> weight_cache_of(const checkpoint& file, const std::filesystem::path& path,
                                                            const load_options& options) {
    constexpr std::size_t digits = 16;  // enough to tell the models of one folder apart
    if (options.weight_cache.empty()) return nullptr;
    const std::string identity = file.identity();
    if (identity.empty()) return nullptr;
    const auto number_of = [](auto choice) { return std::to_string(static_cast<int>(choice)); };
    const std::string format = std::string(name_of(options.precision)) + " " + number_of(options.storage) + " " +
                               number_of(options.check) + "\n";
    std::error_code unknown;
    const std::string key = sha256().add(format + std::filesystem::absolute(path, unknown).string()).digits();
    return std::make_shared<packed_weight_cache>(
        options.weight_cache / (path.stem().string() + "-" + key.substr(0, digits) + ".weights"),
        std::string(version) + "\n" + format + identity);
}

inline weight_options weight_options_of(const load_options& options) {
    return {.check = options.check,
            .storage = options.storage,
            .threads = options.threads,
            .precision = options.precision,
            .memory = std::make_shared<weight_memory>()};
}

/// The error of tensors that are those of no CLIP, with the class of the model that config.json beside them names.
inline checkpoint_error named_by_configuration(const checkpoint_error& fault, const std::filesystem::path& folder) {
    const std::filesystem::path file = folder / "config.json";
    diagnostic found = fault.diagnostic();
    const std::string name = path_exists(file) ? hugging_face_architecture(read_json(file)) : "";
    if (!name.empty() && !is_clip(name)) found.what += "; config.json beside it is that of " + quoted(name);
    return checkpoint_error(fault.code(), std::move(found));
}

/// An open checkpoint, and its location: configuration files may lie beside it.
struct opened_checkpoint {
    weights tensors;
    model_location location;
};

/// Opens the file, or the checkpoint in the folder.
/// \throws file_error, checkpoint_error
inline opened_checkpoint open_checkpoint(model_location location, const load_options& options) {
    std::error_code unreadable;  // opening the file reports it
    if (std::filesystem::is_directory(location.path, unreadable)) location.path = checkpoint_in(location.path);
    refuse_shard(location.path);
    const checkpoint file = checkpoint::open(location.path, options.limits);
    weight_options reading = weight_options_of(options);
    reading.cache = weight_cache_of(file, location.path, options);
    try {
        return {weights(file, reading), location};
    } catch (const checkpoint_error& fault) {
        throw named_by_configuration(fault, zeroshot::detail::folder_of(location.path));
    }
}

/// Refuses what is no path: the bytes of a checkpoint, and the name of a model.
inline void expect_path(const std::filesystem::path& path) {
    if (path.native().find(std::filesystem::path::value_type{}) != std::filesystem::path::string_type::npos) {
        throw argument_error(error_code::argument,
                             {"path", "it holds a zero byte", "the path of a file or folder",
                              "for the bytes of a checkpoint, pass std::as_bytes(std::span(...))"});
    }
    const std::string name = path.generic_string();
    if (path_exists(path) || !(known_model::find(name) || name.starts_with(hub_prefix))) return;
    throw file_error(error_code::io, {path_text(path), "there is no such file or folder", "",
                                      "for a model's name, load(find_model(" + quoted(name) + "))"});
}

inline provenance provenance_of(const weights& w, std::span<const settings> sources) {
    provenance origin;
    origin.place = w.place();
    origin.layout = name_of(w.layout());
    origin.container = name_of(w.file().kind());
    origin.skipped = w.file().skipped();
    origin.warnings = w.file().remarks();
    if (!w.prefix().empty())
        origin.warnings.push_back(origin.place + ": the names of the model begin with " + quoted(w.prefix()) +
                                  ", which training left there");
    if (!w.wrapped_name().empty())
        origin.warnings.push_back(origin.place + ": training left wrappers inside the names of the model, as in " +
                                  quoted(w.wrapped_name()) + "; they are left out");
    for (const named_tensor& each : w.file().tensors()) origin.dtypes.emplace_back(name_of(each.tensor.type));
    std::ranges::sort(origin.dtypes);
    origin.dtypes.erase(std::unique(origin.dtypes.begin(), origin.dtypes.end()), origin.dtypes.end());
    for (const settings& source : sources) origin.sources.push_back(source.source);
    return origin;
}

/// Warns of a bare file whose settings were assumed.
inline void warn_of_assumptions(const std::vector<std::string>& assumptions, const std::optional<known_model>& guess,
                                provenance& origin) {
    if (!assumptions.empty()) {
        const std::string joined =
            assumptions.front() + (assumptions.size() > 1 ? " and " + assumptions.back() : std::string());
        origin.warnings.push_back(origin.place +
                                  ": no configuration beside it; assumed to be one of OpenAI's own, with " + joined +
                                  " and OpenAI's mean and std; files of open_clip look the same and mostly want gelu");
    } else if (guess && !guess->has_weights()) {
        origin.warnings.push_back(origin.place + ": no configuration beside it; by its sizes it is " + guess->name() +
                                  ", with the settings that all known weights of that share");
    }
}

/// Warns of a model that no tokenizer fits. An own tokenizer with fewer ids than there are rows does: rows are padded.
inline void warn_of_tokenizer(std::size_t rows, const resolved<tokenizer_settings>& settings, provenance& origin) {
    const bool is_own = settings.value.own != nullptr;
    const std::size_t ids = is_own ? settings.value.own->size() : vocabulary::clip_size;
    const std::string numbers =
        std::to_string(ids) + " ids for " + std::to_string(rows) + " rows of the token embedding";
    if (!origin.tokenizer.empty()) {
        origin.warnings.push_back(origin.place + ": the model uses " + missing_tokenizer(origin) +
                                  ", which zeroshot does not implement; use encode_tokens()");
    } else if (is_own && ids > rows) {
        origin.warnings.push_back(settings.source + ": the tokenizer has " + numbers + "; use encode_tokens()");
    } else if (!is_own && ids != rows) {
        origin.warnings.push_back(origin.place + ": CLIP's own tokenizer has " + numbers +
                                  ", and the checkpoint comes with none" + (ids > rows ? "; use encode_tokens()" : ""));
    }
}

/// Warns of a logit scale that no published model has. CLIP clips its factor at 100 in training; half precision may
/// round that up.
inline void warn_of_logit_scale(double factor, provenance& origin) {
    if (factor >= 1 && factor <= 101) return;
    origin.warnings.push_back(origin.place + ": cosines are multiplied by " + std::to_string(factor) +
                              "; published models have 1 to 100: is logit_scale that of another kind of model?");
}

/// Warns of a model that its configuration says to be of a class of another library.
inline void warn_of_architecture(std::span<const settings> sources, provenance& origin) {
    for (const settings& each : sources) {
        if (each.architecture.empty() || is_clip(each.architecture)) continue;
        origin.warnings.push_back(each.source + ": the model is a " + quoted(each.architecture) + ", read as a CLIP");
    }
}

/// Warns of configuration files beside the checkpoint that were not read.
inline void warn_of_configurations(const std::vector<std::string>& names, provenance& origin) {
    if (!names.empty()) origin.warnings.push_back(origin.place + ": not read, in its folder: " + joined_names(names));
}

/// Refuses a model with unread weights in its towers: it is another kind of model.
/// \param prefix before the names of the layout
inline void refuse_unread_towers(const provenance& origin, const clip_config& config, const std::string& prefix) {
    constexpr std::array<std::string_view, 2> image_names{"visual.", "vision_model."};
    constexpr std::array<std::string_view, 5> text_names{"text_model.", "transformer.", "text.", "positional_embedding",
                                                         "ln_final."};
    std::vector<std::string> names;
    for (const std::string& name : origin.unread) {
        const auto is_of = [&](std::string_view tower) { return name.starts_with(prefix + std::string(tower)); };
        if ((config.has_image() && std::ranges::any_of(image_names, is_of)) ||
            (config.has_text() && std::ranges::any_of(text_names, is_of)))
            names.push_back(name);
    }
    if (names.empty()) return;
    throw checkpoint_error(error_code::unsupported,
                           {origin.place, "weights of its towers that a CLIP does not have: " + joined_names(names),
                            "a CLIP of OpenAI, open_clip or Hugging Face", "is it another kind of model?"});
}

/// Whether two names differ by a typing error: one or two letters, and no digits, which count blocks.
inline bool is_misspelling(std::string_view a, std::string_view b) {
    constexpr std::size_t most_edits = 2, longest = 200;
    const auto digits = [](std::string_view name) {
        std::string text(name);
        std::erase_if(text, [](char letter) { return letter < '0' || letter > '9'; });
        return text;
    };
    const std::size_t lengths = (std::max)(a.size(), b.size()) - (std::min)(a.size(), b.size());
    if (a == b || lengths > most_edits || a.size() > longest || digits(a) != digits(b)) return false;
    return zeroshot::detail::edit_distance(a, b) <= most_edits;
}

/// Warns of unread tensors whose names are misspellings.
/// \param read names of the tensors that the model has read
inline void warn_of_misspellings(std::vector<std::string> read, provenance& origin) {
    constexpr std::size_t most = 16;  // unread tensors: bounds the time for hostile files
    for (const char* optional : {"logit_bias", "text_projection.bias"}) read.push_back(optional);
    for (const std::string& name : std::span(origin.unread).first((std::min)(most, origin.unread.size()))) {
        const auto meant = std::ranges::find_if(read, [&](const auto& each) { return is_misspelling(each, name); });
        if (meant == read.end()) continue;
        origin.warnings.push_back(origin.place + ": tensor " + quoted(name) + " is not used; is " + quoted(*meant) +
                                  " meant?");
    }
}

/// Writes packed weights that were not in the cache yet.
inline void write_weight_cache(packed_weight_cache& packed, provenance& origin) {
    origin.weights_from_cache = packed.report().hit;
    packed.write();
    if (!packed.report().warning.empty()) origin.warnings.push_back(packed.report().warning);
}

/// The self-check that a converted checkpoint carries.
inline self_record recorded_in(const checkpoint& file) {
    const auto record = file.metadata().find(self_check_key);
    if (record == file.metadata().end()) {
        throw checkpoint_error(error_code::argument, {file.place(), "it carries no record to verify the model by", "",
                                                      "convert it first: zeroshot convert writes one"});
    }
    return read_self_record(json::parse(record->second, file.place() + ": metadata " + std::string(self_check_key)));
}

/// Builds a model from opened weights.
/// \param location of the checkpoint; empty for bytes
template <class Scalar>
basic_clip<Scalar> build(const weights& w, const model_location& location, const load_options& options) {
    const std::filesystem::path& path = location.path;
    const std::filesystem::path folder = path.empty() ? path : zeroshot::detail::folder_of(path);
    std::vector<settings> sources = settings_for(w, folder, options);
    const std::vector<std::string> unread_files = unread_configurations(folder, sources);
    std::optional<known_model> guess;
    if (is_bare(sources)) guess = recognised(w, path, location.known);
    if (guess) sources.push_back(guess->facts());
    if (options.name) expect_agreement(*options.name, sources);
    const resolved_model resolved = resolve(w, sources);
    const clip_config& config = resolved.config;

    provenance origin = provenance_of(w, sources);
    origin.decisions = resolved.decisions();
    origin.tokenizer = resolved.tokenizer.value.other;
    warn_of_configurations(unread_files, origin);
    warn_of_architecture(sources, origin);
    warn_of_assumptions(resolved.assumptions(), guess, origin);
    std::optional<tokenizer> tokens;
    if (config.has_text()) {
        tokens = tokenizer_of(resolved.tokenizer, config.text.vocabulary);
        warn_of_tokenizer(config.text.vocabulary, resolved.tokenizer, origin);
    }

    clip_model<Scalar> model(w, config);
    w.file().expect_unchanged();
    origin.unread = w.unread();
    refuse_unread_towers(origin, config, w.prefix());
    if (w.options().cache) write_weight_cache(*w.options().cache, origin);
    warn_of_misspellings(w.read_names(), origin);
    if (config.towers == clip_towers::both) warn_of_logit_scale(static_cast<double>(model.logit_scale()), origin);
    return basic_clip<Scalar>(std::move(model), std::move(tokens), resolved.images, std::move(origin));
}

/// Builds a model, and verifies it where the options say so: records are made in full precision, and repeated in it.
template <class Scalar>
basic_clip<Scalar> load_verified(const weights& w, const model_location& location, load_options options) {
    const basic_clip<Scalar> clip = build<Scalar>(w, location, options);
    if (!options.verify) return clip;
    if (w.options().precision == precision::f32) {
        verify(clip, recorded_in(w.file()));
        return clip;
    }
    options.precision = precision::f32;
    const weights full(w.file(), weight_options_of(options));
    verify(build<Scalar>(full, location, options), recorded_in(w.file()));
    return clip;
}

}  // namespace loading

template <class Scalar>
basic_clip<Scalar> load(const model_location& location, const load_options& options) {
    const loading::opened_checkpoint opened = loading::open_checkpoint(location, options);
    return loading::load_verified<Scalar>(opened.tensors, opened.location, options);
}

template <class Scalar>
basic_clip<Scalar> load(const std::filesystem::path& path, const load_options& options) {
    loading::expect_path(path);
    return load<Scalar>(model_location{path}, options);
}

template <class Scalar>
basic_clip<Scalar> load(checkpoint file, const load_options& options) {
    const weights tensors(std::move(file), loading::weight_options_of(options));
    return loading::load_verified<Scalar>(tensors, {}, options);
}

template <class Scalar>
basic_clip<Scalar> load(std::span<const std::byte> bytes, const load_options& options) {
    return load<Scalar>(checkpoint::from_bytes(bytes, "memory", options.limits), options);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
