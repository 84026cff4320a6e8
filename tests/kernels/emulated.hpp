#pragma once
/// \file The kernels for instructions that few machines have, for all machines: compiled for the plain instruction set,
/// with the instructions replaced by what their makers say they do. The names live in a namespace of their own, so that
/// those of the other tests keep theirs. To be included first.
#include <zeroshot/version.hpp>

#undef ZEROSHOT_COMPILED  // here, everything is compiled anew

#undef ZEROSHOT_ABI
#define ZEROSHOT_ABI emulated
#include <zeroshot/half.hpp>
#include <zeroshot/kernels/vector.hpp>

#if ZEROSHOT_KERNELS_X86
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "tests/kernels/emulated_tiles.hpp"

#define ZEROSHOT_EMULATED_INSTRUCTIONS zeroshot_tests::instructions

#pragma GCC diagnostic ignored "-Wpsabi"  // vectors wider than the machine's pass from one inline function to another

namespace zeroshot_tests::instructions {

using zeroshot::kernels::detail::floats;
using zeroshot::kernels::detail::integers;
using zeroshot::kernels::detail::words;

inline std::uint32_t saturated(int number) {
    return static_cast<std::uint16_t>(std::clamp(number, -32768, 32767));
}

/// VPMADDUBSW: pairs of an unsigned and a signed byte, multiplied and added with saturation.
inline words<8> pmaddubsw(const words<8>& a, const words<8>& b) {
    words<8> sums = {};
    for (std::size_t lane = 0; lane < 8; ++lane) {
        for (const unsigned half : {0u, 16u}) {
            int sum = 0;
            for (const unsigned bit : {half, half + 8}) {
                sum += static_cast<int>((a[lane] >> bit) & 0xffu) *
                       static_cast<std::int8_t>(static_cast<std::uint8_t>((b[lane] >> bit) & 0xffu));
            }
            sums[lane] |= saturated(sum) << half;
        }
    }
    return sums;
}

/// VPMADDWD: pairs of signed shorts, multiplied and added.
inline integers<8> pmaddwd(const words<8>& a, const words<8>& b) {
    integers<8> sums = {};
    for (std::size_t lane = 0; lane < 8; ++lane) {
        for (const unsigned half : {0u, 16u}) {
            sums[lane] += static_cast<std::int16_t>(static_cast<std::uint16_t>(a[lane] >> half)) *
                          static_cast<std::int16_t>(static_cast<std::uint16_t>(b[lane] >> half));
        }
    }
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

/// What the kernels call.
template <std::size_t Lanes>
void vpdpbusd(integers<Lanes>& sum, const words<Lanes>& row, const words<Lanes>& weights) {
    dot_bytes(reinterpret_cast<std::int32_t*>(&sum), reinterpret_cast<const std::uint32_t*>(&row),
              reinterpret_cast<const std::uint32_t*>(&weights), Lanes);
}
template <std::size_t Lanes>
void vpdpbusd_vex(integers<Lanes>& sum, const words<Lanes>& row, const words<Lanes>& weights) {
    vpdpbusd<Lanes>(sum, row, weights);
}
template <std::size_t Lanes>
void vpdpwssd(integers<Lanes>& sum, const words<Lanes>& row, const words<Lanes>& weights) {
    dot_shorts(reinterpret_cast<std::int32_t*>(&sum), reinterpret_cast<const std::uint32_t*>(&row),
               reinterpret_cast<const std::uint32_t*>(&weights), Lanes);
}
template <std::size_t Lanes>
void vpdpwssd_vex(integers<Lanes>& sum, const words<Lanes>& row, const words<Lanes>& weights) {
    vpdpwssd<Lanes>(sum, row, weights);
}
template <std::size_t Lanes>
void vdpbf16ps(floats<Lanes>& sum, const words<Lanes>& row, const words<Lanes>& weights) {
    dot_halves(reinterpret_cast<float*>(&sum), reinterpret_cast<const std::uint32_t*>(&row),
               reinterpret_cast<const std::uint32_t*>(&weights), Lanes);
}

/// The tiles of the machine that is emulated, of each thread its own.
inline thread_local tile_machine tiles;

inline void ldtilecfg(const void* shapes) {
    tiles.configure(shapes);
}
inline void tilerelease() {
    tiles.release();
}
template <int Tile>
void tilezero() {
    tiles.zero(Tile);
}
template <int Tile>
void tileloadd(const void* from, std::size_t stride) {
    tiles.load(Tile, from, stride);
}
template <int Tile>
void tilestored(void* to, std::size_t stride) {
    tiles.store(Tile, to, stride);
}
template <int Sums, int Rows, int Weights>
void tdpbusd() {
    tiles.multiply_bytes(Sums, Rows, Weights);
}
template <int Sums, int Rows, int Weights>
void tdpbf16ps() {
    tiles.multiply_halves(Sums, Rows, Weights);
}

}  // namespace zeroshot_tests::instructions

#include <zeroshot/kernels/kernels.hpp>
#endif
