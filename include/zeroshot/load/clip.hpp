#pragma once
/// \file A loaded CLIP: towers, tokenizer and preprocessing together, under OpenAI's verbs.

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

/// Something the tensors leave open, and who decided it.
struct decision {
    std::string what;  ///< "vision heads"
    std::string by;    ///< "config.json"
};

/// Where a model came from, and how what its tensors leave open was decided.
struct provenance {
    std::string place;                   ///< the file, or what the caller called the bytes
    std::string layout;                  ///< "openai", "custom_text", "hugging_face"
    std::vector<std::string> dtypes;     ///< element types of the stored weights, sorted: "F16", "F32"
    std::vector<std::string> sources;    ///< what was consulted, in order of precedence
    std::vector<decision> decisions;     ///< who said what the tensors leave open
    std::vector<std::string> unread;     ///< names of tensors in the file that the model did not need
    std::vector<std::string> warnings;   ///< sentences a user should see
    std::string tokenizer{};             ///< the name of the one its texts need, where this library does not have it
    std::string container{};             ///< "safetensors", "pytorch", "torchscript", "shards"
    std::vector<std::string> skipped{};  ///< what the file holds beside tensors, by name: "optimizer", "epoch"
    bool weights_were_kept = false;      ///< whether its packed weights lay in load_options::keep_weights
};

/// What the texts of a model need that takes ids alone, for a sentence.
inline std::string missing_tokenizer(const provenance& origin) {
    return origin.tokenizer.empty() ? "a tokenizer it does not carry" : "the tokenizer " + quoted(origin.tokenizer);
}

/// A cheap shared handle to an immutable model.
///
/// The promise: const after construction; call it from as many threads as you like; the same image or prompt gives
/// the same bits whatever the batch and the number of threads.
template <class Scalar>
class basic_clip {
   public:
    /// \param tokens none where this library does not have the model's tokenizer: it takes ids then, and no texts
    basic_clip(clip_model<Scalar> model, std::optional<zeroshot::tokenizer> tokens, zeroshot::preprocessing pixels,
               zeroshot::provenance origin)
        : parts_(std::make_shared<const parts>(
              parts{std::move(model), std::move(tokens), std::move(pixels), std::move(origin)})) {}

    // Copies share, and moving copies: no handle is ever empty.
    basic_clip(const basic_clip&) = default;
    basic_clip& operator=(const basic_clip&) = default;

    const clip_config& config() const noexcept { return parts_->model.config(); }
    const clip_model<Scalar>& model() const noexcept { return parts_->model; }
    bool takes_texts() const noexcept { return parts_->tokens.has_value(); }

    /// \throws checkpoint_error (UNSUPPORTED) where there is no text tower; text_error (UNSUPPORTED) where the model's
    /// texts are cut by a tokenizer that this library does not have
    const zeroshot::tokenizer& tokenizer() const {
        model().text();
        if (!takes_texts()) {
            throw text_error(error_code::unsupported,
                             {provenance().place, "its texts are cut by " + missing_tokenizer(provenance()),
                              "ids, since this library does not have that tokenizer", "embed the ids it gives"});
        }
        return *parts_->tokens;
    }

    /// \throws checkpoint_error (UNSUPPORTED) where there is no image tower
    const zeroshot::preprocessing& preprocessing() const {
        model().visual();
        return parts_->pixels;
    }
    const zeroshot::provenance& provenance() const noexcept { return parts_->origin; }

    std::size_t embedding_size() const noexcept { return config().embedding; }
    std::size_t context() const noexcept { return config().text.context; }

    /// \throws checkpoint_error (UNSUPPORTED) where the checkpoint holds one tower alone
    Scalar logit_scale() const { return parts_->model.logit_scale(); }
    Scalar logit_bias() const { return parts_->model.logit_bias(); }

    /// Exactly what the image encoder gets: [3, size, size].
    tensor<Scalar, 3> preprocess(const image& image) const {
        return zeroshot::ZEROSHOT_ABI::preprocess<Scalar>(image, preprocessing());
    }

    /// Start token, text, end token.
    /// \throws text_error where the text needs more ids than the context holds and `overflow` says refuse, or as
    /// tokenizer()
    std::vector<token> tokenize(std::string_view text, overflow fit = overflow::refuse) const {
        return tokenizer().tokenize(text, context(), fit);
    }

    /// Images to embeddings.
    /// \return [images, embedding], not normalised
    /// \throws checkpoint_error (UNSUPPORTED) where there is no image tower; numeric_error where an embedding is not
    /// finite; cancelled_error
    matrix<Scalar> encode_image(std::span<const image> images, const run_options& options = {}) const;
    matrix<Scalar> encode_image(const image& image) const { return encode_image(std::span(&image, 1)); }

    /// Pixels as preprocess() gives them, or a caller's own, to embeddings.
    /// \param batch [images, 3, size, size]
    /// \return [images, embedding], not normalised
    /// \throws as encode_image; argument_error for another shape; numeric_error for pixels that are not finite
    matrix<Scalar> encode_pixels(const tensor<Scalar, 4>& batch, const run_options& options = {}) const;

    /// Pixels to the features that embeddings are projected from: what a linear probe may know more from.
    /// \param batch [images, 3, size, size]
    /// \return [images, model().visual().features()], not normalised
    /// \throws as encode_pixels
    matrix<Scalar> encode_features(const tensor<Scalar, 4>& batch, const run_options& options = {}) const;

    /// Texts to embeddings.
    /// \return [texts, embedding], not normalised
    /// \throws checkpoint_error (UNSUPPORTED) where there is no text tower; text_error where a text does not fit the
    /// context, is not UTF-8, or has ids the model lacks; numeric_error; cancelled_error
    matrix<Scalar> encode_text(std::span<const std::string> texts, const run_options& options = {},
                               overflow fit = overflow::refuse) const;
    matrix<Scalar> encode_text(const std::string& text) const { return encode_text(std::span(&text, 1)); }

    /// For texts in braces. Without it, two literals would be taken for the begin and the end of one string.
    matrix<Scalar> encode_text(std::initializer_list<std::string> texts, const run_options& options = {},
                               overflow fit = overflow::refuse) const {
        return encode_text(std::span(texts.begin(), texts.size()), options, fit);
    }

    /// Ids to embeddings; each prompt from its start token to its end token.
    /// \return [prompts, embedding], not normalised
    /// \throws as encode_text, for an empty prompt and too many ids as well
    matrix<Scalar> encode_tokens(std::span<const std::vector<token>> prompts, const run_options& options = {}) const;

   private:
    struct parts {
        clip_model<Scalar> model;
        std::optional<zeroshot::tokenizer> tokens;
        zeroshot::preprocessing pixels;
        zeroshot::provenance origin;
    };

    static constexpr Scalar largest_pixel =
        1'000'000;  // preprocessing gives less than 3; squares of this still sum in float
    // How many go through a tower together: enough rows for its products, few enough for the caches.
    static constexpr std::size_t largest_image_piece = 8;
    static constexpr std::size_t largest_text_piece = 64;
    static constexpr std::size_t tokens_of_a_piece = 1024;

    static bool comes_before(std::span<const token> a, std::span<const token> b) {
        return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
    }

    std::size_t image_size() const noexcept { return 3 * config().image_size() * config().image_size(); }

    /// Cuts the work into pieces for the threads at hand; encode(first, count, threads) gives the rows [count,
    /// embedding].
    template <class Encode>
    matrix<Scalar> in_pieces(std::size_t total, std::size_t columns, std::size_t largest, const run_options& options,
                             const Encode& encode) const {
        matrix<Scalar> embeddings(total, columns);
        const std::size_t threads = concurrency_of(options.threads);
        // Fewer than there are threads go together: then the threads share every product.
        const std::size_t share = total < threads ? total : (total + threads - 1) / threads;
        const std::size_t piece = std::clamp<std::size_t>(share, 1, largest);
        const std::size_t pieces = (total + piece - 1) / piece;
        run_tasks(
            pieces,
            [&](std::size_t index) {
                const std::size_t first = index * piece, count = std::min(piece, total - first);
                const matrix<Scalar> rows = encode(first, count, pieces == 1 ? options.threads : nullptr);
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
        const auto sound = [](Scalar value) { return is_finite(value) && std::abs(value) <= largest_pixel; };
        if (!std::ranges::all_of(batch.values(), sound)) {
            throw numeric_error(error_code::numeric, {"pixels", "a value is not finite, or beyond a million",
                                                      "normalised pixels, of a few units", ""});
        }
    }

    std::shared_ptr<const parts> parts_;
};

template <class Scalar>
matrix<Scalar> basic_clip<Scalar>::encode_image(std::span<const image> images, const run_options& options) const {
    const image_encoder<Scalar>& visual = model().visual();
    return in_pieces(images.size(), embedding_size(), largest_image_piece, options,
                     [&](std::size_t first, std::size_t count, executor* threads) {
                         const std::size_t size = image_size();
                         aligned_vector<Scalar> batch(count * size);
                         for (std::size_t i = 0; i < count; ++i) {
                             const tensor<Scalar, 3> image = preprocess(images[first + i]);
                             std::ranges::copy(image.values(), batch.begin() + static_cast<std::ptrdiff_t>(i * size));
                         }
                         return visual(batch, count, {}, threads);
                     });
}

template <class Scalar>
matrix<Scalar> basic_clip<Scalar>::encode_pixels(const tensor<Scalar, 4>& batch, const run_options& options) const {
    const image_encoder<Scalar>& visual = model().visual();
    check_pixels(batch);
    return in_pieces(batch.rows(), embedding_size(), largest_image_piece, options,
                     [&](std::size_t first, std::size_t count, executor* threads) {
                         return visual(pixels_of(batch, first, count), count, {}, threads);
                     });
}

template <class Scalar>
matrix<Scalar> basic_clip<Scalar>::encode_features(const tensor<Scalar, 4>& batch, const run_options& options) const {
    const image_encoder<Scalar>& visual = model().visual();
    check_pixels(batch);
    return in_pieces(batch.rows(), visual.features(), largest_image_piece, options,
                     [&](std::size_t first, std::size_t count, executor* threads) {
                         return visual.features(pixels_of(batch, first, count), count, threads);
                     });
}

template <class Scalar>
matrix<Scalar> basic_clip<Scalar>::encode_text(std::span<const std::string> texts, const run_options& options,
                                               overflow fit) const {
    std::vector<std::vector<token>> ids;
    ids.reserve(texts.size());
    for (const std::string& text : texts) ids.push_back(tokenize(text, fit));
    return encode_tokens(ids, options);
}

template <class Scalar>
matrix<Scalar> basic_clip<Scalar>::encode_tokens(std::span<const std::vector<token>> prompts,
                                                 const run_options& options) const {
    const text_encoder<Scalar>& text = model().text();
    // In alphabetical order, equal prompts stand together, and those with the same beginning.
    std::vector<std::span<const token>> different(prompts.begin(), prompts.end());
    std::ranges::sort(different, comes_before);
    const auto same = [](std::span<const token> a, std::span<const token> b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    };
    different.erase(std::unique(different.begin(), different.end(), same), different.end());
    std::size_t longest = 1;
    for (const auto prompt : different) longest = std::max(longest, prompt.size());
    const matrix<Scalar> embeddings = in_pieces(
        different.size(), embedding_size(), std::clamp<std::size_t>(tokens_of_a_piece / longest, 1, largest_text_piece),
        options, [&](std::size_t first, std::size_t count, executor* threads) {
            return text(std::span(different).subspan(first, count), {}, threads);
        });
    matrix<Scalar> all(prompts.size(), embedding_size());
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        const std::span<const token> prompt(prompts[i]);
        const auto found = std::lower_bound(different.begin(), different.end(), prompt, comes_before);
        std::ranges::copy(embeddings.row(static_cast<std::size_t>(found - different.begin())), all.row(i).begin());
    }
    return all;
}

#if defined(ZEROSHOT_COMPILED)
extern template class basic_clip<float>;
extern template class basic_clip<double>;
#endif

/// What users run; basic_clip<double> is the oracle of the tests.
using clip = basic_clip<float>;

}}  // namespace zeroshot::ZEROSHOT_ABI
