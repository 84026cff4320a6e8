#pragma once
/// \file A 3x3 convolution with stride 1 and a border of one pixel by Winograd's F(4x4, 3x3): a quarter of the
/// products.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <zeroshot/kernels/activation.hpp>
#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/kernels/pack_columns.hpp>
#include <zeroshot/kernels/quantized.hpp>
#include <zeroshot/kernels/winograd.hpp>
#include <zeroshot/nn/number_format.hpp>
#include <zeroshot/nn/packed_weight_cache.hpp>
#include <zeroshot/nn/quantized_activations.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The kernel, transformed once; a tile of the image is a row of 36 products. They are of floats, but in int8, where
/// those are faster, of integers of 16 bits: bfloat16 would lose too much on its way back.
template <class Scalar>
class winograd {
   public:
    /// \param read_rows read_rows(first, count, into) writes `count` of the kernel's rows from `first` on,
    /// [count, inputs, 3, 3]
    template <class ReadRows>
    winograd(std::size_t outputs, std::size_t inputs, const ReadRows& read_rows, aligned_vector<Scalar> bias,
             const packing& how)
        : inputs_(inputs), outputs_(outputs), bias_(std::move(bias)) {
        if constexpr (std::is_same_v<Scalar, float>) {
            if (how.arithmetic == precision::int8 && kernels::gains_from_int16(set_) &&
                inputs <= kernels::deepest_int16) {
                packed_ = transformed<std::uint32_t>(
                    how, kernels::packed_size(integers, outputs, inputs), read_rows,
                    [&](const float* place, std::size_t count, std::size_t first, std::uint32_t* packed) {
                        kernels::pack(integers, place, inputs, 1, count, inputs,
                                      packed + first * kernels::column_words(integers, inputs));
                    });
                return;
            }
        }
        packed_ = transformed<Scalar>(how, kernels::packed_size(outputs, inputs), read_rows,
                                      [&](const Scalar* place, std::size_t count, std::size_t first, Scalar* packed) {
                                          kernels::pack(place, inputs, 1, count, inputs, packed + first * inputs);
                                      });
    }

    /// \param input [height * width, inputs]
    /// \param output [height * width, outputs]
    void operator()(const matrix<Scalar>& input, std::size_t height, std::size_t width, matrix<Scalar>& output,
                    bool add, kernels::function f, executor* threads) const {
        const grid tiles{height, width};
        const std::size_t strip = std::max(shortest_strip, strip_elements / (inputs_ + outputs_));
        const std::size_t strips =
            std::min(tiles.count(), std::max(concurrency_of(threads), (tiles.count() + strip - 1) / strip));
        const std::vector<Scalar> outside(inputs_);  // zeros
        parallel_for(threads, strips, [&](std::size_t index) {
            const std::size_t first = tiles.count() * index / strips, end = tiles.count() * (index + 1) / strips;
            const std::size_t count = end - first;
            // [36, tiles * channels], each in its own place: a power of two apart, they would push each other out of
            // the caches
            auto patches = matrix<Scalar>::for_overwrite({kernels::winograd_places, count * inputs_ + apart});
            auto products = matrix<Scalar>::for_overwrite({kernels::winograd_places, count * outputs_ + apart});
            for (std::size_t tile = 0; tile < count; ++tile) {
                const auto patch = tiles.patch(first + tile, input, outside);
                kernels::winograd_transform(patch.data(), inputs_, patches.data() + tile * inputs_, patches.columns(),
                                            set_);
            }
            for (std::size_t place = 0; place < kernels::winograd_places; ++place) {
                std::visit(
                    [&](const auto& packed) {
                        multiply(packed, place, patches.row(place).data(), count, products.row(place).data());
                    },
                    packed_);
            }
            std::vector<Scalar> beyond(outputs_);  // where results go that no pixel is for
            for (std::size_t tile = 0; tile < count; ++tile) {
                const auto results = tiles.results(first + tile, output, beyond);
                kernels::winograd_finish(products.data() + tile * outputs_, products.columns(),
                                         bias_.empty() ? nullptr : bias_.data(), outputs_, add, results.data(), set_);
                for (Scalar* pixel : results) {
                    if (f != kernels::function::identity && pixel != beyond.data())
                        kernels::apply(f, pixel, outputs_, set_);
                }
            }
        });
    }

   private:
    static constexpr std::size_t strip_elements = 8 * 1024;    // of a place: 36 of these are a MiB of float
    static constexpr std::size_t shortest_strip = 24;          // for less, the weights would pass by too often
    static constexpr std::size_t apart = 64 / sizeof(Scalar);  // a line

    static constexpr kernels::narrow integers = kernels::narrow::int16;

    /// A panel of outputs after the other, transformed, and packed for each of the 36 places.
    /// \param size of what a place is packed to
    /// \param pack pack(place, count, first, packed): [count, inputs] of the outputs from `first` on
    template <class Number, class ReadRows, class Pack>
    fixed_numbers<Number> transformed(const packing& how, std::size_t size, const ReadRows& read_rows,
                                      const Pack& pack) const {
        return how.elements<Number>(kernels::winograd_places * size, [&](Number* packed) {
            constexpr std::size_t taps = 9;
            for (std::size_t first = 0; first < outputs_; first += kernels::panel_width) {
                const std::size_t count = std::min(kernels::panel_width, outputs_ - first);
                auto kernel = matrix<Scalar>::for_overwrite({count * inputs_, taps});
                auto places = matrix<Scalar>::for_overwrite({kernels::winograd_places, count * inputs_});
                read_rows(first, count, kernel.data());
                for (std::size_t i = 0; i < kernel.rows(); ++i) {
                    std::array<double, taps> g;
                    for (std::size_t k = 0; k < taps; ++k) g[k] = static_cast<double>(kernel(i, k));
                    const auto at_places = kernels::winograd_kernel(g);
                    for (std::size_t p = 0; p < places.rows(); ++p) places(p, i) = static_cast<Scalar>(at_places[p]);
                }
                for (std::size_t p = 0; p < places.rows(); ++p) {
                    pack(places.row(p).data(), count, first, packed + p * size);
                }
            }
        });
    }

    /// The products of one place.
    void multiply(const fixed_numbers<Scalar>& packed, std::size_t place, const Scalar* patches, std::size_t count,
                  Scalar* products) const {
        kernels::multiply<Scalar>(
            {patches, inputs_, count, packed.data() + place * kernels::packed_size(outputs_, inputs_), outputs_,
             inputs_, products, outputs_},
            set_);
    }
    void multiply(const fixed_numbers<std::uint32_t>& packed, std::size_t place, const Scalar* patches,
                  std::size_t count, Scalar* products) const {
        if constexpr (std::is_same_v<Scalar, float>)
            quantized_activations(integers, patches, inputs_, count, inputs_, set_)
                .multiply(packed.data() + place * kernels::packed_size(integers, outputs_, inputs_), outputs_, products,
                          outputs_, {}, 0, kernels::panel_count(outputs_));
    }

    /// The image cut into tiles of 4x4 pixels, the last ones reaching beyond it.
    struct grid {
        std::size_t height, width;
        std::size_t columns = (width + kernels::winograd_results - 1) / kernels::winograd_results;

        std::size_t count() const {
            return columns * ((height + kernels::winograd_results - 1) / kernels::winograd_results);
        }
        std::size_t top(std::size_t tile) const { return tile / columns * kernels::winograd_results; }
        std::size_t left(std::size_t tile) const { return tile % columns * kernels::winograd_results; }

        std::array<const Scalar*, kernels::winograd_places> patch(std::size_t tile, const matrix<Scalar>& input,
                                                                  const std::vector<Scalar>& outside) const {
            std::array<const Scalar*, kernels::winograd_places> pixels;
            for (std::size_t i = 0; i < pixels.size(); ++i) {
                // the patch begins one pixel above and left of the tile; wrapped-around coordinates are outside, too
                const std::size_t y = top(tile) + i / kernels::winograd_patch - 1;
                const std::size_t x = left(tile) + i % kernels::winograd_patch - 1;
                pixels[i] = y < height && x < width ? input.row(y * width + x).data() : outside.data();
            }
            return pixels;
        }

        std::array<Scalar*, kernels::winograd_results * kernels::winograd_results> results(
            std::size_t tile, matrix<Scalar>& output, std::vector<Scalar>& beyond) const {
            std::array<Scalar*, kernels::winograd_results * kernels::winograd_results> pixels;
            for (std::size_t i = 0; i < pixels.size(); ++i) {
                const std::size_t y = top(tile) + i / kernels::winograd_results;
                const std::size_t x = left(tile) + i % kernels::winograd_results;
                pixels[i] = y < height && x < width ? output.row(y * width + x).data() : beyond.data();
            }
            return pixels;
        }
    };

    std::size_t inputs_;
    std::size_t outputs_;
    std::variant<fixed_numbers<Scalar>, fixed_numbers<std::uint32_t>> packed_;  // [36], each from [outputs, inputs]
    aligned_vector<Scalar> bias_;                                               // [outputs], or empty
    kernels::instruction_set set_ = kernels::active();
};

}}  // namespace zeroshot::ZEROSHOT_ABI
