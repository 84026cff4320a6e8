#pragma once
/// \file Assignment of a matrix' rows to sequences of tokens that may share prefixes.

#include <cstddef>
#include <span>
#include <vector>

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace nn {

/// Sequences of tokens whose rows lie in one matrix. With a causal mask a token depends only on those before it, so a
/// prefix that several prompts share is computed once: its rows belong to the first of them.
class token_sequences {
   public:
    token_sequences() = default;

    /// Consecutive sequences of the given lengths without shared prefixes.
    explicit token_sequences(std::span<const std::size_t> lengths) {
        for (const std::size_t length : lengths) add(0, length);
    }

    /// Appends a sequence.
    /// \param shared number of rows shared with the beginning of the preceding sequence
    /// \param own number of new rows after them
    void add(std::size_t shared, std::size_t own) {
        const std::size_t previous = starts_.empty() ? 0 : starts_.back();
        starts_.push_back(rows_.size());
        for (std::size_t i = 0; i < shared; ++i) rows_.push_back(rows_[previous + i]);
        for (std::size_t i = 0; i < own; ++i) rows_.push_back(row_count_++);
        own_.push_back(own);
    }

    /// Number of sequences.
    std::size_t size() const noexcept { return starts_.size(); }

    /// Number of rows of the matrix.
    std::size_t row_count() const noexcept { return row_count_; }

    /// The rows of a sequence from its first token to its last.
    std::span<const std::size_t> operator[](std::size_t sequence) const noexcept {
        const std::size_t end = sequence + 1 < starts_.size() ? starts_[sequence + 1] : rows_.size();
        return std::span(rows_).subspan(starts_[sequence], end - starts_[sequence]);
    }

    /// Number of rows at the end of a sequence that it does not share with those before it; they are consecutive.
    std::size_t own(std::size_t sequence) const noexcept { return own_[sequence]; }

   private:
    std::vector<std::size_t> rows_;    // of all sequences, one after the other
    std::vector<std::size_t> starts_;  // first index of each sequence in rows_
    std::vector<std::size_t> own_;
    std::size_t row_count_ = 0;
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::nn
