#include <zeroshot/support/murmur3.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;

TEST_CASE("the digests are those of the mmh3 package for Python, whatever the pieces") {
    // mmh3.hash128(text), whose digits stand the second half first
    CHECK(murmur3().digits() == "00000000000000000000000000000000");
    CHECK(murmur3().add("hello").digits() == "cbd8a7b341bd9b025b1e906a48ae1d19");
    CHECK(murmur3().add("The quick brown fox jumps over the lazy dog").digits() == "e34bbc7bbc071b6c7a433ca9c49a9347");
    std::string bytes;
    for (int i = 0; i < 768; ++i) bytes += static_cast<char>(i % 256);
    for (const std::size_t piece : {1u, 7u, 16u, 31u, 768u}) {
        murmur3 in_pieces;
        for (std::size_t at = 0; at < bytes.size(); at += piece)
            in_pieces.add(std::string_view(bytes).substr(at, piece));
        CHECK(in_pieces.digits() == "cf926c3003b926b6fa53d9e5e2f34638");
    }
}

TEST_CASE("a byte changed, added or moved changes the digest") {
    const std::string bytes = "seventeen letters";
    const std::string whole = murmur3().add(bytes).digits();
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        std::string changed = bytes;
        changed[at] ^= 1;
        CHECK(murmur3().add(changed).digits() != whole);
    }
    CHECK(murmur3().add(bytes + '\0').digits() != whole);
    CHECK(murmur3().add("eseventeen letter").digits() != whole);
}
