#include <cmath>
#include <string>

#include <zeroshot/nn/convolution.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot;
using namespace zeroshot::nn;
using namespace zeroshot_tests;

namespace {

/// The definition: out[y, x, o] = bias[o] + sum over i, v, u of in[y * stride + v - padding, x * stride + u - padding,
/// i] * k[o, i, v, u].
double naive(const feature_map<double>& in, const tensor<double, 4>& kernel, double bias, std::size_t stride,
             std::size_t padding, std::size_t y, std::size_t x, std::size_t o) {
    const auto height = static_cast<std::ptrdiff_t>(in.height), width = static_cast<std::ptrdiff_t>(in.width);
    double sum = bias;
    for (std::size_t v = 0; v < kernel.extent(2); ++v) {
        for (std::size_t u = 0; u < kernel.extent(3); ++u) {
            const auto row = static_cast<std::ptrdiff_t>(y * stride + v) - static_cast<std::ptrdiff_t>(padding);
            const auto column = static_cast<std::ptrdiff_t>(x * stride + u) - static_cast<std::ptrdiff_t>(padding);
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            for (std::size_t i = 0; i < kernel.extent(1); ++i) {
                sum += in.pixels(static_cast<std::size_t>(row * width + column), i) * kernel(o, i, v, u);
            }
        }
    }
    return sum;
}

void check_convolution(std::size_t height, std::size_t width, std::size_t inputs, std::size_t outputs, std::size_t size,
                       std::size_t stride) {
    INFO(height << " x " << width << ", " << inputs << " to " << outputs << ", kernel " << size << ", stride "
                << stride);
    const feature_map<double> in{height, width, random_matrix<double>(height * width, inputs, 1)};
    tensor<double, 4> kernel(outputs, inputs, size, size);
    std::ranges::copy(random_numbers(kernel.size(), 2), kernel.data());
    const auto numbers = random_numbers(outputs, 3);
    const aligned_vector<double> bias(numbers.begin(), numbers.end());
    const std::size_t padding = size / 2;
    const feature_map<double> out = convolution<double>(kernel, bias, stride, padding)(in);
    REQUIRE(out.height == (height + 2 * padding - size) / stride + 1);
    REQUIRE(out.width == (width + 2 * padding - size) / stride + 1);
    double worst = 0;
    for (std::size_t y = 0; y < out.height; ++y) {
        for (std::size_t x = 0; x < out.width; ++x) {
            for (std::size_t o = 0; o < outputs; ++o) {
                const double expected = naive(in, kernel, bias[o], stride, padding, y, x, o);
                worst = std::max(worst, std::abs(out.pixels(y * out.width + x, o) - expected));
            }
        }
    }
    const double terms = static_cast<double>(inputs * size * size + 1);
    CHECK(worst <= terms * terms * 2.3e-16);  // rounding of a sum of products below 1
}

}  // namespace

TEST_CASE("a convolution equals its definition at the borders, at odd sizes and with strides") {
    check_convolution(5, 7, 3, 4, 3, 1);
    check_convolution(6, 6, 3, 2, 3, 2);
    check_convolution(7, 5, 2, 20, 3, 2);
    check_convolution(4, 3, 5, 6, 1, 1);
    check_convolution(1, 1, 2, 2, 3, 1);
    check_convolution(70, 70, 8, 4, 3, 1);  // more than one strip of patches
}

TEST_CASE("batch normalisation folds into the convolution") {
    random_weights made;
    made.add("conv1.weight", {3, 2, 3, 3});
    made.add("bn1.weight", {3}, 2).add("bn1.bias", {3}).add("bn1.running_mean", {3}).add("bn1.running_var", {3}, 1.5);
    const auto folded = folded_convolution<double>(made.get(), "conv1", "bn1", 2, 3, 3);
    const feature_map<double> in{4, 4, random_matrix<double>(16, 2, 6)};
    const feature_map<double> got = folded(in);
    tensor<double, 4> kernel(3, 2, 3, 3);
    std::ranges::copy(made.values("conv1.weight"), kernel.data());
    const feature_map<double> plain = convolution<double>(kernel, {}, 1, 1)(in);
    for (std::size_t pixel = 0; pixel < 16; ++pixel) {
        for (std::size_t o = 0; o < 3; ++o) {
            const double expected = (plain.pixels(pixel, o) - made.values("bn1.running_mean")[o]) *
                                        made.values("bn1.weight")[o] /
                                        std::sqrt(made.values("bn1.running_var")[o] + 1e-5) +
                                    made.values("bn1.bias")[o];
            CHECK(std::abs(got.pixels(pixel, o) - expected) <= 1e-13);  // sums of 18 terms below about 5, in double
        }
    }
}

TEST_CASE("a negative variance is refused with the tensor's name") {
    random_weights made;
    made.add("conv1.weight", {3, 2, 3, 3});
    made.add("bn1.weight", {3}).add("bn1.bias", {3}).add("bn1.running_mean", {3}).add("bn1.running_var", {3}, -2);
    CHECK_THROWS_WITH(folded_convolution<float>(made.get(), "conv1", "bn1", 2, 3, 3),
                      Catch::Contains("tensor visual.bn1.running_var is -"));
}

TEST_CASE("average pooling drops incomplete cells at the right and the bottom") {
    feature_map<float> in{3, 5, matrix<float>(15, 1)};
    for (std::size_t i = 0; i < 15; ++i) in.pixels(i, 0) = static_cast<float>(i);
    const feature_map<float> out = average_pool(in, 2);
    CHECK(out.height == 1);
    CHECK(out.width == 2);
    CHECK(out.pixels(0, 0) == 3.0f);  // of 0, 1, 5, 6
    CHECK(out.pixels(1, 0) == 5.0f);  // of 2, 3, 7, 8
}

TEST_CASE("in every precision, a convolution has the same bits on any number of threads, near those in float") {
    const feature_map<float> in{9, 30, random_matrix<float>(270, 64, 1)};  // 3 * 3 * 64 are enough for 8 bits
    tensor<float, 4> kernel(20, 64, 3, 3);
    std::ranges::transform(random_numbers(kernel.size(), 2), kernel.data(), [](double x) { return float(x); });
    const matrix<float> exact = convolution<float>(kernel, {}, 1, 1)(in).pixels;
    thread_pool threads(3);
    for (const zeroshot::precision precision : {precision::bf16, precision::int8}) {
        const convolution<float> layer(kernel, {}, 1, 1, 0, precision);
        const matrix<float> got = layer(in).pixels;
        CHECK(layer(in, kernels::activation::identity, &threads).pixels == got);
        // As in the test of packed_weights: 8 deviations of the rounding of 576 terms.
        const double step = precision == precision::bf16 ? 2.0 / 256 : 1.0 / 126 + 1.0 / 63;
        const double bound = 8 * 0.29 * step * std::sqrt(576.0 / 3);
        for (std::size_t i = 0; i < got.size(); ++i)
            REQUIRE(std::abs(static_cast<double>(got.values()[i] - exact.values()[i])) <= bound);
    }
}

TEST_CASE("a convolution stays float where quantization would not make it faster") {
    const feature_map<float> in{14, 14, random_matrix<float>(14 * 14, 8, 1)};
    const auto results = [&](std::size_t size, std::size_t pixels, zeroshot::precision precision) {
        tensor<float, 4> kernel(4, 8, size, size);
        std::ranges::transform(random_numbers(kernel.size(), 2), kernel.data(), [](double x) { return float(x); });
        return convolution<float>(kernel, {}, 1, size / 2, pixels, precision)(in).pixels;
    };
    const bool no_instruction = kernels::layout_of(kernels::active(), kernels::number_format::bf16).as_floats;
    const bool no_integers = kernels::active().best_16_bit_format == kernels::number_format::bf16;  // for short sums
    for (const std::size_t size : {1u, 3u}) {
        CHECK((results(size, 0, precision::bf16) == results(size, 0, precision::f32)) == no_instruction);
        CHECK((results(size, 0, precision::int8) == results(size, 0, precision::f32)) ==
              (no_instruction && no_integers));
    }
    const matrix<float> in_float = results(3, 14 * 14, precision::f32);  // Winograd's way
    for (const zeroshot::precision precision : {precision::bf16, precision::int8})
        CHECK((results(3, 14 * 14, precision) == in_float) == !kernels::active().has_fast_int16);
}

TEST_CASE("a convolution adds a shortcut and applies relu, on any number of threads") {
    const feature_map<double> in{9, 30, random_matrix<double>(270, 5, 1)};
    const feature_map<double> shortcut{9, 30, random_matrix<double>(270, 20, 4)};
    thread_pool threads(3);
    for (const std::size_t size : {1u, 3u}) {
        tensor<double, 4> kernel(20, 5, size, size);
        std::ranges::copy(random_numbers(kernel.size(), 2), kernel.data());
        const convolution<double> layer(kernel, {}, 1, size / 2);
        const feature_map<double> plain = layer(in);
        const feature_map<double> got = layer.added_to(shortcut, in, kernels::activation::relu, &threads);
        for (std::size_t i = 0; i < plain.pixels.size(); ++i) {
            const double expected = std::max(plain.pixels.values()[i] + shortcut.pixels.values()[i], 0.0);
            REQUIRE(got.pixels.values()[i] == expected);
        }
    }
}
