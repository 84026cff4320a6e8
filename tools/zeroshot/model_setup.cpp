#include "model_setup.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <zeroshot/error.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/load/model_hub.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/checksum.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

#include "console.hpp"
#include "interrupt.hpp"

namespace program {

namespace {

constexpr std::string_view bundled_name = "pictograms";

bool exists(const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
}

/// Folder of this executable; empty on systems without /proc.
std::filesystem::path program_folder() {
    std::error_code ignored;
    return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
}

/// Candidates for the bundled model: the user's model folders, the source tree, the installation.
std::vector<std::filesystem::path> bundled_model_paths() {
    const std::string file = std::string(bundled_name) + ".safetensors";
    std::vector<std::filesystem::path> paths;
    for (const std::filesystem::path& folder : zeroshot::model_folders::of_environment().own)
        paths.push_back(folder / file);
    const std::filesystem::path here = program_folder();
    if (!here.empty()) {
        for (const char* folder : {"../models", "../../models", "../share/zeroshot"})
            paths.push_back((here / folder / file).lexically_normal());
    }
    paths.push_back(std::filesystem::path(ZEROSHOT_SOURCE_MODELS) / file);
    return paths;
}

/// The path, relative to the working directory if it is below.
std::string display_path(const std::filesystem::path& path) {
    std::error_code ignored;
    const std::filesystem::path relative = path.lexically_relative(std::filesystem::current_path(ignored));
    return zeroshot::path_text(relative.empty() || relative.native().starts_with("..") ? path : relative);
}

std::string list_of(const std::vector<std::filesystem::path>& paths) {
    std::string list;
    for (std::size_t i = 0; i < paths.size(); ++i)
        list += (i == 0 ? "" : i + 1 == paths.size() ? " and " : ", ") + display_path(paths[i]);
    return list;
}

/// The checkpoint file, or the files in the model's folder.
std::vector<std::filesystem::path> files_of(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored)) return {path};
    std::vector<std::filesystem::path> files;
    for (const auto& each : std::filesystem::directory_iterator(path)) {
        if (each.is_regular_file()) files.push_back(each.path());
    }
    std::ranges::sort(files);
    return files;
}

std::string digest_of_file(const std::filesystem::path& file) {
    const auto source = std::make_shared<const zeroshot::open_file>(file);
    zeroshot::detail::crc32 hash;
    zeroshot::byte_range(source, 0, source->size()).in_chunks(1 << 20, [&](std::span<const std::byte> block) {
        hash.add(block);
    });
    return std::to_string(hash.value());
}

/// A grey gradient as the image encoder's input: [1, 3, size, size].
zeroshot::tensor<float, 4> gradient(std::size_t size) {
    zeroshot::tensor<float, 4> pixels(std::size_t{1}, std::size_t{3}, size, size);
    for (std::size_t i = 0; i < pixels.size(); ++i)
        pixels.data()[i] = static_cast<float>(i) / static_cast<float>(pixels.size());
    return pixels;
}

}  // namespace

std::filesystem::path locate_model(const std::string& argument, console& out) {
    if (!argument.empty() && (argument != bundled_name || exists(argument))) return argument;
    const std::vector<std::filesystem::path> paths = bundled_model_paths();
    const auto path = std::ranges::find_if(paths, exists);
    if (path == paths.end()) {
        throw zeroshot::file_error(zeroshot::error_code::io,
                                   {"--model", "cannot find the bundled model " + std::string(bundled_name), "",
                                    "searched: " + list_of(paths)});
    }
    if (argument.empty())
        out.note("using the bundled model " + std::string(bundled_name) + " (" + display_path(*path) +
                 "); --model selects another");
    return *path;
}

zeroshot::load_options load_options_of(const model_options& options) {
    zeroshot::load_options load;
    if (options.activation) {
        load.activation = *options.activation == "gelu"        ? zeroshot::activation::gelu
                          : *options.activation == "gelu_tanh" ? zeroshot::activation::gelu_tanh
                                                               : zeroshot::activation::quick_gelu;
    }
    load.vision_heads = options.vision_heads;
    load.text_heads = options.text_heads;
    load.mean = options.mean;
    load.standard_deviation = options.standard_deviation;
    if (options.order)
        load.order = *options.order == "hf" ? zeroshot::preprocessing_order::hugging_face
                                            : zeroshot::preprocessing_order::openai;
    if (options.transparency) load.transparency = zeroshot::transparency::of(*options.transparency);
    load.name = options.name;
    load.image_size = options.image_size;
    if (options.config) load.config = *options.config;
    if (options.compact) load.storage = zeroshot::weight_storage::compact;
    load.verify = options.verify;
    load.weight_cache = options.weight_cache;
    load.precision = options.precision == "bf16"   ? zeroshot::precision::bf16
                     : options.precision == "int8" ? zeroshot::precision::int8
                                                   : zeroshot::precision::f32;
    return load;
}

zeroshot::clip load_model(const model_options& options, console& out, zeroshot::executor* threads) {
    zeroshot::load_options load = load_options_of(options);
    load.threads = threads;
    std::optional<defer_interrupts> no_partial_file;
    if (!options.weight_cache.empty()) no_partial_file.emplace();
    zeroshot::clip clip = zeroshot::load(zeroshot::find_model(locate_model(options.model, out)), load);
    for (const std::string& warning : clip.provenance().warnings) out.note("warning: " + warning);
    if (!options.weight_cache.empty()) {
        out.note(clip.provenance().weights_from_cache
                     ? "the packed weights were read from " + printable(options.weight_cache)
                     : "the weights were read from the checkpoint and packed");
    }
    return clip;
}

std::string digest_of(const zeroshot::clip& clip, const std::string& precision) {
    zeroshot::sha256 digest;
    for (const std::filesystem::path& file : files_of(clip.provenance().place))
        digest.add(zeroshot::path_text(file.filename()) + " " + digest_of_file(file) + " ");
    const zeroshot::preprocessing& how = clip.preprocessing();
    digest.add(std::string(zeroshot::version) + " " + precision + " " + zeroshot::loading::preprocessing_text(how));
    const zeroshot::matrix<float> embedding = clip.encode_pixels(gradient(how.size));
    return digest.add(std::as_bytes(std::span(embedding.values()))).digits();
}

zeroshot::classifier make_classifier(const zeroshot::clip& clip, const label_options& options,
                                     const zeroshot::run_options& run, console& out) {
    zeroshot::classifier_options classifier;
    classifier.truncation = options.truncate ? zeroshot::truncation::allow : zeroshot::truncation::refuse;
    classifier.run = run;
    classifier.cache = options.cache;
    for (const std::string& sentence : options.templates) classifier.templates.emplace_back(sentence);
    std::optional<defer_interrupts> no_partial_file;
    if (!options.cache.empty()) no_partial_file.emplace();
    zeroshot::classifier result(clip, options.labels, classifier);
    out.end_progress();
    const std::string& warning = result.cache().warning;
    if (!warning.empty()) out.note("warning: " + warning);
    return result;
}

}  // namespace program
