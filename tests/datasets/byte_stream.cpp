#include <array>

#include <zeroshot/datasets/byte_stream.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::thrown;

TEST_CASE("a stream counts its bytes, and reports where it ends too early") {
    const support::scratch_folder folder;
    support::write(folder / "x", "abcdef");
    const auto stream = open_plain(folder / "x");
    std::array<std::byte, 4> buffer{};
    CHECK(stream->read(buffer) == 4);
    CHECK(stream->position() == 4);
    CHECK(has(thrown<data_set_error>([&] { stream->read_exactly(buffer, "image 1"); }),
              "x: byte 6: the file ends within image 1, expected 2 bytes more"));
    CHECK(stream->read(buffer) == 0);
}

TEST_CASE("a compressed file is refused without a decompressor") {
    const support::scratch_folder folder;
    support::write(folder / "x.gz", "abc");
    CHECK(has(thrown<data_set_error>([&] { open_plain(folder / "x.gz"); }), "UNSUPPORTED "));
    CHECK(has(thrown<file_error>([&] { open_plain(folder / "none"); }), "IO "));
}
