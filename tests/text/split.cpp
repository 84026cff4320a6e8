#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/text/split.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::text;

namespace {

std::vector<std::u32string> pieces_of(std::u32string_view text) {
    std::vector<std::u32string> pieces;
    for_each_piece(text, [&](std::u32string_view piece) { pieces.emplace_back(piece); });
    return pieces;
}

using pieces = std::vector<std::u32string>;

}  // namespace

TEST_CASE("words, single digits and runs of anything else are pieces") {
    CHECK(pieces_of(U"a photo, 2024!?") == pieces{U"a", U"photo", U",", U"2", U"0", U"2", U"4", U"!?"});
    CHECK(pieces_of(U"naïve世界½²") == pieces{U"naïve世界", U"½", U"²"});
    CHECK(pieces_of(U"x\x301y") == pieces{U"x", U"\x301", U"y"});  // marks are no letters
    CHECK(pieces_of(U" \t\n ").empty());
    CHECK(pieces_of(U"").empty());
}

TEST_CASE("contractions are pieces where they begin") {
    CHECK(pieces_of(U"don't they'll i've you're he'd i'm it's") == pieces{U"don", U"'t", U"they", U"'ll", U"i", U"'ve",
                                                                          U"you", U"'re", U"he", U"'d", U"i", U"'m",
                                                                          U"it", U"'s"});
    CHECK(pieces_of(U"o'neill 'tis") == pieces{U"o", U"'", U"neill", U"'t", U"is"});
    CHECK(pieces_of(U"!'s ''s") == pieces{U"!'", U"s", U"''", U"s"});  // the run of punctuation has begun before
    CHECK(pieces_of(U"a'\x17F'S'LL") == pieces{U"a", U"'\x17F", U"'S", U"'LL"});  // the long s counts as an s
}

TEST_CASE("special tokens are pieces where they begin") {
    CHECK(pieces_of(U"a<|endoftext|>b") == pieces{U"a", U"<|endoftext|>", U"b"});
    CHECK(pieces_of(U"!<|endoftext|>") == pieces{U"!<|", U"endoftext", U"|>"});
    CHECK(pieces_of(U"<|startoftext|><|endoftext") == pieces{U"<|startoftext|>", U"<|", U"endoftext"});
    CHECK(pieces_of(U"<|\x17Ftartoftext|>") == pieces{U"<|\x17Ftartoftext|>"});  // one piece, although not the token
}

TEST_CASE("a combining iota subscript matches no class when case is ignored, and is skipped") {
    CHECK(pieces_of(U"a\x345"
                    U"b!\x345!") == pieces{U"a", U"b", U"!", U"!"});
}
