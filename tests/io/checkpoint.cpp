#include <zeroshot/io/checkpoint.hpp>

#include "tests/io/support.hpp"

using namespace zeroshot;
using support::bytes_of;
using support::has;
using support::raw;
using support::thrown;

namespace {

std::string refusal(const std::string& bytes) {
    return thrown<checkpoint_error>([&] { checkpoint::from_bytes(bytes_of(bytes), "model.bin"); });
}

}  // namespace

TEST_CASE("a checkpoint owns its bytes, and copies of it share them") {
    std::vector<named_tensor> kept;
    checkpoint copy = [] {
        const std::vector<std::byte> bytes = support::file_builder().add("a", "[2]", raw<float>({1, 2})).bytes();
        const checkpoint original = checkpoint::from_bytes(std::span<const std::byte>(bytes), "memory");
        return original;
    }();
    CHECK(copy.place() == "memory");
    CHECK(support::text_of(copy.find("a")->bytes.bytes()) == raw<float>({1, 2}));
    const checkpoint another = copy;
    CHECK(another.find("a") == copy.find("a"));
    CHECK(copy.find("b") == nullptr);
    CHECK(copy.tensors().size() == 1);
    CHECK(copy.metadata().empty());
}

TEST_CASE("a checkpoint is opened from a file, and its sentences begin with the path") {
    const support::scratch_folder folder;
    write_file(folder / "a.safetensors", support::file_builder().add("a", "[2]", raw<float>({1, 2})).bytes());
    CHECK(checkpoint::open(folder / "a.safetensors").find("a") != nullptr);
    write_file(folder / "cut.safetensors", "abc");
    CHECK(thrown<checkpoint_error>([&] { checkpoint::open(folder / "cut.safetensors"); }) ==
          "FORMAT " + (folder / "cut.safetensors").string() +
              ": 3 bytes, at least 8 needed; was the download interrupted?");
    CHECK(has(thrown<file_error>([&] { checkpoint::open(folder / "none"); }), "cannot open"));
    checkpoint_limits small;
    small.file_bytes = 10;
    CHECK(has(thrown<file_error>([&] { checkpoint::open(folder / "a.safetensors", small); }), "LIMIT"));
}

TEST_CASE("A3 what is no safetensors file is named, with what to do") {
    const std::string filling(600, 'x');
    CHECK(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n") ==
          "FORMAT model.bin: this is a Git LFS pointer, not the file it stands for, expected a safetensors file; run "
          "git lfs pull");
    CHECK(refusal("<!DOCTYPE html><html>") ==
          "FORMAT model.bin: this is an HTML page, expected a safetensors file; download the file itself, not the page "
          "about it");
    CHECK(has(refusal("<html><head>"), "this is an HTML page"));
    CHECK(has(refusal("{\"error\":\"Repository not found\"}"), "this is an error message in JSON"));
    CHECK(has(refusal("{\"weight_map\": {}}"), "this is JSON text, expected a safetensors file"));
    CHECK(refusal("PK\x03\x04" + filling) ==
          "FORMAT model.bin: this is a PyTorch zip, expected a safetensors file; convert it to safetensors first");
    CHECK(has(refusal("PK\x03\x04" + std::string(26, '\0') + "arr_0.npy" + filling), "a NumPy archive"));
    CHECK(has(refusal(std::string("PK\x03\x04")), "this is a PyTorch zip"));
    CHECK(has(refusal("\x80\x02}q" + filling), "a Python pickle"));
    CHECK(has(refusal("\x80\x04\x95" + filling), "a Python pickle"));
    CHECK(has(refusal(std::string("GGUF\3\0\0\0", 8) + filling), "a GGUF file"));
    CHECK(has(refusal("\x93NUMPY" + filling), "a NumPy array"));
    CHECK(has(refusal("\x89HDF\r\n\x1a\n" + filling), "an HDF5 file"));
    CHECK(has(refusal("\x08\x07\x12\x07pytorch" + filling), "an ONNX model"));
    CHECK(has(refusal(std::string("\x1c\0\0\0TFL3", 8) + filling), "a TensorFlow Lite model"));
    CHECK(has(refusal("\x1f\x8b\x08" + filling), "gzip data"));
    CHECK(has(refusal(std::string(257, '\0') + "ustar" + filling), "a tar archive"));
    CHECK(has(refusal("\x89PNG\r\n\x1a\n" + filling), "a PNG picture"));
    CHECK(has(refusal(filling), "header claims 8680820740569200760 bytes"));
    CHECK(has(refusal(""), "empty file"));
    CHECK(has(refusal("GGU"), "3 bytes, at least 8 needed"));
}

TEST_CASE("a safetensors file whose header's length looks like another format is still read") {
    std::string header = "{" + support::entry("a", "[1]", "[0,4]");
    header.resize(0x0280 - 1, ' ');  // the length begins like a pickle: 0x80 0x02
    const std::vector<std::byte> bytes = support::container(header + "}", raw<float>({1}));
    REQUIRE(bytes[0] == std::byte{0x80});
    REQUIRE(bytes[1] == std::byte{0x02});
    CHECK(checkpoint::from_bytes(bytes, "a").find("a") != nullptr);
}
