#include <zeroshot/support/sha256.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;

TEST_CASE("the digests are those of FIPS 180-4, however the bytes are split") {
    CHECK(sha256().digits() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256().add("abc").digits() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const std::string million(1'000'000, 'a');
    sha256 in_pieces;
    for (std::size_t at = 0; at < million.size(); at += 997) in_pieces.add(std::string_view(million).substr(at, 997));
    CHECK(in_pieces.digits() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    const std::vector<std::byte> bytes = support::bytes_of(million);
    CHECK(sha256().add_all(bytes).digits() == sha256().add(million).digits());
}
