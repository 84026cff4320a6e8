#pragma once
/// \file Tokens to vectors: the row of the table for each id, plus the row of its position.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <zeroshot/error.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// token_embedding and positional_embedding of the text transformer.
template <class Scalar>
class embedding {
   public:
    /// \param token_embedding [vocabulary, width]
    /// \param positional_embedding [context, width]
    embedding(matrix<Scalar> token_embedding, matrix<Scalar> positional_embedding)
        : token_embedding_(std::move(token_embedding)), positional_embedding_(std::move(positional_embedding)) {}

    std::size_t vocabulary() const noexcept { return token_embedding_.rows(); }
    std::size_t context() const noexcept { return positional_embedding_.rows(); }
    std::size_t width() const noexcept { return token_embedding_.columns(); }

    /// Writes one vector for each id from the place `first` on.
    /// \param rows [ids - first, width]
    /// \throws text_error where an id is outside the vocabulary or there are more ids than positions
    void operator()(std::span<const std::int32_t> ids, std::size_t first, std::span<Scalar> rows) const {
        if (ids.size() > context()) {
            throw text_error(error_code::limit,
                             {"tokens", std::to_string(ids.size()) + " ids",
                              "at most " + std::to_string(context()) + ", the context of this model", ""});
        }
        for (std::size_t position = first; position < ids.size(); ++position) {
            const std::int32_t id = ids[position];
            if (id < 0 || static_cast<std::size_t>(id) >= vocabulary()) {
                throw text_error(error_code::argument,
                                 {"tokens", "id " + std::to_string(id) + " at position " + std::to_string(position),
                                  "0 to " + std::to_string(vocabulary() - 1), ""});
            }
            const std::span<const Scalar> word = token_embedding_.row(static_cast<std::size_t>(id));
            const std::span<const Scalar> place = positional_embedding_.row(position);
            for (std::size_t i = 0; i < width(); ++i) rows[(position - first) * width() + i] = word[i] + place[i];
        }
    }

   private:
    matrix<Scalar> token_embedding_;
    matrix<Scalar> positional_embedding_;
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
