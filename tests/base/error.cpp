#include <cstddef>
#include <string>

#include <zeroshot/error.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("an error is one sentence: place, finding, expectation, remedy") {
    const checkpoint_error full(error_code::shape,
                                {"a.safetensors", "tensor w is [2, 3]", "[3, 2]", "is it transposed?"});
    CHECK(std::string(full.what()) == "a.safetensors: tensor w is [2, 3], expected [3, 2]; is it transposed?");
    CHECK(full.code() == error_code::shape);
    CHECK(name_of(full.code()) == "SHAPE");
    const argument_error brief(error_code::argument, {"labels", "there are none", "", ""});
    CHECK(std::string(brief.what()) == "labels: there are none");
}

TEST_CASE("text from outside is shown as it is, without what a terminal would interpret, and cut") {
    CHECK(quoted("a\x1b[31m\n\xff") == "'a\\x1b[31m\\x0a\\xff'");
    CHECK(quoted("caf\xc3\xa9 \xe7\x8c\xab \xf0\x9f\x90\xb1") == "'caf\xc3\xa9 \xe7\x8c\xab \xf0\x9f\x90\xb1'");
    CHECK(quoted("\xd7\xa9\xd7\x9c\xe2\x80\x8f") == "'\xd7\xa9\xd7\x9c\xe2\x80\x8f'");  // Hebrew, a right-to-left mark
    CHECK(quoted("a\xe2\x80\xae"
                 "gpj.exe") == "'a\\xe2\\x80\\xaegpj.exe'");  // right-to-left override
    CHECK(quoted("\xc2\x9b"
                 "31m\x7f") == "'\\xc2\\x9b31m\\x7f'");               // C1 controls, delete
    CHECK(quoted("\xed\xa0\x80 \xc3") == "'\\xed\\xa0\\x80 \\xc3'");  // a surrogate; a cut character
    CHECK(quoted(std::string(1000, 'x')) == "'" + std::string(200, 'x') + "'...");
}

TEST_CASE("only explicit bidirectional formatting and control characters are escaped") {
    std::string unsafe;
    for (char32_t character = 0; character < 0x110000; ++character) {
        if (detail::is_unsafe(character) && character >= 0xa0) unsafe += std::to_string(character) + " ";
    }
    CHECK(unsafe == "8234 8235 8236 8237 8238 8294 8295 8296 8297 ");  // U+202A to 202E, U+2066 to 2069
}

TEST_CASE("a long text is not cut within a character") {
    for (std::size_t before = 196; before <= 201; ++before) {
        const std::string letters(before, 'x');
        const std::string whole = letters + "\xf0\x9f\x90\xb1";
        CAPTURE(before);
        CHECK(quoted(whole) == (before == 196 ? "'" + whole + "'" : "'" + letters.substr(0, 200) + "'..."));
    }
    CHECK(quoted(std::string(300, '\xff')).size() == 200 * 4 + 5);  // no characters at all
}
