#include <zeroshot/support/crc32.hpp>

#include "tests/support/files.hpp"

using zeroshot::detail::crc32;

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

TEST_CASE("the checksum is the published one") {
    CHECK(crc_of("") == 0);
    CHECK(crc_of("123456789") == 0xcbf43926);  // the check value of CRC-32/ISO-HDLC
    CHECK(crc_of("IEND") == 0xae426082);       // the last bytes of every PNG
}

TEST_CASE("the checksum of any length is that of the definition") {
    for (std::size_t count = 0; count < 100; ++count) CHECK(crc_of(counted(count)) == remainder_of(counted(count)));
}

TEST_CASE("the checksum does not depend on how the bytes are split") {
    const std::string text = counted(1000);
    const auto bytes = std::as_bytes(std::span(text));
    for (const std::size_t piece : {1u, 3u, 15u, 16u, 17u, 999u}) {
        crc32 sum;
        for (std::size_t at = 0; at < bytes.size(); at += piece)
            sum.add(bytes.subspan(at, std::min(piece, bytes.size() - at)));
        CHECK(sum.value() == crc_of(text));
    }
}
