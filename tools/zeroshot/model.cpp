#include "model.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include <zeroshot/classify/classifier.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/load.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/support/murmur3.hpp>
#include <zeroshot/support/sha256.hpp>

#include "console.hpp"
#include "interrupt.hpp"
#include "load_options.hpp"
#include "model_place.hpp"

namespace program {

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
    load.standard_deviation = options.std;
    if (options.order)
        load.order = *options.order == "hf" ? zeroshot::crop_order::hugging_face : zeroshot::crop_order::openai;
    load.name = options.name;
    load.image_size = options.image_size;
    if (options.config) load.config = *options.config;
    if (options.compact) load.storage = zeroshot::weight_storage::compact;
    load.verify = options.verify;
    load.weight_cache = options.keep_weights;
    load.precision = options.precision == "bf16"   ? zeroshot::precision::bf16
                     : options.precision == "int8" ? zeroshot::precision::int8
                                                   : zeroshot::precision::f32;
    return load;
}

namespace {

/// A checkpoint, or what lies in its folder.
std::vector<std::filesystem::path> files_of(const std::filesystem::path& place) {
    std::error_code unknown;
    if (!std::filesystem::is_directory(place, unknown)) return {place};
    std::vector<std::filesystem::path> files;
    for (const auto& each : std::filesystem::directory_iterator(place)) {
        if (each.is_regular_file()) files.push_back(each.path());
    }
    std::ranges::sort(files);
    return files;
}

}  // namespace

struct model::loaded {
    zeroshot::clip clip;
    std::string precision;
};

model::model(const model_options& options, console& out, zeroshot::executor* threads) {
    zeroshot::load_options load = load_options_of(options);
    load.threads = threads;
    std::optional<uninterrupted> no_leftovers;
    if (!options.keep_weights.empty()) no_leftovers.emplace();
    loaded_ = std::make_shared<const loaded>(
        loaded{zeroshot::load(zeroshot::find_model(place_of_model(options.model, out)), load), options.precision});
    for (const std::string& warning : provenance().warnings) out.note("warning: " + warning);
    if (!options.keep_weights.empty())
        out.note("the weights " + (provenance().weights_from_cache ? "come from " + printable(options.keep_weights)
                                                                   : "were read and packed"));
}

const zeroshot::clip_config& model::config() const {
    return loaded_->clip.config();
}
const zeroshot::preprocessing& model::preprocessing() const {
    return loaded_->clip.preprocessing();
}
const zeroshot::provenance& model::provenance() const {
    return loaded_->clip.provenance();
}
const std::string& model::place() const {
    return provenance().place;
}
bool model::takes_texts() const {
    return loaded_->clip.takes_texts();
}
const zeroshot::tokenizer& model::tokenizer() const {
    return loaded_->clip.tokenizer();
}
float model::logit_scale() const {
    return loaded_->clip.logit_scale();
}
float model::logit_bias() const {
    return loaded_->clip.logit_bias();
}

std::string model::digest() const {
    zeroshot::sha256 digest;
    for (const std::filesystem::path& file : files_of(place())) {
        const auto source = std::make_shared<const zeroshot::file_source>(file);
        zeroshot::murmur3 bytes;
        zeroshot::byte_range(source, 0, source->size()).in_blocks(1 << 20, [&](std::span<const std::byte> some) {
            bytes.add(some);
        });
        digest.add(zeroshot::path_text(file.filename()) + " " + bytes.digits() + " ");
    }
    const zeroshot::preprocessing& how = preprocessing();
    digest.add(zeroshot::json_text_of({zeroshot::version, loaded_->precision, how.size, name_of(how.order),
                                       name_of(how.mode), static_cast<int>(how.filter), how.fill,
                                       zeroshot::json_numbers(how.mean), zeroshot::json_numbers(how.std)}));
    // Heads, activation, precision and kernels show in the embedding of any image: a ramp of grey.
    zeroshot::tensor<float, 4> ramp(std::size_t{1}, std::size_t{3}, how.size, how.size);
    for (std::size_t i = 0; i < ramp.size(); ++i)
        ramp.data()[i] = static_cast<float>(i) / static_cast<float>(ramp.size());
    const zeroshot::matrix<float> encoded = encode_pixels(ramp, {});
    return digest.add(std::as_bytes(std::span(encoded.values()))).digits();
}

zeroshot::matrix<float> model::encode_pixels(const zeroshot::tensor<float, 4>& pixels, const zeroshot::run_options& run,
                                             image_output what) const {
    return what == image_output::features ? loaded_->clip.encode_features(pixels, run)
                                          : loaded_->clip.encode_pixels(pixels, run);
}

std::size_t model::columns(image_output what) const {
    return what == image_output::features ? loaded_->clip.model().visual().features() : config().embedding;
}

zeroshot::matrix<float> model::encode_tokens(std::span<const std::vector<zeroshot::token>> prompts,
                                             const zeroshot::run_options& run) const {
    return loaded_->clip.encode_tokens(prompts, run);
}

struct labeller::embedded {
    zeroshot::classifier which;
};

labeller::labeller(const model& clip, const std::vector<std::string>& labels, const std::vector<std::string>& templates,
                   bool truncate, const zeroshot::run_options& run, const std::string& keep, console& out) {
    zeroshot::classifier_options options;
    options.fit = truncate ? zeroshot::overflow::truncate : zeroshot::overflow::refuse;
    options.run = run;
    options.keep = keep;
    for (const std::string& sentence : templates) options.templates.emplace_back(sentence);
    std::optional<uninterrupted> no_leftovers;
    if (!keep.empty()) no_leftovers.emplace();
    embedded_ = std::make_shared<const embedded>(embedded{zeroshot::classifier(clip.loaded_->clip, labels, options)});
    out.end_progress();
    const std::string& trouble = embedded_->which.kept().trouble;
    if (!trouble.empty()) out.note("warning: " + trouble);
}

std::vector<ranking> labeller::operator()(const zeroshot::tensor<float, 4>& pixels,
                                          const zeroshot::run_options& run) const {
    const zeroshot::classifier& which = embedded_->which;
    std::vector<ranking> answers;
    for (const zeroshot::classification& answer : which.of_embeddings(which.model().encode_pixels(pixels, run))) {
        answers.push_back({answer.ranking(), answer.probabilities(), answer.logits()});
    }
    return answers;
}

const zeroshot::matrix<float>& labeller::text_embeddings() const {
    return embedded_->which.text_embeddings();
}
bool labeller::found() const {
    return embedded_->which.kept().found;
}

zeroshot::matrix<float> of_length_one(zeroshot::matrix<float> embeddings) {
    return zeroshot::normalized(std::move(embeddings));
}

}  // namespace program
