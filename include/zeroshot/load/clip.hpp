#pragma once
/// \file A loaded CLIP: towers, tokenizer and preprocessing, with OpenAI's verbs.

#include <algorithm>
#include <cmath>
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
#include <zeroshot/model/clip_model.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>
#include <zeroshot/text/tokenizer.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

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
               zeroshot::provenance origin)
        : parts_(std::make_shared<const parts>(
              parts{std::move(model), std::move(tokens), std::move(images), std::move(origin)})) {}

    // Copies share, and moving copies: no handle is ever empty.
    basic_clip(const basic_clip&) = default;
    basic_clip& operator=(const basic_clip&) = default;

    const clip_config& config() const noexcept { return parts_->model.config(); }
    const clip_model<Scalar>& model() const noexcept { return parts_->model; }
    bool takes_texts() const noexcept { return parts_->tokens.has_value(); }

    /// The model's tokenizer.
    /// \throws checkpoint_error (UNSUPPORTED) without a text tower; text_error (UNSUPPORTED) for a model whose
    /// tokenizer is not implemented
    const zeroshot::tokenizer& tokenizer() const {
        model().text();
        if (takes_texts()) return *parts_->tokens;
        throw text_error(error_code::unsupported,
                         {provenance().place,
                          "the model uses " + missing_tokenizer(provenance()) + ", which zeroshot does not implement",
                          "token ids", "use encode_tokens()"});
    }

    /// The preprocessing of the model's images.
    /// \throws checkpoint_error (UNSUPPORTED) without an image tower
    const zeroshot::preprocessing& preprocessing() const {
        model().visual();
        return parts_->images;
    }
    const zeroshot::provenance& provenance() const noexcept { return parts_->origin; }

    std::size_t embedding_size() const noexcept { return config().embedding; }
    std::size_t context() const noexcept { return config().text.context; }

    /// The factor of the cosines, already exponentiated: exp of the parameter logit_scale in the checkpoint.
    /// \throws checkpoint_error (UNSUPPORTED) for a checkpoint of one tower alone
    Scalar logit_scale() const { return parts_->model.logit_scale(); }

    /// The summand of the scaled cosines: 0 but in models trained with a sigmoid loss.
    /// \throws checkpoint_error (UNSUPPORTED) for a checkpoint of one tower alone
    Scalar logit_bias() const { return parts_->model.logit_bias(); }

    /// Resizes, crops and normalises an image for the image encoder.
    /// \return [3, size, size]
    /// \throws checkpoint_error (UNSUPPORTED) without an image tower
    tensor<Scalar, 3> preprocess(const image& image) const {
        return zeroshot::ZEROSHOT_ABI::preprocess<Scalar>(image, preprocessing());
    }

    /// Resizes, crops and normalises images for encode_pixels().
    /// \return [images, 3, size, size]
    /// \throws checkpoint_error (UNSUPPORTED) without an image tower
    tensor<Scalar, 4> preprocess(std::span<const image> images) const {
        const std::size_t size = preprocessing().size;
        tensor<Scalar, 4> batch(images.size(), 3, size, size);
        for (std::size_t i = 0; i < images.size(); ++i)
            std::ranges::copy(preprocess(images[i]).values(), batch.row(i).begin());
        return batch;
    }
    tensor<Scalar, 4> preprocess(std::initializer_list<image> images) const {
        return preprocess(std::span(images.begin(), images.size()));
    }

    /// Cuts a text into token ids: start token, text, end token.
    /// \throws text_error for a text of more ids than the context, unless `fit` truncates it, and as tokenizer()
    std::vector<token> tokenize(std::string_view text, overflow fit = overflow::refuse) const {
        return tokenizer().tokenize(text, context(), fit);
    }

    /// Cuts texts into token ids, for encode_tokens().
    /// \throws text_error as for one text
    std::vector<std::vector<token>> tokenize(std::span<const std::string> texts,
                                             overflow fit = overflow::refuse) const {
        std::vector<std::vector<token>> prompts;
        prompts.reserve(texts.size());
        for (const std::string& text : texts) prompts.push_back(tokenize(text, fit));
        return prompts;
    }
    std::vector<std::vector<token>> tokenize(std::initializer_list<std::string> texts,
                                             overflow fit = overflow::refuse) const {
        return tokenize(std::span(texts.begin(), texts.size()), fit);
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
    /// \throws argument_error for another shape; numeric_error for pixels that are not finite; and as encode_image()
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
                               overflow fit = overflow::refuse) const {
        return encode_tokens(tokenize(texts, fit), options);
    }
    matrix<Scalar> encode_text(std::initializer_list<std::string> texts, const run_options& options = {},
                               overflow fit = overflow::refuse) const {
        return encode_text(std::span(texts.begin(), texts.size()), options, fit);
    }
    matrix<Scalar> encode_text(std::string_view text, const run_options& options = {},
                               overflow fit = overflow::refuse) const {
        return encode_tokens(tokenize(text, fit), options);
    }

    /// Encodes prompts of token ids, each from its start token to its end token. Equal prompts are encoded once, and
    /// equal beginnings once in each batch.
    /// \return [prompts, embedding], not normalised
    /// \throws as encode_text(); text_error for an empty prompt, too many ids, or ids that the model lacks
    matrix<Scalar> encode_tokens(std::span<const std::vector<token>> prompts, const run_options& options = {}) const;
    matrix<Scalar> encode_tokens(const std::vector<token>& prompt, const run_options& options = {}) const {
        return encode_tokens(std::span(&prompt, 1), options);
    }

   private:
    struct parts {
        clip_model<Scalar> model;
        std::optional<zeroshot::tokenizer> tokens;
        zeroshot::preprocessing images;
        zeroshot::provenance origin;
    };

    static constexpr Scalar largest_pixel = 1'000'000;  // normalised ones are below 3; squares of this sum in float
    // Sizes of a batch: enough rows for the products of a tower, few enough for the caches.
    static constexpr std::size_t largest_image_batch = 8;
    static constexpr std::size_t largest_text_batch = 64;
    static constexpr std::size_t tokens_of_a_batch = 1024;

    static bool comes_before(std::span<const token> a, std::span<const token> b) {
        return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
    }

    std::size_t image_size() const noexcept { return 3 * config().image_size() * config().image_size(); }

    /// Encodes in batches for the available threads.
    /// \param encode from (first, count, threads) to [count, columns]
    /// \return [total, columns]
    template <class Encode>
    matrix<Scalar> in_batches(std::size_t total, std::size_t columns, std::size_t largest, const run_options& options,
                              const Encode& encode) const {
        matrix<Scalar> embeddings(total, columns);
        const std::size_t threads = concurrency_of(options.threads);
        // With more threads than inputs there is one batch, and the threads share every product.
        const std::size_t share = total < threads ? total : (total + threads - 1) / threads;
        const std::size_t size = std::clamp<std::size_t>(share, 1, largest);
        const std::size_t batches = (total + size - 1) / size;
        run_tasks(
            batches,
            [&](std::size_t index) {
                const std::size_t first = index * size, count = (std::min)(size, total - first);
                const matrix<Scalar> rows = encode(first, count, batches == 1 ? options.threads : nullptr);
                if (!all_finite(rows.values())) {
                    throw numeric_error(error_code::numeric, {"embedding", "the model's output is not finite", "",
                                                              "are the weights intact?"});
                }
                std::ranges::copy(rows.values(), embeddings.row(first).begin());
            },
            options);
        return embeddings;
    }

    std::span<const Scalar> pixels_of(const tensor<Scalar, 4>& batch, std::size_t first, std::size_t count) const {
        return batch.values().subspan(first * image_size(), count * image_size());
    }

    void check_pixels(const tensor<Scalar, 4>& batch) const {
        const std::size_t size = config().image_size();
        const typename tensor<Scalar, 4>::shape_type expected{batch.rows(), 3, size, size};
        if (batch.shape() != expected) {
            throw argument_error(error_code::shape,
                                 {"pixels", "shape " + shape_text(batch.shape()), shape_text(expected), ""});
        }
        const auto usable = [](Scalar value) { return is_finite(value) && std::abs(value) <= largest_pixel; };
        if (!std::ranges::all_of(batch.values(), usable)) {
            throw numeric_error(error_code::numeric, {"pixels", "a value is not finite, or beyond a million",
                                                      "normalised pixels, of a few units", ""});
        }
    }

    std::shared_ptr<const parts> parts_;
};

template <class Scalar>
matrix<Scalar> basic_clip<Scalar>::encode_image(std::span<const image> images, const run_options& options) const {
    const image_encoder<Scalar>& visual = model().visual();
    return in_batches(images.size(), embedding_size(), largest_image_batch, options,
                      [&](std::size_t first, std::size_t count, executor* threads) {
                          const tensor<Scalar, 4> pixels = preprocess(images.subspan(first, count));
                          return visual(pixels.values(), count, {}, threads);
                      });
}

template <class Scalar>
matrix<Scalar> basic_clip<Scalar>::encode_pixels(const tensor<Scalar, 4>& batch, const run_options& options) const {
    const image_encoder<Scalar>& visual = model().visual();
    check_pixels(batch);
    return in_batches(batch.rows(), embedding_size(), largest_image_batch, options,
                      [&](std::size_t first, std::size_t count, executor* threads) {
                          return visual(pixels_of(batch, first, count), count, {}, threads);
                      });
}

template <class Scalar>
matrix<Scalar> basic_clip<Scalar>::encode_features(const tensor<Scalar, 4>& batch, const run_options& options) const {
    const image_encoder<Scalar>& visual = model().visual();
    check_pixels(batch);
    return in_batches(batch.rows(), visual.features(), largest_image_batch, options,
                      [&](std::size_t first, std::size_t count, executor* threads) {
                          return visual.features(pixels_of(batch, first, count), count, threads);
                      });
}

template <class Scalar>
matrix<Scalar> basic_clip<Scalar>::encode_tokens(std::span<const std::vector<token>> prompts,
                                                 const run_options& options) const {
    const text_encoder<Scalar>& text = model().text();
    // In lexicographic order, equal prompts are neighbours, and so are those with the same beginning.
    std::vector<std::span<const token>> distinct(prompts.begin(), prompts.end());
    std::ranges::sort(distinct, comes_before);
    const auto same = [](auto a, auto b) { return std::ranges::equal(a, b); };
    distinct.erase(std::unique(distinct.begin(), distinct.end(), same), distinct.end());
    std::size_t longest = 1;
    for (const auto prompt : distinct) longest = (std::max)(longest, prompt.size());
    const std::size_t largest = std::clamp<std::size_t>(tokens_of_a_batch / longest, 1, largest_text_batch);
    const matrix<Scalar> embeddings =
        in_batches(distinct.size(), embedding_size(), largest, options,
                   [&](std::size_t first, std::size_t count, executor* threads) {
                       return text(std::span(distinct).subspan(first, count), {}, threads);
                   });
    matrix<Scalar> all(prompts.size(), embedding_size());
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        const auto position = std::ranges::lower_bound(distinct, std::span(prompts[i]), comes_before);
        std::ranges::copy(embeddings.row(static_cast<std::size_t>(position - distinct.begin())), all.row(i).begin());
    }
    return all;
}

#if defined(ZEROSHOT_COMPILED)
extern template class basic_clip<float>;
extern template class basic_clip<double>;
#endif

/// A CLIP in single precision; basic_clip<double> is the reference of the tests.
using clip = basic_clip<float>;

}}  // namespace zeroshot::ZEROSHOT_ABI
