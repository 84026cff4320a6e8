#include <string>

#include <zeroshot/datasets/csv.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::thrown;

namespace {

/// "cell|cell/cell|cell"
std::string cells(const std::string& text, char separator = ',') {
    datasets::detail::csv_reader reader(text, separator, "list.csv");
    std::string all;
    while (const auto record = reader.next()) {
        all += all.empty() ? "" : "/";
        for (std::size_t i = 0; i < record->size(); ++i) all += (i == 0 ? "" : "|") + (*record)[i];
    }
    return all;
}

std::string encoding_refusal(const std::string& text) {
    return thrown([&] { datasets::detail::utf8_text(text, "list.csv"); });
}

}  // namespace

TEST_CASE("records of CSV have cells without the spaces around them, quoted where they need to be") {
    CHECK(cells("a,b\r\nc,d\n\ne,") == "a|b/c|d/e|");
    CHECK(cells("a, b ,\t c\n") == "a|b|c");
    CHECK(cells("\"a,\"\"1\"\"\",\"new\nline\"\nx,y") == "a,\"1\"|new\nline/x|y");
    CHECK(cells("a, \"b, c\" ,d") == "a|b, c|d");
    CHECK(cells("a;\"b;c\";d", ';') == "a|b;c|d");
    CHECK(cells("a\tb, c\td", '\t') == "a|b, c|d");
    CHECK(cells("a|b", '|') == "a|b");
}

TEST_CASE("a line may be an image and, after a space, its label") {
    CHECK(cells("val/1.JPEG 65\nsome folder/2.png red circle\n", ' ') == "val/1.JPEG|65/some folder/2.png|red circle");
    CHECK(cells("no image here", ' ') == "no image here");
}

TEST_CASE("a long line of words is read in time that grows with its length") {
    std::string line;
    for (int i = 0; i < 100'000; ++i) line += "a ";
    CHECK(datasets::detail::csv_reader(line, ' ', "").next().value().size() == 1);
}

TEST_CASE("quotation marks that do not fit are refused with their line") {
    CHECK(has(thrown([] { cells("a,b\n\"c,d\n"); }), "line 2: a quotation mark is not closed"));
    CHECK(has(thrown([] { cells("\"a\"b,c"); }), "line 1: text follows a closing quotation mark"));
}

TEST_CASE("a list in another encoding than UTF-8 is refused by its name") {
    CHECK(datasets::detail::utf8_text("\xef\xbb\xbfpath", "x") == "path");
    CHECK(datasets::detail::utf8_text("caf\xc3\xa9,\xe7\x8c\xab\n", "x") == "caf\xc3\xa9,\xe7\x8c\xab\n");
    CHECK(has(encoding_refusal(std::string("\xff\xfe"
                                           "p\0a\0",
                                           6)),
              "list.csv: the encoding is UTF-16, expected UTF-8"));
    CHECK(has(encoding_refusal(std::string("p\0a\0t\0", 6)), "UTF-16"));
    CHECK(has(encoding_refusal("a.png,dog\nb.png,caf\xe9\n"),
              "list.csv: line 2: the text is not UTF-8; it may be Latin-1"));
    CHECK(has(encoding_refusal(std::string("a.png,d\0g", 9)), "line 1: a NUL character"));
}
