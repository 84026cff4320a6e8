#if __has_include(<zlib.h>)

#include <zeroshot/datasets/gzip.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::thrown;

namespace {

/// Packs a text as a gzip member.
std::string packed(const std::string& text) {
    z_stream state{};
    REQUIRE(deflateInit2(&state, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string out(text.size() + 1024, '\0');
    std::string in = text;
    state.next_in = reinterpret_cast<Bytef*>(in.data());
    state.avail_in = static_cast<uInt>(in.size());
    state.next_out = reinterpret_cast<Bytef*>(out.data());
    state.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&state, Z_FINISH) == Z_STREAM_END);
    out.resize(state.total_out);
    deflateEnd(&state);
    return out;
}

std::string unpacked(const std::string& bytes) {
    const support::scratch_folder folder;
    support::write(folder / "x.gz", bytes);
    const auto stream = open_gzip(folder / "x.gz");
    std::string text;
    std::vector<std::byte> buffer(1000);
    while (const std::size_t count = stream->read(buffer)) text += support::text_of(std::span(buffer).first(count));
    return text;
}

std::string noise(std::size_t size) {
    std::string text;
    for (std::uint32_t i = 0, state = 1; i < size; ++i)
        text += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    return text;
}

}  // namespace

TEST_CASE("all members of a gzip file are decompressed, one after the other") {
    const std::string text = noise(200'000);  // more than a buffer
    CHECK(unpacked(packed(text)) == text);
    CHECK(unpacked(packed("ab") + packed(text) + packed("")) == "ab" + text);
    CHECK(unpacked(packed("")).empty());
}

TEST_CASE("a truncated or damaged gzip file is refused with the byte") {
    const std::string whole = packed(noise(100'000));
    for (const std::size_t length : {std::size_t{0}, std::size_t{5}, whole.size() / 2, whole.size() - 1}) {
        INFO(length << " of " << whole.size());
        CHECK(has(thrown<data_set_error>([&] { unpacked(whole.substr(0, length)); }), "FORMAT "));
    }
    std::string damaged = whole;
    damaged[whole.size() - 6] ^= 1;  // within the checksum
    CHECK(has(thrown<data_set_error>([&] { unpacked(damaged); }), "incorrect data check"));
    CHECK(has(thrown<data_set_error>([&] { unpacked("no gzip at all"); }), "byte "));
}

TEST_CASE("a file without the extension .gz is not decompressed") {
    const support::scratch_folder folder;
    support::write(folder / "x", "abc");
    std::vector<std::byte> buffer(4);
    CHECK(open_gzip(folder / "x")->read(buffer) == 3);
}

#endif
