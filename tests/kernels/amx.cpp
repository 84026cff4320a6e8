#include "tests/kernels/emulated.hpp"

#if ZEROSHOT_KERNELS_AMX
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

namespace {

/// The product by AMX as it is emulated, which must find no fault in it, be configured once and be left as it was.
std::vector<float> by_amx(const quantized_case& c, std::size_t first, std::size_t count,
                          const epilogue<float>& epilogue = {}) {
    instructions::tiles = {};
    const std::vector<float> result = c.product(table_of(instruction_set::amx), first, count, epilogue);
    REQUIRE(instructions::tiles.fault() == "");
    REQUIRE(instructions::tiles.times_configured() == 1);
    REQUIRE_FALSE(instructions::tiles.is_configured());
    return result;
}

/// A sum of exact products in any order, each of them rounded; and each may vanish at each of its three steps (as a
/// product, as a sum, and where both halves meet) if it is subnormal, and its factors as well.
void check_bf16(const quantized_case& c) {
    const std::vector<float> result = by_amx(c, 0, c.row_count);
    const auto rounded = [](float number) {
        return static_cast<double>(zeroshot::float_from_bfloat(zeroshot::bfloat_from_float(number)));
    };
    constexpr double smallest = std::numeric_limits<float>::min();
    for (std::size_t row = 0; row < c.row_count; ++row) {
        for (std::size_t column = 0; column < c.columns; ++column) {
            double exact = 0, norm = 0, vanished = 0;
            for (std::size_t k = 0; k < c.depth; ++k) {
                const double a = rounded(c.rows[row * c.depth + k]), b = rounded(c.weights[column * c.depth + k]);
                exact += a * b;
                norm += std::abs(a * b);
                vanished += smallest * (3 + std::abs(a) + std::abs(b));
            }
            const double bound =
                static_cast<double>(c.depth + 2) * std::numeric_limits<float>::epsilon() * norm + vanished;
            const auto got = static_cast<double>(result[row * c.columns + column]);
            INFO("row " << row << " column " << column << ": " << got << " for " << exact);
            REQUIRE(std::abs(got - exact) <= bound);
        }
    }
}

/// What a machine says to shapes: eight tiles of [rows, bytes] each, the first to be a sum of the others' products.
std::string fault_of(std::vector<std::pair<std::uint8_t, std::uint8_t>> shapes, std::uint8_t palette = 1) {
    std::vector<std::uint8_t> bytes(64);
    bytes[0] = palette;
    for (std::size_t tile = 0; tile < shapes.size(); ++tile) {
        bytes[48 + tile] = shapes[tile].first;
        bytes[16 + 2 * tile] = shapes[tile].second;
    }
    tile_machine machine;
    machine.configure(bytes.data());
    if (machine.is_configured()) machine.multiply_bytes(0, 1, 2);
    return machine.fault();
}

}  // namespace

TEST_CASE("the emulated tiles refuse what a processor refuses") {
    CHECK(fault_of({{13, 64}, {13, 64}, {16, 64}}) == "");
    CHECK(fault_of({{13, 8}, {13, 12}, {3, 8}}) == "");
    CHECK(fault_of({{13, 64}, {13, 64}, {16, 64}}, 2) == "LDTILECFG: palette 2");
    CHECK(fault_of({{17, 64}, {17, 64}, {16, 64}}) == "LDTILECFG: a tile has at most 16 rows of 64 bytes");
    CHECK(fault_of({{13, 68}, {13, 64}, {16, 68}}) == "LDTILECFG: a tile has at most 16 rows of 64 bytes");
    CHECK(fault_of({{13, 0}}) == "LDTILECFG: rows without bytes, or bytes without rows");
    CHECK(fault_of({{13, 64}, {12, 64}, {16, 64}}) == "TDP: [13, 64] += [12, 64] [16, 64]");
    CHECK(fault_of({{13, 64}, {13, 64}, {15, 64}}) == "TDP: [13, 64] += [13, 64] [15, 64]");
    CHECK(fault_of({{13, 64}, {13, 64}, {16, 60}}) == "TDP: [13, 64] += [13, 64] [16, 60]");
    CHECK(fault_of({{13, 64}, {13, 64}}) == "tile 2 has no shape");
    tile_machine released;
    released.zero(0);
    CHECK(released.fault() == "tile 0 has no shape");
}

TEST_CASE("bands have equal heights, contain every row, and repeat less than one row each") {
    for (std::size_t rows = 1; rows < 600; ++rows) {
        const detail::amx_bands bands(rows);
        INFO(rows << " rows, " << bands.count << " bands of " << bands.height);
        REQUIRE(bands.height == std::max<std::size_t>(bands.upper + bands.lower, 2) - (rows == 1 ? 1 : 0));
        REQUIRE(bands.row_of(0) == 0);
        REQUIRE(bands.row_of(bands.count - 1) + bands.height == rows);
        REQUIRE(bands.count * bands.height < rows + bands.count);
        for (std::size_t band = 1; band < bands.count; ++band) {
            REQUIRE(bands.row_of(band) > bands.row_of(band - 1));
            REQUIRE(bands.row_of(band) <= band * bands.height);
        }
        const detail::tile_shapes shapes(bands);
        tile_machine machine;
        machine.configure(&shapes);
        REQUIRE(machine.fault() == "");
    }
}

TEST_CASE("products of bfloat16 by AMX are within the bounds of their rounding, at odd shapes") {
    for (const std::size_t row_count : {1u, 2u, 16u, 17u, 31u, 33u, 50u}) {
        for (const std::size_t columns : {1u, 17u, 48u}) check_bf16({number_format::bf16, row_count, columns, 70});
    }
    for (const std::size_t depth : {1u, 31u, 32u, 33u, 384u, 385u, 1000u})
        check_bf16({number_format::bf16, 3, 33, depth});
    check_bf16({number_format::bf16, 289, 17, 400});  // more bands than a group holds
}

TEST_CASE("AMX takes subnormal bfloat16 for zero, and loses nothing else") {
    quantized_case c(number_format::bf16, 5, 20, 40);
    for (std::size_t i = 0; i < c.rows.size(); i += 3) c.rows[i] *= 1e-39f;
    check_bf16(c);
    std::ranges::fill(c.rows, 1e-39f);
    for (const float each : by_amx(c, 0, c.row_count)) REQUIRE(each == 0);
}

TEST_CASE("int8 products by AMX equal those of the portable kernels, epilogue included, at odd shapes") {
    const std::vector<float> bias = normal_numbers(48, 7), gain = normal_numbers(48, 8);
    const auto check = [&](const quantized_case& c) {
        for (const epilogue<float>& epilogue :
             {epilogue<float>{}, {bias.data(), gain.data(), true, activation::gelu}}) {
            INFO(c.row_count << " rows, " << c.columns << " columns, " << c.depth << " deep");
            REQUIRE(by_amx(c, 0, c.row_count, epilogue) == c.product(*tables().back(), 0, c.row_count, epilogue));
        }
    };
    for (const std::size_t row_count : {1u, 2u, 15u, 17u, 32u, 33u, 77u}) {
        for (const std::size_t columns : {1u, 16u, 17u, 32u, 48u}) check({number_format::int8, row_count, columns, 70});
    }
    for (const std::size_t depth : {1u, 63u, 64u, 65u, 768u, 769u, 1700u}) check({number_format::int8, 3, 33, depth});
    check({number_format::int8, 300, 17, 800});  // more bands than a group holds
}

TEST_CASE("by AMX, a row or panel has the same bits whatever it is computed beside") {
    for (const number_format format : {number_format::bf16, number_format::int8}) {
        const quantized_case c(format, 67, 49, 900);
        const std::vector<float> bias = normal_numbers(c.columns, 7);
        const epilogue<float> epilogue{bias.data(), nullptr, false, activation::quick_gelu};
        const std::vector<float> together = by_amx(c, 0, c.row_count, epilogue);
        for (const std::size_t count : {1u, 2u, 5u, 33u, 40u}) {
            for (std::size_t row = 0; row + count <= c.row_count; row += count) {
                const std::vector<float> part = by_amx(c, row, count, epilogue);
                REQUIRE(std::equal(part.begin(), part.end(),
                                   together.begin() + static_cast<std::ptrdiff_t>(row * c.columns)));
            }
        }
        check_panels_apart(c, table_of(instruction_set::amx), epilogue, together);
    }
}
#endif
