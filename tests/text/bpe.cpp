#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/text/bpe.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::text;

namespace {

std::vector<token> spelt(const vocabulary& words, std::string_view word) {
    std::vector<token> symbols;
    for (const char byte : word) symbols.push_back(words.of_byte(static_cast<unsigned char>(byte), false));
    symbols.back() = words.of_byte(static_cast<unsigned char>(word.back()), true);
    return symbols;
}

/// The reference's way: of all pairs of neighbours the earliest learned, all its places from left to right, and again.
std::vector<token> merged_slowly(const vocabulary& words, std::vector<token> symbols) {
    for (;;) {
        token best = -1;
        for (std::size_t place = 0; place + 1 < symbols.size(); ++place) {
            const token whole = words.merged(symbols[place], symbols[place + 1]);
            if (whole >= 0 && (best < 0 || whole < best)) best = whole;
        }
        if (best < 0) return symbols;
        std::vector<token> shorter;
        for (std::size_t place = 0; place < symbols.size(); ++place) {
            const bool merges =
                place + 1 < symbols.size() && words.parts(best) == std::pair(symbols[place], symbols[place + 1]);
            shorter.push_back(merges ? best : symbols[place]);
            if (merges) ++place;
        }
        symbols = shorter;
    }
}

}  // namespace

TEST_CASE("pairs are merged in the order of their ranks, not by length") {
    const vocabulary words = vocabulary::from_merges(std::vector<std::string>{"b c", "a b", "ab c</w>"});
    std::vector<token> symbols = spelt(words, "abcd");
    pair_merger merge(words);
    merge(symbols);
    CHECK(symbols == std::vector<token>{words.of_byte('a', false), 512, words.of_byte('d', true)});
}

TEST_CASE("equal letters merge from left to right") {
    const vocabulary words = vocabulary::from_merges(std::vector<std::string>{"a a", "aa aa"});
    std::vector<token> symbols = spelt(words, "aaaaaaab");
    pair_merger merge(words);
    merge(symbols);
    CHECK(symbols == std::vector<token>{513, 512, words.of_byte('a', false), words.of_byte('b', true)});
}

TEST_CASE("the priority queue makes the merges of a search of the whole word after each merge") {
    const vocabulary words = vocabulary::clip();
    pair_merger merge(words);  // one for all words: nothing is left over from the one before
    std::mt19937 random(7);
    for (int round = 0; round < 2000; ++round) {
        const std::string_view letters = round % 3 == 0   ? "ab"
                                         : round % 3 == 1 ? "etaoinshrdlu"
                                                          : "abcdefghijklmnopqrstuvwxyz\xc3\xa9\xf0\x9f\x98\x80";
        std::string word;
        for (std::size_t size = 1 + random() % 60; size > 0; --size) word += letters[random() % letters.size()];
        std::vector<token> symbols = spelt(words, word);
        const std::vector<token> expected = merged_slowly(words, symbols);
        merge(symbols);
        REQUIRE(symbols == expected);
    }
}
