#pragma once
/// \file Embeddings of labels, averaged over prompt templates and kept in a cache; the members of basic_classifier.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/cache_file.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/classify/classifier.hpp>
#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/classify/similarity.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/model/clip_model.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/nn/normalization.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/support/checksum.hpp>
#include <zeroshot/tensor.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// Embeds the labels of a classifier.
template <class Scalar>
class label_embedder {
   public:
    label_embedder(const basic_clip<Scalar>& clip, std::span<const std::string> labels,
                   const classifier_options& options)
        : clip_(clip), labels_(labels), options_(options), templates_(options.templates) {
        constexpr std::size_t most_prompts = basic_classifier<Scalar>::most_prompts;
        clip_.logit_scale();  // throws for a checkpoint of one tower alone
        if (labels_.empty()) throw text_error(error_code::argument, {"labels", "there are none", "at least one", ""});
        if (templates_.empty()) templates_.push_back(verbatim());
        if (templates_.size() > most_prompts / labels_.size()) {
            throw argument_error(error_code::limit, {"labels",
                                                     std::to_string(labels_.size()) + " labels in " +
                                                         std::to_string(templates_.size()) + " templates",
                                                     "at most " + std::to_string(most_prompts) + " prompts", ""});
        }
    }

    /// The embeddings from the cache, or computed, and then written to it.
    /// \return [labels, embedding], each of length 1
    matrix<Scalar> embed(cache_report& report) const {
        if (options_.cache.empty()) return computed();
        const std::string digest = key();
        const cache_file file(options_.cache / (digest + ".classes"), digest);
        if (auto embeddings = read(file, report)) return *std::move(embeddings);
        matrix<Scalar> embeddings = computed();
        const named_tensor tensor{cached_name,
                                  {dtype_of<Scalar>(),
                                   {embeddings.rows(), embeddings.columns()},
                                   byte_range(std::as_bytes(embeddings.values()))}};
        file.write(std::span(&tensor, 1), report);
        return embeddings;
    }

   private:
    /// The key of the class embeddings: a digest of everything that decides their bits. The text tower's packed weights
    /// (so the number format and the kernels), its configuration, the tokenizer's merges, labels and templates in
    /// order, the policy for long prompts, the scalar type, the version of the library, and the embedding of one
    /// prompt, on which the compiler's rounding shows.
    std::string key() const {
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
        crc32 weights;
        clip_.model().text().parameters([&](std::span<const std::byte> bytes) { weights.add(bytes); });
        add(version);
        add(std::to_string(weights.value()));
        add(loading::model_text(text_alone));
        add(loading::tokenizer_text(clip_.tokenizer(), {}));
        add_all(labels_);
        add(std::to_string(templates_.size()));
        for (const prompt_template& each : templates_) add(each.sentence());
        add(options_.truncation == truncation::refuse ? "refuse" : "truncate");
        add(std::to_string(sizeof(Scalar)));
        const std::vector<std::vector<token_id>> prompt{tokenize(labels_.front(), templates_.front())};
        key.add(std::as_bytes(normalized(clip_.encode_tokens(prompt), "text embedding").values()));
        return key.digits();
    }

    /// The class embeddings, if they are in the cache.
    std::optional<matrix<Scalar>> read(const cache_file& file, cache_report& report) const {
        auto embeddings = matrix<Scalar>::for_overwrite({labels_.size(), clip_.embedding_size()});
        const auto bytes = std::as_writable_bytes(std::span(embeddings.values()));
        const std::optional<tensor_list> list = file.read(bytes.size(), report);
        const stored_tensor* const stored = list ? list->find(cached_name) : nullptr;
        if (stored == nullptr || stored->type != dtype_of<Scalar>() || stored->bytes.size() != bytes.size())
            return std::nullopt;
        stored->bytes.read(0, bytes);
        report.hit = true;
        return embeddings;
    }

    /// Embeddings of the labels: each prompt normalised, a label's prompts averaged, and normalised again, for a part
    /// of the labels at a time to bound the memory. Mirrors zeroshot_classifier in openai/CLIP
    /// notebooks/Prompt_Engineering_for_ImageNet.ipynb.
    matrix<Scalar> computed() const {
        matrix<Scalar> embeddings(labels_.size(), clip_.embedding_size());
        const std::size_t part = (std::max<std::size_t>)(1, prompts_at_once / templates_.size());
        for (std::size_t first = 0; first < labels_.size(); first += part) {
            const std::size_t count = (std::min)(part, labels_.size() - first);
            const matrix<Scalar> rows = embed_part(first, count);
            std::ranges::copy(rows.values(), embeddings.row(first).begin());
        }
        return embeddings;
    }

    matrix<Scalar> embed_part(std::size_t first, std::size_t count) const {
        std::vector<std::vector<token_id>> prompts;
        for (const std::string& label : labels_.subspan(first, count)) {
            for (const prompt_template& sentence : templates_) prompts.push_back(tokenize(label, sentence));
        }
        run_options run = options_.run;
        if (run.report) {  // in labels, over all parts
            run.report = [&](progress now) {
                options_.run.report({first + now.done * count / now.total, labels_.size()});
            };
        }
        const matrix<Scalar> each = normalized(clip_.encode_tokens(prompts, run), "text embedding");
        return normalized(averaged(each, templates_.size()), "label embedding");
    }

    /// Token ids of a label's prompt. A prompt with a start or end token in its middle is refused: the model would
    /// ignore the rest.
    std::vector<token_id> tokenize(const std::string& label, const prompt_template& sentence) const {
        const std::string prompt = sentence(label);
        std::vector<token_id> ids = clip_.tokenize(prompt, options_.truncation);
        if (clip_.tokenizer().has_special(ids)) {
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

    const basic_clip<Scalar>& clip_;
    std::span<const std::string> labels_;
    const classifier_options& options_;
    std::vector<prompt_template> templates_;
};

}  // namespace detail

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
    : clip_(std::move(model)),
      labels_(std::move(labels)),
      text_embeddings_(detail::label_embedder<Scalar>(clip_, labels_, options).embed(cache_)) {}

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
std::vector<Scalar> basic_classifier<Scalar>::scores(const basic_classification<Scalar>& result, scoring kind) const {
    if (kind == scoring::softmax) return result.probabilities();
    std::vector<Scalar> scores = result.logits();
    if (kind == scoring::logit) return scores;
    const auto scale = static_cast<double>(clip_.logit_scale()), bias = static_cast<double>(clip_.logit_bias());
    for (Scalar& score : scores) score = static_cast<Scalar>((static_cast<double>(score) - bias) / scale);
    return scores;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
