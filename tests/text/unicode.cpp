#include <clocale>
#include <cstddef>
#include <string>

#include <zeroshot/text/unicode.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::text;

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

TEST_CASE("lower case is Python's") {
    CHECK(lowercase(U"Hello WORLD 123") == U"hello world 123");
    CHECK(lowercase(U"ÀÉÎ ЖЫ ΩΨ Ⅷ Ⓐ Ａ") == U"àéî жы ωψ ⅷ ⓐ ａ");
    CHECK(lowercase(U"\x1E9E \xDF \x1C5 \x212A \x13A0") == U"\xDF \xDF \x1C6 k \xAB70");
    std::size_t changed = 0;
    for (char32_t character = 0; character < 0x110000; ++character) {
        changed += lowercase({&character, 1}) != std::u32string(1, character);
    }
    CHECK(changed == 1433);  // as counted with Python 3.11
}

TEST_CASE("letters whose lower case is not simple become what Python makes of them, whatever the locale") {
    SECTION("Turkish letters") {
        const char* before = std::setlocale(LC_ALL, "tr_TR.UTF-8");
        CHECK(lowercase(U"I \x130 \x131 i") == U"i i\x307 \x131 i");
        if (before != nullptr) std::setlocale(LC_ALL, "C");
    }
    SECTION("final sigma") {
        CHECK(lowercase(U"ΣΊΣΥΦΟΣ") == U"σίσυφος");
        CHECK(lowercase(U"Σ") == U"σ");  // nothing before it
        CHECK(lowercase(U"ΑΣ ΑΣΑ") == U"ας ασα");
        CHECK(lowercase(U"Α\x301Σ\x301") == U"α\x301ς\x301");  // looks through marks
        CHECK(lowercase(U"1Σ") == U"1σ");
        CHECK(lowercase(U"Α.Σ.Α") == U"α.σ.α");  // and through full stops
    }
    SECTION("sharp s") {
        CHECK(lowercase(U"STRA\x1E9E"
                        U"E") ==
              U"stra\xDF"
              U"e");
    }
}

TEST_CASE("a letter and its accents become one character") {
    CHECK(normalize_nfc(U"cafe\x301") == U"café");
    CHECK(normalize_nfc(U"\x212B \x2126 \x212A \x37E") == U"\xC5 \x3A9 K ;");  // singletons
    CHECK(normalize_nfc(U"a\x323\x302") == U"\x1EAD");                         // twice
    CHECK(normalize_nfc(U"a\x302\x323") == U"\x1EAD");                         // marks in the wrong order
    CHECK(normalize_nfc(U"a\x301\x301") == U"\xE1\x301");                      // the second one is blocked
    CHECK(normalize_nfc(U"\x301\x61") == U"\x301\x61");                        // nothing to sit on
    CHECK(normalize_nfc(U"\x915\x93C \x2ADC \x344") ==
          U"\x915\x93C \x2ADD\x338 \x308\x301");  // excluded from composition
    CHECK(normalize_nfc(U"\x1100\x1161\x11A8 \xAC00\x11A8 \x1100\x11A8") == U"\xAC01 \xAC01 \x1100\x11A8");  // Hangul
}

TEST_CASE("a text in normal form stays as it is") {
    std::size_t changed = 0;
    for (char32_t character = 0; character < 0x110000; ++character) {
        const std::u32string once = normalize_nfc({&character, 1});
        changed += once != std::u32string(1, character);
        if (normalize_nfc(once) != once) FAIL("twice is not once for " << static_cast<unsigned long>(character));
    }
    CHECK(changed == 1120);  // as counted with Python 3.11
}

TEST_CASE("a long run of combining marks is sorted") {
    std::u32string marks = U"a";
    for (int pair = 0; pair < 50'000; ++pair) marks += U"\x301\x323";
    const std::u32string normal = normalize_nfc(marks);
    CHECK(normal.front() == U'\x1EA1');  // a with dot below: class 220 comes before class 230
    CHECK(normal.size() == marks.size() - 1);
    CHECK(normal.back() == U'\x301');
}
