#pragma once
/// \file load(): a clip from a checkpoint file, a folder, a model's location or bytes. build.hpp defines it.

#include <cstddef>
#include <filesystem>
#include <span>

#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/load_options.hpp>
#include <zeroshot/load/model_hub.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

class checkpoint;

/// Loads a CLIP from the location of a model, as find_model() returns it.
/// \throws as load() of a path
template <class Scalar = float>
basic_clip<Scalar> load(const model_location& location, const load_options& options = {});

/// Loads a CLIP from a checkpoint file in any format that checkpoint::open reads, or from a folder of files as Hugging
/// Face and open_clip publish them. Settings that the tensors leave open come, in order of precedence, from the
/// options, the configuration file and the known model they name, the checkpoint's metadata, and the files beside it.
/// A bare file is the known model of its sizes, or else, in OpenAI's layout, one of OpenAI's own, with a warning in
/// provenance(). A file with one tower alone loads as that tower. No environment variable is read.
///
///     const auto clip = zeroshot::load("ViT-B-32.safetensors");
///     const auto named = zeroshot::load(zeroshot::find_model("openai/clip-vit-base-patch32"));
///     const auto reference = zeroshot::load<double>("ViT-B-32.safetensors");
///
/// \param path of a file or folder; a name of a model is looked up with find_model()
/// \throws file_error, checkpoint_error, numeric_error; argument_error for a mean or standard deviation that cannot be
/// used
template <class Scalar = float>
basic_clip<Scalar> load(const std::filesystem::path& path, const load_options& options = {});

/// Loads a CLIP from an open checkpoint; files beside it are not read.
/// \throws checkpoint_error, numeric_error, argument_error
template <class Scalar = float>
basic_clip<Scalar> load(checkpoint file, const load_options& options = {});

/// Loads a CLIP from the bytes of a checkpoint file, for instance std::as_bytes(std::span(text)).
/// \throws checkpoint_error, numeric_error, argument_error
template <class Scalar = float>
basic_clip<Scalar> load(std::span<const std::byte> bytes, const load_options& options = {});

#if defined(ZEROSHOT_COMPILED)
extern template basic_clip<float> load(const model_location&, const load_options&);
extern template basic_clip<float> load(const std::filesystem::path&, const load_options&);
extern template basic_clip<float> load(checkpoint, const load_options&);
extern template basic_clip<float> load(std::span<const std::byte>, const load_options&);
extern template basic_clip<double> load(const model_location&, const load_options&);
extern template basic_clip<double> load(const std::filesystem::path&, const load_options&);
extern template basic_clip<double> load(checkpoint, const load_options&);
extern template basic_clip<double> load(std::span<const std::byte>, const load_options&);
#endif

}}  // namespace zeroshot::ZEROSHOT_ABI

#if !defined(ZEROSHOT_COMPILED)
#include <zeroshot/load/build.hpp>
#endif
