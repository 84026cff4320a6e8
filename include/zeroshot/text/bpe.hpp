#pragma once
/// \file Byte pair encoding: merging of a word's symbols in the order of the vocabulary's merges.

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include <zeroshot/text/vocabulary.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace text {

/// Merges the symbols of words. Holds working memory: one for each thread.
class pair_merger {
   public:
    explicit pair_merger(const vocabulary& symbols) : vocabulary_(symbols) {}

    /// Merges in place until no two neighbours merge: the pair of the lowest rank first, from left to right.
    /// Mirrors SimpleTokenizer.bpe in openai/CLIP clip/simple_tokenizer.py, which searches the whole word after each
    /// merge. A priority queue of the pairs makes the same merges in O(n log n). The longest match in the vocabulary
    /// would give other symbols, since merges have an order.
    void operator()(std::vector<token>& symbols) {
        constexpr token merged = -1;
        link(symbols);
        while (!queue_.empty()) {
            const std::uint64_t first = queue_.top();
            queue_.pop();
            const auto whole = static_cast<token>(first >> 32);
            const auto left = static_cast<std::uint32_t>(first);
            const std::uint32_t right = next_[left];
            const bool current = right != none && vocabulary_.parts(whole) == std::pair(symbols[left], symbols[right]);
            if (!current) continue;  // one of them has merged with its other neighbour
            symbols[left] = whole;
            symbols[right] = merged;
            next_[left] = next_[right];
            if (next_[left] != none) previous_[next_[left]] = left;
            if (previous_[left] != none) queue_pair(symbols, previous_[left], left);
            if (next_[left] != none) queue_pair(symbols, left, next_[left]);
        }
        std::erase(symbols, merged);
    }

   private:
    static constexpr std::uint32_t none = UINT32_MAX;

    /// Links each symbol with its neighbours, and queues the pairs that merge.
    void link(const std::vector<token>& symbols) {
        const auto count = static_cast<std::uint32_t>(symbols.size());
        next_.resize(count);
        previous_.resize(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            previous_[i] = i == 0 ? none : i - 1;
            next_[i] = i + 1 == count ? none : i + 1;
            if (i > 0) queue_pair(symbols, i - 1, i);
        }
    }

    void queue_pair(const std::vector<token>& symbols, std::uint32_t left, std::uint32_t right) {
        const token whole = vocabulary_.merged(symbols[left], symbols[right]);
        if (whole >= 0) queue_.push(static_cast<std::uint64_t>(whole) << 32 | left);
    }

    const vocabulary& vocabulary_;
    std::vector<std::uint32_t> next_, previous_;  // [symbol's index]
    /// Pairs, the earliest merge first: merged symbol << 32 | index of its left part.
    std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> queue_;
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::text
