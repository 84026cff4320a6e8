#include <cstddef>
#include <string>

#include <zeroshot/text/normalize.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

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

TEST_CASE("what is normal stays as it is") {
    std::size_t changed = 0;
    for (char32_t character = 0; character < 0x110000; ++character) {
        const std::u32string once = normalize_nfc({&character, 1});
        changed += once != std::u32string(1, character);
        if (normalize_nfc(once) != once) FAIL("twice is not once for " << static_cast<unsigned long>(character));
    }
    CHECK(changed == 1120);  // as counted with Python 3.11
}

TEST_CASE("a long row of marks is put in order") {
    std::u32string marks = U"a";
    for (int pair = 0; pair < 50'000; ++pair) marks += U"\x301\x323";
    const std::u32string normal = normalize_nfc(marks);
    CHECK(normal.front() == U'\x1EA1');  // a with dot below: class 220 comes before class 230
    CHECK(normal.size() == marks.size() - 1);
    CHECK(normal.back() == U'\x301');
}
