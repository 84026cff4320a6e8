#pragma once
/// \file Convolution and average pooling over feature maps whose pixels are rows.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/nn/linear.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/nn/winograd_convolution.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// One image's features: a pixel is a row, a channel a column, so a 1x1 convolution is a linear map.
template <class Scalar>
struct feature_map {
    std::size_t height = 0;
    std::size_t width = 0;
    matrix<Scalar> pixels;  // [height * width, channels]
};

/// A square convolution without dilation or groups: patches in a row, times the weights; or, where that is faster,
/// Winograd's way.
template <class Scalar>
class convolution {
   public:
    /// \param kernel [outputs, inputs, size, size] as torch.nn.Conv2d stores it
    /// \param bias [outputs], or empty
    /// \param pixels how many a result will have, about: it decides how the convolution is made
    convolution(const tensor<Scalar, 4>& kernel, aligned_vector<Scalar> bias, std::size_t stride, std::size_t padding,
                std::size_t pixels = 0, precision arithmetic = precision::f32)
        : convolution(kernel.shape(),
                      [&](std::size_t first, std::size_t count, Scalar* rows) {
                          std::ranges::copy(
                              kernel.values().subspan(first * kernel.row_size(), count * kernel.row_size()), rows);
                      },
                      std::move(bias), stride, padding, pixels, {.arithmetic = arithmetic}) {}

    /// The same of a kernel that is made, or read, a few rows at a time.
    /// \param shape [outputs, inputs, size, size]
    /// \param read_rows read_rows(first, count, into) writes `count` of the kernel's rows from `first` on, from any
    /// thread
    template <class ReadRows>
    convolution(const std::array<std::size_t, 4>& shape, const ReadRows& read_rows, aligned_vector<Scalar> bias,
                std::size_t stride, std::size_t padding, std::size_t pixels, packing how)
        : size_(shape[2]), stride_(stride), padding_(padding), outputs_(shape[0]) {
        const std::size_t inputs = shape[1];
        if (size_ == 3 && stride == 1 && padding == 1 && pixels >= fewest_for_winograd) {
            winograd_.emplace(outputs_, inputs, read_rows, std::move(bias), how);
            return;
        }
        const auto read_patches = [&](std::size_t first, std::size_t count, Scalar* patches) {
            read_rows(first, count, patches);
            for (std::size_t i = 0; i < count && size_ > 1; ++i)
                channels_last(std::span(patches + i * inputs * size_ * size_, inputs * size_ * size_), inputs);
        };
        how.many_rows = true;
        map_ = linear<Scalar>({outputs_, size_ * size_ * inputs, read_patches, how}, std::move(bias));
    }

    /// \param f what is done to every number of the result
    feature_map<Scalar> operator()(const feature_map<Scalar>& input, kernels::function f = kernels::function::identity,
                                   executor* threads = nullptr) const {
        feature_map<Scalar> output;
        output.height = (input.height + 2 * padding_ - size_) / stride_ + 1;
        output.width = (input.width + 2 * padding_ - size_) / stride_ + 1;
        output.pixels = matrix<Scalar>::for_overwrite({output.height * output.width, outputs_});
        convolve(input, output, {.f = f}, threads);
        return output;
    }

    /// f(shortcut + convolution(input)), in the shortcut's place.
    feature_map<Scalar> added_to(feature_map<Scalar> shortcut, const feature_map<Scalar>& input, kernels::function f,
                                 executor* threads = nullptr) const {
        convolve(input, shortcut, {.add = true, .f = f}, threads);
        return shortcut;
    }

   private:
    static constexpr std::size_t strip_elements = 64 * 1024;  // 256 KiB of float
    static constexpr std::size_t shortest_strip = 48;         // for less, the weights would pass by too often
    // Its weights are four times as many: where few pixels share them, fetching them takes longer than is spared.
    static constexpr std::size_t fewest_for_winograd = 14 * 14;

    void convolve(const feature_map<Scalar>& input, feature_map<Scalar>& output,
                  const kernels::epilogue<Scalar>& finish, executor* threads) const {
        if (winograd_)
            return (*winograd_)(input.pixels, input.height, input.width, output.pixels, finish.add, finish.f, threads);
        const std::size_t pixels = output.pixels.rows();
        if (size_ == 1 && stride_ == 1)
            return map_.apply(input.pixels.data(), map_.inputs(), pixels, output.pixels.data(), finish, threads);
        // Strips of patches that stay in the cache between being gathered and being multiplied.
        const std::size_t strip = std::max(shortest_strip, strip_elements / map_.inputs());
        const std::size_t strips = std::max(concurrency_of(threads), (pixels + strip - 1) / strip);
        parallel_for(threads, strips, [&](std::size_t index) {
            const std::size_t first = pixels * index / strips, end = pixels * (index + 1) / strips;
            auto patches = matrix<Scalar>::for_overwrite({end - first, map_.inputs()});
            for (std::size_t i = first; i < end; ++i) gather(input, output.width, i, patches.row(i - first).data());
            map_.apply(patches.data(), map_.inputs(), end - first, output.pixels.data() + first * map_.outputs(),
                       finish, nullptr);
        });
    }

    /// [inputs, size * size] -> [size * size, inputs]
    static void channels_last(std::span<Scalar> patch, std::size_t inputs) {
        const std::size_t places = patch.size() / inputs;
        const std::vector<Scalar> before(patch.begin(), patch.end());
        for (std::size_t i = 0; i < inputs; ++i) {
            for (std::size_t place = 0; place < places; ++place) patch[place * inputs + i] = before[i * places + place];
        }
    }

    /// The patch under one output pixel, zeros where it hangs over the border: [size * size * channels]
    void gather(const feature_map<Scalar>& input, std::size_t output_width, std::size_t pixel,
                Scalar* patch) const noexcept {
        const std::size_t channels = input.pixels.columns();
        // Coordinates count from the border's corner: the input begins at `padding_`.
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
    linear<Scalar> map_;  // [outputs, size * size * inputs]; unless winograd_ is there
    std::optional<winograd<Scalar>> winograd_;
};

/// A bias-free convolution followed by batch normalisation with running statistics, folded into one convolution:
/// y = (conv(x) - mean) * weight / sqrt(variance + 1e-5) + bias.
/// \param conv, bn the names of both under w: "conv1" and "bn1"
/// \param pixels how many a result will have
template <class Scalar>
convolution<Scalar> folded_convolution(const weights& w, std::string_view conv, std::string_view bn, std::size_t inputs,
                                       std::size_t outputs, std::size_t size, std::size_t stride = 1,
                                       std::size_t pixels = 0) {
    constexpr double epsilon = 1e-5;  // torch.nn.BatchNorm2d
    const std::array shape{outputs, inputs, size, size};
    const weights from = w / conv;
    const auto stored_rows = from.template rows<Scalar, 4>("weight", shape);
    const aligned_vector<Scalar> gain = (w / bn).template read_vector<Scalar>("weight", outputs);
    aligned_vector<Scalar> bias = (w / bn).template read_vector<Scalar>("bias", outputs);
    const aligned_vector<Scalar> mean = (w / bn).template read_vector<Scalar>("running_mean", outputs);
    const aligned_vector<Scalar> variance = (w / bn).template read_vector<Scalar>("running_var", outputs);
    aligned_vector<Scalar> scale(outputs);
    for (std::size_t o = 0; o < outputs; ++o) {
        const double spread = static_cast<double>(variance[o]) + epsilon;
        if (!(spread > 0)) {
            throw numeric_error(error_code::numeric,
                                {w.place(),
                                 "tensor " + (w / bn).path() + ".running_var is " + std::to_string(variance[o]) +
                                     " at [" + std::to_string(o) + "]",
                                 "no negative number", ""});
        }
        const double factor = static_cast<double>(gain[o]) / std::sqrt(spread);
        scale[o] = static_cast<Scalar>(factor);
        bias[o] = static_cast<Scalar>(static_cast<double>(bias[o]) - static_cast<double>(mean[o]) * factor);
    }
    const auto folded_rows = [&](std::size_t first, std::size_t count, Scalar* rows) {
        stored_rows(first, count, rows);
        const std::size_t row_size = inputs * size * size;
        for (std::size_t o = first; o < first + count; ++o, rows += row_size) {
            for (std::size_t i = 0; i < row_size; ++i) rows[i] *= scale[o];
        }
    };
    return convolution<Scalar>(shape, folded_rows, std::move(bias), stride, size / 2, pixels,
                               from.packing_of("weight"));
}

/// torch.nn.AvgPool2d(size): means of size x size cells; what is left over at the right and the bottom is dropped.
template <class Scalar>
feature_map<Scalar> average_pool(const feature_map<Scalar>& input, std::size_t size) {
    feature_map<Scalar> output{input.height / size, input.width / size, {}};
    const std::size_t channels = input.pixels.columns();
    output.pixels = matrix<Scalar>::for_overwrite({output.height * output.width, channels});
    const auto cells = static_cast<Scalar>(size * size);
    for (std::size_t pixel = 0; pixel < output.pixels.rows(); ++pixel) {
        Scalar* const mean = output.pixels.row(pixel).data();
        const std::size_t top = pixel / output.width * size, left = pixel % output.width * size;
        const Scalar* const first = input.pixels.row(top * input.width + left).data();
        for (std::size_t c = 0; c < channels; ++c) {
            Scalar sum = 0;
            for (std::size_t y = 0; y < size; ++y) {
                for (std::size_t x = 0; x < size; ++x) sum += first[(y * input.width + x) * channels + c];
            }
            mean[c] = sum / cells;
        }
    }
    return output;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
