#include <cmath>

#include <zeroshot/nn/convolution.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot;
using namespace zeroshot::nn;
using namespace zeroshot_tests;

namespace {

constexpr std::size_t many = 100'000;  // pixels: enough for Winograd's algorithm

template <class Scalar>
struct layer {
    feature_map<Scalar> in;
    tensor<Scalar, 4> kernel;
    aligned_vector<Scalar> bias;

    layer(std::size_t height, std::size_t width, std::size_t inputs, std::size_t outputs)
        : in{height, width, matrix<Scalar>(height * width, inputs)}, kernel(outputs, inputs, 3, 3) {
        const auto pixels = random_numbers(in.pixels.size(), 1), taps = random_numbers(kernel.size(), 2);
        const auto shifts = random_numbers(outputs, 3);
        std::transform(pixels.begin(), pixels.end(), in.pixels.data(), [](double x) { return static_cast<Scalar>(x); });
        std::transform(taps.begin(), taps.end(), kernel.data(), [](double x) { return static_cast<Scalar>(x); });
        bias.assign(shifts.begin(), shifts.end());
    }

    feature_map<Scalar> convolved(std::size_t pixels, executor* threads = nullptr,
                                  zeroshot::precision precision = precision::f32) const {
        return convolution<Scalar>(kernel, bias, 1, 1, pixels, precision)(in, kernels::activation::relu, threads);
    }
};

layer<double> exact(const layer<float>& source) {
    layer<double> same(source.in.height, source.in.width, source.kernel.extent(1), source.kernel.extent(0));
    std::copy_n(source.in.pixels.data(), source.in.pixels.size(), same.in.pixels.data());
    std::copy_n(source.kernel.data(), source.kernel.size(), same.kernel.data());
    std::copy_n(source.bias.data(), source.bias.size(), same.bias.data());
    return same;
}

template <class A, class B>
double distance(const feature_map<A>& a, const feature_map<B>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.pixels.size(); ++i) {
        const double difference = static_cast<double>(a.pixels.values()[i]) - static_cast<double>(b.pixels.values()[i]);
        sum += difference * difference;
    }
    return std::sqrt(sum);
}

}  // namespace

TEST_CASE("Winograd's algorithm equals the plain convolution, at any size") {
    for (const auto& [height, width] : {std::pair{1, 1}, {3, 5}, {4, 4}, {9, 14}, {33, 30}}) {
        INFO(height << " x " << width);
        const layer<double> sample(static_cast<std::size_t>(height), static_cast<std::size_t>(width), 5, 7);
        const feature_map<double> plain = sample.convolved(0), quick = sample.convolved(many);
        for (std::size_t i = 0; i < plain.pixels.size(); ++i) {
            // 45 products below 1, each grown by at most 3700 and rounded at most 20 times on its way
            REQUIRE(std::abs(plain.pixels.values()[i] - quick.pixels.values()[i]) <= 45 * 3700 * 10 * 2.3e-16);
        }
    }
}

TEST_CASE("in float, the error of Winograd's algorithm is a few times that of the plain sum") {
    const layer<float> sample(16, 16, 64, 8);
    const feature_map<double> truth = exact(sample).convolved(0);
    CHECK(distance(sample.convolved(many), truth) <= 4 * distance(sample.convolved(0), truth));  // 2 on average
}

TEST_CASE(
    "in int8, Winograd's algorithm uses 16 bits: a smaller error than 8, the same bits on any number of threads") {
    const layer<float> sample(16, 16, 64, 20);
    const feature_map<double> truth = exact(sample).convolved(0);
    const feature_map<float> quick = sample.convolved(many, nullptr, precision::int8);
    CHECK(distance(quick, truth) <= distance(sample.convolved(0, nullptr, precision::int8), truth) / 10);
    thread_pool threads(3);
    CHECK(sample.convolved(many, &threads, precision::int8).pixels == quick.pixels);
}

TEST_CASE("Winograd's algorithm has the same bits on any number of threads, and adds to a shortcut") {
    const layer<float> sample(30, 22, 9, 20);
    thread_pool threads(3);
    const feature_map<float> alone = sample.convolved(many), shared = sample.convolved(many, &threads);
    CHECK(std::equal(alone.pixels.values().begin(), alone.pixels.values().end(), shared.pixels.values().begin()));

    feature_map<float> shortcut = alone;
    const convolution<float> quick(sample.kernel, sample.bias, 1, 1, many);
    const feature_map<float> sum = quick.added_to(shortcut, sample.in, kernels::activation::identity);
    const feature_map<float> plain = quick(sample.in);
    for (std::size_t i = 0; i < sum.pixels.size(); ++i)
        REQUIRE(sum.pixels.values()[i] == plain.pixels.values()[i] + shortcut.pixels.values()[i]);
}
