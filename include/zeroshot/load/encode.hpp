#pragma once
/// \file Encoding of images and texts in batches: the members of basic_clip.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/memory.hpp>
#include <zeroshot/model/clip_model.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>
#include <zeroshot/text/tokenizer.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace loading {

// Sizes of a batch: enough rows for the products of a tower, few enough for the caches. 80 to 300 tokens are the
// fastest in every precision.
inline constexpr std::size_t tokens_of_a_batch = 160;
inline constexpr std::size_t largest_image_batch = 8;
inline constexpr std::size_t largest_text_batch = 64;

/// Most images of a batch.
inline std::size_t image_batch(const clip_config& config) {
    const auto* const vit = std::get_if<vision_transformer_config>(&config.image);
    if (vit == nullptr) return largest_image_batch;
    return std::clamp<std::size_t>(tokens_of_a_batch / vit->tokens(), 1, largest_image_batch);
}

inline bool comes_before(std::span<const token_id> a, std::span<const token_id> b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

/// Encodes in batches for the available threads.
/// \param encode from (first, count, threads) to [count, columns]
/// \return [total, columns]
template <class Scalar, class Encode>
matrix<Scalar> in_batches(std::size_t total, std::size_t columns, std::size_t largest, activation_memory& memory,
                          const run_options& options, const Encode& encode) {
    matrix<Scalar> embeddings(total, columns);
    const std::size_t threads = concurrency_of(options.threads);
    // Of fewer inputs than threads, batch by batch, the threads share the products. Else each batch has one thread, and
    // all threads have equally many.
    const bool is_shared = total < threads;
    const std::size_t least = (total + largest - 1) / largest, balanced = (least + threads - 1) / threads * threads;
    const std::size_t batches = is_shared ? least : (std::min)(total, balanced);
    run_options tasks = options;
    if (is_shared) tasks.threads = nullptr;
    run_tasks(
        batches,
        [&](std::size_t index) {
            const activation_memory::use reused(memory);
            const std::size_t first = total * index / batches, count = total * (index + 1) / batches - first;
            const matrix<Scalar> rows = encode(first, count, is_shared ? options.threads : nullptr);
            if (!all_finite(rows.values())) {
                throw numeric_error(error_code::numeric,
                                    {"embedding", "the model's output is not finite", "", "are the weights intact?"});
            }
            std::ranges::copy(rows.values(), embeddings.row(first).begin());
        },
        tasks);
    return embeddings;
}

/// The pixels of `count` images from the one with index `first` on.
/// \param batch [images, 3, size, size]
template <class Scalar>
std::span<const Scalar> pixels_of(const tensor<Scalar, 4>& batch, std::size_t first, std::size_t count) {
    const std::size_t image_size = batch.shape()[1] * batch.shape()[2] * batch.shape()[3];
    return batch.values().subspan(first * image_size, count * image_size);
}

/// \param size of the model's images, in pixels
/// \throws argument_error for another shape than [images, 3, size, size]; numeric_error for pixels that are not finite
template <class Scalar>
void check_pixels(const tensor<Scalar, 4>& batch, std::size_t size) {
    constexpr Scalar largest_pixel = 1'000'000;  // normalised ones are below 3; squares of this sum in float
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

}  // namespace loading

template <class Scalar>
struct basic_clip<Scalar>::parts {
    clip_model<Scalar> model;
    std::optional<zeroshot::tokenizer> tokens;
    zeroshot::preprocessing images;
    zeroshot::provenance origin;
    mutable activation_memory activations{};
};

template <class Scalar>
basic_clip<Scalar>::basic_clip(clip_model<Scalar> model, std::optional<zeroshot::tokenizer> tokens,
                               zeroshot::preprocessing images, zeroshot::provenance origin)
    : parts_(new const parts{std::move(model), std::move(tokens), std::move(images), std::move(origin)}) {}

template <class Scalar>
const clip_config& basic_clip<Scalar>::config() const noexcept {
    return parts_->model.config();
}

template <class Scalar>
const clip_model<Scalar>& basic_clip<Scalar>::model() const noexcept {
    return parts_->model;
}

template <class Scalar>
bool basic_clip<Scalar>::takes_texts() const noexcept {
    return parts_->tokens.has_value();
}

template <class Scalar>
const tokenizer& basic_clip<Scalar>::tokenizer() const {
    model().text();  // throws without a text tower
    if (takes_texts()) return *parts_->tokens;
    throw text_error(error_code::unsupported,
                     {provenance().place,
                      "the model uses " + missing_tokenizer(provenance()) + ", which zeroshot does not implement",
                      "token ids", "use encode_tokens()"});
}

template <class Scalar>
const preprocessing& basic_clip<Scalar>::preprocessing() const {
    model().visual();  // throws without an image tower
    return parts_->images;
}

template <class Scalar>
const provenance& basic_clip<Scalar>::provenance() const noexcept {
    return parts_->origin;
}

template <class Scalar>
Scalar basic_clip<Scalar>::logit_scale() const {
    return parts_->model.logit_scale();
}

template <class Scalar>
Scalar basic_clip<Scalar>::logit_bias() const {
    return parts_->model.logit_bias();
}

template <class Scalar>
tensor<Scalar, 3> basic_clip<Scalar>::preprocess(const image& image) const {
    return zeroshot::ZEROSHOT_ABI::preprocess<Scalar>(image, preprocessing());
}

template <class Scalar>
tensor<Scalar, 4> basic_clip<Scalar>::preprocess(std::span<const image> images, const run_options& options) const {
    const std::size_t size = preprocessing().size;
    tensor<Scalar, 4> batch(images.size(), 3, size, size);
    run_tasks(
        images.size(), [&](std::size_t i) { preprocess_into(images[i], preprocessing(), batch.row(i)); }, options);
    return batch;
}

template <class Scalar>
std::vector<token_id> basic_clip<Scalar>::tokenize(std::string_view text, truncation rule) const {
    return tokenizer().tokenize(text, context(), rule);
}

template <class Scalar>
std::vector<std::vector<token_id>> basic_clip<Scalar>::tokenize(std::span<const std::string> texts,
                                                                truncation rule) const {
    std::vector<std::vector<token_id>> prompts;
    prompts.reserve(texts.size());
    for (const std::string& text : texts) prompts.push_back(tokenize(text, rule));
    return prompts;
}

template <class Scalar>
matrix<Scalar> basic_clip<Scalar>::encode_image(std::span<const image> images, const run_options& options) const {
    const image_encoder<Scalar>& visual = model().visual();
    return loading::in_batches<Scalar>(
        images.size(), embedding_size(), loading::image_batch(config()), parts_->activations, options,
        [&](std::size_t first, std::size_t count, executor* threads) {
            const tensor<Scalar, 4> pixels = preprocess(images.subspan(first, count), {.threads = threads});
            return visual(pixels.values(), count, {}, threads);
        });
}

template <class Scalar>
matrix<Scalar> basic_clip<Scalar>::encode_pixels(const tensor<Scalar, 4>& batch, const run_options& options) const {
    const image_encoder<Scalar>& visual = model().visual();
    loading::check_pixels(batch, config().image_size());
    return loading::in_batches<Scalar>(batch.rows(), embedding_size(), loading::image_batch(config()),
                                       parts_->activations, options,
                                       [&](std::size_t first, std::size_t count, executor* threads) {
                                           return visual(loading::pixels_of(batch, first, count), count, {}, threads);
                                       });
}

template <class Scalar>
matrix<Scalar> basic_clip<Scalar>::encode_features(const tensor<Scalar, 4>& batch, const run_options& options) const {
    const image_encoder<Scalar>& visual = model().visual();
    loading::check_pixels(batch, config().image_size());
    return loading::in_batches<Scalar>(
        batch.rows(), visual.features(), loading::image_batch(config()), parts_->activations, options,
        [&](std::size_t first, std::size_t count, executor* threads) {
            return visual.features(loading::pixels_of(batch, first, count), count, threads);
        });
}

template <class Scalar>
matrix<Scalar> basic_clip<Scalar>::encode_tokens(std::span<const std::vector<token_id>> prompts,
                                                 const run_options& options) const {
    const text_encoder<Scalar>& text = model().text();
    // In lexicographic order, equal prompts are neighbours, and so are those with the same beginning.
    std::vector<std::span<const token_id>> distinct(prompts.begin(), prompts.end());
    std::ranges::sort(distinct, loading::comes_before);
    const auto same = [](auto a, auto b) { return std::ranges::equal(a, b); };
    distinct.erase(std::unique(distinct.begin(), distinct.end(), same), distinct.end());
    std::size_t longest = 1;
    for (const auto prompt : distinct) longest = (std::max)(longest, prompt.size());
    const std::size_t largest =
        std::clamp<std::size_t>(loading::tokens_of_a_batch / longest, 1, loading::largest_text_batch);
    const matrix<Scalar> embeddings =
        loading::in_batches<Scalar>(distinct.size(), embedding_size(), largest, parts_->activations, options,
                                    [&](std::size_t first, std::size_t count, executor* threads) {
                                        return text(std::span(distinct).subspan(first, count), {}, threads);
                                    });
    matrix<Scalar> all(prompts.size(), embedding_size());
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        const auto position = std::ranges::lower_bound(distinct, std::span(prompts[i]), loading::comes_before);
        std::ranges::copy(embeddings.row(static_cast<std::size_t>(position - distinct.begin())), all.row(i).begin());
    }
    return all;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
