#pragma once
/// \file 3x3 convolution with stride 1 and padding 1 by Winograd's F(4x4, 3x3), with a quarter of the products.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/kernels/winograd.hpp>
#include <zeroshot/nn/packed_activations.hpp>
#include <zeroshot/nn/packing.hpp>
#include <zeroshot/nn/shared_array.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace nn {

/// Mirrors Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016). The kernel is transformed once
/// to the 36 points of the transform; at each point, the tiles of the image are rows of one product. Products are
/// float, or 16-bit integers in bf16 and int8 where these are faster: bfloat16 would lose too much in the inverse
/// transform.
template <class Scalar>
class winograd {
   public:
    /// \param read_rows read_rows(first, count, rows) writes `count` rows of the kernel from `first` on, [count,
    /// inputs, 3, 3], as row_reader does
    template <class ReadRows>
    winograd(std::size_t outputs, std::size_t inputs, const ReadRows& read_rows, aligned_vector<Scalar> bias,
             const packing& layer)
        : inputs_(inputs), outputs_(outputs), bias_(std::move(bias)) {
        if constexpr (std::is_same_v<Scalar, float>) {
            if (layer.precision != precision::f32 && set_->has_fast_int16 && inputs <= kernels::deepest_int16) {
                packed_ = transformed<std::uint32_t>(
                    layer, kernels::packed_size(integers, outputs, inputs), read_rows,
                    [&](const float* rows, std::size_t count, std::size_t first, std::uint32_t* packed) {
                        kernels::pack(integers, rows, inputs, 1, count, inputs,
                                      packed + first * kernels::column_words(integers, inputs), *set_);
                    });
                return;
            }
        }
        packed_ = transformed<Scalar>(layer, kernels::packed_size(outputs, inputs), read_rows,
                                      [&](const Scalar* rows, std::size_t count, std::size_t first, Scalar* packed) {
                                          kernels::pack(rows, inputs, 1, count, inputs, packed + first * inputs);
                                      });
    }

    /// \param input [height * width, inputs]
    /// \param output [height * width, outputs]
    /// \param add to the output instead of overwriting it, before the activation
    void operator()(const matrix<Scalar>& input, std::size_t height, std::size_t width, matrix<Scalar>& output,
                    bool add, kernels::activation activation, executor* threads) const {
        const grid tiles{height, width};
        const std::size_t strip = (std::max)(shortest_strip, strip_elements / (inputs_ + outputs_));
        const std::size_t strips =
            (std::min)(tiles.count(), (std::max)(concurrency_of(threads), (tiles.count() + strip - 1) / strip));
        parallel_for(threads, strips, [&](std::size_t index) {
            const std::size_t first = tiles.count() * index / strips, end = tiles.count() * (index + 1) / strips;
            const matrix<Scalar> patches = transformed_patches(tiles, first, end, input);
            const matrix<Scalar> products = multiplied(patches, end - first);
            store_tiles(tiles, first, end, products, output, add, activation);
        });
    }

   private:
    static constexpr std::size_t points = kernels::winograd_points;  // 6x6
    static constexpr std::size_t side = kernels::winograd_side;      // of a tile
    static constexpr std::size_t strip_elements = 8 * 1024;          // at a point: 36 of these are a MiB of float
    static constexpr std::size_t shortest_strip = 24;                // tiles: shorter ones read the weights too often
    // Between the points, a cache line: a distance that is a power of two would cause cache set conflicts.
    static constexpr std::size_t gap = 64 / sizeof(Scalar);

    static constexpr kernels::number_format integers = kernels::number_format::int16;

    /// The image as tiles of 4x4 pixels; the last ones extend beyond it.
    struct grid {
        std::size_t height, width;
        std::size_t columns = (width + side - 1) / side;

        std::size_t count() const { return columns * ((height + side - 1) / side); }

        /// Pointers to the pixels of a square of Side, whose first pixel is `border` above and left of the tile's.
        template <std::size_t Side, class Matrix, class Pixel>
        std::array<Pixel*, Side * Side> square(std::size_t tile, std::size_t border, Matrix& image,
                                               Pixel* outside) const {
            std::array<Pixel*, Side * Side> pixels;
            for (std::size_t i = 0; i < pixels.size(); ++i) {
                // coordinates that wrap around below 0 are outside, too
                const std::size_t y = tile / columns * side + i / Side - border;
                const std::size_t x = tile % columns * side + i % Side - border;
                pixels[i] = y < height && x < width ? image.row(y * width + x).data() : outside;
            }
            return pixels;
        }
    };

    /// The transformed kernel, packed for each point, a panel of outputs at a time.
    /// \param size of the packed weights at a point
    /// \param pack pack(rows, count, first, packed) packs the weights of `count` outputs from `first` on, [count,
    /// inputs]
    template <class Element, class ReadRows, class Pack>
    shared_array<Element> transformed(const packing& layer, std::size_t size, const ReadRows& read_rows,
                                      const Pack& pack) const {
        return layer.elements<Element>(points * size, [&](Element* packed) {
            constexpr std::size_t taps = 9;
            for (std::size_t first = 0; first < outputs_; first += kernels::panel_width) {
                const std::size_t count = (std::min)(kernels::panel_width, outputs_ - first);
                auto kernel = matrix<Scalar>::for_overwrite({count * inputs_, taps});
                auto transformed = matrix<Scalar>::for_overwrite({points, count * inputs_});
                read_rows(first, count, kernel.data());
                for (std::size_t i = 0; i < kernel.rows(); ++i) {
                    std::array<double, taps> g;
                    std::ranges::copy(kernel.row(i), g.begin());
                    const auto values = kernels::winograd_kernel(g);
                    for (std::size_t p = 0; p < points; ++p) transformed(p, i) = static_cast<Scalar>(values[p]);
                }
                for (std::size_t p = 0; p < points; ++p)
                    pack(transformed.row(p).data(), count, first, packed + p * size);
            }
        });
    }

    /// The patches of the tiles from `first` to before `end`, transformed.
    /// \return [36, tiles * inputs]
    matrix<Scalar> transformed_patches(const grid& tiles, std::size_t first, std::size_t end,
                                       const matrix<Scalar>& input) const {
        const std::vector<Scalar> outside(inputs_);  // zeros
        auto patches = matrix<Scalar>::for_overwrite({points, (end - first) * inputs_ + gap});
        for (std::size_t tile = first; tile < end; ++tile) {
            const auto patch = tiles.template square<kernels::winograd_patch>(tile, 1, input, outside.data());
            kernels::winograd_transform(patch.data(), inputs_, patches.data() + (tile - first) * inputs_,
                                        patches.columns(), *set_);
        }
        return patches;
    }

    /// \return products with the weights at each point, [36, tiles * outputs]
    matrix<Scalar> multiplied(const matrix<Scalar>& patches, std::size_t count) const {
        auto products = matrix<Scalar>::for_overwrite({points, count * outputs_ + gap});
        for (std::size_t point = 0; point < points; ++point) {
            std::visit(
                [&](const auto& packed) {
                    multiply(packed, point, patches.row(point).data(), count, products.row(point).data());
                },
                packed_);
        }
        return products;
    }

    void multiply(const shared_array<Scalar>& packed, std::size_t point, const Scalar* patches, std::size_t count,
                  Scalar* products) const {
        packed_rows<Scalar>({}, patches, inputs_, count, inputs_, *set_)
            .multiply(packed.data() + point * kernels::packed_size(outputs_, inputs_), outputs_, products, outputs_);
    }
    void multiply(const shared_array<std::uint32_t>& packed, std::size_t point, const Scalar* patches,
                  std::size_t count, Scalar* products) const {
        if constexpr (std::is_same_v<Scalar, float>)
            packed_rows<float>(integers, patches, inputs_, count, inputs_, *set_)
                .multiply(packed.data() + point * kernels::packed_size(integers, outputs_, inputs_), outputs_, products,
                          outputs_);
    }

    /// Transforms the products back, then adds bias and output and applies the activation.
    void store_tiles(const grid& tiles, std::size_t first, std::size_t end, const matrix<Scalar>& products,
                     matrix<Scalar>& output, bool add, kernels::activation activation) const {
        std::vector<Scalar> outside(outputs_);  // results of pixels outside the image
        for (std::size_t tile = first; tile < end; ++tile) {
            const auto results = tiles.template square<side>(tile, 0, output, outside.data());
            kernels::winograd_inverse(products.data() + (tile - first) * outputs_, products.columns(),
                                      bias_.empty() ? nullptr : bias_.data(), outputs_, add, results.data(), *set_);
            if (activation == kernels::activation::identity) continue;
            for (Scalar* pixel : results) {
                if (pixel != outside.data()) kernels::apply(activation, pixel, outputs_, *set_);
            }
        }
    }

    std::size_t inputs_;
    std::size_t outputs_;
    std::variant<shared_array<Scalar>, shared_array<std::uint32_t>> packed_;  // [36], each of [outputs, inputs]
    aligned_vector<Scalar> bias_;                                             // [outputs], or empty
    const kernels::table* set_ = &kernels::active();
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::nn
