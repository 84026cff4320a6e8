#pragma once
/// \file A 3x3 convolution with stride 1 and a border of one pixel by Winograd's F(4x4, 3x3): a quarter of the
/// products.

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include <zeroshot/kernels/function.hpp>
#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/kernels/winograd.hpp>
#include <zeroshot/nn/packed_weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// The kernel, transformed once; a tile of the picture is a row of 36 products.
template <class Scalar>
class winograd {
   public:
    /// \param kernel [outputs, inputs, 3, 3]
    winograd(const tensor<Scalar, 4>& kernel, aligned_vector<Scalar> bias)
        : inputs_(kernel.extent(1)), outputs_(kernel.rows()), bias_(std::move(bias)) {
        std::vector<matrix<Scalar>> places(kernels::winograd_places);
        for (matrix<Scalar>& place : places) place = matrix<Scalar>::for_overwrite({outputs_, inputs_});
        for (std::size_t o = 0; o < outputs_; ++o) {
            for (std::size_t i = 0; i < inputs_; ++i) {
                std::array<double, 9> g;
                for (std::size_t k = 0; k < 9; ++k) g[k] = static_cast<double>(kernel(o, i, k / 3, k % 3));
                const auto transformed = kernels::winograd_kernel(g);
                for (std::size_t p = 0; p < places.size(); ++p) places[p](o, i) = static_cast<Scalar>(transformed[p]);
            }
        }
        weights_.reserve(places.size());
        for (const matrix<Scalar>& place : places) weights_.emplace_back(place, matrix_order::outputs_first);
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
            // [36, tiles, channels]
            auto patches = matrix<Scalar>::for_overwrite({kernels::winograd_places * count, inputs_});
            auto products = matrix<Scalar>::for_overwrite({kernels::winograd_places * count, outputs_});
            for (std::size_t tile = 0; tile < count; ++tile) {
                const auto patch = tiles.patch(first + tile, input, outside);
                kernels::winograd_transform(patch.data(), inputs_, patches.row(tile).data(), count * inputs_, set_);
            }
            for (std::size_t place = 0; place < kernels::winograd_places; ++place) {
                weights_[place].multiply(patches.row(place * count).data(), inputs_, count,
                                         products.row(place * count).data(), {});
            }
            std::vector<Scalar> beyond(outputs_);  // where results go that no pixel is for
            for (std::size_t tile = 0; tile < count; ++tile) {
                const auto results = tiles.results(first + tile, output, beyond);
                kernels::winograd_finish(products.row(tile).data(), count * outputs_,
                                         bias_.empty() ? nullptr : bias_.data(), outputs_, add, results.data(), set_);
                for (Scalar* pixel : results) {
                    if (f != kernels::function::identity && pixel != beyond.data())
                        kernels::apply(f, pixel, outputs_, set_);
                }
            }
        });
    }

   private:
    static constexpr std::size_t strip_elements = 8 * 1024;  // of a place: 36 of these are a MiB of float
    static constexpr std::size_t shortest_strip = 24;        // for less, the weights would pass by too often

    /// The picture cut into tiles of 4x4 pixels, the last ones reaching beyond it.
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
    std::vector<packed_weights<Scalar>> weights_;  // [36], each [outputs, inputs]
    aligned_vector<Scalar> bias_;                  // [outputs], or empty
    kernels::instruction_set set_ = kernels::active();
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
