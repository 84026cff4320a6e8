#include <zeroshot/datasets/tar.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::tar_end;
using support::tar_entry;
using support::thrown;

namespace {

/// "name=content name=content"
std::string members(const std::string& bytes) {
    const support::scratch_folder folder;
    support::write(folder / "x.tar", bytes);
    tar_reader archive(open_plain(folder / "x.tar"));
    std::string text;
    while (const std::optional<tar_member> one = archive.next())
        text += (text.empty() ? "" : " ") + one->name + "=" + support::text_of(one->bytes);
    return text;
}

std::string tar_refusal(const std::string& bytes) {
    return thrown<data_set_error>([&] { members(bytes); });
}

const std::string long_name(150, 'n');

}  // namespace

TEST_CASE("files come in order; folders and links are skipped") {
    CHECK(members(tar_entry("a.txt", "1") + tar_entry("d/", "", '5') + tar_entry("l", "", '2') +
                  tar_entry("d/b", std::string(512, 'x')) + tar_end) == "a.txt=1 d/b=" + std::string(512, 'x'));
    CHECK(members(tar_end).empty());
}

TEST_CASE("long names are read as GNU and POSIX write them") {
    CHECK(members(tar_entry("././@LongLink", long_name + std::string(1, '\0'), 'L') + tar_entry("short", "1") +
                  tar_entry("next", "2") + tar_end) == long_name + "=1 next=2");
    CHECK(members(tar_entry("pax", "160 path=" + long_name + "\n", 'x') + tar_entry("short", "1") +
                  tar_entry("next", "2") + tar_end) == long_name + "=1 next=2");
    CHECK(members(tar_entry("pax", "20 mtime=1700000000\n", 'x') + tar_entry("a", "1") + tar_end) == "a=1");
    std::string with_prefix = tar_entry("name", "1");
    with_prefix.replace(345, 6, "before");
    std::size_t sum = 0;
    with_prefix.replace(148, 8, "        ");
    for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(with_prefix[i]);
    std::string digits(6, '0');
    for (std::size_t i = 6; i-- > 0; sum >>= 3) digits[i] = static_cast<char>('0' + (sum & 7));
    with_prefix.replace(148, 6, digits);
    with_prefix[154] = '\0';
    CHECK(members(with_prefix + tar_end) == "before/name=1");
}

TEST_CASE("a truncated archive is refused with the byte where it ends") {
    const std::string whole = tar_entry("a", "1") + tar_entry("b", std::string(600, 'x')) + tar_end;
    CHECK(has(tar_refusal(""), "byte 0: the archive ends without its end mark; is the file truncated?"));
    CHECK(has(tar_refusal(whole.substr(0, 1024)), "byte 1024: the archive ends without its end mark"));
    CHECK(has(tar_refusal(whole.substr(0, 1100)), "byte 1024: the archive ends within a header"));
    CHECK(has(tar_refusal(whole.substr(0, 1700)), "byte 1700: the file ends within member 'b'"));
    CHECK(has(tar_refusal(whole.substr(0, 2200)), "the file ends within member 'b'"));
}

TEST_CASE("damaged archives and other files are refused") {
    CHECK(has(tar_refusal(std::string(512, 'x')), "this is no tar archive, or a damaged one"));
    std::string damaged = tar_entry("a", "1");
    damaged[3] = 'z';
    CHECK(has(tar_refusal(damaged + tar_end), "a header has a wrong checksum"));
    CHECK(has(tar_refusal(tar_entry("pax", "99 path=x\n", 'x') + tar_end), "an extended header is damaged"));
    CHECK(has(tar_refusal(tar_entry("pax", "20 size=99999999999\n", 'x') + tar_entry("a", "1") + tar_end), "FORMAT "));
}
