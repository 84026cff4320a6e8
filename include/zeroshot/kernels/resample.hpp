#pragma once
/// \file Resampling of bytes: weighted sums of the pixels of a row, and of rows, as Pillow computes them: in integers,
/// so every instruction set gives the same bytes.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {

// Pillow's src/libImaging/Resample.c: weights are 22-bit fixed point, sums of bytes start at one half.
inline constexpr int resample_bits = 32 - 8 - 2;

/// The pixels that an output pixel is made of.
struct pixel_range {
    std::size_t first;
    std::size_t count;
};

/// How many rows of an image pass through pixel_sums together.
inline constexpr std::size_t rows_at_once = 4;

/// How far behind the last needed byte of a row pixel_sums may read; what it finds there does not matter.
inline constexpr std::size_t read_beyond = 16;

namespace detail {

inline constexpr std::uint32_t one_half = 1u << (resample_bits - 1);

inline std::uint8_t byte_of(std::int32_t sum) noexcept {
    return static_cast<std::uint8_t>(std::clamp(sum >> resample_bits, 0, 255));
}

// Sixteen bits times sixteen bits, two products summed, is what processors multiply fastest. So a weight w, of at most
// 24 bits with its sign, is split: w = upper * 2^lower_bits + lower, both of at most 13 bits. The two sums may wrap
// around, what they make together does not.
inline constexpr int lower_bits = 11;
inline std::int16_t upper_part(std::int32_t weight) noexcept {
    return static_cast<std::int16_t>(weight >> lower_bits);
}
inline std::int16_t lower_part(std::int32_t weight) noexcept {
    return static_cast<std::int16_t>(weight & ((1 << lower_bits) - 1));
}

/// How the bytes of neighbouring pixels fill a register of sixteen 16-bit numbers: pairs of them, of the same channel
/// and of consecutive pixels, one channel after the other.
template <std::size_t Channels>
struct pixel_group {
    static constexpr std::size_t places =
        Channels == 3 ? 4 : Channels;  // of a pair of pixels; one of RGB's stays empty
    static constexpr std::size_t pixels = 16 / places;
    static constexpr std::size_t channel_of(std::size_t pair) { return pair % places; }
    static constexpr std::size_t pixel_of(std::size_t pair) { return pair / places * 2; }
};

/// Weights in the order in which they are multiplied: for each output its groups, of each the upper parts, then the
/// lower.
template <std::size_t Channels>
void pack_weights(const pixel_range* sources, const std::int32_t* weights, std::size_t taps, std::size_t outputs,
                  std::vector<std::int16_t>& packed) {
    using group = pixel_group<Channels>;
    const std::size_t groups = (taps + group::pixels - 1) / group::pixels;
    packed.assign(outputs * groups * 32, 0);
    for (std::size_t output = 0; output < outputs; ++output) {
        for (std::size_t pair = 0; pair < groups * 8; ++pair) {
            std::int16_t* there = packed.data() + output * groups * 32 + pair / 8 * 32 + pair % 8 * 2;
            for (std::size_t odd = 0; odd < 2; ++odd) {
                const std::size_t tap = pair / 8 * group::pixels + group::pixel_of(pair % 8) + odd;
                if (tap >= sources[output].count) continue;
                there[odd] = upper_part(weights[output * taps + tap]);
                there[16 + odd] = lower_part(weights[output * taps + tap]);
            }
        }
    }
}

template <std::size_t Channels>
void sum_pixels_portable(const pixel_range* sources, const std::int32_t* weights, std::size_t taps, std::size_t outputs,
                         const std::uint8_t* row, std::uint8_t* output) noexcept {
    for (std::size_t x = 0; x < outputs; ++x) {
        std::array<std::int32_t, Channels> total;
        total.fill(one_half);
        const std::uint8_t* pixel = row + sources[x].first * Channels;
        for (std::size_t tap = 0; tap < sources[x].count; ++tap, pixel += Channels) {
            for (std::size_t channel = 0; channel < Channels; ++channel)
                total[channel] += pixel[channel] * weights[x * taps + tap];
        }
        for (std::size_t channel = 0; channel < Channels; ++channel) *output++ = byte_of(total[channel]);
    }
}

inline void sum_rows_portable(const std::uint8_t* const* rows, const std::int32_t* weights, std::size_t count,
                              std::size_t first, std::size_t width, std::uint8_t* output) noexcept {
    constexpr std::size_t at_once = 64;
    for (; first < width; first += at_once) {
        const std::size_t here = std::min(at_once, width - first);
        std::array<std::int32_t, at_once> total;
        total.fill(one_half);
        for (std::size_t row = 0; row < count; ++row) {
            for (std::size_t i = 0; i < here; ++i) total[i] += rows[row][first + i] * weights[row];
        }
        for (std::size_t i = 0; i < here; ++i) output[first + i] = byte_of(total[i]);
    }
}

#if ZEROSHOT_KERNELS_X86
// The compiler's own names of a few instructions: why not intrinsics, says vector.hpp.
typedef char bytes_32 __attribute__((vector_size(32)));
typedef char bytes_16 __attribute__((vector_size(16)));
typedef short shorts_16 __attribute__((vector_size(32)));
typedef short shorts_8 __attribute__((vector_size(16)));
typedef unsigned short unsigned_shorts_16 __attribute__((vector_size(32)));
typedef int ints_8 __attribute__((vector_size(32)));
typedef int ints_4 __attribute__((vector_size(16)));
typedef long long longs_4 __attribute__((vector_size(32)));
typedef long long longs_2 __attribute__((vector_size(16)));
typedef unsigned unsigned_8 __attribute__((vector_size(32)));
typedef unsigned unsigned_4 __attribute__((vector_size(16)));

template <class Vector, class Scalar>
ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx2") Vector loaded(const Scalar* address) noexcept {
    Vector vector;
    std::memcpy(&vector, address, sizeof vector);
    return vector;
}

/// Sums of two products each.
ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx2") unsigned_8 products(shorts_16 bytes, shorts_16 weights) noexcept {
    return reinterpret_cast<unsigned_8>(__builtin_ia32_pmaddwd256(bytes, weights));
}

/// The bytes of a group of pixels, each widened and in its place.
template <std::size_t Channels>
ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx2") shorts_16 group_at(const std::uint8_t* pixel, bytes_32 places) noexcept {
    const auto half = loaded<longs_2>(pixel);
    const longs_4 both{half[0], half[1], half[0], half[1]};
    return reinterpret_cast<shorts_16>(__builtin_ia32_pshufb256(reinterpret_cast<bytes_32>(both), places));
}

/// The sums of an output pixel, one a channel, before they become bytes.
template <std::size_t Channels>
ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx2") ints_4 folded(unsigned_8 upper, unsigned_8 lower) noexcept {
    const unsigned_8 all = (upper << lower_bits) + lower;
    unsigned_4 sums = __builtin_shufflevector(all, all, 0, 1, 2, 3) + __builtin_shufflevector(all, all, 4, 5, 6, 7);
    if constexpr (Channels < 3) sums += __builtin_shufflevector(sums, sums, 2, 3, 0, 1);
    if constexpr (Channels < 2) sums += __builtin_shufflevector(sums, sums, 1, 0, 3, 2);
    return reinterpret_cast<ints_4>(sums + one_half) >> resample_bits;
}

template <std::size_t Channels>
ZEROSHOT_TARGET("avx2")
void sum_pixels_avx2(const pixel_range* sources, const std::int16_t* weights, std::size_t taps, std::size_t outputs,
                     const std::uint8_t* const* rows, std::uint8_t* const* results) noexcept {
    using group = pixel_group<Channels>;
    bytes_32 places;
    for (std::size_t i = 0; i < 32; ++i) {
        const std::size_t pair = i / 4, pixel = group::pixel_of(pair) + i / 2 % 2, channel = group::channel_of(pair);
        const bool empty = i % 2 == 1 || channel >= Channels;
        places[i] = static_cast<char>(empty ? -1 : static_cast<int>(pixel * Channels + channel));
    }
    const std::size_t groups = (taps + group::pixels - 1) / group::pixels;
    for (std::size_t x = 0; x < outputs; ++x) {
        const std::int16_t* weight = weights + x * groups * 32;
        const std::size_t here = (sources[x].count + group::pixels - 1) / group::pixels;
        std::size_t at = sources[x].first * Channels;
        unsigned_8 upper[rows_at_once] = {}, lower[rows_at_once] = {};
        for (std::size_t i = 0; i < here; ++i, weight += 32, at += group::pixels * Channels) {
            const auto upper_weights = loaded<shorts_16>(weight), lower_weights = loaded<shorts_16>(weight + 16);
#pragma GCC unroll 16
            for (std::size_t row = 0; row < rows_at_once; ++row) {
                const shorts_16 bytes = group_at<Channels>(rows[row] + at, places);
                upper[row] += products(bytes, upper_weights);
                lower[row] += products(bytes, lower_weights);
            }
        }
        const bytes_16 bytes = __builtin_ia32_packuswb128(
            __builtin_ia32_packssdw128(folded<Channels>(upper[0], lower[0]), folded<Channels>(upper[1], lower[1])),
            __builtin_ia32_packssdw128(folded<Channels>(upper[2], lower[2]), folded<Channels>(upper[3], lower[3])));
        // Four bytes are stored at once where three are wanted, and the pixel after them overwrites the fourth.
        const bool is_last = x + 1 == outputs;
#pragma GCC unroll 16
        for (std::size_t row = 0; row < rows_at_once; ++row) {
            const int pixel = reinterpret_cast<ints_4>(bytes)[row];
            std::uint8_t* const there = results[row] + x * Channels;
            if (Channels == 3 && !is_last)
                std::memcpy(there, &pixel, 4);
            else
                std::memcpy(there, &pixel, Channels);
        }
    }
}

ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx2") shorts_16 alternating(std::int16_t even, std::int16_t odd) noexcept {
    const unsigned both = static_cast<std::uint16_t>(even) | static_cast<unsigned>(odd) << 16;
    return reinterpret_cast<shorts_16>(unsigned_8{} + both);
}

/// Thirty-two columns: of two rows each, the bytes in even places and those in odd places pair up.
ZEROSHOT_ALWAYS_INLINE ZEROSHOT_TARGET("avx2") void sum_block_avx2(const std::uint8_t* const* rows,
                                                                   const std::int32_t* weights, std::size_t count,
                                                                   std::size_t first, std::uint8_t* output) noexcept {
    constexpr std::size_t parts = 4;  // even and odd places of the lower and the upper halves
    unsigned_8 upper[parts] = {}, lower[parts] = {};
    for (std::size_t row = 0; row < count; row += 2) {
        const bool paired = row + 1 < count;
        const auto a = loaded<shorts_16>(rows[row] + first),
                   b = loaded<shorts_16>(rows[paired ? row + 1 : row] + first);
        const std::int32_t weight_b = paired ? weights[row + 1] : 0;
        const shorts_16 halves[2] = {
            __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 8, 24, 9, 25, 10, 26, 11, 27),
            __builtin_shufflevector(a, b, 4, 20, 5, 21, 6, 22, 7, 23, 12, 28, 13, 29, 14, 30, 15, 31)};
        const shorts_16 upper_weights = alternating(upper_part(weights[row]), upper_part(weight_b));
        const shorts_16 lower_weights = alternating(lower_part(weights[row]), lower_part(weight_b));
#pragma GCC unroll 16
        for (std::size_t part = 0; part < parts; ++part) {
            const shorts_16 two = halves[part / 2];
            const shorts_16 bytes =
                part % 2 == 0 ? two & 255 : reinterpret_cast<shorts_16>(reinterpret_cast<unsigned_shorts_16>(two) >> 8);
            upper[part] += products(bytes, upper_weights);
            lower[part] += products(bytes, lower_weights);
        }
    }
    ints_8 sums[parts];
#pragma GCC unroll 16
    for (std::size_t part = 0; part < parts; ++part)
        sums[part] = reinterpret_cast<ints_8>((upper[part] << lower_bits) + lower[part] + one_half) >> resample_bits;
    const bytes_32 apart = __builtin_ia32_packuswb256(__builtin_ia32_packssdw256(sums[0], sums[2]),
                                                      __builtin_ia32_packssdw256(sums[1], sums[3]));
    const bytes_32 joined = __builtin_shufflevector(apart, apart, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15,
                                                    16, 24, 17, 25, 18, 26, 19, 27, 20, 28, 21, 29, 22, 30, 23, 31);
    std::memcpy(output + first, &joined, sizeof joined);
}

ZEROSHOT_TARGET("avx2")
inline void sum_rows_avx2(const std::uint8_t* const* rows, const std::int32_t* weights, std::size_t count,
                          std::size_t width, std::uint8_t* output) noexcept {
    constexpr std::size_t block = sizeof(bytes_32);
    if (width < block) return sum_rows_portable(rows, weights, count, 0, width, output);
    for (std::size_t first = 0; first + block <= width; first += block)
        sum_block_avx2(rows, weights, count, first, output);
    if (width % block != 0) sum_block_avx2(rows, weights, count, width - block, output);  // some columns once more
}
#endif

}  // namespace detail

/// Makes rows of fewer, or more, pixels: each a weighted sum of neighbouring pixels.
template <std::size_t Channels>
class pixel_sums {
   public:
    /// \param sources [outputs], each of at least one pixel and at most `taps`
    /// \param weights [outputs, taps], fixed point of resample_bits; sums of their absolute values below 2
    /// \param set must be available
    /// Both must outlive this.
    pixel_sums(const pixel_range* sources, const std::int32_t* weights, std::size_t taps, std::size_t outputs,
               instruction_set set)
        : sources_(sources), weights_(weights), taps_(taps), outputs_(outputs), set_(set) {
        if (ZEROSHOT_KERNELS_X86 && set != instruction_set::portable)
            detail::pack_weights<Channels>(sources, weights, taps, outputs, packed_);
    }

    /// \param rows [rows_at_once], readable up to read_beyond bytes behind the last needed pixel; the same may stand
    /// there twice
    /// \param results [rows_at_once], each of outputs * Channels bytes
    void operator()(const std::uint8_t* const* rows, std::uint8_t* const* results) const noexcept {
#if ZEROSHOT_KERNELS_X86
        if (set_ != instruction_set::portable)
            return detail::sum_pixels_avx2<Channels>(sources_, packed_.data(), taps_, outputs_, rows, results);
#endif
        for (std::size_t row = 0; row < rows_at_once; ++row)
            detail::sum_pixels_portable<Channels>(sources_, weights_, taps_, outputs_, rows[row], results[row]);
    }

   private:
    const pixel_range* sources_;
    const std::int32_t* weights_;
    std::size_t taps_;
    std::size_t outputs_;
    instruction_set set_;
    std::vector<std::int16_t> packed_{};
};

/// Makes one row of several: a weighted sum of them.
/// \param rows [count]; \param weights [count], as those of pixel_sums
/// \param width in bytes; the output must not be one of the rows
/// \param set must be available
inline void sum_rows(const std::uint8_t* const* rows, const std::int32_t* weights, std::size_t count, std::size_t width,
                     std::uint8_t* output, instruction_set set) noexcept {
#if ZEROSHOT_KERNELS_X86
    if (set != instruction_set::portable) return detail::sum_rows_avx2(rows, weights, count, width, output);
#endif
    (void)set;
    detail::sum_rows_portable(rows, weights, count, 0, width, output);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
