#pragma once
/// \file Weights of a linear map, packed for the kernels: in full, in the 16 bits of the file, or quantized.
///
/// Outputs are grouped in panels of 16. A panel holds, for one input after the other, the weights of its 16 outputs
/// side by side, [outputs / 16][inputs][16], the last panel padded with zeros: a kernel reads it from front to back and
/// multiplies 16 weights with one number of a row. Quantized panels hold words of several inputs, [words][16], after
/// the scales of their outputs (kernels/table.hpp).

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/nn/packed_activations.hpp>
#include <zeroshot/nn/packing.hpp>
#include <zeroshot/nn/shared_array.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace nn {

/// Order of axes of a stored matrix.
enum class matrix_order {
    outputs_first,  ///< torch.nn.Linear: [outputs, inputs]
    inputs_first    ///< CLIP's projections, x P: [inputs, outputs]
};

/// The outputs from `first` to before `end`; all of them by default.
struct output_range {
    std::size_t first = 0;
    std::size_t end = static_cast<std::size_t>(-1);
};

/// The same tensors for a layer where 8 bits cost accuracy.
inline weights at_least_16_bits(const weights& w) {
    weight_options options = w.options();
    options.at_least_16_bits = true;
    return w.with(options);
}

/// Options for packing the tensor of that name.
inline packing packing_of(const weights& w, std::string_view name) {
    return {.precision = w.options().precision,
            .threads = w.threads(),
            .cache = w.options().cache,
            .memory = w.options().memory,
            .name = w.path_of(name),
            .at_least_16_bits = w.options().at_least_16_bits};
}

/// Returns visit(Stored{}), where Stored is half or bfloat16 if all elements of the tensor are, otherwise Scalar.
template <class Scalar, class Visit>
auto visit_stored_type(const weights& w, std::string_view name, const Visit& visit) {
    if (!w.has_16_bits(name)) return visit(Scalar{});
    return w.type(name) == dtype::f16 ? visit(half{}) : visit(bfloat16{});
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
    packed_weights(std::size_t outputs, std::size_t inputs, const ReadRows& read_rows, const packing& layer)
        : inputs_(inputs), outputs_(outputs) {
        pack<Scalar>(layer, [&] { return outputs_of<Scalar>(read_rows); });
    }

    /// The tensor of that name, in the precision of the options of `w`.
    packed_weights(const weights& w, std::string_view name, std::size_t inputs, std::size_t outputs, matrix_order order)
        : inputs_(inputs), outputs_(outputs) {
        visit_packed_type(w, name, [&]<class Stored>(const Stored&) {
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
        visit_packed_type(w, name, [&]<class Stored>(const Stored&) { pack_inputs<Stored>(w, name, shape, first); });
    }

    std::size_t inputs() const noexcept { return inputs_; }
    std::size_t outputs() const noexcept { return outputs_; }

    /// \param rows [row_count, inputs], row_stride elements apart
    /// \param results [row_count, outputs]
    /// \param range of the outputs to compute; results of others in the same panels are overwritten, too
    void multiply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
                  const kernels::epilogue<Scalar>& epilogue = {}, executor* threads = nullptr,
                  output_range range = {}) const {
        const std::size_t panel = range.first / kernels::panel_width;
        const std::size_t panels = kernels::panel_count((std::min)(range.end, outputs_)) - panel;
        const std::size_t parts = part_count(row_count * panels, concurrency_of(threads));
        const packed_rows<Scalar> packed(format(), rows, row_stride, row_count, inputs_, *kernels_,
                                         parts > 1 ? threads : nullptr);
        parallel_for(threads, parts, [&](std::size_t part) {
            std::visit(
                [&](const auto& weights) {
                    multiply_panels(packed, weights, results, epilogue, panel + panels * part / parts,
                                    panel + panels * (part + 1) / parts);
                },
                packed_);
        });
    }

    /// As layer_norm::parameters.
    template <class Visitor>
    void parameters(const Visitor& visit) const {
        const auto element = static_cast<std::uint32_t>(packed_.index());
        visit(std::as_bytes(std::span(&element, 1)));
        visit(std::as_bytes(std::span(&kernels_->set, 1)));
        if (const auto* const quantized = std::get_if<quantized_weights>(&packed_))
            visit(std::as_bytes(std::span(&quantized->format, 1)));
        std::visit([&](const auto& packed) { visit(std::as_bytes(packed.values())); }, packed_);
    }

   private:
    struct quantized_weights {
        kernels::number_format format;
        shared_array<std::uint32_t> words;

        std::span<const std::uint32_t> values() const { return words.values(); }
    };

    /// Calls visit(Stored{}) with the type of the elements to pack: 16 bits only for compact storage in f32.
    template <class Visit>
    static void visit_packed_type(const weights& w, std::string_view name, const Visit& visit) {
        const bool quantized = std::is_same_v<Scalar, float> && w.options().precision != precision::f32;
        if (quantized || w.options().storage == weight_storage::full) return visit(Scalar{});
        visit_stored_type<Scalar>(w, name, visit);
    }

    /// Packs a tensor whose rows are inputs, from row `first` on.
    template <class Stored>
    void pack_inputs(const weights& w, std::string_view name, const std::array<std::size_t, 2>& shape,
                     std::size_t first) {
        packing layer = packing_of(w, name);
        layer.name += " from row " + std::to_string(first);
        const row_reader<Stored> read_rows = w.template rows<Stored, 2>(name, shape);
        matrix<Stored> weight;
        pack<Stored>(layer, [&] {
            weight = matrix<Stored>::for_overwrite({inputs_, outputs_});
            read_rows(first, inputs_, weight.data());
            return outputs_in(weight, matrix_order::inputs_first);
        });
    }

    /// The weights of consecutive outputs: that of output o and input i is values[o * output_stride + i *
    /// input_stride].
    template <class Stored>
    struct weight_rows {
        const Stored* values;
        std::size_t output_stride, input_stride;
    };

    /// Outputs of a matrix in memory: (first, count, buffer) to weight_rows.
    template <class Stored>
    static auto outputs_in(const matrix<Stored>& weight, matrix_order order) {
        const bool outputs_first = order == matrix_order::outputs_first;
        const std::size_t output_stride = outputs_first ? weight.columns() : 1;
        const std::size_t input_stride = outputs_first ? 1 : weight.columns();
        return [&weight, output_stride, input_stride](std::size_t first, std::size_t, uninitialized_vector<Stored>&) {
            return weight_rows<Stored>{weight.data() + first * output_stride, output_stride, input_stride};
        };
    }

    /// Outputs read into a buffer: (first, count, buffer) to weight_rows.
    template <class Stored, class ReadRows>
    auto outputs_of(const ReadRows& read_rows) const {
        return
            [&read_rows, inputs = inputs_](std::size_t first, std::size_t count, uninitialized_vector<Stored>& buffer) {
                buffer.resize(count * inputs);
                read_rows(first, count, buffer.data());
                return weight_rows<Stored>{buffer.data(), inputs, 1};
            };
    }

    /// \param open called unless the packed weights are in the cache; returns outputs_in or outputs_of
    template <class Stored, class Open>
    void pack(const packing& layer, const Open& open) {
        if constexpr (std::is_same_v<Stored, float>) {
            if (const auto format = format_of(layer, inputs_, *kernels_)) {
                const std::size_t size = kernels::packed_size(*format, outputs_, inputs_);
                packed_ = quantized_weights{
                    *format, layer.elements<std::uint32_t>(size, [&](std::uint32_t* packed) {
                        for_each_chunk<float>(
                            layer.threads, open(), [&](const auto& chunk, std::size_t first, std::size_t count) {
                                kernels::pack(*format, chunk.values, chunk.output_stride, chunk.input_stride, count,
                                              inputs_, packed + first * kernels::column_words(*format, inputs_),
                                              *kernels_);
                            });
                    })};
                return;
            }
        }
        packed_ = layer.elements<Stored>(kernels::packed_size(outputs_, inputs_), [&](Stored* packed) {
            for_each_chunk<Stored>(layer.threads, open(), [&](const auto& chunk, std::size_t first, std::size_t count) {
                kernels::pack(chunk.values, chunk.output_stride, chunk.input_stride, count, inputs_,
                              packed + first * inputs_);
            });
        });
    }

    /// Whole panels, so few at a time that the weights are still in the cache when they are packed.
    template <class Stored, class Outputs, class Pack>
    void for_each_chunk(executor* threads, const Outputs& outputs, const Pack& pack_chunk) const {
        constexpr std::size_t chunk_size = (1 << 16) / sizeof(Stored);  // elements
        const std::size_t panels = kernels::panel_count(outputs_), parts = part_count(panels, concurrency_of(threads));
        const std::size_t step = (std::max)(std::size_t{1}, chunk_size / (kernels::panel_width * inputs_ + 1));
        parallel_for(threads, parts, [&](std::size_t part) {
            uninitialized_vector<Stored> buffer;
            const std::size_t end = panels * (part + 1) / parts;
            for (std::size_t panel = panels * part / parts; panel < end; panel += step) {
                const std::size_t first = panel * kernels::panel_width;
                const std::size_t count =
                    (std::min)(outputs_, (std::min)(end, panel + step) * kernels::panel_width) - first;
                pack_chunk(outputs(first, count, buffer), first, count);
            }
        });
    }

    /// Number of parts of a product of `tiles` rows times panels: large enough to be worth waking a thread, and several
    /// per thread, so that the others take over the parts of a delayed one.
    std::size_t part_count(std::size_t tiles, std::size_t threads) const noexcept {
        constexpr std::size_t smallest_part = 500'000;  // multiplications, about 20 microseconds
        const std::size_t parts = tiles * kernels::panel_width * inputs_ / smallest_part;
        return threads == 1 ? 1 : std::clamp<std::size_t>(parts, 1, 4 * threads);
    }

    /// The number format of quantized weights.
    std::optional<kernels::number_format> format() const noexcept {
        const auto* const quantized = std::get_if<quantized_weights>(&packed_);
        return quantized == nullptr ? std::nullopt : std::optional(quantized->format);
    }

    void multiply_panels(const packed_rows<Scalar>& rows, const quantized_weights& packed, Scalar* results,
                         const kernels::epilogue<Scalar>& epilogue, std::size_t panel, std::size_t end) const noexcept {
        if constexpr (std::is_same_v<Scalar, float>)
            rows.multiply(packed.words.data(), outputs_, results, outputs_, epilogue, panel, end);
    }

    void multiply_panels(const packed_rows<Scalar>& rows, const shared_array<Scalar>& packed, Scalar* results,
                         const kernels::epilogue<Scalar>& epilogue, std::size_t panel, std::size_t end) const noexcept {
        rows.multiply(packed.data(), outputs_, results, outputs_, epilogue, panel, end);
    }

    /// Compact weights: a panel at a time is widened once and used for all rows.
    template <class Stored>
    void multiply_panels(const packed_rows<Scalar>& rows, const shared_array<Stored>& packed, Scalar* results,
                         const kernels::epilogue<Scalar>& epilogue, std::size_t first, std::size_t end) const {
        constexpr std::size_t width = kernels::panel_width;
        aligned_vector<Scalar> panel(width * inputs_);
        for (std::size_t column = first * width; column < end * width; column += width) {
            kernels::widen(packed.data() + column * inputs_, panel.size(), panel.data(), *kernels_);
            kernels::epilogue<Scalar> part = epilogue;
            if (part.bias != nullptr) part.bias += column;
            if (part.gain != nullptr) part.gain += column;
            rows.multiply(panel.data(), (std::min)(width, outputs_ - column), results + column, outputs_, part, 0, 1);
        }
    }

    std::size_t inputs_ = 0;
    std::size_t outputs_ = 0;
    std::variant<shared_array<Scalar>, shared_array<half>, shared_array<bfloat16>, quantized_weights> packed_;
    const kernels::table* kernels_ = &kernels::active();
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::nn
