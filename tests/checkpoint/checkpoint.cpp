#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/checkpoint/tensor_values.hpp>

#include "tests/checkpoint/archives.hpp"

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

TEST_CASE("a safetensors file whose header's length looks like another format is still read") {
    std::string header = "{" + support::entry("a", "[1]", "[0,4]");
    header.resize(0x0280 - 1, ' ');  // the length begins like a pickle: 0x80 0x02
    const std::vector<std::byte> bytes = support::container(header + "}", raw<float>({1}));
    REQUIRE(bytes[0] == std::byte{0x80});
    REQUIRE(bytes[1] == std::byte{0x02});
    CHECK(checkpoint::from_bytes(bytes, "a").find("a") != nullptr);
}

TEST_CASE("a checkpoint of PyTorch before 1.6 is refused with a remedy") {
    const std::string magic = "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";
    CHECK(refusal(magic) ==
          "FORMAT model.bin: this is a checkpoint of PyTorch before 1.6, expected a safetensors file or a PyTorch "
          "checkpoint; save it again with a recent PyTorch: torch.save(torch.load(\"old.pt\", map_location=\"cpu\"), "
          "\"new.pt\")");
}

TEST_CASE("a zip archive that is not a checkpoint, and a tar archive, are named") {
    CHECK(has(refusal(support::zip_file{{{"photos/cat.jpg", "x"}}}.text()), "is it a PyTorch checkpoint?"));
    CHECK(has(refusal(support::zip_file{}.text()), "the zip archive is empty"));
    CHECK(has(refusal("PK\x03\x04" + std::string(600, 'x')), "no end record as its last 22 bytes"));
    CHECK(has(refusal(std::string(257, '\0') + "ustar" + std::string(600, 'x')), "must be saved again"));
}

namespace {

checkpoint golden(const std::string& name) {
    return checkpoint::open(std::string(ZEROSHOT_SOURCE_DIR) + "/tests/golden/containers/" + name);
}

/// The elements in row-major order, whatever the strides.
std::string elements(const stored_tensor& stored) {
    if (stored.strides.empty()) return support::text_of(stored.bytes.bytes());
    return support::text_of(detail::gathered(stored));
}

/// Every tensor of the one is in the other, with the same type, shape and bits, its name behind a prefix.
void check_holds(const checkpoint& file, const checkpoint& twin, const std::string& prefix = "") {
    for (const named_tensor& expected : twin.tensors()) {
        INFO(expected.name);
        const stored_tensor* const found = file.find(prefix + expected.name);
        REQUIRE(found != nullptr);
        CHECK(found->type == expected.tensor.type);
        CHECK(found->shape == expected.tensor.shape);
        CHECK(elements(*found) == elements(expected.tensor));
    }
}

}  // namespace

TEST_CASE("every container that PyTorch writes gives the tensors of its safetensors twin, bit for bit") {
    const checkpoint twin = golden("model.safetensors");
    const std::vector<std::pair<std::string, checkpoint_kind>> files{
        {"state_dict.pt", checkpoint_kind::pytorch},
        {"training.pt", checkpoint_kind::pytorch},
        {"torchscript.pt", checkpoint_kind::torchscript},
        {"model.safetensors.index.json", checkpoint_kind::shards},
        {"pytorch_model.bin.index.json", checkpoint_kind::shards}};
    for (const auto& [name, kind] : files) {
        INFO(name);
        const checkpoint file = golden(name);
        CHECK(file.kind() == kind);
        check_holds(file, twin, name == "training.pt" ? "module." : "");
        const std::size_t beside = kind == checkpoint_kind::torchscript ? 1 : 0;  // attn_mask is no part of the state
        CHECK(file.tensors().size() == twin.tensors().size() + beside);
        CHECK_NOTHROW(file.expect_unchanged());
    }
    CHECK(golden("training.pt").skipped() == std::vector<std::string>{"epoch", "name", "optimizer", "scaler"});
    CHECK(name_of(golden("torchscript.pt").kind()) == "torchscript");
}

TEST_CASE("views, shared storages and every type give the elements of the safetensors twin, checksums or not") {
    const checkpoint twin = golden("views.safetensors");
    for (const char* name : {"views.pt", "views_unchecked.pt"}) {
        const checkpoint file = golden(name);
        check_holds(file, twin);
        CHECK(file.tensors().size() == twin.tensors().size());
        CHECK(file.skipped().empty());
    }
    CHECK(!golden("views.pt").find("transposed")->strides.empty());
}

TEST_CASE("a change of any shard is noticed") {
    const support::scratch_folder folder;
    write_file(folder / "1", support::file_builder().add("a", "[1]", raw<float>({1})).bytes());
    write_file(folder / "x.index.json", R"({"weight_map":{"a":"1"}})");
    const checkpoint file = checkpoint::open(folder / "x.index.json");
    CHECK(file.kind() == checkpoint_kind::shards);
    CHECK(file.place() == (folder / "x.index.json").string());
    CHECK_NOTHROW(file.expect_unchanged());
    std::filesystem::resize_file(folder / "1", 5);
    CHECK(has(thrown<file_error>([&] { file.expect_unchanged(); }), "changed while reading"));
}

TEST_CASE("the limits of a checkpoint reach its container") {
    checkpoint_limits few;
    few.pytorch.pickle.operations = 1;
    const std::vector<std::byte> saved = support::torch_file(support::pickles::dictionary).bytes();
    CHECK(checkpoint::from_bytes(saved, "a.pt").kind() == checkpoint_kind::pytorch);
    CHECK(has(thrown<checkpoint_error>([&] { checkpoint::from_bytes(saved, "a.pt", few); }), "LIMIT"));
}

TEST_CASE("a checkpoint of files has an identity, one in memory has none") {
    const support::scratch_folder folder;
    support::file_builder builder;
    builder.add("a", "[1]", support::raw<float>({1}));
    write_file(folder / "a.safetensors", builder.bytes());
    const std::string first = checkpoint::open(folder / "a.safetensors").identity();
    CHECK_FALSE(first.empty());
    CHECK(checkpoint::open(folder / "a.safetensors").identity() == first);
    write_file(folder / "a.safetensors", builder.bytes());
    CHECK(checkpoint::open(folder / "a.safetensors").identity() != first);
    CHECK(checkpoint::from_bytes(builder.bytes(), "memory").identity().empty());
}
