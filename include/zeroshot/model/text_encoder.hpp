#pragma once
/// \file Text tower: token ids to embeddings.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/model/transformer.hpp>
#include <zeroshot/nn/attention.hpp>
#include <zeroshot/nn/embedding.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/nn/normalization.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Mirrors CLIP.encode_text in openai/CLIP clip/model.py and TextTransformer in open_clip transformer.py.
///
/// The reference pads every prompt to the context and reads one row, usually that of the first token with the highest
/// id, the end token. With a causal mask nothing after that row matters, so a prompt is cut there; without one it is
/// padded as in the reference. Either way an embedding does not depend on the other prompts. A prefix shared with the
/// preceding prompt is computed once, so sorted prompts cost less.
template <class Scalar>
class text_encoder {
   public:
    /// \param w all tensors: those of the text tower are at the root in OpenAI's layout
    text_encoder(const weights& w, const clip_config& config);

    std::size_t context() const noexcept { return embedding_.context(); }
    std::size_t vocabulary() const noexcept { return embedding_.vocabulary(); }

    /// Mirrors CLIP.encode_text.
    /// \param prompts ids from the start token to the end token, with or without padding
    /// \return [prompts, embedding], not normalised
    ///
    /// \throws text_error for an empty prompt, a missing end token, an id outside the vocabulary, or more ids than the
    /// context
    matrix<Scalar> operator()(std::span<const std::span<const std::int32_t>> prompts,
                              const stage_observer<Scalar>& observe = {}, executor* threads = nullptr) const;

    /// As layer_norm::parameters, of all layers. With the configuration, they determine the embeddings.
    template <class Visitor>
    void parameters(const Visitor& visit) const {
        embedding_.parameters(visit);
        transformer_.parameters(visit);
        ln_final_.parameters(visit);
        text_projection_.parameters(visit);
    }

   private:
    /// Position of the token whose row becomes the embedding. Mirrors text_global_pool in open_clip transformer.py,
    /// except that a missing end token is an error; the reference reads the first token then.
    std::size_t pooled_position(std::span<const std::int32_t> prompt) const {
        if (prompt.empty())
            throw text_error(error_code::argument,
                             {"tokens", "a prompt without ids", "at least the start and the end token", ""});
        switch (config_.pool) {
            case text_pool::first:
                return 0;
            case text_pool::last:
                return (std::max)(prompt.size(), context()) - 1;
            case text_pool::end:
                return end_position(prompt);
            default:
                return detail::argmax(prompt);
        }
    }

    std::size_t end_position(std::span<const std::int32_t> prompt) const {
        const auto end = std::ranges::find(prompt, static_cast<std::int32_t>(config_.end));
        if (end == prompt.end()) {
            throw text_error(error_code::argument, {"tokens", "a prompt without the end token",
                                                    "id " + std::to_string(config_.end) + " at its end", ""});
        }
        return static_cast<std::size_t>(end - prompt.begin());
    }

    /// The rows of the prompts. With a causal mask, a prompt shares those of its common prefix with the one before.
    nn::token_sequences shared_prefixes(std::span<const std::vector<std::int32_t>> ids) const {
        nn::token_sequences sequences;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            std::size_t shared = 0;
            if (i > 0 && config_.causal)
                shared = static_cast<std::size_t>(std::ranges::mismatch(ids[i], ids[i - 1]).in1 - ids[i].begin());
            sequences.add(shared, ids[i].size() - shared);
        }
        return sequences;
    }

    /// \return [rows of all sequences, width]
    matrix<Scalar> embedded(std::span<const std::vector<std::int32_t>> ids,
                            const nn::token_sequences& sequences) const {
        auto x = matrix<Scalar>::for_overwrite({sequences.row_count(), embedding_.width()});
        std::size_t row = 0;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const std::size_t own = sequences.own(i);
            embedding_(ids[i], ids[i].size() - own, x.values().subspan(row * x.columns(), own * x.columns()));
            row += own;
        }
        return x;
    }

    text_config config_;
    nn::embedding<Scalar> embedding_;
    transformer<Scalar> transformer_;
    nn::layer_norm<Scalar> ln_final_;
    nn::linear<Scalar> text_projection_;
};

template <class Scalar>
text_encoder<Scalar>::text_encoder(const weights& w, const clip_config& config)
    : config_(config.text),
      embedding_(w, config.text.vocabulary, config.text.context, config.text.transformer.width),
      transformer_(w / "transformer", config.text.transformer,
                   config.text.causal ? nn::attention_mask::causal : nn::attention_mask::none),
      ln_final_(w / "ln_final", config.text.transformer.width, config.text.transformer.epsilon),
      text_projection_(nn::linear<Scalar>::projection(nn::at_least_16_bits(w), "text_projection",
                                                      "text_projection.bias", config.text.transformer.width,
                                                      config.embedding)) {}

template <class Scalar>
matrix<Scalar> text_encoder<Scalar>::operator()(std::span<const std::span<const std::int32_t>> prompts,
                                                const stage_observer<Scalar>& observe, executor* threads) const {
    std::vector<std::size_t> positions;  // of the tokens that are read
    std::vector<std::vector<std::int32_t>> ids;
    for (const auto prompt : prompts) {
        positions.push_back(pooled_position(prompt));
        const std::size_t length = config_.causal ? positions.back() + 1 : (std::max)(prompt.size(), context());
        ids.emplace_back(prompt.begin(), prompt.end()).resize(length, static_cast<std::int32_t>(config_.padding));
    }
    const nn::token_sequences sequences = shared_prefixes(ids);
    matrix<Scalar> x = embedded(ids, sequences);  // [rows of all prompts, width]
    if (!observe) {
        x = transformer_.output_at(positions, std::move(x), sequences, "transformer", observe, threads);
        return text_projection_(ln_final_(std::move(x)), threads);  // [prompts, embedding]
    }
    observe("text.embedding", x);
    x = ln_final_(transformer_(std::move(x), sequences, "transformer", observe, threads));
    observe("ln_final", x);
    return text_projection_(nn::gather_rows(positions, x, sequences), threads);  // [prompts, embedding]
}

#if defined(ZEROSHOT_COMPILED)
extern template class text_encoder<float>;
extern template class text_encoder<double>;
#endif

}}  // namespace zeroshot::ZEROSHOT_ABI
