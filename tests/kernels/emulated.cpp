// The kernels for instructions that few machines have, run on all: compiled for the plain instruction set, with the
// instructions replaced by what their makers say they do. The names live in a namespace of their own, so that those of
// the other tests keep theirs.
#include <zeroshot/version.hpp>

#undef ZEROSHOT_ABI
#define ZEROSHOT_ABI emulated
#include <zeroshot/half.hpp>
#include <zeroshot/kernels/instruction_set.hpp>

#if ZEROSHOT_KERNELS_X86
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#undef ZEROSHOT_TARGET
#define ZEROSHOT_TARGET(features)
#define __builtin_ia32_pmaddubsw256 zeroshot_emulated_pmaddubsw256
#define __builtin_ia32_pmaddwd256 zeroshot_emulated_pmaddwd256
#define __builtin_ia32_vcvtph2ps256 zeroshot_emulated_vcvtph2ps256

#pragma GCC diagnostic ignored "-Wpsabi"  // vectors wider than the machine's pass from one inline function to another

namespace {

typedef char bytes_256 __attribute__((vector_size(32)));
typedef short shorts_256 __attribute__((vector_size(32)));
typedef int integers_256 __attribute__((vector_size(32)));

std::int16_t saturated(int number) {
    return static_cast<std::int16_t>(std::clamp(number, -32768, 32767));
}

/// VPMADDUBSW: pairs of an unsigned and a signed byte, multiplied and added with saturation.
shorts_256 zeroshot_emulated_pmaddubsw256(bytes_256 a, bytes_256 b) {
    shorts_256 sums;
    for (int i = 0; i < 16; ++i) {
        sums[i] = saturated(static_cast<unsigned char>(a[2 * i]) * static_cast<signed char>(b[2 * i]) +
                            static_cast<unsigned char>(a[2 * i + 1]) * static_cast<signed char>(b[2 * i + 1]));
    }
    return sums;
}

/// VPMADDWD: pairs of signed shorts, multiplied and added.
integers_256 zeroshot_emulated_pmaddwd256(shorts_256 a, shorts_256 b) {
    integers_256 sums;
    for (int i = 0; i < 8; ++i) sums[i] = a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
    return sums;
}

/// VPDPBUSD: four products of an unsigned and a signed byte, added to the sum of each lane.
void dot_bytes(std::int32_t* sums, const std::uint32_t* a, const std::uint32_t* b, std::size_t lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        for (unsigned bit = 0; bit < 32; bit += 8) {
            sums[lane] += static_cast<int>((a[lane] >> bit) & 0xffu) *
                          static_cast<std::int8_t>(static_cast<std::uint8_t>((b[lane] >> bit) & 0xffu));
        }
    }
}

/// VDPBF16PS: two products of bfloat16, added to the sum of each lane, the upper first.
void dot_halves(float* sums, const std::uint32_t* a, const std::uint32_t* b, std::size_t lanes) {
    using zeroshot::float_from_bfloat;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        for (const unsigned bit : {16u, 0u}) {
            sums[lane] += float_from_bfloat(static_cast<std::uint16_t>(a[lane] >> bit)) *
                          float_from_bfloat(static_cast<std::uint16_t>(b[lane] >> bit));
        }
    }
}

}  // namespace

#define ZEROSHOT_WORDS_OF(vector) reinterpret_cast<const std::uint32_t*>(&(vector))
#define ZEROSHOT_VPDPBUSD(sum, row, weights)                                                               \
    dot_bytes(reinterpret_cast<std::int32_t*>(&(sum)), ZEROSHOT_WORDS_OF(row), ZEROSHOT_WORDS_OF(weights), \
              sizeof(row) / sizeof(std::uint32_t))
#define ZEROSHOT_VPDPBUSD_VEX(sum, row, weights) ZEROSHOT_VPDPBUSD(sum, row, weights)
#define ZEROSHOT_VDPBF16PS(sum, row, weights)                                                        \
    dot_halves(reinterpret_cast<float*>(&(sum)), ZEROSHOT_WORDS_OF(row), ZEROSHOT_WORDS_OF(weights), \
               sizeof(row) / sizeof(std::uint32_t))

#include <zeroshot/kernels/multiply_narrow.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

TEST_CASE("the kernels of AVX-512, AVX-VNNI, AVX512_VNNI and AVX512_BF16 give what the portable ones give") {
    for (const instruction_set set : all_instruction_sets) {
        for (const std::size_t row_count : {1u, 2u, 5u, 13u, 14u, 27u, 30u}) {
            for (const std::size_t columns : {1u, 16u, 32u, 47u, 64u}) {
                INFO(name_of(set) << ", " << row_count << " rows, " << columns << " columns");
                const narrow_case eights(narrow::int8, row_count, columns, 150);
                REQUIRE(eights.product(set) == eights.product(instruction_set::portable));
                const narrow_case sixteens(narrow::bf16, row_count, columns, 150);
                const std::vector<float> got = sixteens.product(set);
                const std::vector<float> expected = sixteens.product(instruction_set::portable);
                if (is_widened(narrow::bf16, set)) REQUIRE(got == expected);
                // Sums of 150 products of normal numbers, each rounded: their norm stays below 500 by far.
                constexpr float bound = 2 * 152 * std::numeric_limits<float>::epsilon() * 500;
                for (std::size_t i = 0; i < got.size(); ++i) REQUIRE(std::abs(got[i] - expected[i]) <= bound);
            }
        }
    }
}
#endif
