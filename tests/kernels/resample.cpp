#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include <zeroshot/kernels/kernels.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

namespace {

constexpr std::uint8_t untouched = 0xa5;

/// Sources and weights as large as a sum may take: absolute values that sum to less than 2.
struct random_sums {
    random_sums(std::size_t outputs, std::size_t most_taps, std::size_t pixels)
        : taps(most_taps), weights(outputs * most_taps) {
        std::mt19937 generator(static_cast<unsigned>(outputs * most_taps + pixels));
        for (std::size_t output = 0; output < outputs; ++output) {
            const std::size_t count = 1 + generator() % std::min(taps, pixels);
            sources.push_back({generator() % (pixels - count + 1), count});
            const auto largest = static_cast<std::int32_t>((2u << resample_bits) / count - 1);
            for (std::size_t tap = 0; tap < count; ++tap)
                weights[output * taps + tap] =
                    std::uniform_int_distribution<std::int32_t>(-largest, largest)(generator);
        }
        sources.back() = {pixels - sources.back().count, sources.back().count};  // up to the row's last pixel
    }

    std::size_t taps;
    std::vector<pixel_range> sources{};
    std::vector<std::int32_t> weights;
};

std::vector<std::uint8_t> random_bytes(std::size_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::vector<std::uint8_t> bytes(count);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(generator());
    return bytes;
}

std::uint8_t rounded(std::int64_t sum) {
    const std::int64_t half = std::int64_t{1} << (resample_bits - 1);
    return static_cast<std::uint8_t>(std::clamp<std::int64_t>((sum + half) >> resample_bits, 0, 255));
}

template <std::size_t Channels>
void check_pixel_sums(const table& set, std::size_t outputs, std::size_t taps, std::size_t pixels) {
    const random_sums sums(outputs, taps, pixels);
    std::vector<std::vector<std::uint8_t>> rows,
        results(rows_at_once, std::vector<std::uint8_t>(outputs * Channels + 1, untouched));
    std::array<const std::uint8_t*, rows_at_once> in{};
    std::array<std::uint8_t*, rows_at_once> out{};
    for (std::size_t row = 0; row < rows_at_once; ++row) {
        rows.push_back(random_bytes(pixels * Channels + read_beyond, static_cast<unsigned>(row)));
    }
    for (std::size_t row = 0; row < rows_at_once; ++row) {
        in[row] = rows[row].data();
        out[row] = results[row].data();
    }
    pixel_sums<Channels>(sums.sources.data(), sums.weights.data(), taps, outputs, set)(in.data(), out.data());
    for (std::size_t row = 0; row < rows_at_once; ++row) {
        for (std::size_t i = 0; i < outputs * Channels; ++i) {
            const pixel_range source = sums.sources[i / Channels];
            std::int64_t sum = 0;
            for (std::size_t tap = 0; tap < source.count; ++tap) {
                sum += std::int64_t{rows[row][(source.first + tap) * Channels + i % Channels]} *
                       sums.weights[i / Channels * taps + tap];
            }
            REQUIRE(int{results[row][i]} == int{rounded(sum)});
        }
        CHECK(results[row].back() == untouched);
    }
}

}  // namespace

TEST_CASE("sums along rows are exact for every number of channels, taps and pixels") {
    for (const table& set : available_tables()) {
        for (const auto& [outputs, taps, pixels] :
             {std::array<std::size_t, 3>{1, 1, 1}, {3, 5, 2}, {7, 9, 40}, {5, 33, 64}, {2, 301, 1000}}) {
            INFO(set.name << ", " << outputs << " outputs of up to " << taps << " of " << pixels << " pixels");
            check_pixel_sums<1>(set, outputs, taps, pixels);
            check_pixel_sums<2>(set, outputs, taps, pixels);
            check_pixel_sums<3>(set, outputs, taps, pixels);
            check_pixel_sums<4>(set, outputs, taps, pixels);
        }
    }
}

TEST_CASE("sums of rows are exact for every number of rows and bytes") {
    for (const table& set : available_tables()) {
        for (const std::size_t width : {1u, 31u, 32u, 33u, 95u, 672u}) {
            for (const std::size_t count : {1u, 2u, 5u, 40u}) {
                INFO(set.name << ", " << count << " rows of " << width << " bytes");
                const random_sums sums(1, count, count);
                std::vector<std::vector<std::uint8_t>> rows;
                std::vector<const std::uint8_t*> in;
                for (std::size_t row = 0; row < count; ++row)
                    rows.push_back(random_bytes(width, static_cast<unsigned>(row)));
                for (const auto& row : rows) in.push_back(row.data());
                std::vector<std::uint8_t> result(width + 1, untouched);
                sum_rows(in.data(), sums.weights.data(), count, width, result.data(), set);
                for (std::size_t i = 0; i < width; ++i) {
                    std::int64_t sum = 0;
                    for (std::size_t row = 0; row < count; ++row) sum += std::int64_t{rows[row][i]} * sums.weights[row];
                    REQUIRE(int{result[i]} == int{rounded(sum)});
                }
                CHECK(result.back() == untouched);
            }
        }
    }
}
