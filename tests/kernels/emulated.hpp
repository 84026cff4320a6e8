#pragma once
/// \file The kernels for instructions that few machines have, for all machines: compiled for the plain instruction set,
/// with the instructions replaced by what their makers say they do. The names live in a namespace of their own, so that
/// those of the other tests keep theirs. To be included first.
#include <zeroshot/version.hpp>

#undef ZEROSHOT_COMPILED  // here, everything is compiled anew

#undef ZEROSHOT_ABI
#define ZEROSHOT_ABI emulated
#include <zeroshot/half.hpp>
#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/kernels/widen.hpp>  // whose instructions are not replaced

#if ZEROSHOT_KERNELS_X86
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "tests/kernels/emulated_tiles.hpp"

#undef ZEROSHOT_TARGET
#define ZEROSHOT_TARGET(features)
#define __builtin_ia32_pmaddubsw256 zeroshot_tests::instructions::pmaddubsw256
#define __builtin_ia32_pmaddwd256 zeroshot_tests::instructions::pmaddwd256

#pragma GCC diagnostic ignored "-Wpsabi"  // vectors wider than the machine's pass from one inline function to another

namespace zeroshot_tests::instructions {

typedef char bytes_256 __attribute__((vector_size(32)));
typedef short shorts_256 __attribute__((vector_size(32)));
typedef int integers_256 __attribute__((vector_size(32)));

inline std::int16_t saturated(int number) {
    return static_cast<std::int16_t>(std::clamp(number, -32768, 32767));
}

/// VPMADDUBSW: pairs of an unsigned and a signed byte, multiplied and added with saturation.
inline shorts_256 pmaddubsw256(const bytes_256& a, const bytes_256& b) {
    shorts_256 sums;
    for (int i = 0; i < 16; ++i) {
        sums[i] = saturated(static_cast<unsigned char>(a[2 * i]) * static_cast<signed char>(b[2 * i]) +
                            static_cast<unsigned char>(a[2 * i + 1]) * static_cast<signed char>(b[2 * i + 1]));
    }
    return sums;
}

/// VPMADDWD: pairs of signed shorts, multiplied and added.
inline integers_256 pmaddwd256(const shorts_256& a, const shorts_256& b) {
    integers_256 sums;
    for (int i = 0; i < 8; ++i) sums[i] = a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
    return sums;
}

/// VPDPBUSD: four products of an unsigned and a signed byte, added to the sum of each lane.
inline void dot_bytes(std::int32_t* sums, const std::uint32_t* a, const std::uint32_t* b, std::size_t lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        for (unsigned bit = 0; bit < 32; bit += 8) {
            sums[lane] += static_cast<int>((a[lane] >> bit) & 0xffu) *
                          static_cast<std::int8_t>(static_cast<std::uint8_t>((b[lane] >> bit) & 0xffu));
        }
    }
}

/// VPDPWSSD: two products of signed shorts, added to the sum of each lane.
inline void dot_shorts(std::int32_t* sums, const std::uint32_t* a, const std::uint32_t* b, std::size_t lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        for (unsigned bit = 0; bit < 32; bit += 16) {
            sums[lane] += static_cast<std::int16_t>(static_cast<std::uint16_t>(a[lane] >> bit)) *
                          static_cast<std::int16_t>(static_cast<std::uint16_t>(b[lane] >> bit));
        }
    }
}

/// VDPBF16PS: two products of bfloat16, added to the sum of each lane, the upper first.
inline void dot_halves(float* sums, const std::uint32_t* a, const std::uint32_t* b, std::size_t lanes) {
    using zeroshot::float_from_bfloat;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        for (const unsigned bit : {16u, 0u}) {
            sums[lane] += float_from_bfloat(static_cast<std::uint16_t>(a[lane] >> bit)) *
                          float_from_bfloat(static_cast<std::uint16_t>(b[lane] >> bit));
        }
    }
}

/// The tiles of the machine that is emulated, of each thread its own.
inline thread_local tile_machine tiles;

}  // namespace zeroshot_tests::instructions

#define ZEROSHOT_WORDS_OF(vector) reinterpret_cast<const std::uint32_t*>(&(vector))
#define ZEROSHOT_VPDPBUSD(sum, row, weights)                                                                 \
    zeroshot_tests::instructions::dot_bytes(reinterpret_cast<std::int32_t*>(&(sum)), ZEROSHOT_WORDS_OF(row), \
                                            ZEROSHOT_WORDS_OF(weights), sizeof(row) / sizeof(std::uint32_t))
#define ZEROSHOT_VPDPBUSD_VEX(sum, row, weights) ZEROSHOT_VPDPBUSD(sum, row, weights)
#define ZEROSHOT_VPDPWSSD(sum, row, weights)                                                                  \
    zeroshot_tests::instructions::dot_shorts(reinterpret_cast<std::int32_t*>(&(sum)), ZEROSHOT_WORDS_OF(row), \
                                             ZEROSHOT_WORDS_OF(weights), sizeof(row) / sizeof(std::uint32_t))
#define ZEROSHOT_VPDPWSSD_VEX(sum, row, weights) ZEROSHOT_VPDPWSSD(sum, row, weights)
#define ZEROSHOT_VDPBF16PS(sum, row, weights)                                                          \
    zeroshot_tests::instructions::dot_halves(reinterpret_cast<float*>(&(sum)), ZEROSHOT_WORDS_OF(row), \
                                             ZEROSHOT_WORDS_OF(weights), sizeof(row) / sizeof(std::uint32_t))

#define ZEROSHOT_LDTILECFG(shapes) zeroshot_tests::instructions::tiles.configure(&(shapes))
#define ZEROSHOT_TILERELEASE() zeroshot_tests::instructions::tiles.release()
#define ZEROSHOT_TILEZERO(tile) zeroshot_tests::instructions::tiles.zero(tile)
#define ZEROSHOT_TILELOADD(tile, from, stride) zeroshot_tests::instructions::tiles.load(tile, from, stride)
#define ZEROSHOT_TILESTORED(tile, to, stride) zeroshot_tests::instructions::tiles.store(tile, to, stride)
#define ZEROSHOT_TDPBUSD(sums, rows, weights) zeroshot_tests::instructions::tiles.multiply_bytes(sums, rows, weights)
#define ZEROSHOT_TDPBF16PS(sums, rows, weights) zeroshot_tests::instructions::tiles.multiply_halves(sums, rows, weights)

#include <zeroshot/kernels/multiply_quantized.hpp>
#endif
