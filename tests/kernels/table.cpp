#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <zeroshot/kernels/kernels.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot::kernels;
using namespace zeroshot_tests;

TEST_CASE("sizes of packed rows, columns and panels include their headers") {
    CHECK(word_count(number_format::bf16, 33) == 32);
    CHECK(word_count(number_format::int16, 33) == 32);
    CHECK(word_count(number_format::int8, 33) == 16);
    CHECK(column_words(number_format::bf16, 32) == 16);
    CHECK(column_words(number_format::int16, 32) == 17);
    CHECK(column_words(number_format::int8, 64) == 18);
    CHECK(packed_size(number_format::int16, 17, 1) == 2 * 16 * 17);
    constexpr row_layout one_by_one{}, floats{.as_floats = true}, tiles{.tile_height = 14};
    CHECK(row_words(number_format::int16, 1, one_by_one) == 16 + 16);
    CHECK(row_words(number_format::bf16, 1, floats) == 16 + 2 * 16);
    CHECK(row_words(number_format::int16, 1, tiles) == 2 + 16);
    CHECK(packed_rows_size(number_format::int8, 3, 1, one_by_one) == 4 * 32);
}

TEST_CASE("rows are cut into as few tiles as possible, of heights that differ by one multiple at most") {
    for (const std::size_t multiple : {1u, 2u}) {
        for (std::size_t rows = 1; rows < 120; ++rows) {
            const row_tiles tiles(rows, 14, multiple);
            const std::size_t padded = (rows + multiple - 1) / multiple * multiple;
            INFO(rows << " rows in multiples of " << multiple);
            REQUIRE(tiles.count == (padded + 13) / 14);
            REQUIRE(tiles.row(0) == 0);
            REQUIRE(tiles.row(tiles.count) == padded);
            std::size_t lowest = 14, highest = 0;
            for (std::size_t tile = 0; tile < tiles.count; ++tile) {
                const std::size_t height = tiles.row(tile + 1) - tiles.row(tile);
                REQUIRE(height % multiple == 0);
                lowest = std::min(lowest, height);
                highest = std::max(highest, height);
            }
            REQUIRE(highest <= 14);
            REQUIRE(highest - lowest <= multiple);
        }
    }
    for (const table* const each : tables()) {
        CHECK(each->f32.tile_height <= highest_tile);
        for (const row_layout& layout : each->row_layouts) CHECK(layout.tile_height <= highest_tile);
    }
}

TEST_CASE("sums of int16 fit in 32 bits, and the best 16-bit format is one that an instruction multiplies") {
    constexpr std::size_t most = std::numeric_limits<std::int32_t>::max();
    for (std::size_t depth = 1; depth <= deepest_int16; depth += 1 + depth / 7) {
        INFO(depth);
        REQUIRE(largest_int16_in_row(depth) * largest_int16_column(depth) <= most);
        REQUIRE(depth < largest_int16_column(depth));  // rounding adds half a step to each
    }
    CHECK(largest_int16_in_row(256) == 8191);
    CHECK(largest_int16_in_row(257) == 4095);
    CHECK(largest_int16_in_row(4096) == 2047);
    for (const table* const each : tables()) {
        const table& set = *each;
        INFO(set.name);
        CHECK((set.best_16_bit_format == number_format::int16
                   ? set.has_fast_int16
                   : set.set == instruction_set::amx || !set.has_fast_int16));
    }
    CHECK(tables().back()->best_16_bit_format == number_format::bf16);
}
