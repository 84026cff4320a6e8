#pragma once
/// \file Random operands, and quantized products by any instruction set.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include <zeroshot/kernels/kernels.hpp>

#include "tests/catch.hpp"

// In the version's namespace too: one test compiles the kernels in another way, under another version's name.
namespace zeroshot_tests { inline namespace ZEROSHOT_ABI {

inline std::vector<float> normal_numbers(std::size_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    std::vector<float> numbers(count);
    for (float& number : numbers) number = normal(generator);
    return numbers;
}

/// The table of an instruction set of this build.
inline const zeroshot::kernels::table& table_of(zeroshot::kernels::instruction_set set) {
    const auto all = zeroshot::kernels::tables();
    return **std::ranges::find(all, set, [](const zeroshot::kernels::table* each) { return each->set; });
}

/// The tables that this machine can run.
inline std::vector<std::reference_wrapper<const zeroshot::kernels::table>> available_tables() {
    std::vector<std::reference_wrapper<const zeroshot::kernels::table>> available;
    for (const zeroshot::kernels::table* const each : zeroshot::kernels::tables()) {
        if (each->is_available()) available.push_back(*each);
    }
    return available;
}

/// Equality but for the last bits, which a fused multiply-add may round differently.
inline bool nearly_equal(float a, float b) {
    return std::abs(a - b) <= 4 * std::numeric_limits<float>::epsilon() * std::max(std::abs(a), std::abs(b));
}

/// Rows [count, depth], packed for a table.
inline std::vector<std::uint32_t> packed_rows(zeroshot::kernels::number_format format, const float* rows,
                                              std::size_t count, std::size_t depth,
                                              const zeroshot::kernels::table& set) {
    const zeroshot::kernels::row_layout layout = zeroshot::kernels::layout_of(set, format);
    const zeroshot::kernels::row_tiles tiles = zeroshot::kernels::tiles_of(count, layout);
    std::vector<std::uint32_t> packed(zeroshot::kernels::packed_rows_size(format, count, depth, layout));
    for (std::size_t tile = 0; tile < tiles.count; ++tile) {
        const std::size_t row = tiles.row(tile), end = tiles.row(tile + 1);
        zeroshot::kernels::pack_rows(format, rows + row * depth, depth, std::min(end, count) - row, end - row, depth,
                                     packed.data() + row * zeroshot::kernels::row_words(format, depth, layout), set);
    }
    return packed;
}

/// What a packed row says.
struct row_contents {
    float scale;
    std::uint32_t zero_point;
    std::vector<std::uint32_t> words;
};

/// One row, packed alone and read in the table's layout.
inline row_contents packed_row(zeroshot::kernels::number_format format, const std::vector<float>& row,
                               const zeroshot::kernels::table& set) {
    const zeroshot::kernels::row_layout layout = zeroshot::kernels::layout_of(set, format);
    const std::vector<std::uint32_t> packed = packed_rows(format, row.data(), 1, row.size(), set);
    const std::size_t step = layout.tile_height == 0 ? 1 : zeroshot::kernels::row_multiple;
    row_contents contents{std::bit_cast<float>(packed[0]), packed[step], {}};
    const std::size_t end = zeroshot::kernels::row_words(format, row.size(), layout);
    for (std::size_t w = zeroshot::kernels::row_header(layout); w < end; ++w)
        contents.words.push_back(packed[w * step]);
    return contents;
}

/// Integer `index` of a row or a column of int16, whose words are `stride` apart.
inline int int16_at(const std::uint32_t* words, std::size_t index, std::size_t stride = 1) {
    const std::uint32_t word = words[(index / 32 * 16 + index % 16) * stride];
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(word >> (index % 32 < 16 ? 0 : 16)));
}

/// Rows times weights, both packed here.
struct quantized_case {
    zeroshot::kernels::number_format format;
    std::size_t row_count, columns, depth;
    std::vector<float> rows, weights;

    quantized_case(zeroshot::kernels::number_format of, std::size_t row_count_, std::size_t columns_,
                   std::size_t depth_)
        : format(of),
          row_count(row_count_),
          columns(columns_),
          depth(depth_),
          rows(normal_numbers(row_count * depth, 1)),
          weights(normal_numbers(columns * depth, 2)) {}

    std::vector<std::uint32_t> packed_weights() const {
        std::vector<std::uint32_t> packed(zeroshot::kernels::packed_size(format, columns, depth));
        zeroshot::kernels::pack(format, weights.data(), depth, 1, columns, depth, packed.data(),
                                zeroshot::kernels::active());
        return packed;
    }

    /// Some of the rows.
    std::vector<std::uint32_t> packed_rows(const zeroshot::kernels::table& set, std::size_t first,
                                           std::size_t count) const {
        return zeroshot_tests::packed_rows(format, rows.data() + first * depth, count, depth, set);
    }

    /// Operands of a kernel: `result` is [count, columns].
    zeroshot::kernels::quantized_product over(const std::vector<std::uint32_t>& packed_rows_,
                                              const std::vector<std::uint32_t>& packed,
                                              const zeroshot::kernels::table& set, std::size_t count,
                                              std::vector<float>& result) const {
        return {packed_rows_.data(),
                zeroshot::kernels::row_words(format, depth, zeroshot::kernels::layout_of(set, format)),
                count,
                packed.data(),
                columns,
                zeroshot::kernels::column_words(format, depth),
                result.data(),
                columns};
    }

    std::vector<float> product(const zeroshot::kernels::table& set, std::size_t first, std::size_t count,
                               const zeroshot::kernels::epilogue<float>& epilogue = {}) const {
        std::vector<float> result(count * columns);
        const std::vector<std::uint32_t> left = packed_rows(set, first, count), right = packed_weights();
        zeroshot::kernels::quantized_product p = over(left, right, set, count, result);
        p.epilogue = epilogue;
        zeroshot::kernels::multiply(format, p, set, 0, zeroshot::kernels::panel_count(columns));
        return result;
    }
    std::vector<float> product(const zeroshot::kernels::table& set) const { return product(set, 0, row_count); }
};

/// Whether panels computed one after the other have the bits of all together, and nothing else is written.
inline void check_panels_apart(const quantized_case& c, const zeroshot::kernels::table& set,
                               const zeroshot::kernels::epilogue<float>& epilogue, const std::vector<float>& together) {
    constexpr float untouched = -7.0f;
    std::vector<float> apart(c.row_count * c.columns, untouched);
    const std::vector<std::uint32_t> rows = c.packed_rows(set, 0, c.row_count), weights = c.packed_weights();
    zeroshot::kernels::quantized_product p = c.over(rows, weights, set, c.row_count, apart);
    p.epilogue = epilogue;
    zeroshot::kernels::multiply(c.format, p, set, 1, 2);
    for (std::size_t i = 0; i < apart.size(); ++i)
        REQUIRE((apart[i] != untouched) == (i % c.columns >= 16 && i % c.columns < 32));
    zeroshot::kernels::multiply(c.format, p, set, 0, 1);
    zeroshot::kernels::multiply(c.format, p, set, 2, zeroshot::kernels::panel_count(c.columns));
    CHECK(apart == together);
}

}}  // namespace zeroshot_tests::ZEROSHOT_ABI
