#pragma once
/// \file Convolution and average pooling of feature maps whose pixels are rows.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <zeroshot/error.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/nn/winograd_convolution.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace nn {

/// Features of one image. A 1x1 convolution is a linear map of its rows.
template <class Scalar>
struct feature_map {
    std::size_t height = 0;
    std::size_t width = 0;
    matrix<Scalar> pixels;  // [height * width, channels]
};

/// Mirrors torch.nn.Conv2d with a square kernel, without dilation or groups: patches as rows times the weights, or
/// Winograd's algorithm where that is faster.
template <class Scalar>
class convolution {
   public:
    /// \param kernel [outputs, inputs, size, size] as torch.nn.Conv2d stores it
    /// \param bias [outputs], or empty
    /// \param pixels expected number of pixels of a result, which decides on the algorithm
    convolution(const tensor<Scalar, 4>& kernel, aligned_vector<Scalar> bias, std::size_t stride, std::size_t padding,
                std::size_t pixels = 0, zeroshot::precision precision = zeroshot::precision::f32)
        : convolution(kernel.shape(),
                      [&](std::size_t first, std::size_t count, Scalar* rows) {
                          std::ranges::copy(
                              kernel.values().subspan(first * kernel.row_size(), count * kernel.row_size()), rows);
                      },
                      std::move(bias), stride, padding, pixels, {.precision = precision}) {}

    /// A kernel that is computed or read a few rows at a time.
    /// \param shape [outputs, inputs, size, size]
    /// \param read_rows read_rows(first, count, rows) writes `count` rows of the kernel from `first` on, [count,
    /// inputs, size, size], from any thread, as row_reader does
    template <class ReadRows>
    convolution(const std::array<std::size_t, 4>& shape, const ReadRows& read_rows, aligned_vector<Scalar> bias,
                std::size_t stride, std::size_t padding, std::size_t pixels, packing layer)
        : size_(shape[2]), stride_(stride), padding_(padding), outputs_(shape[0]) {
        const std::size_t inputs = shape[1];
        if (size_ == 3 && stride == 1 && padding == 1 && pixels >= fewest_winograd_pixels) {
            winograd_.emplace(outputs_, inputs, read_rows, std::move(bias), layer);
            return;
        }
        const auto read_patches = [&](std::size_t first, std::size_t count, Scalar* patches) {
            read_rows(first, count, patches);
            for (std::size_t i = 0; i < count && size_ > 1; ++i)
                transpose(inputs, size_ * size_,
                          std::span(patches + i * inputs * size_ * size_, inputs * size_ * size_));
        };
        layer.many_rows = true;
        map_ = linear<Scalar>({outputs_, size_ * size_ * inputs, read_patches, layer}, std::move(bias));
    }

    feature_map<Scalar> operator()(const feature_map<Scalar>& input,
                                   kernels::activation activation = kernels::activation::identity,
                                   executor* threads = nullptr) const {
        feature_map<Scalar> output;
        output.height = (input.height + 2 * padding_ - size_) / stride_ + 1;
        output.width = (input.width + 2 * padding_ - size_) / stride_ + 1;
        output.pixels = matrix<Scalar>::for_overwrite({output.height * output.width, outputs_});
        convolve(input, output, {.function = activation}, threads);
        return output;
    }

    /// activation(shortcut + convolution(input)), in the memory of the shortcut.
    feature_map<Scalar> added_to(feature_map<Scalar> shortcut, const feature_map<Scalar>& input,
                                 kernels::activation activation, executor* threads = nullptr) const {
        convolve(input, shortcut, {.add = true, .function = activation}, threads);
        return shortcut;
    }

   private:
    static constexpr std::size_t strip_elements = 64 * 1024;  // 256 KiB of float
    static constexpr std::size_t shortest_strip = 48;         // pixels: shorter ones read the weights too often
    // Winograd's weights are four times as large: with few pixels, reading them costs more than the products saved.
    static constexpr std::size_t fewest_winograd_pixels = 14 * 14;

    void convolve(const feature_map<Scalar>& input, feature_map<Scalar>& output,
                  const kernels::epilogue<Scalar>& epilogue, executor* threads) const {
        if (winograd_)
            return (*winograd_)(input.pixels, input.height, input.width, output.pixels, epilogue.add, epilogue.function,
                                threads);
        const std::size_t pixels = output.pixels.rows();
        if (size_ == 1 && stride_ == 1)
            return map_.apply(input.pixels.data(), map_.inputs(), pixels, output.pixels.data(), epilogue, threads);
        // Strips of patches that are still in the cache when they are multiplied.
        const std::size_t strip = (std::max)(shortest_strip, strip_elements / map_.inputs());
        const std::size_t strips = (std::max)(concurrency_of(threads), (pixels + strip - 1) / strip);
        parallel_for(threads, strips, [&](std::size_t index) {
            const std::size_t first = pixels * index / strips, end = pixels * (index + 1) / strips;
            auto patches = matrix<Scalar>::for_overwrite({end - first, map_.inputs()});
            for (std::size_t i = first; i < end; ++i) gather(input, output.width, i, patches.row(i - first).data());
            map_.apply(patches.data(), map_.inputs(), end - first, output.pixels.data() + first * map_.outputs(),
                       epilogue, nullptr);
        });
    }

    /// The patch of one output pixel, zeros outside the image: [size * size * channels]
    void gather(const feature_map<Scalar>& input, std::size_t output_width, std::size_t pixel,
                Scalar* patch) const noexcept {
        const std::size_t channels = input.pixels.columns();
        // Coordinates of the padded image: the input begins at `padding_`.
        const std::size_t top = pixel / output_width * stride_, left = pixel % output_width * stride_;
        const std::size_t begin = std::clamp(padding_, left, left + size_);
        const std::size_t end = std::clamp(padding_ + input.width, begin, left + size_);
        for (std::size_t y = top; y < top + size_; ++y, patch += size_ * channels) {
            if (y < padding_ || y >= padding_ + input.height) {
                std::fill_n(patch, size_ * channels, Scalar{0});
                continue;
            }
            std::fill_n(patch, (begin - left) * channels, Scalar{0});
            const Scalar* const line = input.pixels.data() + (y - padding_) * input.width * channels;
            std::copy(line + (begin - padding_) * channels, line + (end - padding_) * channels,
                      patch + (begin - left) * channels);
            std::fill_n(patch + (end - left) * channels, (left + size_ - end) * channels, Scalar{0});
        }
    }

    std::size_t size_;
    std::size_t stride_;
    std::size_t padding_;
    std::size_t outputs_;
    linear<Scalar> map_;  // [outputs, size * size * inputs], unused with winograd_
    std::optional<winograd<Scalar>> winograd_;
};

/// A convolution without bias and the batch normalisation after it, folded into one convolution:
/// y = (conv(x) - mean) * weight / sqrt(variance + 1e-5) + bias. Mirrors torch.nn.BatchNorm2d in evaluation mode.
/// \param conv, bn names of both below w, "conv1" and "bn1"
/// \param pixels as in convolution
/// \throws numeric_error for a negative variance
template <class Scalar>
convolution<Scalar> folded_convolution(const weights& w, std::string_view conv, std::string_view bn, std::size_t inputs,
                                       std::size_t outputs, std::size_t size, std::size_t stride = 1,
                                       std::size_t pixels = 0) {
    constexpr double epsilon = 1e-5;  // torch.nn.BatchNorm2d
    const std::array shape{outputs, inputs, size, size};
    const row_reader<Scalar> read_rows = (w / conv).template rows<Scalar, 4>("weight", shape);
    const aligned_vector<Scalar> gain = (w / bn).template read_vector<Scalar>("weight", outputs);
    aligned_vector<Scalar> bias = (w / bn).template read_vector<Scalar>("bias", outputs);
    const aligned_vector<Scalar> mean = (w / bn).template read_vector<Scalar>("running_mean", outputs);
    const aligned_vector<Scalar> variance = (w / bn).template read_vector<Scalar>("running_var", outputs);
    aligned_vector<Scalar> scale(outputs);
    for (std::size_t o = 0; o < outputs; ++o) {
        const double safe_variance = static_cast<double>(variance[o]) + epsilon;
        if (!(safe_variance > 0)) {
            throw numeric_error(error_code::numeric,
                                {w.place(),
                                 "tensor " + (w / bn).path() + ".running_var is " + std::to_string(variance[o]) +
                                     " at [" + std::to_string(o) + "]",
                                 "at least 0", ""});
        }
        const double factor = static_cast<double>(gain[o]) / std::sqrt(safe_variance);
        scale[o] = static_cast<Scalar>(factor);
        bias[o] = static_cast<Scalar>(static_cast<double>(bias[o]) - static_cast<double>(mean[o]) * factor);
    }
    const auto folded_rows = [&](std::size_t first, std::size_t count, Scalar* rows) {
        read_rows(first, count, rows);
        const std::size_t row_size = inputs * size * size;
        for (std::size_t o = first; o < first + count; ++o, rows += row_size) {
            for (std::size_t i = 0; i < row_size; ++i) rows[i] *= scale[o];
        }
    };
    return convolution<Scalar>(shape, folded_rows, std::move(bias), stride, size / 2, pixels,
                               packing_of(w / conv, "weight"));
}

/// Mirrors torch.nn.AvgPool2d(size): means of size x size pixels; incomplete ones at the right and bottom are dropped.
template <class Scalar>
feature_map<Scalar> average_pool(const feature_map<Scalar>& input, std::size_t size) {
    feature_map<Scalar> output{input.height / size, input.width / size, {}};
    output.pixels = matrix<Scalar>::for_overwrite({output.height * output.width, input.pixels.columns()});
    for (std::size_t pixel = 0; pixel < output.pixels.rows(); ++pixel) {
        const std::size_t top = pixel / output.width * size, left = pixel % output.width * size;
        auto mean = output.pixels.eigen().row(static_cast<Eigen::Index>(pixel));
        mean.setZero();
        for (std::size_t y = top; y < top + size; ++y) {
            for (std::size_t x = left; x < left + size; ++x)
                mean += input.pixels.eigen().row(static_cast<Eigen::Index>(y * input.width + x));
        }
        mean /= static_cast<Scalar>(size * size);
    }
    return output;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::nn
