#pragma once
/// \file Tokens to embeddings: the text transformer, read at the end token.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/io/weights.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/model/stage_observer.hpp>
#include <zeroshot/model/transformer.hpp>
#include <zeroshot/nn/embedding.hpp>
#include <zeroshot/nn/layer_norm.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// Mirrors CLIP.encode_text in openai/CLIP clip/model.py. The reference pads every prompt to the context and reads the
/// row of the first token with the highest id, the end token; under a causal mask nothing after it matters, so each
/// prompt stops there, and its numbers do not depend on its neighbours.
template <class Scalar>
class text_encoder {
   public:
    /// \param w the tensors of the text tower, which stand at the root in OpenAI's layout
    text_encoder(const weights& w, const clip_config& config)
        : embedding_(
              (w / "token_embedding")
                  .template read<Scalar, 2>("weight", {config.text.vocabulary, config.text.blocks.width}),
              w.template read<Scalar, 2>("positional_embedding", {config.text.context, config.text.blocks.width})),
          transformer_(w / "transformer", config.text.blocks, mask::causal),
          ln_final_(w / "ln_final", config.text.blocks.width, config.text.blocks.epsilon),
          text_projection_(linear<Scalar>::projection(w, "text_projection", "text_projection.bias",
                                                      config.text.blocks.width, config.embedding)) {}

    std::size_t context() const noexcept { return embedding_.context(); }
    std::size_t vocabulary() const noexcept { return embedding_.vocabulary(); }

    /// \param prompts ids from the start token to the end token; what follows the end token is not read
    /// \return [prompts, embedding], not normalised
    /// \throws text_error for an empty prompt, an id outside the vocabulary, more ids than the context
    matrix<Scalar> operator()(std::span<const std::span<const std::int32_t>> prompts,
                              const stage_observer<Scalar>& observe = {}) const {
        std::vector<std::size_t> lengths;
        for (const auto prompt : prompts) lengths.push_back(end_of(prompt) + 1);
        matrix<Scalar> x = embedded(prompts, lengths);  // [tokens of all prompts, width]
        if (observe) observe("text.embedding", x);
        x = transformer_(std::move(x), lengths, "transformer", observe);
        x = ln_final_(std::move(x));
        if (observe) observe("ln_final", x);
        return text_projection_(end_tokens(x, lengths));
    }

   private:
    /// text.argmax(-1): the first of the highest ids is the end token.
    static std::size_t end_of(std::span<const std::int32_t> prompt) {
        if (prompt.empty())
            throw text_error(error_code::argument,
                             {"tokens", "a prompt without ids", "at least the start and the end token", ""});
        return static_cast<std::size_t>(std::ranges::max_element(prompt) - prompt.begin());
    }

    matrix<Scalar> embedded(std::span<const std::span<const std::int32_t>> prompts,
                            std::span<const std::size_t> lengths) const {
        matrix<Scalar> x(std::accumulate(lengths.begin(), lengths.end(), std::size_t{0}), embedding_.width());
        std::size_t first = 0;
        for (std::size_t i = 0; i < prompts.size(); ++i) {
            embedding_(prompts[i].first(lengths[i]), x.values().subspan(first * x.columns(), lengths[i] * x.columns()));
            first += lengths[i];
        }
        return x;
    }

    static matrix<Scalar> end_tokens(const matrix<Scalar>& x, std::span<const std::size_t> lengths) {
        matrix<Scalar> ends(lengths.size(), x.columns());
        std::size_t next = 0;
        for (std::size_t i = 0; i < lengths.size(); ++i) {
            next += lengths[i];
            std::ranges::copy(x.row(next - 1), ends.row(i).begin());
        }
        return ends;
    }

    embedding<Scalar> embedding_;
    transformer<Scalar> transformer_;
    layer_norm<Scalar> ln_final_;
    linear<Scalar> text_projection_;
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
