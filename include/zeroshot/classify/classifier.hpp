#pragma once
/// \file Zero-shot classification of images by a list of labels. classify.hpp defines its members.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>
#include <zeroshot/text/tokenizer.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// What a score of a label says.
enum class scoring {
    softmax,  ///< probability among the labels, which sum to 1: that of a single label is always 1
    cosine,   ///< similarity of the embeddings, from -1 to 1, whatever the other labels are
    logit,    ///< logit_scale * cosine + logit_bias, whatever the other labels are
};

/// A label and its probability.
template <class Scalar>
struct scored_label {
    std::string label;
    Scalar probability;
};

/// Classification of one image: iterates over (label, probability), most probable first, ties in the order of the
/// labels; the accessors keep the labels' own order. Accessors of a temporary, as in which(image).best(), return by
/// value, so that the result does not dangle.
template <class Scalar>
class basic_classification {
   public:
    basic_classification(std::span<const std::string> labels, std::span<const Scalar> logits,
                         std::span<const Scalar> embedding);

    auto begin() const noexcept { return sorted_.begin(); }
    auto end() const noexcept { return sorted_.end(); }
    std::size_t size() const noexcept { return sorted_.size(); }

    /// The most probable label.
    const scored_label<Scalar>& best() const& noexcept { return sorted_.front(); }
    scored_label<Scalar> best() && { return std::move(sorted_.front()); }

    /// The k most probable labels, or all of fewer than k.
    std::span<const scored_label<Scalar>> top(std::size_t k) const& noexcept {
        return std::span(sorted_).first((std::min)(k, sorted_.size()));
    }
    std::vector<scored_label<Scalar>> top(std::size_t k) && {
        sorted_.resize((std::min)(k, sorted_.size()));
        return std::move(sorted_);
    }

    /// Indices of the labels, most probable first.
    const std::vector<std::size_t>& ranking() const& noexcept { return ranking_; }
    std::vector<std::size_t> ranking() && { return std::move(ranking_); }

    /// Probabilities in the labels' order; they sum to 1.
    const std::vector<Scalar>& probabilities() const& noexcept { return probabilities_; }
    std::vector<Scalar> probabilities() && { return std::move(probabilities_); }
    /// Logits in the labels' order: logit_scale * cosine + logit_bias.
    const std::vector<Scalar>& logits() const& noexcept { return logits_; }
    std::vector<Scalar> logits() && { return std::move(logits_); }

    /// The image's embedding, of length 1.
    const std::vector<Scalar>& embedding() const& noexcept { return embedding_; }
    std::vector<Scalar> embedding() && { return std::move(embedding_); }

   private:
    std::vector<Scalar> logits_;
    std::vector<Scalar> probabilities_;
    std::vector<Scalar> embedding_;
    std::vector<std::size_t> ranking_;
    std::vector<scored_label<Scalar>> sorted_;
};

/// Options of a classifier: how labels become embeddings.
struct classifier_options {
    std::vector<prompt_template> templates{};  ///< empty: labels as they are; several: an ensemble
    zeroshot::truncation truncation = zeroshot::truncation::refuse;  ///< of prompts longer than the context
    run_options run{};                                               ///< while the labels are embedded

    /// Folder of a cache of class embeddings, a file for each key, created if it is missing; empty for no cache. If it
    /// cannot be used, the embeddings are computed, and basic_classifier::cache() has a warning.
    std::filesystem::path cache{};
};

/// Embeds the labels once, or reads their embeddings from a cache, then classifies images. Holds a handle to its model;
/// const after construction, and safe to call from several threads.
template <class Scalar>
class basic_classifier {
   public:
    static constexpr std::size_t most_prompts = 10'000'000;  ///< labels x templates

    /// Embeds the labels.
    /// \throws text_error for no labels, a label with a special token, at which the prompt would end, or one that does
    /// not fit the context; argument_error (LIMIT) for more than `most_prompts` prompts; checkpoint_error (UNSUPPORTED)
    /// for a checkpoint of one tower alone
    basic_classifier(basic_clip<Scalar> model, std::vector<std::string> labels, const classifier_options& options = {});

    const std::vector<std::string>& labels() const noexcept { return labels_; }
    const basic_clip<Scalar>& model() const noexcept { return clip_; }

    /// Embeddings of the labels: [labels, embedding], each of length 1.
    const matrix<Scalar>& text_embeddings() const noexcept { return text_embeddings_; }

    /// How classifier_options::cache was used.
    const cache_report& cache() const noexcept { return cache_; }

    /// Classifies an image.
    /// \throws as basic_clip::encode_image()
    basic_classification<Scalar> operator()(const image& image, const run_options& options = {}) const {
        return std::move((*this)(std::span(&image, 1), options).front());
    }

    /// Classifies images.
    /// \return one classification for each image, in order
    /// \throws as basic_clip::encode_image()
    std::vector<basic_classification<Scalar>> operator()(std::span<const image> images,
                                                         const run_options& options = {}) const {
        return of_embeddings(clip_.encode_image(images, options));
    }
    std::vector<basic_classification<Scalar>> operator()(std::initializer_list<image> images,
                                                         const run_options& options = {}) const {
        return (*this)(std::span(images.begin(), images.size()), options);
    }

    /// Classifies embeddings of images, also from an Eigen matrix or expression.
    /// \param embeddings [images, embedding], of any length but 0
    /// \return one classification for each row, in order
    /// \throws numeric_error for an embedding of length 0 or not finite; argument_error for another number of columns
    std::vector<basic_classification<Scalar>> of_embeddings(const matrix<Scalar>& embeddings) const;

    /// Scores of an image that this classifier classified, in the labels' order.
    std::vector<Scalar> scores(const basic_classification<Scalar>& result, scoring kind) const;

   private:
    basic_clip<Scalar> clip_;
    std::vector<std::string> labels_;
    cache_report cache_{};            // before text_embeddings_, whose initialiser fills it
    matrix<Scalar> text_embeddings_;  // [labels, embedding]
};

#if defined(ZEROSHOT_COMPILED)
extern template class basic_classification<float>;
extern template class basic_classification<double>;
extern template class basic_classifier<float>;
extern template class basic_classifier<double>;
#endif

using classification = basic_classification<float>;
using classifier = basic_classifier<float>;

}}  // namespace zeroshot::ZEROSHOT_ABI

#if !defined(ZEROSHOT_COMPILED)
#include <zeroshot/classify/classify.hpp>
#endif
