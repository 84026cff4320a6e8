#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/kernels/winograd.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

namespace {

/// One tile, from its definition and through the transforms.
template <class Scalar>
struct tile {
    static constexpr std::size_t patch = winograd_patch, side = winograd_side;
    std::size_t channels;
    std::vector<Scalar> pixels, kernel, bias, results;

    explicit tile(std::size_t count)
        : channels(count), pixels(36 * count), kernel(9 * count), bias(count), results(16 * count) {
        std::mt19937 generator(static_cast<unsigned>(count));
        std::uniform_real_distribution<double> uniform(-1, 1);
        for (auto* numbers : {&pixels, &kernel, &bias, &results}) {
            for (Scalar& number : *numbers) number = static_cast<Scalar>(uniform(generator));
        }
    }

    /// The convolution of each channel with its own kernel: nothing is summed but the nine products.
    double expected(std::size_t y, std::size_t x, std::size_t c, bool add) const {
        auto sum =
            static_cast<double>(bias[c]) + (add ? static_cast<double>(results[(y * side + x) * channels + c]) : 0);
        for (std::size_t k = 0; k < 9; ++k) {
            sum += static_cast<double>(pixels[((y + k / 3) * patch + x + k % 3) * channels + c]) *
                   static_cast<double>(kernel[k * channels + c]);
        }
        return sum;
    }

    std::vector<Scalar> transformed(bool add, const table& set) const {
        std::vector<const Scalar*> from;
        for (std::size_t i = 0; i < winograd_points; ++i) from.push_back(pixels.data() + i * channels);
        std::vector<Scalar> points(winograd_points * channels);
        winograd_transform(from.data(), channels, points.data(), channels, set);
        for (std::size_t c = 0; c < channels; ++c) {
            std::array<double, 9> g;
            for (std::size_t k = 0; k < 9; ++k) g[k] = static_cast<double>(kernel[k * channels + c]);
            const auto factors = winograd_kernel(g);
            for (std::size_t i = 0; i < winograd_points; ++i)
                points[i * channels + c] *= static_cast<Scalar>(factors[i]);
        }
        std::vector<Scalar> output = results;
        std::vector<Scalar*> to;
        for (std::size_t i = 0; i < 16; ++i) to.push_back(output.data() + i * channels);
        winograd_inverse(points.data(), channels, bias.data(), channels, add, to.data(), set);
        return output;
    }
};

template <class Scalar>
void check_tile(std::size_t channels, bool add, const table& set) {
    INFO(set.name << ", " << channels << " channels");
    const tile<Scalar> one(channels);
    const std::vector<Scalar> output = one.transformed(add, set);
    double worst = 0;
    for (std::size_t i = 0; i < 16; ++i) {
        for (std::size_t c = 0; c < channels; ++c)
            worst = std::max(
                worst, std::abs(static_cast<double>(output[i * channels + c]) - one.expected(i / 4, i % 4, c, add)));
    }
    // Numbers below 1 grow by at most 5.3, 1.4 and 8.3 along each axis (the rows' sums of B, G and A), that is by 3700
    // in all; no path has more than 16 roundings of half an epsilon.
    CHECK(worst <= 8 * 3700 * static_cast<double>(std::numeric_limits<Scalar>::epsilon()));
}

}  // namespace

TEST_CASE("16 pixels from 36 products equal the convolution") {
    for (const table& set : available_tables()) {
        for (const std::size_t channels : {1u, 3u, 8u, 13u, 64u}) {
            check_tile<double>(channels, false, set);
            check_tile<float>(channels, true, set);
        }
    }
}
