#pragma once
/// \file Weights of a linear map, packed for the kernels: in full, in the 16 bits of the file, or quantized.

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
#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/nn/number_format.hpp>
#include <zeroshot/nn/quantized_activations.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace nn {

/// Order of axes of a stored matrix.
enum class matrix_order {
    outputs_first,  ///< torch.nn.Linear: [outputs, inputs]
    inputs_first    ///< CLIP's projections, x P: [inputs, outputs]
};

/// The same tensors for a layer where 8 bits cost accuracy.
inline weights at_least_16_bits(const weights& w) {
    weight_options options = w.options();
    options.at_least_16_bits = true;
    return w.with(options);
}

/// How the tensor of that name is packed.
inline packing packing_of(const weights& w, std::string_view name) {
    return {.precision = w.options().precision,
            .threads = w.threads(),
            .cache = w.options().cache,
            .name = w.path_of(name),
            .at_least_16_bits = w.options().at_least_16_bits};
}

/// The weights of y = x Wᵀ, packed once.
template <class Scalar>
class packed_weights {
   public:
    packed_weights() = default;

    /// \param weight [outputs, inputs] or [inputs, outputs]
    /// \param precision of float; double is never quantized
    packed_weights(const matrix<Scalar>& weight, matrix_order order,
                   zeroshot::precision precision = zeroshot::precision::f32)
        : inputs_(order == matrix_order::outputs_first ? weight.columns() : weight.rows()),
          outputs_(order == matrix_order::outputs_first ? weight.rows() : weight.columns()) {
        pack<Scalar>({.precision = precision}, [&] { return outputs_in(weight, order); });
    }

    /// Rows that are computed or read a few at a time.
    /// \param read_rows read_rows(first, count, rows) writes the weights of `count` outputs from `first` on, [count,
    /// inputs], from any thread, as row_reader does
    template <class ReadRows>
    packed_weights(std::size_t outputs, std::size_t inputs, const ReadRows& read_rows, const packing& how)
        : inputs_(inputs), outputs_(outputs) {
        pack<Scalar>(how, [&] { return outputs_of<Scalar>(read_rows); });
    }

    /// The tensor of that name, in the number format of the options of `w`.
    packed_weights(const weights& w, std::string_view name, std::size_t inputs, std::size_t outputs, matrix_order order)
        : inputs_(inputs), outputs_(outputs) {
        as_stored(w, name, [&]<class Stored>(const Stored&) {
            if (order == matrix_order::inputs_first) return pack_inputs<Stored>(w, name, {inputs, outputs}, 0);
            const row_reader<Stored> read_rows = w.template rows<Stored, 2>(name, {outputs, inputs});
            pack<Stored>(packing_of(w, name), [&] { return outputs_of<Stored>(read_rows); });
        });
    }

    /// A projection x P, where P is `count` rows of the tensor of that name from `first` on.
    /// \param shape of the tensor, [rows, outputs]
    packed_weights(const weights& w, std::string_view name, const std::array<std::size_t, 2>& shape, std::size_t first,
                   std::size_t count)
        : inputs_(count), outputs_(shape[1]) {
        as_stored(w, name, [&]<class Stored>(const Stored&) { pack_inputs<Stored>(w, name, shape, first); });
    }

    std::size_t inputs() const noexcept { return inputs_; }
    std::size_t outputs() const noexcept { return outputs_; }

    /// \param rows [row_count, inputs], row_stride elements apart
    /// \param results [row_count, outputs]
    /// \param epilogue operations on the sums
    /// \param first, end range of the outputs to compute; results of others in the same panels are overwritten, too
    void multiply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
                  const kernels::epilogue<Scalar>& epilogue, executor* threads, std::size_t first,
                  std::size_t end) const {
        const kernels::product<Scalar> whole{rows,    row_stride, row_count, nullptr, outputs_,
                                             inputs_, results,    outputs_,  epilogue};
        const std::size_t panel = first / kernels::panel_width, panels = kernels::panel_count(end) - panel;
        const std::size_t parts = part_count(row_count * panels, concurrency_of(threads));
        const quantized_activations quantized = quantized_rows(whole, parts > 1 ? threads : nullptr);
        parallel_for(threads, parts, [&](std::size_t part) {
            std::visit(
                [&](const auto& packed) {
                    multiply(whole, quantized, packed, panel + panels * part / parts,
                             panel + panels * (part + 1) / parts);
                },
                packed_);
        });
    }

    /// All outputs, on the calling thread.
    void multiply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
                  const kernels::epilogue<Scalar>& epilogue) const {
        multiply(rows, row_stride, row_count, results, epilogue, nullptr, 0, outputs_);
    }

    /// As layer_norm::parameters.
    template <class Visitor>
    void parameters(const Visitor& visit) const {
        const auto form = static_cast<std::uint32_t>(packed_.index());
        visit(std::as_bytes(std::span(&form, 1)));
        visit(std::as_bytes(std::span(&kernels_->set, 1)));
        if (const auto* const quantized = std::get_if<quantized_weights>(&packed_))
            visit(std::as_bytes(std::span(&quantized->type, 1)));
        std::visit([&](const auto& packed) { visit(std::as_bytes(packed.values())); }, packed_);
    }

   private:
    struct quantized_weights {
        kernels::number_format type;
        shared_array<std::uint32_t> words;

        std::span<const std::uint32_t> values() const { return words.values(); }
    };

    /// Calls pack_as(Stored{}) with the type to read the elements in: 16 bits only for compact storage in f32.
    template <class PackAs>
    static void as_stored(const weights& w, std::string_view name, const PackAs& pack_as) {
        const bool quantized = std::is_same_v<Scalar, float> && w.options().precision != precision::f32;
        if (quantized || w.options().storage == weight_storage::full || !w.has_16_bits(name))
            pack_as(Scalar{});
        else if (w.type(name) == dtype::f16)
            pack_as(half{});
        else
            pack_as(bfloat16{});
    }

    /// Packs a tensor whose rows are inputs, from row `first` on.
    template <class Stored>
    void pack_inputs(const weights& w, std::string_view name, const std::array<std::size_t, 2>& shape,
                     std::size_t first) {
        packing how = packing_of(w, name);
        how.name += " from row " + std::to_string(first);
        const row_reader<Stored> read_rows = w.template rows<Stored, 2>(name, shape);
        matrix<Stored> weight;
        pack<Stored>(how, [&] {
            weight = matrix<Stored>::for_overwrite({inputs_, outputs_});
            read_rows(first, inputs_, weight.data());
            return outputs_in(weight, matrix_order::inputs_first);
        });
    }

    /// The weights of consecutive outputs: that of output o and input i is values[o * next_output + i * next_input].
    template <class Stored>
    struct output_block {
        const Stored* values;
        std::size_t next_output, next_input;
    };

    /// Outputs of a matrix in memory: (first, count, buffer) to an output_block.
    template <class Stored>
    static auto outputs_in(const matrix<Stored>& weight, matrix_order order) {
        const bool outputs_first = order == matrix_order::outputs_first;
        return [&weight, next_output = outputs_first ? weight.columns() : 1,
                next_input = outputs_first ? 1 : weight.columns()](std::size_t first, std::size_t,
                                                                   uninitialized_vector<Stored>&) {
            return output_block<Stored>{weight.data() + first * next_output, next_output, next_input};
        };
    }

    /// Outputs read into a buffer: (first, count, buffer) to an output_block.
    template <class Stored, class ReadRows>
    auto outputs_of(const ReadRows& read_rows) const {
        return
            [&read_rows, inputs = inputs_](std::size_t first, std::size_t count, uninitialized_vector<Stored>& buffer) {
                buffer.resize(count * inputs);
                read_rows(first, count, buffer.data());
                return output_block<Stored>{buffer.data(), inputs, 1};
            };
    }

    /// \param open called unless the packed weights are in the cache; returns outputs_in or outputs_of
    template <class Stored, class Open>
    void pack(const packing& how, const Open& open) {
        if constexpr (std::is_same_v<Stored, float>) {
            if (const auto type = quantized_format(how, inputs_, *kernels_)) {
                const std::size_t size = kernels::packed_size(*type, outputs_, inputs_);
                const auto words = how.elements<std::uint32_t>(size, [&](std::uint32_t* packed) {
                    for_each_block<float>(
                        how.threads, open(), [&](const auto& block, std::size_t first, std::size_t count) {
                            kernels::pack(*type, block.values, block.next_output, block.next_input, count, inputs_,
                                          packed + first * kernels::column_words(*type, inputs_));
                        });
                });
                packed_ = quantized_weights{*type, words};
                return;
            }
        }
        packed_ = how.elements<Stored>(kernels::packed_size(outputs_, inputs_), [&](Stored* packed) {
            for_each_block<Stored>(how.threads, open(), [&](const auto& block, std::size_t first, std::size_t count) {
                kernels::pack(block.values, block.next_output, block.next_input, count, inputs_,
                              packed + first * inputs_);
            });
        });
    }

    /// Whole panels, so few at a time that what is read is still in the cache when it is packed.
    template <class Stored, class Outputs, class Pack>
    void for_each_block(executor* threads, const Outputs& outputs, const Pack& pack_block) const {
        constexpr std::size_t block_size = (1 << 16) / sizeof(Stored);  // elements
        const std::size_t panels = kernels::panel_count(outputs_), parts = part_count(panels, concurrency_of(threads));
        const std::size_t step = (std::max)(std::size_t{1}, block_size / (kernels::panel_width * inputs_ + 1));
        parallel_for(threads, parts, [&](std::size_t part) {
            uninitialized_vector<Stored> buffer;
            const std::size_t end = panels * (part + 1) / parts;
            for (std::size_t panel = panels * part / parts; panel < end; panel += step) {
                const std::size_t first = panel * kernels::panel_width;
                const std::size_t count =
                    (std::min)(outputs_, (std::min)(end, panel + step) * kernels::panel_width) - first;
                pack_block(outputs(first, count, buffer), first, count);
            }
        });
    }

    /// Number of parts of a product of so many rows times panels: large enough to be worth waking a thread, and several
    /// per thread, so that one that is delayed leaves parts to the others.
    std::size_t part_count(std::size_t tiles, std::size_t threads) const noexcept {
        constexpr std::size_t smallest_part = 500'000;  // multiplications, some 20 microseconds
        const std::size_t parts = tiles * kernels::panel_width * inputs_ / smallest_part;
        return threads == 1 ? 1 : std::clamp<std::size_t>(parts, 1, 4 * threads);
    }

    /// The rows in the format of quantized weights; empty for others.
    quantized_activations quantized_rows(const kernels::product<Scalar>& whole, executor* threads) const {
        if constexpr (std::is_same_v<Scalar, float>) {
            if (const auto* const quantized = std::get_if<quantized_weights>(&packed_))
                return {quantized->type, whole.rows, whole.row_stride, whole.row_count, inputs_, *kernels_, threads};
        }
        return {};
    }

    void multiply(const kernels::product<Scalar>& whole, const quantized_activations& rows,
                  const quantized_weights& packed, std::size_t panel, std::size_t end) const noexcept {
        if constexpr (std::is_same_v<Scalar, float>)
            rows.multiply(packed.words.data(), outputs_, whole.result, whole.result_stride, whole.epilogue, panel, end);
    }

    void multiply(kernels::product<Scalar> p, const quantized_activations&, const shared_array<Scalar>& packed,
                  std::size_t panel, std::size_t end) const noexcept {
        p.packed = packed.data();
        kernels::multiply(p, *kernels_, panel, end);
    }

    /// Compact weights: a panel at a time is widened once and used for all rows.
    template <class Stored>
    void multiply(const kernels::product<Scalar>& whole, const quantized_activations&,
                  const shared_array<Stored>& packed, std::size_t first, std::size_t end) const {
        constexpr std::size_t width = kernels::panel_width;
        aligned_vector<Scalar> panel(width * inputs_);
        for (std::size_t column = first * width; column < end * width; column += width) {
            kernels::widen(packed.data() + column * inputs_, panel.size(), panel.data(), *kernels_);
            kernels::product<Scalar> part = whole;
            part.packed = panel.data();
            if (part.epilogue.bias != nullptr) part.epilogue.bias += column;
            if (part.epilogue.gain != nullptr) part.epilogue.gain += column;
            part.columns = (std::min)(width, outputs_ - column);
            part.result = whole.result + column;
            kernels::multiply(part, *kernels_);
        }
    }

    std::size_t inputs_ = 0;
    std::size_t outputs_ = 0;
    std::variant<shared_array<Scalar>, shared_array<half>, shared_array<bfloat16>, quantized_weights> packed_;
    const kernels::table* kernels_ = &kernels::active();
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::nn
