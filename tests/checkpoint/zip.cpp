#include <memory>
#include <thread>

#include <zeroshot/checkpoint/zip.hpp>

#include "tests/checkpoint/archives.hpp"

using namespace zeroshot;
using support::bytes_of_number;
using support::has;
using support::little_endian;
using support::thrown;
using support::zip_file;
using support::zip_item;

namespace {

zip_archive opened(const std::string& text, const zip_limits& limits = {}) {
    return zip_archive(std::make_shared<memory_source>(support::bytes_of(text), "a.pt"), limits);
}

std::string refusal(const std::string& text, const zip_limits& limits = {}) {
    return thrown<checkpoint_error>([&] { opened(text, limits); });
}
std::string refusal(const zip_file& file, const zip_limits& limits = {}) {
    return refusal(file.text(), limits);
}

std::string contents(const zip_archive& archive, const std::string& name) {
    const auto source = archive.contents(*archive.find(name));
    return support::text_of(byte_range(source, 0, source->size()).bytes());
}

zip_file two() {
    return {{{"x/a", "apple"}, {"x/b", "pear"}}};
}

/// A zip64 field with these values.
std::string field64(const std::vector<std::uint64_t>& values) {
    std::string out = bytes_of_number(1, 2) + bytes_of_number(8 * values.size(), 2);
    for (const std::uint64_t value : values) out += little_endian(value);
    return out;
}

}  // namespace

TEST_CASE("entries are read from memory and from a file") {
    const zip_archive archive = opened(two().text());
    REQUIRE(archive.entries().size() == 2);
    CHECK(contents(archive, "x/a") == "apple");
    CHECK(contents(archive, "x/b") == "pear");
    CHECK(archive.find("x/c") == nullptr);
    const support::scratch_folder folder;
    write_file(folder / "a.pt", two().text());
    CHECK(contents(zip_archive(std::make_shared<open_file>(folder / "a.pt")), "x/b") == "pear");
}

TEST_CASE("an entry is read in pieces, and keeps its archive open") {
    std::shared_ptr<const byte_source> source;
    {
        const zip_archive archive = opened(two().text());
        source = archive.contents(*archive.find("x/a"));
    }
    CHECK(support::text_of(byte_range(source, 1, 3).bytes()) == "ppl");
    CHECK(source->place() == "a.pt: entry 'x/a'");
    CHECK_NOTHROW(source->expect_unchanged());
}

TEST_CASE("an entry may be read by many threads at once", "[threads]") {
    const zip_archive archive = opened(zip_file{{{"x/a", std::string(100'000, 'a')}}}.text());
    const auto source = archive.contents(*archive.find("x/a"));
    std::vector<std::string> contents_read(4);
    std::vector<std::thread> threads;
    for (std::string& each : contents_read)
        threads.emplace_back([&] { each = support::text_of(byte_range(source, 99'990, 10).bytes()); });
    for (std::thread& each : threads) each.join();
    for (const std::string& each : contents_read) CHECK(each == "aaaaaaaaaa");
}

TEST_CASE("there is one end record, and it ends the file") {
    CHECK(has(refusal("PK\x03\x04"), "FORMAT a.pt: the zip archive is truncated"));
    CHECK(has(refusal(std::string(100, 'x')), "no end record as its last 22 bytes"));
    const std::string whole = two().text();
    for (std::size_t size = 0; size < whole.size(); ++size) CHECK(has(refusal(whole.substr(0, size)), "FORMAT"));
    zip_file commented = two();
    commented.comment = "hello";
    CHECK(has(refusal(commented), "no end record"));
    commented.comment = zip_file{}.text();  // a whole empty archive
    CHECK(has(refusal(commented), "it to end at byte"));
    commented.comment = std::string(65'535, '\0');
    CHECK(has(refusal(commented), "no end record"));
    std::string longer = whole;
    longer[longer.size() - 2] = 1;
    CHECK(has(refusal(longer), "has a comment"));
    zip_file twice = two();
    twice.behind_directory = zip_file{}.text();
    CHECK(has(refusal(twice), "it to end at byte"));
}

TEST_CASE("a directory at another offset or with another count is refused") {
    zip_file file = two();
    file.directory = 5;
    CHECK(has(refusal(file), "the directory of the zip archive is said to be"));
    file.directory = 0xfffffff0;
    CHECK(has(refusal(file), "from byte 4294967280 on"));
    file = two();
    file.directory_bytes = 500;
    CHECK(has(refusal(file), "500 bytes"));
    for (const std::uint16_t count : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{3}, std::uint16_t{60'000}}) {
        file = two();
        file.count = count;
        CHECK(has(refusal(file), "FORMAT"));
    }
    file = two();
    file.count = 65'535;
    CHECK(has(refusal(file), "no zip64 record, and needs one"));
    file.zip64 = true;
    file.count64 = std::uint64_t{1} << 63;
    CHECK(has(refusal(file), "claims 9223372036854775808 entries"));
}

TEST_CASE("more entries, or a longer directory, than the limits are refused before they are read") {
    zip_limits limits;
    limits.entries = 1;
    CHECK(has(refusal(two(), limits), "LIMIT a.pt: 2 entries of the zip archive, expected at most 1"));
    limits = {};
    limits.directory_bytes = 10;
    CHECK(has(refusal(two(), limits), "LIMIT"));
}

TEST_CASE("a 64-bit record is read where it is needed, and where it is not") {
    zip_file file = two();
    file.zip64 = true;
    CHECK(contents(opened(file.text()), "x/b") == "pear");
    file.count = 65'535;
    file.directory = file.directory_bytes = 0xffffffff;
    CHECK(contents(opened(file.text()), "x/b") == "pear");
    file.zip64 = false;
    CHECK(has(refusal(file), "no zip64 record, and needs one"));
    file = two();
    file.zip64 = true;
    file.count64 = 3;
    CHECK(has(refusal(file), "do not agree"));
    file.count64.reset();
    file.record64 = std::string(56, 'x');
    CHECK(has(refusal(file), "the zip64 record has a wrong signature or size"));
    file.record64 = "";
    CHECK(has(refusal(file), "does not stand before its locator"));
}

TEST_CASE("an entry's 64-bit sizes are read, and refused where they are cut") {
    zip_file file{{{"x/a", "apple"}}};
    zip_item& item = file.items.front();
    item.stored = item.size = item.header = 0xffffffff;
    item.descriptor = "";
    item.extra = field64({5, 5, 0});
    CHECK(contents(opened(file.text()), "x/a") == "apple");
    item.extra = bytes_of_number(0x4246, 2) + bytes_of_number(1, 2) + "Z" + field64({5, 5, 0});  // behind another field
    CHECK(contents(opened(file.text()), "x/a") == "apple");
    item.extra = field64({5, 5});
    CHECK(has(refusal(file), "has no zip64 field that is complete"));
    item.extra = "";
    CHECK(has(refusal(file), "has no zip64 field that is complete"));
    item.extra = bytes_of_number(1, 2) + bytes_of_number(100, 2) + little_endian(5);
    CHECK(has(refusal(file), "longer than all of them"));
}

TEST_CASE("a local header that disagrees with the directory is refused") {
    zip_file file = two();
    const auto with = [&](auto change) {
        zip_file changed = two();
        change(changed.items[1]);
        return refusal(changed);
    };
    CHECK(has(with([](zip_item& item) { item.local_name = "x/c"; }), "entry 'x/b' has another name in its own header"));
    CHECK(has(with([](zip_item& item) { item.local_flags = 0x0809; }), "has other flags"));
    CHECK(has(with([](zip_item& item) { item.local_method = 8; }), "has another compression"));
    CHECK(has(with([](zip_item& item) { item.header = 3; }), "does not begin where it is said to"));
    CHECK(has(with([](zip_item& item) { item.header = 0xfffffff0; }), "lies outside the archive"));
    CHECK(has(with([](zip_item& item) { item.flags = 0, item.local_crc = 7; }), "another size or checksum in its own"));
    CHECK(
        has(with([](zip_item& item) { item.flags = 0, item.local_size = 3; }), "another size or checksum in its own"));
    CHECK(has(with([](zip_item& item) { item.descriptor = "PK\x07\x08" + std::string(12, 'x'); }),
              "another size or checksum behind its bytes"));
    CHECK(with([](zip_item& item) { item.flags = 0; }) == "nothing");
    CHECK(with([](zip_item& item) { item.descriptor = ""; }) == "nothing");
    CHECK(with([](zip_item& item) {
              item.descriptor =
                  "PK\x07\x08" + bytes_of_number(support::crc_of("pear"), 4) + little_endian(4) + little_endian(4);
          }) == "nothing");
}

TEST_CASE("a wrong checksum is refused when the entry is read, each time, and no other is") {
    zip_file file = two();
    file.items[0].crc = 77;
    const zip_archive archive = opened(file.text());
    CHECK(contents(archive, "x/b") == "pear");
    const auto damaged = archive.contents(*archive.find("x/a"));
    for (int time = 0; time < 2; ++time) {
        CHECK(thrown<checkpoint_error>([&] { byte_range(damaged, 0, 1).bytes(); }) ==
              "FORMAT a.pt: entry 'x/a': the bytes do not fit their checksum; the file is damaged; download it again");
    }
}

TEST_CASE("a checksum of 0 means that it was not computed") {
    zip_file file = two();
    file.items[0].crc = 0;
    CHECK(contents(opened(file.text()), "x/a") == "apple");
}

TEST_CASE("compressed and encrypted entries are refused when read, split archives at once") {
    zip_file file = two();
    file.items[0].method = 8;
    const zip_archive packed = opened(file.text());
    CHECK(contents(packed, "x/b") == "pear");
    CHECK(
        has(thrown<checkpoint_error>([&] { contents(packed, "x/a"); }), "UNSUPPORTED a.pt: entry 'x/a' is compressed"));
    file = two();
    file.items[0].flags = 0x0809;
    CHECK(has(thrown<checkpoint_error>([&] { contents(opened(file.text()), "x/a"); }), "is encrypted"));
    file = two();
    file.items[0].disk = 1;
    CHECK(has(refusal(file), "UNSUPPORTED a.pt: entry 'x/a' lies on another disk"));
    file = two();
    file.disk = 1;
    CHECK(has(refusal(file), "UNSUPPORTED a.pt: the zip archive is one part of several"));
    file = two();
    file.items[0].size = 6;
    CHECK(has(thrown<checkpoint_error>([&] { contents(opened(file.text()), "x/a"); }),
              "FORMAT a.pt: entry 'x/a' has two sizes"));
}

TEST_CASE("entries that overlap are refused") {
    zip_file file = two();
    file.items[1].name = "x/a2";
    file.items[1].local_name = "x/a2";
    file.items.push_back(file.items[0]);
    file.items.back().name = "x/c";
    file.items.back().header = 0;
    CHECK(has(refusal(file), "FORMAT"));                                // the header at byte 0 is that of another name
    std::string inner = zip_file{{{"x/b", "p"}}}.text().substr(0, 34);  // a header and its byte, inside of x/a
    file = {{{"x/a", inner}, {"x/b", "p"}}};
    file.items[0].descriptor = "";
    file.items[1].header = 33;
    CHECK(has(refusal(file), "overlaps entry 'x/a'"));
}

TEST_CASE("path traversal and duplicate names are refused") {
    for (const std::string& name :
         {std::string(), std::string("/a"), std::string("a/../b"), std::string(".."), std::string("./a"),
          std::string("a//b"), std::string("a\\b"), std::string("a\0b", 3)}) {
        CHECK(has(refusal(zip_file{{{name, "x"}}}), "has a name that no entry may have"));
    }
    CHECK(has(refusal(zip_file{{{"x/a", "1"}, {"x/a", "2"}}}), "there are two entries 'x/a'"));
    CHECK(opened(zip_file{{{"x/", ""}, {"x/.data/..a", "1"}}}.text()).entries().size() == 2);
    const std::string longest(65'535, 'n');
    CHECK(opened(zip_file{{{longest, "1"}}}.text()).find(longest) != nullptr);
}

TEST_CASE("an entry of 2.2 GB in a small file is refused before anything is allocated") {
    zip_file file = two();
    file.items[1].stored = file.items[1].size = 2'200'000'000;
    CHECK(has(refusal(file), "entry 'x/b' of 2200000000 bytes goes beyond the archive's directory"));
    file = two();
    file.items[1].stored = file.items[1].size = 0xffffffff;
    file.items[1].extra = field64({~std::uint64_t{0}, ~std::uint64_t{0}});
    CHECK(has(refusal(file), "goes beyond"));
}

TEST_CASE("bytes before or behind the archive are refused; an archive inside of one is data") {
    zip_file file = two();
    file.before = "MZ program";
    CHECK(has(refusal(file), "there are bytes before the zip archive"));
    file = two();
    file.behind = "x";
    CHECK(has(refusal(file), "no end record"));
    CHECK(contents(opened(zip_file{{{"x/a", two().text()}}}.text()), "x/a") == two().text());
}
