#include <array>
#include <cstdint>
#include <vector>

#include <zeroshot/image/jpeg_entropy.hpp>

#include "tests/image/support.hpp"

using namespace zeroshot;
using detail::entropy_bits;
using detail::huffman_table;

namespace {

std::vector<std::byte> bytes_of(std::initializer_list<unsigned> values) {
    std::vector<std::byte> bytes;
    for (const unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

/// A table with `counts` code words of 1, 2, ... bits; the symbols are 0, 1, 2, ...
huffman_table table_of(std::initializer_list<unsigned> counts) {
    std::array<std::byte, 16> lengths{};
    std::size_t total = 0;
    std::size_t index = 0;
    for (const unsigned count : counts) {
        lengths[index++] = static_cast<std::byte>(count);
        total += count;
    }
    std::vector<std::byte> symbols;
    for (std::size_t i = 0; i < total; ++i) symbols.push_back(static_cast<std::byte>(i));
    return {lengths, symbols, 0};
}

}  // namespace

TEST_CASE("code words of every length are found, short ones in the table and long ones by search") {
    // one word of each length: 0, 10, 110, ... ; the 16-bit word is fifteen ones and a zero
    const huffman_table table = table_of({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    for (unsigned length = 1; length <= 16; ++length) {
        const std::uint32_t word = ((1u << (length - 1)) - 1) << (17 - length) & 0xffff;
        CHECK(table.find(word).length == length);
        CHECK(table.find(word).symbol == length - 1);
        CHECK(table.find(word | ((1u << (16 - length)) - 1)).length == length);
    }
    CHECK(table.find(0xffff).length == 0);
}

TEST_CASE("H11 an over-full table is refused") {
    CHECK_NOTHROW(table_of({2}));
    CHECK_THROWS_WITH(table_of({3}), contains("too many codes"));
    CHECK_THROWS_WITH(table_of({1, 3}), contains("too many codes"));
}

TEST_CASE("bits run over stuffed bytes and stop at a marker") {
    const auto data = bytes_of({0xa5, 0xff, 0x00, 0x0f, 0xff, 0xd9});
    entropy_bits bits(data, 0);
    CHECK(bits.take(4) == 0xa);
    CHECK(bits.take(16) == 0x5ff0);
    CHECK(bits.take(4) == 0xf);
    CHECK_THROWS_WITH(bits.take(1), contains("image data ends early at byte 4"));
    CHECK(bits.next_marker() == 4);
}

TEST_CASE("differences are sign-extended as in T.81") {
    const auto data = bytes_of({0b01'10'0'1'00, 0xff, 0xd9});
    entropy_bits bits(data, 0);
    CHECK(bits.take_signed(0) == 0);
    CHECK(bits.take_signed(2) == -2);
    CHECK(bits.take_signed(2) == 2);
    CHECK(bits.take_signed(1) == -1);
    CHECK(bits.take_signed(1) == 1);
}

TEST_CASE("H11 restart markers must be there and in order") {
    const auto data = bytes_of({0x12, 0xff, 0xd0, 0x34, 0xff, 0xd2, 0x56, 0xff, 0xd9});
    entropy_bits bits(data, 0);
    CHECK(bits.take(3) == 0);
    bits.restart(0);
    CHECK(bits.take(8) == 0x34);
    CHECK_THROWS_WITH(bits.restart(1), contains("there is restart marker 2, expected 1"));
    entropy_bits last(data, 6);
    CHECK_THROWS_WITH(last.restart(0), contains("ends early at byte 7"));
}

TEST_CASE("data without any marker ends early at the end of the file") {
    const auto data = bytes_of({0x12, 0x34});
    entropy_bits bits(data, 0);
    CHECK_THROWS_WITH(bits.take(1), contains("ends early at byte 2"));
    CHECK_THROWS_WITH(bits.next_marker(), contains("ends early at byte 2"));
}

TEST_CASE("a sequential block is a difference and runs of zeros until its end") {
    // the DC table has the one word 0 for size 0; the AC table 0 for end of block, 10 for "size 1"
    const huffman_table dc = table_of({1});
    const huffman_table ac = table_of({1, 1});
    const auto data = bytes_of({0b0'10'1'10'0'0, 0xff, 0xd9});
    entropy_bits bits(data, 0);
    detail::block_walker walk(bits, {}, false);
    detail::scan_tables tables{&dc, &ac, 0};
    detail::nonzero_mask nonzero = 0;
    walk(tables, nonzero);
    CHECK_THROWS_WITH(walk(tables, nonzero), contains("ends early"));
}

TEST_CASE("progressive bands remember which coefficients are known, for the refinement to read their bits") {
    const huffman_table ac = table_of({1, 1});  // 0: end of band, 10: the next coefficient
    const auto first = bytes_of({0b10'1'10'0'0'0, 0xff, 0xd9});
    entropy_bits bits(first, 0);
    detail::block_walker walk(bits, {1, 5, 0, 1}, true);
    detail::scan_tables tables{nullptr, &ac, 0};
    detail::nonzero_mask nonzero = 0;
    walk(tables, nonzero);
    CHECK(nonzero == 0b110);
    // refinement: end of band at once, then one bit for each of the two known coefficients
    const auto second = bytes_of({0b0'1'1'0'1'1'0'1, 0xff, 0xd9});
    entropy_bits more(second, 0);
    detail::block_walker refine(more, {1, 5, 1, 0}, true);
    refine(tables, nonzero);
    refine(tables, nonzero);
    refine(tables,
           nonzero = 0);  // no known coefficient: its end of band alone, the last bit would not suffice for more
    CHECK_THROWS_WITH(refine(tables, nonzero), contains("ends early"));
}
