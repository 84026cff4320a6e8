#include <string>

#include <zeroshot/checkpoint/checkpoint.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using support::bytes_of;
using support::has;

namespace {

const std::string filling(600, 'x');

std::string refusal(const std::string& bytes, const std::string& place = "model.bin") {
    return support::thrown<checkpoint_error>([&] { checkpoint::from_bytes(bytes_of(bytes), place); });
}

}  // namespace

TEST_CASE("files of other formats are named, with a remedy") {
    CHECK(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n") ==
          "FORMAT model.bin: this is a Git LFS pointer, not the file it stands for, expected a safetensors file "
          "or a PyTorch checkpoint; run git lfs pull");
    CHECK(refusal("<!DOCTYPE html><html>") ==
          "FORMAT model.bin: this is an HTML page, expected a safetensors file or a PyTorch checkpoint; download the "
          "file itself, not the page about it");
    CHECK(has(refusal("<html><head>"), "this is an HTML page"));
    CHECK(has(refusal("{\"error\":\"Repository not found\"}"), "this is an error message in JSON"));
    CHECK(
        has(refusal("{\"weight_map\": {}}"),
            "this is JSON text, expected a safetensors file or a PyTorch checkpoint; give the file with the weights"));
    CHECK(has(refusal("PK\x03\x04" + std::string(26, '\0') + "arr_0.npy" + filling), "a NumPy archive"));
    CHECK(has(refusal("\x80\x02}q" + filling), "a bare Python pickle"));
    CHECK(has(refusal("\x80\x04\x95" + filling), "a bare Python pickle"));
    CHECK(has(refusal(std::string("GGUF\3\0\0\0", 8) + filling), "a GGUF file"));
    CHECK(has(refusal("\x93NUMPY" + filling), "a NumPy array"));
    CHECK(has(refusal("\x89HDF\r\n\x1a\n" + filling), "an HDF5 file"));
    CHECK(has(refusal(std::string("\x1c\0\0\0TFL3", 8) + filling), "a TensorFlow Lite model"));
    CHECK(has(refusal("\x1f\x8b\x08" + filling), "gzip data"));
    CHECK(has(refusal(std::string(257, '\0') + "ustar" + filling), "a tar archive"));
    CHECK(has(refusal("\x89PNG\r\n\x1a\n" + filling), "a PNG image"));
    CHECK(has(refusal(filling), "header claims 8680820740569200760 bytes"));
    CHECK(has(refusal(""), "empty file"));
    CHECK(has(refusal("GGU"), "3 bytes, at least 8 needed"));
}

TEST_CASE("an ONNX model is named as one, whatever wrote it") {
    for (const char* beginning :
         {"\x08\x07\x12\x07pytorch", "\x08\x0e:7\x0a\x10", "\x08\x08\x1a\x03", "\x08\x04\x42\x02"})
        CHECK(has(refusal(beginning + filling), "this is an ONNX model"));
    CHECK(has(refusal(filling, "vision_model.onnx"), "this is an ONNX model"));
    CHECK_FALSE(has(refusal("\x08\x7f\x12" + filling), "ONNX"));
}

TEST_CASE("formats that their first bytes do not tell are named by the file") {
    CHECK(has(refusal("PK\x03\x04" + filling, "__0_0.distcp"), "a part of a distributed checkpoint of PyTorch"));
    CHECK(has(refusal("\x85\xablogit_scale" + filling, "flax_model.msgpack"), "a checkpoint of Flax"));
    CHECK(has(refusal(filling, "saved_model.pb"), "a TensorFlow model"));
    CHECK(has(refusal(filling, "openvino_model.bin"), "the weights of an OpenVINO model"));
    CHECK(has(refusal("<?xml version=\"1.0\"?>\n<net name=\"m\">" + filling, "m.xml"), "this is an OpenVINO model"));
    CHECK(has(refusal("<?xml version=\"1.0\"?><feed>" + filling, "m.xml"), "this is an XML page"));
}

TEST_CASE("safetensors of another framework are named: their axes have another order") {
    const auto written_by = [](const std::string& framework) {
        return support::container(
            "{\"__metadata__\":{\"format\":\"" + framework + "\"}," + support::entry("a", "[1]", "[0,4]") + "}",
            support::raw<float>({1}));
    };
    for (const auto& [framework, name] :
         {std::pair("tf", "TensorFlow"), std::pair("flax", "Flax"), std::pair("mlx", "MLX")}) {
        const std::vector<std::byte> file = written_by(framework);
        CHECK(has(support::thrown<checkpoint_error>([&] { checkpoint::from_bytes(file, "a"); }),
                  std::string("this is a checkpoint of ") + name));
    }
    CHECK(checkpoint::from_bytes(written_by("pt"), "a").find("a") != nullptr);
}
