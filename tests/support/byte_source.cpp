#include <zeroshot/support/byte_source.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using support::text_of;

namespace {

std::shared_ptr<const byte_source> in_memory(const std::string& text) {
    return std::make_shared<memory_source>(support::bytes_of(text), "memory");
}

std::string in_pieces(const byte_range& range, std::size_t block) {
    std::string pieces;
    range.in_chunks(block, [&](std::span<const std::byte> piece) { pieces += text_of(piece) + "|"; });
    return pieces;
}

}  // namespace

TEST_CASE("a range reads the same from owned memory, a file and borrowed memory") {
    const support::scratch_folder folder;
    write_file(folder / "a", "0123456789");
    const std::vector<std::byte> own = support::bytes_of("0123456789");
    const byte_range ranges[] = {{in_memory("0123456789"), 2, 7},
                                 {std::make_shared<open_file>(folder / "a"), 2, 7},
                                 byte_range(std::span(own).subspan(2, 7))};
    for (const byte_range& range : ranges) {
        CHECK(range.size() == 7);
        CHECK(text_of(range.bytes()) == "2345678");
        CHECK(text_of(range.part(1, 4).bytes()) == "3456");
        CHECK(in_pieces(range.part(1, 4), 3) == "345|6|");
        CHECK(in_pieces(range, 3) == "234|567|8|");
        CHECK(in_pieces(range, 100) == "2345678|");
        std::vector<std::byte> two(2);
        range.read(4, two);
        CHECK(text_of(two) == "67");
    }
}

TEST_CASE("an empty range has no blocks") {
    CHECK(in_pieces(byte_range(), 3).empty());
    CHECK(in_pieces(byte_range(in_memory("abc"), 3, 0), 3).empty());
    CHECK(byte_range(in_memory(""), 0, 0).bytes().empty());
}

TEST_CASE("a range keeps its source alive") {
    byte_range range;
    {
        const auto source = in_memory("abc");
        range = byte_range(source, 1, 2);
    }
    CHECK(text_of(range.bytes()) == "bc");
}

TEST_CASE("a source names its place, and notices a file that was rewritten") {
    const support::scratch_folder folder;
    write_file(folder / "a", "0123456789");
    const open_file source(folder / "a");
    CHECK(source.place() == (folder / "a").string());
    CHECK(source.memory().empty());
    source.expect_unchanged();
    std::filesystem::resize_file(folder / "a", 5);
    CHECK(support::has(support::thrown<file_error>([&] { source.expect_unchanged(); }), "the file changed"));
    std::vector<std::byte> ten(10);
    CHECK(support::has(support::thrown<file_error>([&] { source.read(0, ten); }), "the file changed"));
}

TEST_CASE("a mapped file's bytes lie in memory, and outlive its name") {
    const support::scratch_folder folder;
    write_file(folder / "a", "0123456789");
    const auto source = std::make_shared<mapped_file>(folder / "a");
    std::filesystem::remove(folder / "a");
    CHECK(source->place().ends_with("a"));
    CHECK(source->size() == 10);
    CHECK(support::text_of(byte_range(source, 2, 3).bytes()) == "234");
    CHECK(byte_range(source, 2, 3).memory().data() == source->memory().data() + 2);
    std::vector<std::byte> two(2);
    source->read(8, two);
    CHECK(support::text_of(two) == "89");
}
