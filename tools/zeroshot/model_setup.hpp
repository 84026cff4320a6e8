#pragma once
/// \file Models and classifiers as the options of a command specify them.

#include <filesystem>
#include <string>
#include <vector>

#include <zeroshot/classify/classifier.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/load.hpp>
#include <zeroshot/parallel.hpp>

#include "options.hpp"

namespace program {

class console;

/// The path or name to load. An empty argument is the bundled model, which a note names.
/// \throws zeroshot::file_error (IO) with the searched paths if there is no bundled model
std::filesystem::path locate_model(const std::string& argument, console& out);

/// The library's options for loading. The words of the options were checked by the command-line parser.
zeroshot::load_options load_options_of(const model_options& options);

/// Locates and loads a model; prints its warnings.
/// \param threads for reading and packing weights; null: the calling thread
/// \throws zeroshot::error
zeroshot::clip load_model(const model_options& options, console& out, zeroshot::executor* threads = nullptr);

/// SHA-256 over all that image embeddings depend on beside the images: the files of the model, the preprocessing, and
/// the embedding of a test image, which depends on heads, activation, number format and kernels.
/// \param precision --precision of the command
/// \throws zeroshot::file_error
std::string digest_of(const zeroshot::clip& clip, const std::string& precision);

/// Options of a classifier.
struct label_options {
    std::vector<std::string> labels;
    std::vector<std::string> templates{};  ///< empty: the labels themselves
    bool truncate = false;                 ///< prompts longer than the context; otherwise they are refused
    std::string cache{};                   ///< folder of the cache of class embeddings; empty for none
};

/// Makes a classifier; prints a warning if the cache cannot be used.
/// \throws zeroshot::error
zeroshot::classifier make_classifier(const zeroshot::clip& clip, const label_options& options,
                                     const zeroshot::run_options& run, console& out);

}  // namespace program
