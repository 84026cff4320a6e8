#include <clocale>
#include <cstddef>

#include <zeroshot/text/lowercase.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

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
    SECTION("I7 Turkish letters") {
        const char* before = std::setlocale(LC_ALL, "tr_TR.UTF-8");
        CHECK(lowercase(U"I \x130 \x131 i") == U"i i\x307 \x131 i");
        if (before != nullptr) std::setlocale(LC_ALL, "C");
    }
    SECTION("I7 final sigma") {
        CHECK(lowercase(U"ΣΊΣΥΦΟΣ") == U"σίσυφος");
        CHECK(lowercase(U"Σ") == U"σ");  // nothing before it
        CHECK(lowercase(U"ΑΣ ΑΣΑ") == U"ας ασα");
        CHECK(lowercase(U"Α\x301Σ\x301") == U"α\x301ς\x301");  // looks through marks
        CHECK(lowercase(U"1Σ") == U"1σ");
        CHECK(lowercase(U"Α.Σ.Α") == U"α.σ.α");  // and through full stops
    }
    SECTION("I7 sharp s") {
        CHECK(lowercase(U"STRA\x1E9E"
                        U"E") ==
              U"stra\xDF"
              U"e");
    }
}
