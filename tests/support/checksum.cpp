#include <zeroshot/support/checksum.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using detail::crc32;

namespace {

std::uint32_t crc_of(std::string_view text) {
    return crc32().add(std::as_bytes(std::span(text))).value();
}

/// The definition, bit by bit.
std::uint32_t remainder_of(std::string_view text) {
    std::uint32_t remainder = 0xffffffff;
    for (const char character : text) {
        remainder ^= static_cast<unsigned char>(character);
        for (int bit = 0; bit < 8; ++bit)
            remainder = (remainder & 1u) != 0 ? 0xedb88320u ^ remainder >> 1 : remainder >> 1;
    }
    return ~remainder;
}

std::string counted(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += static_cast<char>(i * i + i / 7);
    return text;
}

}  // namespace

TEST_CASE("the CRC-32 is the published one") {
    CHECK(crc_of("") == 0);
    CHECK(crc_of("123456789") == 0xcbf43926);  // the check value of CRC-32/ISO-HDLC
    CHECK(crc_of("IEND") == 0xae426082);       // the last bytes of every PNG
}

TEST_CASE("the CRC-32 of any length is that of the definition") {
    for (std::size_t count = 0; count < 100; ++count) CHECK(crc_of(counted(count)) == remainder_of(counted(count)));
}

TEST_CASE("the CRC-32 does not depend on how the bytes are split") {
    const std::string text = counted(1000);
    const auto bytes = std::as_bytes(std::span(text));
    for (const std::size_t piece : {1u, 3u, 15u, 16u, 17u, 999u}) {
        crc32 sum;
        for (std::size_t at = 0; at < bytes.size(); at += piece)
            sum.add(bytes.subspan(at, std::min(piece, bytes.size() - at)));
        CHECK(sum.value() == crc_of(text));
    }
}

TEST_CASE("the SHA-256 digests are those of FIPS 180-4, however the bytes are split") {
    CHECK(sha256().digits() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256().add("abc").digits() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const std::string million(1'000'000, 'a');
    sha256 in_pieces;
    for (std::size_t at = 0; at < million.size(); at += 997) in_pieces.add(std::string_view(million).substr(at, 997));
    CHECK(in_pieces.digits() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    const std::vector<std::byte> bytes = support::bytes_of(million);
    CHECK(sha256().add_all(bytes).digits() == sha256().add(million).digits());
}
