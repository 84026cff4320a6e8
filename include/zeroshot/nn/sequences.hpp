#pragma once
/// \file Which rows belong to which sequence of tokens, where sequences may share their beginnings.

#include <cstddef>
#include <span>
#include <vector>

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Sequences of tokens that lie as rows of one matrix. Under a causal mask a token depends on those before it alone, so
/// a beginning that several prompts share need be computed once: its rows belong to the first of them.
class sequences {
   public:
    sequences() = default;

    /// Sequences side by side, of the given lengths, that share nothing.
    explicit sequences(std::span<const std::size_t> lengths) {
        for (const std::size_t length : lengths) add(0, length);
    }

    /// One more sequence: so many rows at the beginning of the sequence before it, and then own ones.
    void add(std::size_t shared, std::size_t own) {
        const std::size_t previous = starts_.empty() ? 0 : starts_.back();
        starts_.push_back(rows_.size());
        for (std::size_t i = 0; i < shared; ++i) rows_.push_back(rows_[previous + i]);
        for (std::size_t i = 0; i < own; ++i) rows_.push_back(row_count_++);
        own_.push_back(own);
    }

    std::size_t size() const noexcept { return starts_.size(); }

    /// Rows of the matrix.
    std::size_t row_count() const noexcept { return row_count_; }

    /// The rows of a sequence from its first token to its last.
    std::span<const std::size_t> operator[](std::size_t sequence) const noexcept {
        const std::size_t end = sequence + 1 < starts_.size() ? starts_[sequence + 1] : rows_.size();
        return std::span(rows_).subspan(starts_[sequence], end - starts_[sequence]);
    }

    /// How many rows at a sequence's end are its own: they lie one after the other.
    std::size_t own(std::size_t sequence) const noexcept { return own_[sequence]; }

   private:
    std::vector<std::size_t> rows_;    // of all sequences, one after the other
    std::vector<std::size_t> starts_;  // of each sequence in rows_
    std::vector<std::size_t> own_;
    std::size_t row_count_ = 0;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
