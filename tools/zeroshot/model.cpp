#include "model.hpp"

#include <utility>

#include <zeroshot/classify/classifier.hpp>
#include <zeroshot/clip.hpp>
#include <zeroshot/load.hpp>

#include "console.hpp"
#include "load_options.hpp"
#include "model_place.hpp"

namespace program {

zeroshot::load_options load_options_of(const model_options& options) {
    zeroshot::load_options load;
    if (options.activation) {
        load.function = *options.activation == "gelu"        ? zeroshot::activation::gelu
                        : *options.activation == "gelu_tanh" ? zeroshot::activation::gelu_tanh
                                                             : zeroshot::activation::quick_gelu;
    }
    load.vision_heads = options.vision_heads;
    load.text_heads = options.text_heads;
    load.mean = options.mean;
    load.std = options.std;
    if (options.order) load.order = *options.order == "hf" ? zeroshot::crop_order::hugging_face : zeroshot::crop_order::openai;
    load.name = options.name;
    load.image_size = options.image_size;
    if (options.config) load.config = *options.config;
    if (options.compact) load.storage = zeroshot::weight_storage::compact;
    load.verify = options.verify;
    return load;
}

struct model::loaded {
    zeroshot::clip clip;
};

model::model(const model_options& options, console& out)
    : loaded_(std::make_shared<const loaded>(loaded{zeroshot::load(place_of_model(options.model, out), load_options_of(options))})) {
    for (const std::string& warning : origin().warnings) out.note("warning: " + warning);
}

const zeroshot::clip_config& model::config() const { return loaded_->clip.config(); }
const zeroshot::preprocessing& model::pixels() const { return loaded_->clip.pixels(); }
const zeroshot::provenance& model::origin() const { return loaded_->clip.origin(); }
bool model::takes_texts() const { return loaded_->clip.takes_texts(); }
const zeroshot::tokenizer& model::words() const { return loaded_->clip.words(); }
float model::logit_scale() const { return loaded_->clip.logit_scale(); }
float model::logit_bias() const { return loaded_->clip.logit_bias(); }

zeroshot::matrix<float> model::encode_pixels(const zeroshot::tensor<float, 4>& pixels, const zeroshot::run_options& run) const {
    return loaded_->clip.encode_pixels(pixels, run);
}

zeroshot::matrix<float> model::encode_tokens(std::span<const std::vector<zeroshot::token>> prompts, const zeroshot::run_options& run) const {
    return loaded_->clip.encode_tokens(prompts, run);
}

struct labeller::embedded {
    zeroshot::classifier which;
};

labeller::labeller(const model& clip, const std::vector<std::string>& labels, const std::vector<std::string>& templates, bool truncate,
                   const zeroshot::run_options& run) {
    zeroshot::classifier_options options;
    options.fit = truncate ? zeroshot::overflow::truncate : zeroshot::overflow::refuse;
    options.run = run;
    for (const std::string& sentence : templates) options.templates.emplace_back(sentence);
    embedded_ = std::make_shared<const embedded>(embedded{zeroshot::classifier(clip.loaded_->clip, labels, options)});
}

std::vector<ranking> labeller::operator()(const zeroshot::tensor<float, 4>& pixels, const zeroshot::run_options& run) const {
    const zeroshot::classifier& which = embedded_->which;
    std::vector<ranking> answers;
    for (const zeroshot::classification& answer : which.of_embeddings(which.model().encode_pixels(pixels, run))) {
        answers.push_back({answer.ranking(), answer.probabilities(), answer.logits()});
    }
    return answers;
}

zeroshot::matrix<float> of_length_one(zeroshot::matrix<float> embeddings) { return zeroshot::normalized(std::move(embeddings)); }

}  // namespace program
