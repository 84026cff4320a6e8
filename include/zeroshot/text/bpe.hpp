#pragma once
/// \file Byte pair encoding: the symbols of a word, merged pair by pair in the order in which the pairs were learned.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <zeroshot/text/vocabulary.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {
namespace detail {

/// A queue whose least number comes out first, for numbers of which none goes in below the last that came out: a radix
/// heap. A number lies in the bucket of the highest bit in which it differs from that last one, and only ever moves to
/// lower ones.
class rising_queue {
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

    /// Begins anew; the queue is empty.
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
    std::uint64_t filled_ = 0;  // a bit for each bucket that is not empty
    std::uint64_t last_ = 0;    // no number is below it, none is equal
};

}  // namespace detail

/// Merges the symbols of one word after the other. Holds memory to work in, so each thread has its own.
class pair_merger {
   public:
    explicit pair_merger(const vocabulary& words) : words_(words) {}

    /// Merges in place until no pair of neighbours merges, the earliest learned pair first, from left to right. Mirrors
    /// SimpleTokenizer.bpe in openai/CLIP clip/simple_tokenizer.py, which looks at the whole word after each merge; a
    /// queue of the pairs there are makes the same merges, so that a word of a million letters takes no longer than
    /// many short ones. (A pair that a merge makes was learned after that merge, so what goes into the queue only
    /// rises.) Why not the longest match in the vocabulary? It gives other symbols: merges have an order.
    void operator()(std::vector<token>& symbols) {
        constexpr token gone = -1;
        link(symbols);
        while (!waiting_.empty()) {
            const std::uint64_t first = waiting_.pop();
            const auto whole = static_cast<token>(first >> 32);
            const auto left = static_cast<std::uint32_t>(first);
            const std::uint32_t right = next_[left];
            const bool there = right != none && words_.parts(whole) == std::pair(symbols[left], symbols[right]);
            if (!there) continue;  // one of them has merged otherwise
            symbols[left] = whole;
            symbols[right] = gone;
            next_[left] = next_[right];
            if (next_[left] != none) previous_[next_[left]] = left;
            if (previous_[left] != none) wait(symbols, previous_[left], left);
            if (next_[left] != none) wait(symbols, left, next_[left]);
        }
        std::erase(symbols, gone);
    }

   private:
    static constexpr std::uint32_t none = UINT32_MAX;

    /// Makes each symbol the neighbour of the next, and queues the pairs that merge.
    void link(const std::vector<token>& symbols) {
        const auto count = static_cast<std::uint32_t>(symbols.size());
        next_.resize(count);
        previous_.resize(count);
        waiting_.restart();
        for (std::uint32_t place = 0; place < count; ++place) {
            previous_[place] = place == 0 ? none : place - 1;
            next_[place] = place + 1 == count ? none : place + 1;
            if (place > 0) wait(symbols, place - 1, place);
        }
    }

    void wait(const std::vector<token>& symbols, std::uint32_t left, std::uint32_t right) {
        const token whole = words_.merged(symbols[left], symbols[right]);
        if (whole >= 0) waiting_.push(static_cast<std::uint64_t>(whole) << 32 | left);
    }

    const vocabulary& words_;
    std::vector<std::uint32_t> next_, previous_;  // [place of a symbol]
    detail::rising_queue waiting_;                // merged symbol << 32 | place of its left part
};

}}  // namespace zeroshot::ZEROSHOT_ABI
