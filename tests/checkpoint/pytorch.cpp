#include <limits>
#include <memory>

#include <zeroshot/checkpoint/pytorch.hpp>
#include <zeroshot/checkpoint/tensor_values.hpp>

#include "tests/checkpoint/archives.hpp"
#include "tests/support/stored_values.hpp"

using namespace zeroshot;
using namespace support::pickles;
using support::has;
using support::raw;
using support::thrown;
using support::torch_file;
using support::zip_file;

namespace {

const std::string six = raw<float>({0, 1, 2, 3, 4, 5});

pytorch_file read(const zip_file& file, const pytorch_limits& limits = {}) {
    return parse_pytorch(std::make_shared<memory_source>(file.bytes(), "a.pt"), limits);
}

/// The file of a saved value, over one storage of six floats.
pytorch_file read(const std::string& value) {
    return read(torch_file(value, {six}));
}

std::string refusal(const zip_file& file, const pytorch_limits& limits = {}) {
    return thrown<checkpoint_error>([&] { read(file, limits); });
}
std::string refusal(const std::string& value) {
    return refusal(torch_file(value, {six}));
}

/// The error of a state dict with one tensor 'x'.
std::string tensor_refusal(const std::string& tensor) {
    return refusal(state({{"x", tensor}}));
}
std::string view_refusal(std::int64_t offset, const std::vector<std::int64_t>& shape,
                         const std::vector<std::int64_t>& strides) {
    return tensor_refusal(saved_tensor({}, offset, shape, strides));
}

std::vector<std::string> names(const pytorch_file& file) {
    std::vector<std::string> all;
    for (const named_tensor& each : file.tensors.tensors) all.push_back(each.name);
    return all;
}
using list_of_names = std::vector<std::string>;

std::vector<float> values(const pytorch_file& file, const std::string& name) {
    return support::stored_values<float>(*file.tensors.find(name));
}

const std::string pair_of_floats = saved_tensor({}, 0, {2}, {1});

}  // namespace

TEST_CASE("a state dict gives its tensors by name in order, and lists other values") {
    const pytorch_file file = read(ordered_dictionary() + mark + text("b") + saved_tensor({}, 0, {2, 3}, {3, 1}) +
                                   text("a") + saved_tensor({}, 4, {2}, {1}) + text("epoch") + integer(3) + setitems +
                                   state({{"_metadata", dictionary}}) + build);
    CHECK(names(file) == list_of_names{"b", "a"});
    CHECK(file.tensors.find("b")->shape == std::vector<std::size_t>{2, 3});
    CHECK(file.tensors.find("b")->strides.empty());
    CHECK(values(file, "b") == std::vector<float>{0, 1, 2, 3, 4, 5});
    CHECK(values(file, "a") == std::vector<float>{4, 5});
    CHECK(file.tensors.skipped == list_of_names{"epoch"});
    CHECK(!file.scripted);
    CHECK(read(dictionary).tensors.tensors.empty());
}

TEST_CASE("views are read element by element, and tensors may share a storage") {
    const pytorch_file file = read(state({{"transposed", saved_tensor({}, 0, {3, 2}, {1, 3})},
                                          {"column", saved_tensor({}, 1, {2}, {3})},
                                          {"one", saved_tensor({}, 5, {}, {})},
                                          {"flat", saved_tensor({}, 2, {1, 3, 1}, {77, 1, 0})},
                                          {"empty", saved_tensor({}, 6, {0, 3}, {3, 1})}}));
    CHECK(values(file, "transposed") == std::vector<float>{0, 3, 1, 4, 2, 5});
    CHECK(values(file, "column") == std::vector<float>{1, 4});
    CHECK(values(file, "one") == std::vector<float>{5});
    CHECK(values(file, "flat") == std::vector<float>{2, 3, 4});
    CHECK(file.tensors.find("flat")->strides.empty());
    CHECK(values(file, "empty").empty());
}

TEST_CASE("storages of every type are read") {
    const std::vector<std::pair<std::string, dtype>> types{
        {"Float", dtype::f32}, {"Half", dtype::f16},    {"BFloat16", dtype::bf16}, {"Double", dtype::f64},
        {"Long", dtype::i64},  {"Int", dtype::i32},     {"Short", dtype::i16},     {"Char", dtype::i8},
        {"Byte", dtype::u8},   {"Bool", dtype::boolean}};
    for (const auto& [name, type] : types) {
        const storage from{"0", 3, global("torch", name + "Storage")};
        const pytorch_file file = read(state({{"x", saved_tensor(from, 0, {3}, {1})}}));
        CHECK(file.tensors.find("x")->type == type);
        CHECK(file.tensors.find("x")->bytes.size() == 3 * bits_of(type) / 8);
    }
}

TEST_CASE("an untyped storage counts bytes, and the tensor names the type") {
    const storage untyped{"0", 24, global("torch.storage", "UntypedStorage")};
    const auto with = [&](const storage& from, const std::string& type) {
        return state({{"x", global("torch._utils", "_rebuild_tensor_v3") + mark + from.text() + integer(2) +
                                numbers({5}) + numbers({1}) + no + ordered_dictionary() + type + tuple + reduce}});
    };
    const pytorch_file file = read(with(untyped, global("torch", "uint16")));
    CHECK(file.tensors.find("x")->type == dtype::u16);
    CHECK(support::text_of(file.tensors.find("x")->bytes.bytes()) == six.substr(4, 10));
    CHECK(has(refusal(with(untyped, none)), "FORMAT"));
    CHECK(has(refusal(with(untyped, global("torch", "FloatStorage"))), "has no type"));
    CHECK(has(refusal(with({}, global("torch", "uint16"))), "lies in a storage of type 'torch FloatStorage'"));
    CHECK(has(tensor_refusal(saved_tensor(untyped, 0, {2}, {1})),
              "lies in a storage of type 'torch.storage UntypedStorage'"));
}

TEST_CASE("a parameter is read as its tensor") {
    const auto parameter = [](const std::string& inner) {
        return global("torch._utils", "_rebuild_parameter") + mark + inner + yes + ordered_dictionary() + tuple +
               reduce;
    };
    CHECK(values(read(state({{"x", parameter(saved_tensor({}, 3, {2}, {1}))}})), "x") == std::vector<float>{3, 4});
    CHECK(values(read(state({{"x", parameter(parameter(pair_of_floats))}})), "x") == std::vector<float>{0, 1});
    CHECK(has(tensor_refusal(parameter(none)), "tensor 'x' is made of None"));
    CHECK(has(tensor_refusal(parameter(global("torch", "Size") + empty + reduce)), "is made of 'torch Size'"));
}

TEST_CASE("a storage shorter than stated is refused") {
    CHECK(has(tensor_refusal(saved_tensor({"0", 7}, 0, {2}, {1})),
              "FORMAT a.pt: entry 'archive/data.pkl': tensor 'x' lies in a storage of 7 elements of 4 bytes, of which "
              "the archive holds 24 bytes"));
    CHECK(has(tensor_refusal(saved_tensor({"0", std::int64_t{1} << 62}, 0, {2}, {1})), "FORMAT"));
    CHECK(has(tensor_refusal(saved_tensor({"0", -1}, 0, {2}, {1})), "is made of -1, expected no negative number"));
    CHECK(has(tensor_refusal(saved_tensor({"1", 6}, 0, {2}, {1})), "lies in a storage that is missing: '1'"));
}

TEST_CASE("a view outside its storage, with overlapping elements or without a size is refused") {
    CHECK(has(view_refusal(0, {7}, {1}),
              "SHAPE a.pt: entry 'archive/data.pkl': tensor 'x' of [7] with strides [1] from element 0 ends behind it, "
              "expected a part of its storage of 6 elements"));
    CHECK(has(view_refusal(6, {1}, {1}), "begins behind it"));
    CHECK(has(view_refusal(1, {2, 3}, {3, 1}), "ends behind it"));
    const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
    CHECK(has(view_refusal(0, {2}, {huge}), "ends behind it"));
    CHECK(has(view_refusal(huge, {2}, {1}), "begins behind it"));
    CHECK(has(view_refusal(0, {huge, huge}, {1, 1}), "has no size in bytes"));
    CHECK(has(view_refusal(0, {2}, {-1}), "is made of -1"));
    CHECK(has(view_refusal(-1, {2}, {1}), "is made of -1"));
    CHECK(has(view_refusal(0, {2}, {0}), "reaches elements twice"));
    CHECK(has(view_refusal(0, {2, 2}, {1, 1}), "reaches elements twice"));
    CHECK(has(view_refusal(0, {2, 3}, {2, 1}), "reaches elements twice"));
    CHECK(has(view_refusal(0, {2, 2}, {1}), "a stride too many or too few"));
    CHECK(has(view_refusal(0, std::vector<std::int64_t>(9, 1), std::vector<std::int64_t>(9, 1)), "LIMIT"));
}

TEST_CASE("a storage reference has five values, its key is a number, its device is ignored") {
    CHECK(values(read(state({{"x", saved_tensor({"0", 6, global("torch", "FloatStorage"), "cuda:0"}, 0, {1}, {1})}})),
                 "x") == std::vector<float>{0});
    for (const char* key : {"../x", "", "0x", "-1", "0/"})
        CHECK(has(tensor_refusal(saved_tensor({key}, 0, {1}, {1})), "lies in a storage with the key"));
    CHECK(has(tensor_refusal(saved_tensor({"0", 6, global("torch", "FooStorage")}, 0, {1}, {1})),
              "a storage of type 'torch FooStorage'"));
    CHECK(has(tensor_refusal(saved_tensor({"0", 6, global("torch", "float32")}, 0, {1}, {1})),
              "a storage of type 'torch float32'"));
    const auto with_reference = [](const std::string& reference) {
        return state({{"x", global("torch._utils", "_rebuild_tensor_v2") + mark + reference + integer(0) +
                                numbers({1}) + numbers({1}) + no + dictionary + tuple + reduce}});
    };
    CHECK(
        has(refusal(with_reference(text("storage") + persistent)), "tensor 'x' is made of a string, expected a tuple"));
    CHECK(has(refusal(with_reference(mark + text("storage") + tuple + persistent)), "refers to 'storage'"));
    CHECK(has(refusal(with_reference(mark + text("module") + none + none + none + none + tuple + persistent)),
              "refers to 'module', expected a storage"));
    CHECK(has(refusal(with_reference(none)), "is made of None, expected a persistent reference as item 0"));
    CHECK(
        has(tensor_refusal(global("torch._utils", "_rebuild_tensor_v2") + empty + reduce), "is made of too few items"));
}

TEST_CASE("a wrapped state dict is found, and other entries are listed") {
    const std::string inner = state({{"a", pair_of_floats}, {"b", pair_of_floats}});
    const pytorch_file file = read(
        state({{"epoch", integer(1)}, {"state_dict", inner}, {"optimizer", state({{"exp_avg", pair_of_floats}})}}));
    CHECK(names(file) == list_of_names{"a", "b"});
    CHECK(file.tensors.skipped == list_of_names{"epoch", "optimizer"});
    CHECK(names(read(state({{"model", state({{"state_dict", state({{"a", pair_of_floats}})}})}}))) ==
          list_of_names{"a"});
    CHECK(names(read(state({{"model_state_dict", state({{"a", pair_of_floats}})}}))) == list_of_names{"a"});
    CHECK(names(read(state({{"model", pair_of_floats}, {"a", pair_of_floats}}))) == list_of_names{"model", "a"});
    for (const char* name : {"net", "module", "state_dict_ema", "model_ema", "ema"})
        CHECK(names(read(state({{name, state({{"a", pair_of_floats}})}}))) == list_of_names{"a"});
    CHECK(names(read(state({{"ema", state({{"b", pair_of_floats}})}, {"a", pair_of_floats}}))) == list_of_names{"a"});
    CHECK(names(read(state({{"model", state({{"name", text("ViT")}})}, {"ema", state({{"a", pair_of_floats}})}}))) ==
          list_of_names{"a"});
    CHECK(names(read(state({{"model_ema", state({{"b", pair_of_floats}})},
                            {"model", state({{"a", pair_of_floats}})}}))) == list_of_names{"a"});
}

TEST_CASE("tensors beside a state dict, as losses and states of random generators, do not hide it") {
    const std::string inner = state({{"a", pair_of_floats}, {"b", pair_of_floats}});
    for (const char* name : {"state_dict", "model_state_dict", "model", "weights"})
        CHECK(names(read(state({{"loss", pair_of_floats}, {name, inner}}))) == list_of_names{"a", "b"});
    CHECK(names(read(state({{"a", pair_of_floats}, {"b", pair_of_floats}, {"buffers", inner}}))) ==
          list_of_names{"a", "b"});
}

TEST_CASE("a dictionary of any name holds the model where no other has tensors") {
    const std::string inner = state({{"a", pair_of_floats}}), no_tensors = state({{"name", text("ViT")}});
    for (const char* name : {"weights", "params_ema", "anything"}) {
        const pytorch_file file = read(state({{"args", no_tensors}, {name, inner}, {"epoch", integer(1)}}));
        CHECK(names(file) == list_of_names{"a"});
        CHECK(file.tensors.skipped == list_of_names{"args", "epoch"});
    }
    CHECK(has(refusal(state({{"teacher", inner}, {"student", inner}})),
              "several dictionaries of tensors: 'teacher', 'student', expected one"));
}

TEST_CASE("a dictionary that a hostile pickle holds very often is looked through once") {
    constexpr int many = 30'000;
    std::string inner = dictionary + mark, outer = dictionary + mark;
    for (int i = 0; i < many; ++i) inner += text("x") + integer(1);
    inner += setitems + std::string("q\x07");  // into the memo, in slot 7
    outer += text("model") + inner;
    for (int i = 1; i < many; ++i) outer += text("model") + std::string("h\x07");
    CHECK(read(outer + setitems).tensors.tensors.empty());
}

TEST_CASE("values of any class beside the tensors are skipped by name") {
    const std::string scalar = global("numpy.core.multiarray", "scalar") + empty + reduce;
    const std::string path = global("pathlib", "PosixPath") + text("runs") + "\x85" + reduce;
    const std::string counter = global("collections", "Counter") + dictionary + "\x85" + reduce;
    const pytorch_file file = read(state({{"loss", scalar},
                                          {"state_dict", state({{"a", pair_of_floats}, {"b", path}})},
                                          {"args", state({{"path", path}, {"seen", counter}})}}));
    CHECK(names(file) == list_of_names{"a"});
    CHECK(file.tensors.skipped == list_of_names{"loss", "args", "b"});
}

TEST_CASE("a name that is not a string is skipped, a duplicate one refused") {
    const pytorch_file file = read(dictionary + mark + integer(7) + pair_of_floats + none + pair_of_floats + text("a") +
                                   pair_of_floats + setitems);
    CHECK(names(file) == list_of_names{"a"});
    CHECK(file.tensors.skipped == list_of_names{"7", "(None)"});
    CHECK(has(refusal(state({{"a", pair_of_floats}, {"a", pair_of_floats}})), "there are two tensors 'a'"));
    CHECK(has(refusal(state({{"\xff", pair_of_floats}})), "is not UTF-8"));
    CHECK(has(refusal(state({{std::string(2'000, 'n'), pair_of_floats}})), "LIMIT"));
}

TEST_CASE("a file without a dictionary of tensors is refused with a remedy") {
    CHECK(
        refusal(pair_of_floats) ==
        "UNSUPPORTED a.pt: entry 'archive/data.pkl': the file holds a call, expected a dictionary of tensors; save it "
        "with torch.save(model.state_dict(), ...)");
    CHECK(has(refusal(list), "the file holds a list"));
    const std::string object = global("open_clip.model", "CLIP") + empty + newobj + dictionary + build;
    CHECK(has(refusal(object), "the file holds an object of 'open_clip.model CLIP'"));
    CHECK(has(refusal(state({{"epoch", integer(1)}, {"model", object}})),
              "no tensors, but an object of 'open_clip.model CLIP'"));
    CHECK(has(refusal(global("os", "system") + text("echo") + "\x85" + reduce), "an object of 'os system'"));
}

TEST_CASE("a TorchScript module gives its tensors by the path of attributes, and its code is not read") {
    const auto module = [](const std::string& name, const std::string& attributes) {
        return global("__torch__." + name, "M") + empty + newobj + attributes + build;
    };
    const std::string ones = global("torch.jit._pickle", "build_intlist") + list + "\x85" + reduce;
    zip_file file = torch_file(
        module("clip",
               state({{"proj", pair_of_floats},
                      {"visual",
                       module("vision",
                              state({{"conv1", module("conv", state({{"weight", saved_tensor({}, 2, {2}, {1})}}))},
                                     {"sizes", ones}}))},
                      {"training", no}})),
        {six});
    file.items.push_back({"archive/constants.pkl", "not even a pickle"});
    file.items.push_back({"archive/code/__torch__/clip.py", "import os"});
    file.items.back().method = 8;
    const pytorch_file script = read(file);
    CHECK(script.scripted);
    CHECK(names(script) == list_of_names{"proj", "visual.conv1.weight"});
    CHECK(values(script, "visual.conv1.weight") == std::vector<float>{2, 3});
    CHECK(script.tensors.skipped == list_of_names{"visual.sizes", "training"});
}

TEST_CASE("shared values count each time against the limit") {
    const auto object_of = [](const std::string& attributes) {
        return global("__torch__", "M") + empty + newobj + dictionary + mark + attributes + setitems + build;
    };
    std::string doubled = object_of(text("x") + none);
    for (int level = 0; level < 40; ++level) doubled = object_of(text("a") + doubled + put(0) + text("b") + get(0));
    CHECK(has(refusal(doubled), "LIMIT a.pt: entry 'archive/data.pkl': 100001 values, expected at most 100000"));
}

TEST_CASE("an archive has one folder with data.pkl") {
    CHECK(has(refusal(zip_file{}), "the zip archive is empty"));
    CHECK(has(refusal(zip_file{{{"data.pkl", "x"}}}), "no data.pkl beside"));
    CHECK(has(refusal(zip_file{{{"a/b", "x"}}}),
              "FORMAT a.pt: the zip archive has no data.pkl beside 'a/b', expected a zip archive of PyTorch: one "
              "folder with data.pkl and data/; is it a PyTorch checkpoint?"));
    zip_file file = torch_file(dictionary);
    file.items.push_back({"other/data.pkl", "x"});
    CHECK(has(refusal(file), "the zip archive has 'other/data.pkl'"));
    CHECK(has(refusal(zip_file{{{"config.json", "{}"}, {"model.weights.h5", "x"}}}), "this is a model of Keras"));
    CHECK(has(refusal(zip_file{{{"model/archive_format", "pt2"}}}), "this is a program of torch.export"));
}

TEST_CASE("compressed tensors and pickles are refused") {
    zip_file file = torch_file(state({{"x", pair_of_floats}}), {six});
    file.items[0].method = 8;
    CHECK(has(refusal(file), "UNSUPPORTED a.pt: entry 'archive/data.pkl' is compressed"));
    file.items[0].method = 0;
    file.items[2].method = 8;
    CHECK(has(refusal(file), "entry 'archive/data/0' is compressed"));
}

TEST_CASE("a big-endian file is refused; without a byte order a file is little-endian") {
    zip_file file = torch_file(state({{"x", pair_of_floats}}), {six});
    file.items[1].data = "big";
    CHECK(has(refusal(file), "UNSUPPORTED a.pt: entry 'archive/byteorder': the byte order is 'big'"));
    file.items[1].data = "middle";
    CHECK(has(refusal(file), "FORMAT a.pt: entry 'archive/byteorder': the byte order is 'middle'"));
    file.items.erase(file.items.begin() + 1);
    CHECK(values(read(file), "x") == std::vector<float>{0, 1});
}
