#pragma once
/// \file Zero-shot classification of images by a list of labels.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/cache_file.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/classify/similarity.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/nn/normalization.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/support/crc32.hpp>
#include <zeroshot/support/sha256.hpp>
#include <zeroshot/tensor.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

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
    overflow fit = overflow::refuse;           ///< for prompts longer than the context
    run_options run{};                         ///< while the labels are embedded

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

   private:
    matrix<Scalar> embed(const classifier_options& options);

    /// The key of the class embeddings: a digest of everything that decides their bits. The text tower's packed weights
    /// (so the number format and the kernels), its configuration, the tokenizer's merges, labels and templates in
    /// order, the policy for long prompts, the scalar type, the version of the library, and the embedding of one
    /// prompt, on which the compiler's rounding shows.
    std::string key_of(std::span<const prompt_template> templates, overflow fit) const {
        sha256 key;
        const auto add = [&](std::string_view text) {  // after its length, so that texts cannot run together
            key.add(std::to_string(text.size()) + ":").add(text);
        };
        const auto add_all = [&](std::span<const std::string> texts) {
            add(std::to_string(texts.size()));
            for (const std::string& each : texts) add(each);
        };
        clip_config text_alone = clip_.config();
        text_alone.towers = clip_towers::text;
        detail::crc32 weights;
        clip_.model().text().parameters([&](std::span<const std::byte> bytes) { weights.add(bytes); });
        add(version);
        add(std::to_string(weights.value()));
        add(loading::model_text(text_alone));
        add_all(clip_.tokenizer().vocabulary().merge_lines());
        add_all(labels_);
        add(std::to_string(templates.size()));
        for (const prompt_template& each : templates) add(each.sentence());
        add(fit == overflow::refuse ? "refuse" : "truncate");
        add(std::to_string(sizeof(Scalar)));
        const std::vector<std::vector<token>> prompt{tokenize(labels_.front(), templates.front(), fit)};
        key.add(std::as_bytes(normalized(clip_.encode_tokens(prompt), "text embedding").values()));
        return key.digits();
    }

    /// The class embeddings, if they are in the cache.
    std::optional<matrix<Scalar>> read(const cache_file& file) {
        auto embeddings = matrix<Scalar>::for_overwrite({labels_.size(), clip_.embedding_size()});
        const auto bytes = std::as_writable_bytes(std::span(embeddings.values()));
        const std::optional<tensor_list> list = file.read(bytes.size(), cache_);
        const stored_tensor* const stored = list ? list->find(cached_name) : nullptr;
        if (stored == nullptr || stored->type != detail::dtype_of<Scalar>() || stored->bytes.size() != bytes.size())
            return std::nullopt;
        stored->bytes.read(0, bytes);
        cache_.hit = true;
        return embeddings;
    }

    /// Embeddings of the labels: each prompt normalised, a label's prompts averaged, and normalised again, for a part
    /// of the labels at a time to bound the memory. Mirrors zeroshot_classifier in openai/CLIP
    /// notebooks/Prompt_Engineering_for_ImageNet.ipynb.
    matrix<Scalar> computed(std::span<const prompt_template> templates, const classifier_options& options) const {
        matrix<Scalar> embeddings(labels_.size(), clip_.embedding_size());
        const std::size_t part = (std::max<std::size_t>)(1, prompts_at_once / templates.size());
        for (std::size_t first = 0; first < labels_.size(); first += part) {
            const std::size_t count = (std::min)(part, labels_.size() - first);
            const matrix<Scalar> rows = embed_part(first, count, templates, options);
            std::ranges::copy(rows.values(), embeddings.row(first).begin());
        }
        return embeddings;
    }

    matrix<Scalar> embed_part(std::size_t first, std::size_t count, std::span<const prompt_template> templates,
                              const classifier_options& options) const {
        std::vector<std::vector<token>> prompts;
        for (const std::string& label : std::span(labels_).subspan(first, count)) {
            for (const prompt_template& sentence : templates) prompts.push_back(tokenize(label, sentence, options.fit));
        }
        run_options run = options.run;
        if (run.report) {  // in labels, over all parts
            run.report = [&](progress now) {
                options.run.report({first + now.done * count / now.total, labels_.size()});
            };
        }
        const matrix<Scalar> each = normalized(clip_.encode_tokens(prompts, run), "text embedding");
        return normalized(averaged(each, templates.size()), "label embedding");
    }

    /// Token ids of a label's prompt. A prompt with a start or end token in its middle is refused: the model would
    /// ignore the rest.
    std::vector<token> tokenize(const std::string& label, const prompt_template& sentence, overflow fit) const {
        const std::string prompt = sentence(label);
        std::vector<token> ids = clip_.tokenize(prompt, fit);
        const std::span<const token> middle = std::span(ids).subspan(1, ids.size() - 2);
        const vocabulary& symbols = clip_.tokenizer().vocabulary();
        const auto is_special = [&](token id) { return id == symbols.start() || id == symbols.end(); };
        if (std::ranges::any_of(middle, is_special)) {
            throw text_error(error_code::argument, {(prompt == label ? "label " : "prompt ") + quoted(prompt),
                                                    "it contains a start or end token", "plain text",
                                                    "the model would ignore what follows that token"});
        }
        return ids;
    }

    /// Means of each `count` rows.
    static matrix<Scalar> averaged(const matrix<Scalar>& rows, std::size_t count) {
        matrix<Scalar> means(rows.rows() / count, rows.columns());
        for (std::size_t row = 0; row < rows.rows(); ++row) {
            means.eigen().row(static_cast<Eigen::Index>(row / count)) +=
                rows.eigen().row(static_cast<Eigen::Index>(row)) / static_cast<Scalar>(count);
        }
        return means;
    }

    static constexpr std::size_t prompts_at_once = 4096;
    static constexpr const char* cached_name = "embeddings";  // of the tensor in a cache file

    basic_clip<Scalar> clip_;
    std::vector<std::string> labels_;
    cache_report cache_{};
    matrix<Scalar> text_embeddings_;  // [labels, embedding]
};

template <class Scalar>
basic_classification<Scalar>::basic_classification(std::span<const std::string> labels, std::span<const Scalar> logits,
                                                   std::span<const Scalar> embedding)
    : logits_(logits.begin(), logits.end()), probabilities_(logits_), embedding_(embedding.begin(), embedding.end()) {
    softmax(std::span<Scalar>(probabilities_));
    ranking_.resize(logits_.size());
    std::iota(ranking_.begin(), ranking_.end(), std::size_t{0});
    std::stable_sort(ranking_.begin(), ranking_.end(),
                     [&](std::size_t a, std::size_t b) { return logits_[a] > logits_[b]; });
    sorted_.reserve(ranking_.size());
    for (const std::size_t label : ranking_) sorted_.push_back({labels[label], probabilities_[label]});
}

template <class Scalar>
basic_classifier<Scalar>::basic_classifier(basic_clip<Scalar> model, std::vector<std::string> labels,
                                           const classifier_options& options)
    : clip_(std::move(model)), labels_(std::move(labels)), text_embeddings_(embed(options)) {}

template <class Scalar>
std::vector<basic_classification<Scalar>> basic_classifier<Scalar>::of_embeddings(
    const matrix<Scalar>& embeddings) const {
    const matrix<Scalar> images = normalized(embeddings, "image embedding");
    const matrix<Scalar> logits = similarity(images, text_embeddings_, clip_.logit_scale(), clip_.logit_bias());
    std::vector<basic_classification<Scalar>> results;
    results.reserve(images.rows());
    for (std::size_t i = 0; i < images.rows(); ++i) results.emplace_back(labels_, logits.row(i), images.row(i));
    return results;
}

template <class Scalar>
matrix<Scalar> basic_classifier<Scalar>::embed(const classifier_options& options) {
    clip_.logit_scale();  // throws for a checkpoint of one tower alone
    if (labels_.empty()) throw text_error(error_code::argument, {"labels", "there are none", "at least one", ""});
    std::vector<prompt_template> templates = options.templates;
    if (templates.empty()) templates.push_back(verbatim());
    if (templates.size() > most_prompts / labels_.size()) {
        throw argument_error(
            error_code::limit,
            {"labels", std::to_string(labels_.size()) + " labels in " + std::to_string(templates.size()) + " templates",
             "at most " + std::to_string(most_prompts) + " prompts", ""});
    }
    if (options.cache.empty()) return computed(templates, options);
    const std::string key = key_of(templates, options.fit);
    const cache_file file(options.cache / (key + ".classes"), key);
    if (auto embeddings = read(file)) return *std::move(embeddings);
    matrix<Scalar> embeddings = computed(templates, options);
    const named_tensor tensor{cached_name,
                              {detail::dtype_of<Scalar>(),
                               {embeddings.rows(), embeddings.columns()},
                               byte_range(std::as_bytes(embeddings.values()))}};
    file.write(std::span(&tensor, 1), cache_);
    return embeddings;
}

#if defined(ZEROSHOT_COMPILED)
extern template class basic_classification<float>;
extern template class basic_classification<double>;
extern template class basic_classifier<float>;
extern template class basic_classifier<double>;
#endif

using classification = basic_classification<float>;
using classifier = basic_classifier<float>;

}}  // namespace zeroshot::ZEROSHOT_ABI
