#pragma once
/// \file A matrix of weights as the kernels want it: in full, in the 16 bits it was stored in, or rounded to the
/// precision it is multiplied in.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <zeroshot/half.hpp>
#include <zeroshot/io/weights.hpp>
#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/kernels/narrow.hpp>
#include <zeroshot/kernels/widen.hpp>
#include <zeroshot/nn/rounded_rows.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

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
    packed_weights(const matrix<Scalar>& weight, matrix_order order, precision arithmetic = precision::f32) {
        if constexpr (std::is_same_v<Scalar, float>) {
            if (arithmetic != precision::f32) {
                round(weight, order, arithmetic);
                return;
            }
        }
        pack(weight, order);
    }

    /// The tensor of that name, for the weights' own arithmetic; in f32, it stays in 16 bits where the weights are to
    /// be kept compact.
    packed_weights(const weights& w, std::string_view name, std::size_t inputs, std::size_t outputs,
                   matrix_order order) {
        const std::array shape =
            order == matrix_order::outputs_first ? std::array{outputs, inputs} : std::array{inputs, outputs};
        if (std::is_same_v<Scalar, float> && w.arithmetic() != precision::f32)
            *this = packed_weights(w.template read<Scalar, 2>(name, shape), order, w.arithmetic());
        else if (!w.stays_compact(name))
            pack(w.template read<Scalar, 2>(name, shape), order, w.threads());
        else if (w.type(name) == dtype::f16)
            pack(w.template read<half, 2>(name, shape), order, w.threads());
        else
            pack(w.template read<bfloat16, 2>(name, shape), order, w.threads());
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
        const rounded_rows rounded = round_rows(whole, parts > 1 ? threads : nullptr);
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
    template <class Stored>
    using packed_numbers = std::vector<Stored, overwriting_allocator<Stored>>;
    struct narrow_weights {
        kernels::narrow type;
        aligned_vector<std::uint32_t> words;
    };

    template <class Stored, class Take>
    static void hand_on(const packed_numbers<Stored>& packed, const Take& take) {
        take(std::as_bytes(std::span(packed)));
    }
    template <class Take>
    static void hand_on(const narrow_weights& packed, const Take& take) {
        take(std::as_bytes(std::span(&packed.type, 1)));
        take(std::as_bytes(std::span(packed.words)));
    }

    /// Shorter sums stay bf16 in int8: the errors of their terms show more, and rounding the rows and finishing the
    /// sums is more of the work. Measured in docs/performance.md.
    static constexpr std::size_t shortest_int8_sum = 512;

    void round(const matrix<Scalar>& weight, matrix_order order, precision arithmetic) {
        measure(weight, order);
        const bool outputs_first = order == matrix_order::outputs_first;
        const bool as_bytes = arithmetic == precision::int8 && inputs_ >= shortest_int8_sum;
        narrow_weights packed{as_bytes ? kernels::narrow::int8 : kernels::narrow::bf16, {}};
        packed.words.resize(kernels::packed_size(packed.type, outputs_, inputs_));
        kernels::pack(packed.type, weight.data(), outputs_first ? inputs_ : 1, outputs_first ? 1 : outputs_, outputs_,
                      inputs_, packed.words.data());
        packed_ = std::move(packed);
    }

    template <class Stored>
    void measure(const matrix<Stored>& weight, matrix_order order) {
        const bool outputs_first = order == matrix_order::outputs_first;
        outputs_ = outputs_first ? weight.rows() : weight.columns();
        inputs_ = outputs_first ? weight.columns() : weight.rows();
    }

    template <class Stored>
    void pack(const matrix<Stored>& weight, matrix_order order, executor* threads = nullptr) {
        measure(weight, order);
        const bool outputs_first = order == matrix_order::outputs_first;
        const std::size_t next_output = outputs_first ? inputs_ : 1, next_input = outputs_first ? 1 : outputs_;
        packed_numbers<Stored> packed(kernels::packed_size(outputs_, inputs_));
        const std::size_t panels = kernels::panel_count(outputs_), parts = worth_of(panels, concurrency_of(threads));
        parallel_for(threads, parts, [&](std::size_t part) {
            const std::size_t first = panels * part / parts * kernels::panel_width;
            const std::size_t end = std::min(outputs_, panels * (part + 1) / parts * kernels::panel_width);
            kernels::pack(weight.data() + first * next_output, next_output, next_input, end - first, inputs_,
                          packed.data() + first * inputs_);
        });
        packed_ = std::move(packed);
    }

    /// Into how many parts a product of so many rows and panels is cut: waking a thread costs as much as some work, and
    /// of several parts each, a thread that is held up leaves some to the others.
    std::size_t worth_of(std::size_t tiles, std::size_t threads) const noexcept {
        constexpr std::size_t smallest_part = 500'000;  // products of numbers, some 20 microseconds
        const std::size_t parts = tiles * kernels::panel_width * inputs_ / smallest_part;
        return threads == 1 ? 1 : std::clamp<std::size_t>(parts, 1, 4 * threads);
    }

    /// Rows as narrow weights want them; none for others.
    rounded_rows round_rows(const kernels::product<Scalar>& whole, executor* threads) const {
        if constexpr (std::is_same_v<Scalar, float>) {
            if (const auto* const narrow = std::get_if<narrow_weights>(&packed_))
                return {narrow->type, whole.rows, whole.row_stride, whole.row_count, inputs_, kernels_, threads};
        }
        return {};
    }

    void multiply(const kernels::product<Scalar>& whole, const rounded_rows& rounded, const narrow_weights& packed,
                  std::size_t panel, std::size_t end) const noexcept {
        if constexpr (std::is_same_v<Scalar, float>)
            rounded.multiply(packed.words.data(), outputs_, whole.result, whole.result_stride, whole.finish, panel,
                             end);
    }

    void multiply(kernels::product<Scalar> p, const rounded_rows&, const packed_numbers<Scalar>& packed,
                  std::size_t panel, std::size_t end) const noexcept {
        p.packed = packed.data();
        kernels::multiply(p, kernels_, panel, end);
    }

    /// A panel at a time: its numbers are widened once, and serve all rows.
    template <class Stored>
    void multiply(const kernels::product<Scalar>& whole, const rounded_rows&, const packed_numbers<Stored>& packed,
                  std::size_t first, std::size_t end) const {
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
    std::variant<packed_numbers<Scalar>, packed_numbers<half>, packed_numbers<bfloat16>, narrow_weights> packed_;
    kernels::instruction_set kernels_ = kernels::active();
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
