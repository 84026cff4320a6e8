#pragma once
/// \file A matrix of weights as the kernels want it: in full, in the 16 bits it was stored in, or rounded to the
/// precision it is multiplied in.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/kernels/pack_columns.hpp>
#include <zeroshot/kernels/quantized.hpp>
#include <zeroshot/kernels/widen.hpp>
#include <zeroshot/nn/number_format.hpp>
#include <zeroshot/nn/quantized_activations.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Which axis of a stored matrix is the outputs'.
enum class matrix_order {
    outputs_first,  ///< torch.nn.Linear: [outputs, inputs]
    inputs_first    ///< CLIP's projections, x P: [inputs, outputs]
};

/// The weights of y = x Wᵀ, packed once.
template <class Scalar>
class packed_weights {
   public:
    packed_weights() = default;

    /// \param weight [outputs, inputs] or [inputs, outputs]
    /// \param arithmetic of floats; double, the oracle of the tests, stays double
    packed_weights(const matrix<Scalar>& weight, matrix_order order, precision arithmetic = precision::f32)
        : inputs_(order == matrix_order::outputs_first ? weight.columns() : weight.rows()),
          outputs_(order == matrix_order::outputs_first ? weight.rows() : weight.columns()) {
        pack<Scalar>({.arithmetic = arithmetic}, [&] { return standing_in(weight, order); });
    }

    /// Rows that are made, or read, a few at a time.
    /// \param read_rows read_rows(first, count, into) writes the weights of `count` outputs from `first` on, [count,
    /// inputs], from any thread
    template <class ReadRows>
    packed_weights(std::size_t outputs, std::size_t inputs, const ReadRows& read_rows, const packing& how)
        : inputs_(inputs), outputs_(outputs) {
        pack<Scalar>(how, [&] { return rows_by<Scalar>(read_rows); });
    }

    /// The tensor of that name, for the weights' own arithmetic; in f32, it stays in 16 bits where the weights are to
    /// be kept compact.
    packed_weights(const weights& w, std::string_view name, std::size_t inputs, std::size_t outputs, matrix_order order)
        : inputs_(inputs), outputs_(outputs) {
        as_stored(w, name, [&]<class Stored>(const Stored&) {
            if (order == matrix_order::inputs_first) return pack_rows_of<Stored>(w, name, {inputs, outputs}, 0);
            const auto read_rows = w.template rows<Stored, 2>(name, {outputs, inputs});
            pack<Stored>(w.packing_of(name), [&] { return rows_by<Stored>(read_rows); });
        });
    }

    /// x P where P is `count` rows of the tensor of that name, from `first` on.
    /// \param shape of the tensor: [rows, outputs]
    packed_weights(const weights& w, std::string_view name, const std::array<std::size_t, 2>& shape, std::size_t first,
                   std::size_t count)
        : inputs_(count), outputs_(shape[1]) {
        as_stored(w, name, [&]<class Stored>(const Stored&) { pack_rows_of<Stored>(w, name, shape, first); });
    }

    std::size_t inputs() const noexcept { return inputs_; }
    std::size_t outputs() const noexcept { return outputs_; }

    /// \param rows [row_count, inputs], row_stride elements apart
    /// \param results [row_count, outputs]
    /// \param finish what becomes of the sums
    /// \param first, end the outputs wanted; of their neighbours, some may be written as well
    void multiply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
                  const kernels::epilogue<Scalar>& finish, executor* threads, std::size_t first,
                  std::size_t end) const {
        const kernels::product<Scalar> whole{rows,    row_stride, row_count, nullptr, outputs_,
                                             inputs_, results,    outputs_,  finish};
        const std::size_t panel = first / kernels::panel_width, panels = kernels::panel_count(end) - panel;
        const std::size_t parts = worth_of(row_count * panels, concurrency_of(threads));
        const quantized_activations rounded = round_rows(whole, parts > 1 ? threads : nullptr);
        parallel_for(threads, parts, [&](std::size_t part) {
            std::visit(
                [&](const auto& packed) {
                    multiply(whole, rounded, packed, panel + panels * part / parts,
                             panel + panels * (part + 1) / parts);
                },
                packed_);
        });
    }

    /// All outputs, by the calling thread.
    void multiply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
                  const kernels::epilogue<Scalar>& finish) const {
        multiply(rows, row_stride, row_count, results, finish, nullptr, 0, outputs_);
    }

    /// As layer_norm::parameters; what the numbers are packed as is one of them.
    template <class Take>
    void parameters(const Take& take) const {
        const auto form = static_cast<std::uint32_t>(packed_.index());
        take(std::as_bytes(std::span(&form, 1)));
        take(std::as_bytes(std::span(&kernels_, 1)));
        std::visit([&](const auto& packed) { hand_on(packed, take); }, packed_);
    }

   private:
    struct narrow_weights {
        kernels::narrow type;
        fixed_numbers<std::uint32_t> words;
    };

    template <class Stored, class Take>
    static void hand_on(const fixed_numbers<Stored>& packed, const Take& take) {
        take(std::as_bytes(packed.values()));
    }
    template <class Take>
    static void hand_on(const narrow_weights& packed, const Take& take) {
        take(std::as_bytes(std::span(&packed.type, 1)));
        take(std::as_bytes(packed.words.values()));
    }

    /// pack_as(Stored{}): in which type the numbers are read that are packed.
    template <class PackAs>
    static void as_stored(const weights& w, std::string_view name, const PackAs& pack_as) {
        const bool rounded = std::is_same_v<Scalar, float> && w.arithmetic() != precision::f32;
        if (rounded || !w.stays_compact(name))
            pack_as(Scalar{});
        else if (w.type(name) == dtype::f16)
            pack_as(half{});
        else
            pack_as(bfloat16{});
    }

    /// Inputs are rows of the tensor, from `first` on.
    template <class Stored>
    void pack_rows_of(const weights& w, std::string_view name, const std::array<std::size_t, 2>& shape,
                      std::size_t first) {
        packing how = w.packing_of(name);
        how.name += " from row " + std::to_string(first);
        const auto read_rows = w.template rows<Stored, 2>(name, shape);
        matrix<Stored> weight;
        pack<Stored>(how, [&] {
            weight = matrix<Stored>::for_overwrite({inputs_, outputs_});
            read_rows(first, inputs_, weight.data());
            return standing_in(weight, matrix_order::inputs_first);
        });
    }

    /// Where weights stand: that of output o and input i at numbers[o * next_output + i * next_input].
    template <class Stored>
    struct some_outputs {
        const Stored* numbers;
        std::size_t next_output, next_input;
    };

    /// Outputs of a matrix, where they are.
    template <class Stored>
    static auto standing_in(const matrix<Stored>& weight, matrix_order order) {
        const bool outputs_first = order == matrix_order::outputs_first;
        return [&weight, next_output = outputs_first ? weight.columns() : 1,
                next_input = outputs_first ? 1 : weight.columns()](std::size_t first, std::size_t,
                                                                   overwriting_vector<Stored>&) {
            return some_outputs<Stored>{weight.data() + first * next_output, next_output, next_input};
        };
    }

    /// Outputs that are written to a buffer first.
    template <class Stored, class ReadRows>
    auto rows_by(const ReadRows& read_rows) const {
        return
            [&read_rows, inputs = inputs_](std::size_t first, std::size_t count, overwriting_vector<Stored>& buffer) {
                buffer.resize(count * inputs);
                read_rows(first, count, buffer.data());
                return some_outputs<Stored>{buffer.data(), inputs, 1};
            };
    }

    /// \param open open(), called unless the packed weights were kept, gives outputs_from(first, count, buffer):
    /// some_outputs, which may stand in the buffer. What is read belongs in there
    template <class Stored, class Open>
    void pack(const packing& how, const Open& open) {
        if constexpr (std::is_same_v<Stored, float>) {
            if (const auto type = quantized_format(how, inputs_, kernels_)) return round(*type, how, open);
        }
        packed_ = how.elements<Stored>(kernels::packed_size(outputs_, inputs_), [&](Stored* packed) {
            in_pieces<Stored>(how.threads, open(), [&](const auto& some, std::size_t first, std::size_t count) {
                kernels::pack(some.numbers, some.next_output, some.next_input, count, inputs_,
                              packed + first * inputs_);
            });
        });
    }

    template <class Open>
    void round(kernels::narrow type, const packing& how, const Open& open) {
        const std::size_t size = kernels::packed_size(type, outputs_, inputs_);
        const auto words = how.elements<std::uint32_t>(size, [&](std::uint32_t* packed) {
            in_pieces<float>(how.threads, open(), [&](const auto& some, std::size_t first, std::size_t count) {
                kernels::pack(type, some.numbers, some.next_output, some.next_input, count, inputs_,
                              packed + first * kernels::column_words(type, inputs_));
            });
        });
        packed_ = narrow_weights{type, words};
    }

    /// Panel after panel, and so few at a time that what is read is in the cache when it is packed.
    template <class Stored, class OutputsFrom, class Pack>
    void in_pieces(executor* threads, const OutputsFrom& outputs_from, const Pack& pack_some) const {
        constexpr std::size_t piece = (1 << 16) / sizeof(Stored);  // numbers
        const std::size_t panels = kernels::panel_count(outputs_), parts = worth_of(panels, concurrency_of(threads));
        const std::size_t at_once = std::max<std::size_t>(1, piece / (kernels::panel_width * inputs_ + 1));
        parallel_for(threads, parts, [&](std::size_t part) {
            overwriting_vector<Stored> buffer;
            const std::size_t end = panels * (part + 1) / parts;
            for (std::size_t panel = panels * part / parts; panel < end; panel += at_once) {
                const std::size_t first = panel * kernels::panel_width;
                const std::size_t count =
                    std::min(outputs_, std::min(end, panel + at_once) * kernels::panel_width) - first;
                pack_some(outputs_from(first, count, buffer), first, count);
            }
        });
    }

    /// Into how many parts a product of so many rows and panels is cut: waking a thread costs as much as some work, and
    /// of several parts each, a thread that is held up leaves some to the others.
    std::size_t worth_of(std::size_t tiles, std::size_t threads) const noexcept {
        constexpr std::size_t smallest_part = 500'000;  // products of numbers, some 20 microseconds
        const std::size_t parts = tiles * kernels::panel_width * inputs_ / smallest_part;
        return threads == 1 ? 1 : std::clamp<std::size_t>(parts, 1, 4 * threads);
    }

    /// Rows as narrow weights want them; none for others.
    quantized_activations round_rows(const kernels::product<Scalar>& whole, executor* threads) const {
        if constexpr (std::is_same_v<Scalar, float>) {
            if (const auto* const narrow = std::get_if<narrow_weights>(&packed_))
                return {narrow->type, whole.rows, whole.row_stride, whole.row_count, inputs_, kernels_, threads};
        }
        return {};
    }

    void multiply(const kernels::product<Scalar>& whole, const quantized_activations& rounded,
                  const narrow_weights& packed, std::size_t panel, std::size_t end) const noexcept {
        if constexpr (std::is_same_v<Scalar, float>)
            rounded.multiply(packed.words.data(), outputs_, whole.result, whole.result_stride, whole.finish, panel,
                             end);
    }

    void multiply(kernels::product<Scalar> p, const quantized_activations&, const fixed_numbers<Scalar>& packed,
                  std::size_t panel, std::size_t end) const noexcept {
        p.packed = packed.data();
        kernels::multiply(p, kernels_, panel, end);
    }

    /// A panel at a time: its numbers are widened once, and serve all rows.
    template <class Stored>
    void multiply(const kernels::product<Scalar>& whole, const quantized_activations&,
                  const fixed_numbers<Stored>& packed, std::size_t first, std::size_t end) const {
        constexpr std::size_t width = kernels::panel_width;
        aligned_vector<Scalar> panel(width * inputs_);
        for (std::size_t column = first * width; column < end * width; column += width) {
            kernels::widen(packed.data() + column * inputs_, panel.size(), panel.data(), kernels_);
            kernels::product<Scalar> part = whole;
            part.packed = panel.data();
            if (part.finish.bias != nullptr) part.finish.bias += column;
            if (part.finish.gain != nullptr) part.finish.gain += column;
            part.columns = std::min(width, outputs_ - column);
            part.result = whole.result + column;
            kernels::multiply(part, kernels_);
        }
    }

    std::size_t inputs_ = 0;
    std::size_t outputs_ = 0;
    std::variant<fixed_numbers<Scalar>, fixed_numbers<half>, fixed_numbers<bfloat16>, narrow_weights> packed_;
    kernels::instruction_set kernels_ = kernels::active();
};

}}  // namespace zeroshot::ZEROSHOT_ABI
