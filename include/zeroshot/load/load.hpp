#pragma once
/// \file The front door: a checkpoint, from a file, a folder or memory, becomes a CLIP.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/load/architecture.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/load/decisions.hpp>
#include <zeroshot/load/front_end.hpp>
#include <zeroshot/load/known_models.hpp>
#include <zeroshot/load/model_hub.hpp>
#include <zeroshot/load/opened_checkpoint.hpp>
#include <zeroshot/load/options.hpp>
#include <zeroshot/load/provenance.hpp>
#include <zeroshot/load/self_check.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/load/sources.hpp>
#include <zeroshot/nn/packed_weight_cache.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/text/tokenizer.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// The record that a converted checkpoint carries of itself.
inline self_record recorded_in(const checkpoint& file) {
    const auto record = file.metadata().find(self_check_key);
    if (record == file.metadata().end()) {
        throw checkpoint_error(error_code::argument, {file.place(), "it carries no record to verify the model by", "",
                                                      "convert it first: zeroshot convert writes one"});
    }
    return read_self_record(json::parse(record->second, file.place() + ": metadata " + std::string(self_check_key)));
}

template <class Scalar>
basic_clip<Scalar> build(const weights& w, const model_place& place, const load_options& options);

/// Records are made in full precision, and replayed in it.
template <class Scalar>
void verify_as_recorded(const basic_clip<Scalar>& clip, const weights& w, const model_place& place,
                        load_options options) {
    if (w.options().arithmetic == precision::f32) return verify(clip, recorded_in(w.file()));
    options.precision = precision::f32;
    build<Scalar>(weights(w.file(), reading(options)), place, options);
}

/// Packed weights that were not there yet, to their file.
inline void keep(packed_weight_cache& packed, provenance& origin) {
    origin.weights_were_kept = packed.is_complete();
    if (!packed.trouble().empty()) origin.warnings.push_back(packed.trouble());
    if (packed.is_complete()) return;
    try {
        packed.write();
    } catch (const file_error& fault) {
        origin.warnings.push_back(std::string(fault.what()) + "; the packed weights are not kept");
    }
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
    std::optional<tokenizer> words;
    if (found.config.has_text()) words = tokenizer_of(sources, found.config.text.vocabulary, origin);
    preprocessing pixels;
    if (found.config.has_image()) pixels = preprocessing_of(sources, found.config.image_size());
    warn(found, guess, words, origin);
    clip_model<Scalar> model(w, found.config);
    w.file().expect_unchanged();
    if (w.options().cache) keep(*w.options().cache, origin);
    origin.unread = w.unread();
    warn_of_near_misses(w.read_names(), origin);
    origin.decisions = decisions_of(found.config, sources);
    if (found.config.towers == clip_towers::both) warn_of_temperature(static_cast<double>(model.logit_scale()), origin);
    const basic_clip<Scalar> clip(std::move(model), std::move(words), std::move(pixels), std::move(origin));
    if (options.verify) verify_as_recorded(clip, w, place, options);
    return clip;
}

}  // namespace detail

/// Loads a CLIP from a checkpoint in any form that checkpoint::open reads, from a folder as Hugging Face and open_clip
/// publish it, or by a name that find_model knows. What the tensors leave open is taken, in this order, from the
/// options, the file and the name they give, the checkpoint's own metadata, and the files beside it. A bare file is
/// taken for the known model that has its sizes, and where that leaves the activation open in OpenAI's layout, for one
/// of OpenAI's own; origin().warnings says so. A file that holds one tower alone loads as that: what needs the other
/// throws.
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
    return detail::build<Scalar>(weights(std::move(file), detail::reading(options)), {}, options);
}

/// Loads a CLIP from the bytes of a file.
/// \throws as the other, but for file_error
template <class Scalar = float>
basic_clip<Scalar> load(std::span<const std::byte> bytes, const load_options& options = {}) {
    return load<Scalar>(checkpoint::from_bytes(bytes, "memory", options.limits), options);
}

#if defined(ZEROSHOT_COMPILED)
namespace detail {
extern template basic_clip<float> build(const weights&, const model_place&, const load_options&);
extern template basic_clip<double> build(const weights&, const model_place&, const load_options&);
}  // namespace detail
extern template basic_clip<float> load(const std::filesystem::path&, const load_options&);
extern template basic_clip<float> load(checkpoint, const load_options&);
extern template basic_clip<float> load(std::span<const std::byte>, const load_options&);
extern template basic_clip<double> load(const std::filesystem::path&, const load_options&);
extern template basic_clip<double> load(checkpoint, const load_options&);
extern template basic_clip<double> load(std::span<const std::byte>, const load_options&);
#endif

}}  // namespace zeroshot::ZEROSHOT_ABI
