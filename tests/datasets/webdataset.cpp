#include <string>
#include <vector>

#include <zeroshot/datasets/webdataset.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::tar_end;
using support::tar_entry;
using support::thrown;

namespace {

/// As numpy.lib.format.write_array writes a vector: the head padded with spaces to a multiple of 64.
template <class Number>
std::string npy(const std::string& type, const std::vector<Number>& numbers, const std::string& shape,
                int version = 1) {
    std::string head = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
    const std::size_t begin = version == 1 ? 10 : 12;
    head += std::string((64 - (begin + head.size() + 1) % 64) % 64, ' ') + "\n";
    std::string text = "\x93NUMPY" + std::string{static_cast<char>(version), '\0'};
    text += static_cast<char>(head.size());
    text += std::string(version == 1 ? 1 : 3, '\0') + head;
    text.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number));
    return text;
}

std::vector<std::size_t> labels(const std::string& bytes) {
    return datasets::detail::multi_hot_labels(std::as_bytes(std::span(bytes)), "a.npy");
}

std::string npy_refusal(const std::string& bytes) {
    return thrown<data_set_error>([&] { labels(bytes); });
}

std::string sample(const std::string& key, const std::string& label, const std::string& extension = "jpg") {
    return tar_entry(key + ".cls", label) + tar_entry(key + "." + extension, "image " + key);
}

std::string shard_refusal(const std::string& members) {
    const support::scratch_folder folder;
    support::write(folder / "0.tar", members + tar_end);
    support::write(folder / "classnames.txt", "cat\ndog\n");
    return thrown<data_set_error>([&] {
        webdataset shards(folder.path());
        support::all_of(shards);
    });
}

}  // namespace

TEST_CASE(
    "shards are read in numerical order, files with one key form a sample, names and templates may lie in the parent "
    "folder") {
    const support::scratch_folder folder;
    support::write(folder / "test/0.tar", sample("s0", "1") + sample("d/s1", "0", "PNG") + tar_end);
    support::write(folder / "test/10.tar", sample("s3", "0\n", "webp") + tar_end);
    support::write(folder / "test/9.tar", sample("s2", "1") + tar_end);
    support::write(folder / "classnames.txt", "cat\ndog\n");
    support::write(folder / "zeroshot_classification_templates.txt", "a photo of a {c}.\nthe {}\n");
    for (const std::filesystem::path& place : {folder.path(), folder / "test"}) {
        webdataset shards(place);
        CHECK(shards.classes() == std::vector<std::string>{"cat", "dog"});
        CHECK(shards.templates() == std::vector<std::string>{"a photo of a {}.", "the {}"});
        const std::vector<example> all = support::all_of(shards);
        REQUIRE(all.size() == 4);
        CHECK(all[0].name == "0.tar/s0");
        CHECK(all[1].name == "0.tar/d/s1");
        CHECK(all[2].name == "9.tar/s2");
        CHECK(all[3].labels == std::vector<std::size_t>{0});
        CHECK(support::bytes_at(all[3]) == "image s3");
    }
}

TEST_CASE("a sample may have several labels, as a multi-hot vector") {
    const std::string head = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n";
    const auto array = [&](const std::string& numbers) {
        return "\x93NUMPY\x01" + std::string(1, '\0') + static_cast<char>(head.size()) + '\0' + head + numbers;
    };
    const support::scratch_folder folder;
    support::write(folder / "0.tar", tar_entry("a.npy", array({1, 0, 1})) + tar_entry("a.jpg", "x") +
                                         tar_entry("b.npy", array({0, 0, 0})) + tar_entry("b.jpg", "x") + tar_end);
    webdataset shards(folder.path());
    CHECK(support::listed(shards) == "0.tar/a:0,2 0.tar/b:");
    support::write(folder / "classnames.txt", "cat\ndog\n");
    webdataset fewer(folder.path());
    CHECK(has(thrown<data_set_error>([&] { support::all_of(fewer); }), "0.tar/a.npy: label 2, expected below 2"));
}

TEST_CASE("without classnames.txt labels are numbers") {
    const support::scratch_folder folder;
    support::write(folder / "000000.tar", sample("a", "41") + tar_end);
    webdataset shards(folder.path());
    CHECK(shards.classes().empty());
    CHECK(support::listed(shards) == "000000.tar/a:41");
}

TEST_CASE("the image of a sample is the first of the usual formats, whatever masks are beside it") {
    const auto image_of = [](const std::vector<std::string>& extensions) {
        const support::scratch_folder folder;
        std::string members = tar_entry("a.cls", "0");
        for (const std::string& extension : extensions) members += tar_entry("a." + extension, extension);
        support::write(folder / "0.tar", members + tar_end);
        webdataset shards(folder.path());
        const example one = *shards.next();
        const auto& bytes = std::get<std::vector<std::byte>>(one.image);
        return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    CHECK(image_of({"jpg", "png"}) == "jpg");
    CHECK(image_of({"png", "jpg", "bmp"}) == "png");
    CHECK(image_of({"bmp", "webp", "tif"}) == "webp");
    CHECK(image_of({"tif", "bmp"}) == "tif");
}

TEST_CASE("an incomplete or damaged sample is refused with its key") {
    CHECK(has(shard_refusal(tar_entry("a.jpg", "x")), "0.tar/a: there is no class"));
    CHECK(has(shard_refusal(tar_entry("a.cls", "1")), "0.tar/a: there is no image"));
    CHECK(has(shard_refusal(sample("a", "dog")), "0.tar/a.cls: the class is 'dog', expected a number"));
    CHECK(has(shard_refusal(sample("a", "2")), "0.tar/a: label 2, expected below 2"));
    CHECK(has(shard_refusal(tar_entry("a.npy", "x") + tar_entry("a.jpg", "x")), "a.npy: this is no NumPy array"));
    CHECK(has(shard_refusal("").substr(0, 7), "nothing"));
}

TEST_CASE("a folder without shards is refused") {
    const support::scratch_folder folder;
    CHECK(has(thrown<data_set_error>([&] { webdataset{folder.path()}; }), "contains no shards, nor a folder 'test'"));
}

TEST_CASE("the ones of a multi-hot vector are the labels, for every number type") {
    const std::vector<std::size_t> expected{1, 3};
    CHECK(labels(npy<std::int64_t>("<i8", {0, 1, 0, 1}, "(4,)")) == expected);
    CHECK(labels(npy<std::int64_t>("<i8", {0, 1, 0, 1}, "(4,)", 2)) == expected);
    CHECK(labels(npy<std::int32_t>("<i4", {0, 1, 0, 1}, "(4,)")) == expected);
    CHECK(labels(npy<std::uint8_t>("|u1", {0, 1, 0, 1}, "(4,)")) == expected);
    CHECK(labels(npy<std::uint8_t>("|b1", {0, 1, 0, 1}, "(4,)")) == expected);
    CHECK(labels(npy<float>("<f4", {0, 1, 0, 1}, "(4,)")) == expected);
    CHECK(labels(npy<double>("<f8", {0, 0, 0, 0}, "(4,)")).empty());
}

TEST_CASE("an array that is no vector of zeros and ones is refused") {
    CHECK(has(npy_refusal("x"), "a.npy: this is no NumPy array"));
    CHECK(has(npy_refusal(npy<float>("<f4", {0, 0.5F}, "(2,)")), "class 1 is neither 0 nor 1"));
    CHECK(has(npy_refusal(npy<float>("<c8", {0, 1}, "(1,)")), "numbers of type '<c8'"));
    CHECK(has(npy_refusal(npy<float>("<f4", {0, 1}, "(1, 2)")), "an array of another shape, or a truncated one"));
    CHECK(has(npy_refusal(npy<float>("<f4", {0, 1}, "(3,)")), "an array of another shape, or a truncated one"));
    const std::string whole = npy<float>("<f4", {0, 1}, "(2,)");
    CHECK(has(npy_refusal(whole.substr(0, whole.size() - 1)), "an array of another shape, or a truncated one"));
    CHECK(has(npy_refusal(whole.substr(0, 40)), "the file ends within its header"));
}
