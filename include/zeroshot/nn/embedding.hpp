#pragma once
/// \file Embedding of token ids: a row of the token table plus a row of the position table.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include <zeroshot/error.hpp>
#include <zeroshot/half.hpp>
#include <zeroshot/nn/packed_weights.hpp>
#include <zeroshot/nn/shared_array.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace nn {

/// Mirrors token_embedding and positional_embedding in CLIP.encode_text, openai/CLIP clip/model.py.
template <class Scalar>
class embedding {
   public:
    /// \param token_embedding [vocabulary, width]
    /// \param positional_embedding [context, width]
    embedding(const matrix<Scalar>& token_embedding, matrix<Scalar> positional_embedding)
        : vocabulary_(token_embedding.rows()),
          token_embedding_(zeroshot::detail::make_shared_array<Scalar>(
              token_embedding.size(), [&](Scalar* rows) { std::ranges::copy(token_embedding.values(), rows); })),
          positional_embedding_(std::move(positional_embedding)) {}

    /// The tensors "token_embedding.weight" and "positional_embedding". The token table stays in the 16 bits of the
    /// file, as few of its rows are read.
    embedding(const weights& w, std::size_t vocabulary, std::size_t context, std::size_t width)
        : vocabulary_(vocabulary),
          token_embedding_(table_of(w / "token_embedding", {vocabulary, width})),
          positional_embedding_(w.template read<Scalar, 2>("positional_embedding", {context, width})) {}

    std::size_t vocabulary() const noexcept { return vocabulary_; }
    std::size_t context() const noexcept { return positional_embedding_.rows(); }
    std::size_t width() const noexcept { return positional_embedding_.columns(); }

    /// Embeds the ids from position `first` on.
    /// \param rows results, [ids - first, width]
    /// \throws text_error if an id is outside the vocabulary or there are more ids than positions
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
            const std::span<const Scalar> offset = positional_embedding_.row(position);
            const std::span<Scalar> row = rows.subspan((position - first) * width(), width());
            const auto add = [&](const auto& tokens) {
                const auto stored = tokens.values().subspan(static_cast<std::size_t>(id) * width(), width());
                for (std::size_t i = 0; i < row.size(); ++i) row[i] = widen(stored[i]) + offset[i];
            };
            std::visit(add, token_embedding_);
        }
    }

    /// As layer_norm::parameters.
    template <class Visitor>
    void parameters(const Visitor& visit) const {
        std::visit([&](const auto& tokens) { visit(std::as_bytes(tokens.values())); }, token_embedding_);
        visit(std::as_bytes(positional_embedding_.values()));
    }

   private:
    using table = std::variant<shared_array<Scalar>, shared_array<half>, shared_array<bfloat16>>;  // row-major

    static table table_of(const weights& w, const std::array<std::size_t, 2>& shape) {
        return visit_stored_type<Scalar>(w, "weight", [&]<class Stored>(const Stored&) -> table {
            const auto read_rows = w.template rows<Stored, 2>("weight", shape);
            return packing_of(w, "weight").template elements<Stored>(shape[0] * shape[1], [&](Stored* numbers) {
                read_rows(0, shape[0], numbers);
            });
        });
    }

    template <class Stored>
    static Scalar widen(Stored number) noexcept {
        if constexpr (std::is_same_v<Stored, Scalar>)
            return number;
        else
            return static_cast<Scalar>(widened(number));
    }

    std::size_t vocabulary_;
    table token_embedding_;                // [vocabulary, width]
    matrix<Scalar> positional_embedding_;  // [context, width]
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::nn
