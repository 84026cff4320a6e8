#include <zeroshot/text/unicode.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("characters have the classes that the module regex gives them") {
    for (const char32_t letter : {U'a', U'Z', U'é', U'ß', U'Ж', U'中', U'한', U'ʰ', U'ª', U'\x1D400', U'\x20000'}) {
        CHECK(is_letter(letter));
    }
    for (const char32_t number : {U'0', U'9', U'½', U'²', U'Ⅷ', U'①', U'٣', U'\x1D7D8'}) CHECK(is_number(number));
    for (const char32_t space : {U' ', U'\t', U'\n', U'\v', U'\r', U'\x85', U'\xA0', U'\x1680', U'\x2028', U'\x3000'}) {
        CHECK(is_space(space));
    }
    for (const char32_t other :
         {U'!', U'_', U'\0', U'\x1C', U'\x7F', U'\x200B', U'\x301', U'€', U'\x1F600', U'\xFFFF', U'\x10FFFF'}) {
        CHECK_FALSE((is_letter(other) || is_number(other) || is_space(other)));
    }
}

TEST_CASE("a character has one class at most") {
    std::size_t letters = 0, numbers = 0, spaces = 0, several = 0;
    for (char32_t character = 0; character < 0x110000; ++character) {
        const int classes = is_letter(character) + is_number(character) + is_space(character);
        letters += is_letter(character);
        numbers += is_number(character);
        spaces += is_space(character);
        several += classes > 1;
    }
    CHECK(several == 0);
    CHECK(spaces == 25);
    // As counted with regex 2026.11.15, whose Unicode is newer than Python 3.11's.
    CHECK(letters == 158172);
    CHECK(numbers == 2247);
}
