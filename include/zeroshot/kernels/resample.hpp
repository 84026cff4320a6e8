#pragma once
/// \file Resampling of bytes as Pillow computes it: weighted sums of the pixels of a row, and of rows.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/vector.hpp>

#if ZEROSHOT_KERNELS_X86
#include <immintrin.h>
#endif

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

inline constexpr std::int32_t one_half = 1 << (resample_bits - 1);

inline std::uint8_t byte_of(std::int32_t sum) noexcept {
    return static_cast<std::uint8_t>(std::clamp(sum >> resample_bits, 0, 255));
}

// Processors multiply pairs of 16-bit numbers fastest, adding up the two products. So a weight w, of at most
// 24 bits with its sign, is split: w = upper * 2^lower_bits + lower, both of at most 13 bits. The two sums may wrap
// around, their combination does not.
inline constexpr int lower_bits = 11;
inline std::int16_t upper_part(std::int32_t weight) noexcept {
    return static_cast<std::int16_t>(weight >> lower_bits);
}
inline std::int16_t lower_part(std::int32_t weight) noexcept {
    return static_cast<std::int16_t>(weight & ((1 << lower_bits) - 1));
}

/// Layout of the bytes of neighbouring pixels in a register of sixteen 16-bit numbers: pairs of the same channel and of
/// consecutive pixels, one channel after the other.
template <std::size_t Channels>
struct pixel_group {
    static constexpr std::size_t padded_channels = Channels == 3 ? 4 : Channels;
    static constexpr std::size_t pixels = 16 / padded_channels;
    static constexpr std::size_t channel_of(std::size_t pair) { return pair % padded_channels; }
    static constexpr std::size_t pixel_of(std::size_t pair) { return pair / padded_channels * 2; }
};

/// Weights in the order in which they are multiplied: for each output its groups, of each the upper parts, then the
/// lower.
template <std::size_t Channels>
void split_weights(const pixel_weights& all, std::vector<std::int16_t>& split) {
    using group = pixel_group<Channels>;
    const std::size_t groups = (all.taps + group::pixels - 1) / group::pixels;
    split.assign(all.outputs * groups * 32, 0);
    for (std::size_t output = 0; output < all.outputs; ++output) {
        for (std::size_t pair = 0; pair < groups * 8; ++pair) {
            std::int16_t* const upper = split.data() + output * groups * 32 + pair / 8 * 32 + pair % 8 * 2;
            for (std::size_t odd = 0; odd < 2; ++odd) {
                const std::size_t tap = pair / 8 * group::pixels + group::pixel_of(pair % 8) + odd;
                if (tap >= all.sources[output].count) continue;
                upper[odd] = upper_part(all.weights[output * all.taps + tap]);
                upper[16 + odd] = lower_part(all.weights[output * all.taps + tap]);
            }
        }
    }
}

template <std::size_t Channels>
void sum_pixels_portable(const pixel_weights& all, const std::uint8_t* const* rows,
                         std::uint8_t* const* results) noexcept {
    for (std::size_t row = 0; row < rows_at_once; ++row) {
        std::uint8_t* output = results[row];
        for (std::size_t x = 0; x < all.outputs; ++x) {
            std::array<std::int32_t, Channels> total;
            total.fill(one_half);
            const std::uint8_t* pixel = rows[row] + all.sources[x].first * Channels;
            for (std::size_t tap = 0; tap < all.sources[x].count; ++tap, pixel += Channels) {
                for (std::size_t channel = 0; channel < Channels; ++channel)
                    total[channel] += pixel[channel] * all.weights[x * all.taps + tap];
            }
            for (std::size_t channel = 0; channel < Channels; ++channel) *output++ = byte_of(total[channel]);
        }
    }
}

inline void sum_rows_portable(const std::uint8_t* const* rows, const std::int32_t* weights, std::size_t count,
                              std::size_t width, std::uint8_t* output) noexcept {
    constexpr std::size_t block = 64;
    for (std::size_t first = 0; first < width; first += block) {
        const std::size_t columns = width - first < block ? width - first : block;
        std::array<std::int32_t, block> total;
        total.fill(one_half);
        for (std::size_t row = 0; row < count; ++row) {
            for (std::size_t i = 0; i < columns; ++i) total[i] += rows[row][first + i] * weights[row];
        }
        for (std::size_t i = 0; i < columns; ++i) output[first + i] = byte_of(total[i]);
    }
}

#if ZEROSHOT_KERNELS_X86
// Not emulated by the test that replaces the instructions of x86.hpp.

[[gnu::always_inline, gnu::target("avx2")]] inline __m256i loaded(const void* address) noexcept {
    return _mm256_loadu_si256(static_cast<const __m256i*>(address));
}

/// The bytes of a group of pixels, widened and shuffled into the order of pixel_group.
[[gnu::always_inline, gnu::target("avx2")]] inline __m256i group_at(const std::uint8_t* pixel,
                                                                    __m256i shuffle) noexcept {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixel));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), shuffle);
}

/// upper * 2^lower_bits + lower
[[gnu::always_inline, gnu::target("avx2")]] inline __m256i joined(__m256i upper, __m256i lower) noexcept {
    return _mm256_add_epi32(_mm256_slli_epi32(upper, lower_bits), lower);
}

/// The sums of an output pixel, one a channel, before they become bytes.
template <std::size_t Channels>
[[gnu::always_inline, gnu::target("avx2")]] inline __m128i folded(__m256i upper, __m256i lower) noexcept {
    const __m256i all = joined(upper, lower);
    __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    if constexpr (Channels < 3) sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0b01001110));
    if constexpr (Channels < 2) sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0b10110001));
    return _mm_srai_epi32(_mm_add_epi32(sums, _mm_set1_epi32(one_half)), resample_bits);
}

template <std::size_t Channels>
[[gnu::target("avx2")]] void sum_pixels_avx2(const pixel_weights& all, const std::uint8_t* const* rows,
                                             std::uint8_t* const* results) noexcept {
    using group = pixel_group<Channels>;
    alignas(32) char positions[32];
    for (std::size_t i = 0; i < 32; ++i) {
        const std::size_t pair = i / 4, pixel = group::pixel_of(pair) + i / 2 % 2, channel = group::channel_of(pair);
        const bool empty = i % 2 == 1 || channel >= Channels;
        positions[i] = static_cast<char>(empty ? -1 : static_cast<int>(pixel * Channels + channel));
    }
    const __m256i shuffle = loaded(positions);
    const std::size_t groups = (all.taps + group::pixels - 1) / group::pixels;
    for (std::size_t x = 0; x < all.outputs; ++x) {
        const std::int16_t* weight = all.split + x * groups * 32;
        const std::size_t used = (all.sources[x].count + group::pixels - 1) / group::pixels;
        std::size_t at = all.sources[x].first * Channels;
        __m256i upper[rows_at_once] = {}, lower[rows_at_once] = {};
        for (std::size_t i = 0; i < used; ++i, weight += 32, at += group::pixels * Channels) {
            const __m256i upper_weights = loaded(weight), lower_weights = loaded(weight + 16);
#pragma GCC unroll 16
            for (std::size_t row = 0; row < rows_at_once; ++row) {
                const __m256i bytes = group_at(rows[row] + at, shuffle);
                upper[row] = _mm256_add_epi32(upper[row], _mm256_madd_epi16(bytes, upper_weights));
                lower[row] = _mm256_add_epi32(lower[row], _mm256_madd_epi16(bytes, lower_weights));
            }
        }
        const __m128i bytes = _mm_packus_epi16(
            _mm_packs_epi32(folded<Channels>(upper[0], lower[0]), folded<Channels>(upper[1], lower[1])),
            _mm_packs_epi32(folded<Channels>(upper[2], lower[2]), folded<Channels>(upper[3], lower[3])));
        std::int32_t pixels[rows_at_once];
        std::memcpy(pixels, &bytes, sizeof pixels);
        // Four bytes are stored instead of three; the next pixel overwrites the fourth.
        const bool is_last = x + 1 == all.outputs;
#pragma GCC unroll 16
        for (std::size_t row = 0; row < rows_at_once; ++row) {
            std::uint8_t* const result = results[row] + x * Channels;
            if (Channels == 3 && !is_last)
                std::memcpy(result, pixels + row, 4);
            else
                std::memcpy(result, pixels + row, Channels);
        }
    }
}

[[gnu::always_inline, gnu::target("avx2")]] inline __m256i alternating(std::int16_t even, std::int16_t odd) noexcept {
    const unsigned both = static_cast<std::uint16_t>(even) | static_cast<unsigned>(odd) << 16;
    return _mm256_set1_epi32(static_cast<int>(both));
}

/// Thirty-two columns. The bytes of two rows are paired, those at even positions apart from those at odd ones.
[[gnu::always_inline, gnu::target("avx2")]] inline void sum_block_avx2(const std::uint8_t* const* rows,
                                                                       const std::int32_t* weights, std::size_t count,
                                                                       std::size_t first,
                                                                       std::uint8_t* output) noexcept {
    constexpr std::size_t parts = 4;  // even and odd positions of the lower and the upper halves
    __m256i upper[parts] = {}, lower[parts] = {};
    for (std::size_t row = 0; row < count; row += 2) {
        const bool paired = row + 1 < count;
        const __m256i a = loaded(rows[row] + first), b = loaded(rows[paired ? row + 1 : row] + first);
        const std::int32_t weight_b = paired ? weights[row + 1] : 0;
        const __m256i halves[2] = {_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)};
        const __m256i upper_weights = alternating(upper_part(weights[row]), upper_part(weight_b));
        const __m256i lower_weights = alternating(lower_part(weights[row]), lower_part(weight_b));
#pragma GCC unroll 16
        for (std::size_t part = 0; part < parts; ++part) {
            const __m256i both = halves[part / 2];
            const __m256i bytes =
                part % 2 == 0 ? _mm256_and_si256(both, _mm256_set1_epi16(255)) : _mm256_srli_epi16(both, 8);
            upper[part] = _mm256_add_epi32(upper[part], _mm256_madd_epi16(bytes, upper_weights));
            lower[part] = _mm256_add_epi32(lower[part], _mm256_madd_epi16(bytes, lower_weights));
        }
    }
    __m256i sums[parts];
#pragma GCC unroll 16
    for (std::size_t part = 0; part < parts; ++part) {
        const __m256i sum = _mm256_add_epi32(joined(upper[part], lower[part]), _mm256_set1_epi32(one_half));
        sums[part] = _mm256_srai_epi32(sum, resample_bits);
    }
    // In each half of 16 bytes: the even positions, then the odd ones.
    const __m256i separate =
        _mm256_packus_epi16(_mm256_packs_epi32(sums[0], sums[2]), _mm256_packs_epi32(sums[1], sums[3]));
    const __m256i in_order = _mm256_unpacklo_epi8(separate, _mm256_srli_si256(separate, 8));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(output + first), in_order);
}

[[gnu::target("avx2")]] inline void sum_rows_avx2(const std::uint8_t* const* rows, const std::int32_t* weights,
                                                  std::size_t count, std::size_t width, std::uint8_t* output) noexcept {
    constexpr std::size_t block = 32;
    if (width < block) return sum_rows_portable(rows, weights, count, width, output);
    for (std::size_t first = 0; first + block <= width; first += block)
        sum_block_avx2(rows, weights, count, first, output);
    if (width % block != 0) sum_block_avx2(rows, weights, count, width - block, output);  // overlapping the last block
}
#endif

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
