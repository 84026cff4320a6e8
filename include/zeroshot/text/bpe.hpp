#pragma once
/// \file Byte pair encoding: merging of a word's symbols in the order of the vocabulary's merges.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <zeroshot/text/vocabulary.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace text {

/// Radix heap: a priority queue of numbers of which none is below the last that was popped. A number is in the bucket
/// of the highest bit in which it differs from that last one, and only moves to lower buckets.
class radix_heap {
   public:
    void push(std::uint64_t number) { put(number); }

    bool empty() const noexcept { return filled_ == 0; }

    std::uint64_t pop() {
        const auto lowest = static_cast<std::size_t>(std::countr_zero(filled_));
        std::vector<std::uint64_t>& bucket = buckets_[lowest];
        if (bucket.size() == 1) {
            last_ = bucket.front();
            clear(lowest);
            return last_;
        }
        last_ = *std::min_element(bucket.begin(), bucket.end());
        moving_.swap(bucket);
        clear(lowest);
        for (const std::uint64_t number : moving_) {
            if (number != last_) put(number);
        }
        moving_.clear();
        return last_;
    }

    /// Accepts all numbers again; the heap is empty.
    void restart() noexcept { last_ = 0; }

   private:
    void put(std::uint64_t number) {
        const auto bucket = static_cast<std::size_t>(std::bit_width(number ^ last_)) - 1;
        buckets_[bucket].push_back(number);
        filled_ |= std::uint64_t{1} << bucket;
    }
    void clear(std::size_t bucket) {
        buckets_[bucket].clear();
        filled_ &= ~(std::uint64_t{1} << bucket);
    }

    std::array<std::vector<std::uint64_t>, 64> buckets_;
    std::vector<std::uint64_t> moving_;
    std::uint64_t filled_ = 0;  // bit mask of the buckets that are not empty
    std::uint64_t last_ = 0;    // all numbers are above it
};

/// Merges the symbols of words. Holds working memory: one for each thread.
class pair_merger {
   public:
    explicit pair_merger(const vocabulary& symbols) : vocabulary_(symbols) {}

    /// Merges in place until no two neighbours merge: the pair of the lowest rank first, from left to right.
    /// Mirrors SimpleTokenizer.bpe in openai/CLIP clip/simple_tokenizer.py, which searches the whole word after each
    /// merge. A priority queue of the pairs makes the same merges, so that a word of a million letters takes no longer
    /// than many short ones. A pair that contains a merged symbol has a higher rank than that merge, so queued numbers
    /// only rise. The longest match in the vocabulary would give other symbols, since merges have an order.
    void operator()(std::vector<token>& symbols) {
        constexpr token merged = -1;
        link(symbols);
        while (!queue_.empty()) {
            const std::uint64_t first = queue_.pop();
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
        queue_.restart();
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
    radix_heap queue_;                            // merged symbol << 32 | index of its left part
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::text
