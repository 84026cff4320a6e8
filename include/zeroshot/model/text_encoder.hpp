#pragma once
/// \file Tokens to embeddings: the text transformer, read at one token, mostly the end token.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/model/stage_observer.hpp>
#include <zeroshot/model/transformer.hpp>
#include <zeroshot/nn/embedding.hpp>
#include <zeroshot/nn/layer_norm.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/nn/sequences.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Mirrors CLIP.encode_text in openai/CLIP clip/model.py and open_clip's model.py. The reference pads every prompt to
/// the context and reads one row, mostly that of the first token with the highest id, the end token. Under a causal
/// mask nothing after that row matters, so each prompt stops there; without one it is padded as in the reference.
/// Either way its numbers do not depend on its neighbours. A beginning that a prompt shares with the one before it is
/// computed once, so prompts in alphabetical order cost less.
template <class Scalar>
class text_encoder {
   public:
    /// \param w the tensors of the text tower, which stand at the root in OpenAI's layout
    text_encoder(const weights& w, const clip_config& config);

    std::size_t context() const noexcept { return embedding_.context(); }
    std::size_t vocabulary() const noexcept { return embedding_.vocabulary(); }

    /// \param prompts ids from the start token to the end token, unpadded or padded; under a causal mask what follows
    /// the token that is read is not looked at \return [prompts, embedding], not normalised \throws text_error for an
    /// empty prompt, one without its end token, an id outside the vocabulary, more ids than the context
    matrix<Scalar> operator()(std::span<const std::span<const std::int32_t>> prompts,
                              const stage_observer<Scalar>& observe = {}, executor* threads = nullptr) const;

    /// Hands on the bytes of all that its results depend on beside the configuration: its weights as they lie in
    /// memory, in the precision and for the kernels they are multiplied with. In a fixed order, for a digest.
    ///
    /// \param take called with each std::span<const std::byte>
    template <class Take>
    void parameters(const Take& take) const {
        embedding_.parameters(take);
        transformer_.parameters(take);
        ln_final_.parameters(take);
        text_projection_.parameters(take);
    }

   private:
    /// Where a prompt is read. Mirrors text_global_pool in open_clip transformer.py; where the end token is missing,
    /// that reads the first.
    std::size_t place_of(std::span<const std::int32_t> prompt) const {
        if (prompt.empty())
            throw text_error(error_code::argument,
                             {"tokens", "a prompt without ids", "at least the start and the end token", ""});
        switch (config_.pool) {
            case text_pool::first:
                return 0;
            case text_pool::last:
                return std::max(prompt.size(), context()) - 1;
            case text_pool::end:
                return place_of_end(prompt);
            default:
                return detail::argmax(prompt);
        }
    }

    std::size_t place_of_end(std::span<const std::int32_t> prompt) const {
        const auto end = std::find(prompt.begin(), prompt.end(), static_cast<std::int32_t>(config_.end));
        if (end == prompt.end()) {
            throw text_error(error_code::argument, {"tokens", "a prompt without the end token",
                                                    "id " + std::to_string(config_.end) + " at its end", ""});
        }
        return static_cast<std::size_t>(end - prompt.begin());
    }

    static std::size_t common_beginning(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
        return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
    }

    matrix<Scalar> embedded(std::span<const std::vector<std::int32_t>> ids, const sequences& all) const {
        auto x = matrix<Scalar>::for_overwrite({all.row_count(), embedding_.width()});
        std::size_t row = 0;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const std::size_t own = all.own(i);
            embedding_(ids[i], ids[i].size() - own, x.values().subspan(row * x.columns(), own * x.columns()));
            row += own;
        }
        return x;
    }

    text_config config_;
    embedding<Scalar> embedding_;
    transformer<Scalar> transformer_;
    layer_norm<Scalar> ln_final_;
    linear<Scalar> text_projection_;
};

template <class Scalar>
text_encoder<Scalar>::text_encoder(const weights& w, const clip_config& config)
    : config_(config.text),
      embedding_(w, config.text.vocabulary, config.text.context, config.text.blocks.width),
      transformer_(w / "transformer", config.text.blocks, config.text.causal ? mask::causal : mask::none),
      ln_final_(w / "ln_final", config.text.blocks.width, config.text.blocks.epsilon),
      text_projection_(linear<Scalar>::projection(w.at_least_16_bits(), "text_projection", "text_projection.bias",
                                                  config.text.blocks.width, config.embedding)) {}

template <class Scalar>
matrix<Scalar> text_encoder<Scalar>::operator()(std::span<const std::span<const std::int32_t>> prompts,
                                                const stage_observer<Scalar>& observe, executor* threads) const {
    std::vector<std::size_t> places;
    std::vector<std::vector<std::int32_t>> ids;  // what is looked at
    for (const auto prompt : prompts) {
        places.push_back(place_of(prompt));
        const std::size_t length = config_.causal ? places.back() + 1 : std::max(prompt.size(), context());
        ids.emplace_back(prompt.begin(), prompt.end()).resize(length, static_cast<std::int32_t>(config_.padding));
    }
    sequences all;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::size_t shared = i > 0 && config_.causal ? common_beginning(ids[i - 1], ids[i]) : 0;
        all.add(shared, ids[i].size() - shared);
    }
    matrix<Scalar> x = embedded(ids, all);  // [rows of all prompts, width]
    if (observe) observe("text.embedding", x);
    if (!observe) {
        x = transformer_.at(places, std::move(x), all, "transformer", observe, threads);
        return text_projection_(ln_final_(std::move(x)));
    }
    x = ln_final_(transformer_(std::move(x), all, "transformer", observe, threads));
    observe("ln_final", x);
    return text_projection_(rows_at(places, x, all));
}

#if defined(ZEROSHOT_COMPILED)
extern template class text_encoder<float>;
extern template class text_encoder<double>;
#endif

}}  // namespace zeroshot::ZEROSHOT_ABI
