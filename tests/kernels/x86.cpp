#include "tests/kernels/emulated.hpp"

#if ZEROSHOT_KERNELS_X86
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <zeroshot/nn/attention.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot;
using namespace zeroshot::kernels;
using namespace zeroshot_tests;

namespace {

/// The output of one head for the last `queries` tokens; queries, keys and values are [tokens, 3 * size].
matrix<float> outputs_of(const std::vector<float>& qkv, std::size_t size, std::size_t queries,
                         zeroshot::precision precision, nn::attention_mask mask, const table& set) {
    const std::size_t stride = 3 * size, tokens = qkv.size() / stride, first = tokens - queries;
    nn::attention_head<float> head(tokens, size, nn::score_scale<float>(size), precision, set);
    head.pack_keys_values(qkv.data() + size, qkv.data() + 2 * size, stride);
    matrix<float> results(queries, size);
    head.attend(qkv.data() + first * stride, stride, queries, first, mask, results.data(), size);
    return results;
}

}  // namespace

TEST_CASE("emulated kernels of AVX-512, AVX-VNNI, AVX512_VNNI, AVX512_BF16 and AMX equal the portable ones") {
    for (const table* const each : tables()) {
        const table& set = *each;
        for (const std::size_t row_count : {1u, 2u, 5u, 13u, 14u, 27u, 30u}) {
            for (const std::size_t columns : {1u, 16u, 32u, 47u, 64u}) {
                INFO(set.name << ", " << row_count << " rows, " << columns << " columns");
                const quantized_case eights(number_format::int8, row_count, columns, 150);
                REQUIRE(eights.product(set) == eights.product(*tables().back()));
                const quantized_case integers(number_format::int16, row_count, columns, 150);
                REQUIRE(integers.product(set) == integers.product(*tables().back()));
                const quantized_case sixteens(number_format::bf16, row_count, columns, 150);
                const std::vector<float> got = sixteens.product(set);
                const std::vector<float> expected = sixteens.product(*tables().back());
                if (layout_of(set, number_format::bf16).as_floats) REQUIRE(got == expected);
                // Sums of 150 products of normal numbers, each rounded: their norm stays below 500 by far.
                constexpr float bound = 2 * 152 * std::numeric_limits<float>::epsilon() * 500;
                for (std::size_t i = 0; i < got.size(); ++i) REQUIRE(std::abs(got[i] - expected[i]) <= bound);
            }
        }
    }
}

TEST_CASE("attention in bfloat16 by AVX512_BF16 and AMX equals the portable kernels within its rounding") {
    for (const std::size_t tokens : {1u, 17u, 50u}) {
        for (const std::size_t size : {7u, 64u}) {
            const std::vector<float> qkv = normal_numbers(tokens * 3 * size, 3);
            for (const nn::attention_mask mask : {nn::attention_mask::none, nn::attention_mask::causal}) {
                const auto by = [&](const table& set, std::size_t queries, zeroshot::precision precision) {
                    return outputs_of(qkv, size, queries, precision, mask, set);
                };
                const matrix<float> expected = by(*tables().back(), tokens, precision::bf16);
                for (const table* const each : tables()) {
                    const table& set = *each;
                    INFO(set.name << ", " << tokens << " tokens, size " << size);
                    const matrix<float> got = by(set, tokens, precision::bf16);
                    // A score that is off in its last bits may round a share to the other side: by 2^-7 of it at most,
                    // and the shares sum to 1. No value is beyond 5.
                    for (std::size_t i = 0; i < got.size(); ++i)
                        REQUIRE(std::abs(got.values()[i] - expected.values()[i]) <= 5.0f / 128);
                    const matrix<float> last = by(set, 1, precision::bf16);
                    REQUIRE(std::ranges::equal(last.row(0), got.row(tokens - 1)));
                    if (tokens > 1) REQUIRE_FALSE(got == by(set, tokens, precision::f32));
                }
            }
        }
    }
}
#endif
