#pragma once
/// \file A loaded CLIP: towers, tokenizer and preprocessing, with OpenAI's verbs. encode.hpp defines its members.

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>
#include <zeroshot/text/tokenizer.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

template <class Scalar>
class clip_model;

/// A setting that the tensors leave open, and the source that decided it.
struct decision {
    std::string what;  ///< "vision heads"
    std::string by;    ///< "config.json"
};

/// Origin of a model: its file, the sources of its settings, and warnings.
struct provenance {
    std::string place;                   ///< the file, or the caller's name for the bytes
    std::string layout;                  ///< "openai", "custom_text", "hugging_face"
    std::vector<std::string> dtypes;     ///< element types of the stored weights, sorted: "F16", "F32"
    std::vector<std::string> sources;    ///< of settings, in order of precedence
    std::vector<decision> decisions;     ///< source of each setting that the tensors leave open
    std::vector<std::string> unread;     ///< names of tensors that the model does not need
    std::vector<std::string> warnings;   ///< sentences for the user
    std::string tokenizer{};             ///< name of the model's tokenizer, where it is not implemented
    std::string container{};             ///< "safetensors", "pytorch", "torchscript", "shards"
    std::vector<std::string> skipped{};  ///< names of entries beside the tensors: "optimizer", "epoch"
    bool weights_from_cache = false;     ///< whether the packed weights came from load_options::weight_cache
};

/// A phrase for the tokenizer of a model that takes token ids only.
inline std::string missing_tokenizer(const provenance& origin) {
    return origin.tokenizer.empty() ? "a tokenizer it does not carry" : "the tokenizer " + quoted(origin.tokenizer);
}

/// A cheap shared handle to an immutable model.
///
/// Const after construction; call it from as many threads as you like. The same image or prompt gives the same bits
/// whatever the batch and the number of threads. Every verb takes one thing, or a span of them, or several in braces.
template <class Scalar>
class basic_clip {
   public:
    /// \param tokens empty for a model whose tokenizer is not implemented: it takes token ids only
    basic_clip(clip_model<Scalar> model, std::optional<zeroshot::tokenizer> tokens, zeroshot::preprocessing images,
               zeroshot::provenance origin);

    // Copies share, and moving copies: no handle is ever empty.
    basic_clip(const basic_clip&) = default;
    basic_clip& operator=(const basic_clip&) = default;

    const clip_config& config() const noexcept;
    /// The towers, declared in zeroshot/model/clip_model.hpp.
    const clip_model<Scalar>& model() const noexcept;
    bool takes_texts() const noexcept;

    /// The model's tokenizer.
    /// \throws checkpoint_error (UNSUPPORTED) without a text tower; text_error (UNSUPPORTED) for a model whose
    /// tokenizer is not implemented
    const zeroshot::tokenizer& tokenizer() const;

    /// The preprocessing of the model's images.
    /// \throws checkpoint_error (UNSUPPORTED) without an image tower
    const zeroshot::preprocessing& preprocessing() const;
    const zeroshot::provenance& provenance() const noexcept;

    std::size_t embedding_size() const noexcept { return config().embedding; }
    std::size_t context() const noexcept { return config().text.context; }

    /// The factor of the cosines, already exponentiated: exp of the parameter logit_scale in the checkpoint.
    /// \throws checkpoint_error (UNSUPPORTED) for a checkpoint of one tower alone
    Scalar logit_scale() const;

    /// The summand of the scaled cosines: 0 but in models trained with a sigmoid loss.
    /// \throws checkpoint_error (UNSUPPORTED) for a checkpoint of one tower alone
    Scalar logit_bias() const;

    /// Resizes, crops and normalises an image for the image encoder.
    /// \return [3, size, size]
    /// \throws checkpoint_error (UNSUPPORTED) without an image tower
    tensor<Scalar, 3> preprocess(const image& image) const;

    /// Resizes, crops and normalises images for encode_pixels().
    /// \return [images, 3, size, size]
    /// \throws checkpoint_error (UNSUPPORTED) without an image tower
    tensor<Scalar, 4> preprocess(std::span<const image> images, const run_options& options = {}) const;
    tensor<Scalar, 4> preprocess(std::initializer_list<image> images, const run_options& options = {}) const {
        return preprocess(std::span(images.begin(), images.size()), options);
    }

    /// Cuts a text into token ids: start token, text, end token.
    /// \throws text_error for a text of more ids than the context, unless `rule` truncates it, and as tokenizer()
    std::vector<token_id> tokenize(std::string_view text, truncation rule = truncation::refuse) const;

    /// Cuts texts into token ids, for encode_tokens().
    /// \throws text_error as for one text
    std::vector<std::vector<token_id>> tokenize(std::span<const std::string> texts,
                                                truncation rule = truncation::refuse) const;
    std::vector<std::vector<token_id>> tokenize(std::initializer_list<std::string> texts,
                                                truncation rule = truncation::refuse) const {
        return tokenize(std::span(texts.begin(), texts.size()), rule);
    }

    /// Encodes images.
    /// \return [images, embedding], not normalised
    /// \throws checkpoint_error (UNSUPPORTED) without an image tower; numeric_error for an embedding that is not
    /// finite; cancelled_error
    matrix<Scalar> encode_image(std::span<const image> images, const run_options& options = {}) const;
    matrix<Scalar> encode_image(std::initializer_list<image> images, const run_options& options = {}) const {
        return encode_image(std::span(images.begin(), images.size()), options);
    }
    matrix<Scalar> encode_image(const image& image, const run_options& options = {}) const {
        return encode_image(std::span(&image, 1), options);
    }

    /// Encodes pixels as preprocess() makes them, or a caller's own.
    /// \param batch [images, 3, size, size]
    /// \return [images, embedding], not normalised
    /// \throws argument_error for another shape; numeric_error for pixels that are not finite or beyond a million; and
    /// as encode_image()
    matrix<Scalar> encode_pixels(const tensor<Scalar, 4>& batch, const run_options& options = {}) const;

    /// Encodes pixels to the features before the projection, for a linear probe.
    /// \param batch [images, 3, size, size]
    /// \return [images, model().visual().features()], not normalised
    /// \throws as encode_pixels()
    matrix<Scalar> encode_features(const tensor<Scalar, 4>& batch, const run_options& options = {}) const;

    /// Encodes texts.
    /// \return [texts, embedding], not normalised
    /// \throws checkpoint_error (UNSUPPORTED) without a text tower; text_error for a text that does not fit the context
    /// or is not UTF-8, and as tokenizer(); numeric_error; cancelled_error
    matrix<Scalar> encode_text(std::span<const std::string> texts, const run_options& options = {},
                               truncation rule = truncation::refuse) const {
        return encode_tokens(tokenize(texts, rule), options);
    }
    matrix<Scalar> encode_text(std::initializer_list<std::string> texts, const run_options& options = {},
                               truncation rule = truncation::refuse) const {
        return encode_text(std::span(texts.begin(), texts.size()), options, rule);
    }
    matrix<Scalar> encode_text(std::string_view text, const run_options& options = {},
                               truncation rule = truncation::refuse) const {
        return encode_tokens(tokenize(text, rule), options);
    }

    /// Encodes prompts of token ids, each from its start token to its end token. Equal prompts are encoded once, and
    /// equal beginnings once in each batch.
    /// \return [prompts, embedding], not normalised
    /// \throws as encode_text(); text_error for an empty prompt, too many ids, or ids that the model lacks
    matrix<Scalar> encode_tokens(std::span<const std::vector<token_id>> prompts, const run_options& options = {}) const;
    matrix<Scalar> encode_tokens(const std::vector<token_id>& prompt, const run_options& options = {}) const {
        return encode_tokens(std::span(&prompt, 1), options);
    }

   private:
    struct parts;

    std::shared_ptr<const parts> parts_;
};

#if defined(ZEROSHOT_COMPILED)
extern template class basic_clip<float>;
extern template class basic_clip<double>;
#endif

/// A CLIP in single precision; basic_clip<double> is the reference of the tests.
using clip = basic_clip<float>;

}}  // namespace zeroshot::ZEROSHOT_ABI

#if !defined(ZEROSHOT_COMPILED)
#include <zeroshot/load/encode.hpp>
#endif
