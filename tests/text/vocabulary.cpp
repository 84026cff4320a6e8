#include <string>
#include <vector>

#include <zeroshot/support/checksum.hpp>
#include <zeroshot/text/vocabulary.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("a vocabulary knows whether its merges are all of CLIP's") {
    const vocabulary clip = vocabulary::clip();
    CHECK(clip.has_clip_merges());
    CHECK(clip.size() == vocabulary::clip_size);
    std::vector<std::string> lines = clip.merge_lines();
    CHECK(vocabulary::from_merges(lines).has_clip_merges());
    std::swap(lines[40'000], lines[40'001]);
    CHECK_FALSE(vocabulary::from_merges(lines).has_clip_merges());
    lines.resize(1'000);
    CHECK_FALSE(vocabulary::from_merges(lines).has_clip_merges());
}

TEST_CASE("CLIP's vocabulary has its size, bytes and special tokens") {
    const vocabulary words = vocabulary::clip();
    CHECK(words.size() == 49408);
    CHECK(words.start() == 49406);
    CHECK(words.end() == 49407);
    CHECK(words.of_byte('!', false) == 0);
    CHECK(words.of_byte('a', true) == 320);
    CHECK(words.of_byte(0, false) == 188);
    CHECK(words.merged(words.of_byte('i', false), words.of_byte('n', false)) == 512);
    CHECK(words.merged(words.of_byte('!', true), words.of_byte('n', false)) == -1);
    CHECK(words.spelling(22697).bytes == "diagram");
    CHECK(words.spelling(22697).ends_word);
    CHECK(words.spelling(512).bytes == "in");
    CHECK_FALSE(words.spelling(512).ends_word);
    CHECK(words.spelling(188).bytes == std::string(1, '\0'));
    CHECK(words.spelling(49407).bytes == "<|endoftext|>");
}

TEST_CASE("the merges rebuilt from the built-in table are those of the package open_clip_torch") {
    const std::vector<std::string> lines = vocabulary::clip().merge_lines();
    REQUIRE(lines.size() == 48894);
    CHECK(lines.front() == "i n");
    CHECK(lines.back() == "jeky ll</w>");
    std::string text;
    for (const std::string& line : lines) text += line + '\n';
    // Printed by tools/tables/make_merges.py, which hashes lines 1 to 48,894 of the package's file.
    CHECK(sha256().add(text).digits() == "d308b7377a8ceaa9707a21614fe8c831b9196e197b7aeb69833359362907af02");
}

TEST_CASE("a vocabulary read from its merge lines equals the original") {
    const vocabulary words = vocabulary::from_merges(vocabulary::clip().merge_lines());
    CHECK(words.size() == 49408);
    CHECK(words.merge_lines() == vocabulary::clip().merge_lines());
    CHECK(words.merged(words.of_byte('i', false), words.of_byte('n', false)) == 512);
}

TEST_CASE("CLIP's merges and prefixes of them are recognised, others are looked up, with the same result") {
    std::vector<std::string> lines = vocabulary::clip().merge_lines();
    lines.resize(1000);
    const std::vector<std::string> recognised = vocabulary::from_merges(lines).merge_lines();
    CHECK(recognised == lines);
    for (std::string& line : lines) line += '\r';  // ends lines in some files, and is not recognised
    CHECK(vocabulary::from_merges(lines).merge_lines() == recognised);
    lines.resize(500);
    lines.back() = "z z";  // another than CLIP's
    const vocabulary other = vocabulary::from_merges(lines);
    CHECK(other.spelling(512 + 499).bytes == "zz");
    CHECK(other.merge_lines().front() == recognised.front());
}

TEST_CASE("a table of merges may have a version line, CRLF and an empty last line") {
    const std::vector<std::string> lines{"#version: 0.2\r", "t h\r", "th e</w>\r", "\r"};  // D9
    const vocabulary words = vocabulary::from_merges(lines);
    CHECK(words.size() == 516);
    CHECK(words.spelling(513).bytes == "the");
    CHECK(words.spelling(513).ends_word);
    CHECK(vocabulary::from_merges({}).size() == 514);
}

TEST_CASE("a broken table of merges is refused with the line") {
    const auto refused = [](const std::vector<std::string>& lines, const std::string& sentence) {
        try {
            vocabulary::from_merges(lines);
            FAIL("accepted");
        } catch (const checkpoint_error& caught) {
            CHECK(caught.code() == error_code::format);
            CHECK(std::string(caught.what()) == sentence);
        }
    };
    SECTION("fields") {
        refused({"t h", "abc"}, "merges, line 2: 'abc', expected two symbols with a space between them");
        refused({"t h e"}, "merges, line 1: 't h e', expected two symbols with a space between them");
        refused({"t h", "", "i n"}, "merges, line 2: '', expected two symbols with a space between them");
        refused({"#version: 0.2", " h"}, "merges, line 2: ' h', expected two symbols with a space between them");
    }
    SECTION("unknown symbol") {
        refused({"th e"}, "merges, line 1: symbol 'th' is neither a byte nor merged on an earlier line");
        refused({"t \xff"}, "merges, line 1: symbol '\\xff' is neither a byte nor merged on an earlier line");
    }
    SECTION("twice") {
        refused({"t h", "t h"}, "merges, line 2: 'th' is a duplicate, expected each symbol once");
        refused({"a b", "b c", "ab c", "a bc"}, "merges, line 4: 'abc' is a duplicate, expected each symbol once");
    }
    SECTION("too many") {
        try {
            vocabulary::from_merges(std::vector<std::string>(1'000'001, "t h"));
            FAIL("accepted");
        } catch (const checkpoint_error& caught) {
            CHECK(caught.code() == error_code::limit);
            CHECK_THAT(caught.what(), Catch::StartsWith("merges: 1000001 lines, expected at most 1000000"));
        }
    }
}

TEST_CASE("an id outside the vocabulary has no spelling") {
    for (const token_id id : {-1, 49408, 1 << 30}) {
        CHECK_THROWS_WITH(vocabulary::clip().spelling(id),
                          "token " + std::to_string(id) + ": there is no such symbol, expected 0 to 49407");
    }
}
