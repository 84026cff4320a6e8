#pragma once
/// \file A model as the commands see it: numbers in, numbers out. What makes it up is compiled once, in model.cpp.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>
#include <zeroshot/text/tokenizer.hpp>

#include "options.hpp"

namespace zeroshot { inline namespace ZEROSHOT_ABI {
struct provenance;
}}  // namespace zeroshot::ZEROSHOT_ABI

namespace program {

class console;

/// What the image tower gives for an image.
enum class image_output {
    embedding,
    features  ///< what embeddings are projected from
};

/// A loaded CLIP: zeroshot::clip behind a wall.
class model {
   public:
    /// Finds and loads what the options name; the console hears of what a user should know.
    /// \param threads those that load it; null: the calling thread alone
    /// \throws zeroshot::error
    model(const model_options& options, console& out, zeroshot::executor* threads = nullptr);

    const zeroshot::clip_config& config() const;
    const zeroshot::preprocessing& preprocessing() const;
    const zeroshot::provenance& provenance() const;

    /// The file or folder it was read from.
    const std::string& place() const;

    /// A digest of that, and of how the model is run: what its embeddings depend on beside the images.
    /// \throws zeroshot::file_error
    std::string digest() const;
    bool takes_texts() const;

    /// \throws zeroshot::text_error where the model takes ids and no texts
    const zeroshot::tokenizer& tokenizer() const;
    float logit_scale() const;
    float logit_bias() const;

    /// \param pixels [images, 3, size, size]
    /// \return [images, columns(what)], not normalised
    zeroshot::matrix<float> encode_pixels(const zeroshot::tensor<float, 4>& pixels, const zeroshot::run_options& run,
                                          image_output what = image_output::embedding) const;
    std::size_t columns(image_output what) const;

    /// \return [prompts, embedding], not normalised
    zeroshot::matrix<float> encode_tokens(std::span<const std::vector<zeroshot::token>> prompts,
                                          const zeroshot::run_options& run) const;

   private:
    friend class labeller;
    struct loaded;
    std::shared_ptr<const loaded> loaded_;
};

/// What is said of one image.
struct ranking {
    std::vector<std::size_t> order;    ///< positions of labels, most probable first
    std::vector<float> probabilities;  ///< in the labels' order, as the logits
    std::vector<float> logits;
};

/// Labels and templates, embedded: zeroshot::classifier behind a wall.
class labeller {
   public:
    /// \param keep the folder that class embeddings are kept in, and taken from; empty for none. Where it cannot be
    /// used, the console hears why \throws zeroshot::error
    labeller(const model& clip, const std::vector<std::string>& labels, const std::vector<std::string>& templates,
             bool truncate, const zeroshot::run_options& run, const std::string& keep, console& out);

    /// \param pixels [images, 3, size, size]
    std::vector<ranking> operator()(const zeroshot::tensor<float, 4>& pixels, const zeroshot::run_options& run) const;

    /// [labels, embedding], each of length 1.
    const zeroshot::matrix<float>& text_embeddings() const;

    /// Whether these came from the folder, or were computed.
    bool found() const;

   private:
    struct embedded;
    std::shared_ptr<const embedded> embedded_;
};

/// The rows of the embeddings scaled to length 1.
/// \throws zeroshot::numeric_error for a row of length 0
zeroshot::matrix<float> of_length_one(zeroshot::matrix<float> embeddings);

}  // namespace program
