#include <zeroshot/datasets/cifar.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using namespace support::python2;
using support::cifar_planes;
using support::has;
using support::thrown;

namespace {

const std::string meta = whole(dictionary(text("label_names") + list(text("airplane") + text("automobile"))));
const std::string pixels = cifar_planes(1, 2, 3) + cifar_planes(4, 5, 6);

std::string batch(const std::string& labels, const std::string& data) {
    return whole(dictionary(text("batch_label") + text("testing batch 1 of 1") + text("labels") + list(labels) +
                            text("data") + data));
}

std::string pickle_refusal(const std::string& bytes) {
    const support::scratch_folder folder;
    support::write(folder / "batches.meta", meta);
    support::write(folder / "test_batch", bytes);
    return thrown([&] { cifar(cifar_version::cifar10, {folder / "test_batch"}); });
}

}  // namespace

TEST_CASE("a binary batch of CIFAR-10 is a label and planes, and batches follow each other") {
    const support::scratch_folder folder;
    support::write(folder / "batches.meta.txt", "airplane\nautomobile\n\n");
    support::write(folder / "data_batch_1.bin",
                   "\x01" + cifar_planes(1, 2, 3) + std::string(1, '\0') + cifar_planes(4, 5, 6));
    support::write(folder / "data_batch_2.bin", "\x01" + cifar_planes(7, 8, 9));
    cifar batches(cifar_version::cifar10, {folder / "data_batch_1.bin", folder / "data_batch_2.bin"});
    CHECK(batches.count() == 3);
    CHECK(batches.classes() == std::vector<std::string>{"airplane", "automobile"});
    const std::vector<example> all = support::all_of(batches);
    REQUIRE(all.size() == 3);
    CHECK(all[1].labels == std::vector<std::size_t>{0});
    CHECK(support::pixels_at(all[1], 4) == std::vector<int>{4, 5, 6, 4});
    CHECK(all[2].name == "data_batch_2.bin/0");
}

TEST_CASE("the label of CIFAR-100 is the fine one") {
    const support::scratch_folder folder;
    support::write(folder / "fine_label_names.txt", "apple\naquarium_fish\n");
    support::write(folder / "test.bin", std::string("\x07\x01", 2) + cifar_planes(1, 2, 3));
    cifar batches(cifar_version::cifar100, {folder / "test.bin"});
    CHECK(support::listed(batches) == "test.bin/0:1");
}

TEST_CASE("a truncated batch, and a label without a class, are refused") {
    const support::scratch_folder folder;
    support::write(folder / "batches.meta.txt", "airplane\n");
    support::write(folder / "a.bin", "\x01" + cifar_planes(1, 2, 3));
    support::write(folder / "b.bin", "\x01");
    CHECK(has(thrown<data_set_error>([&] { cifar(cifar_version::cifar10, {folder / "b.bin"}); }),
              "b.bin: 1 bytes, expected a multiple of 3073"));
    cifar batches(cifar_version::cifar10, {folder / "a.bin"});
    CHECK(has(thrown<data_set_error>([&] { batches.next(); }), "a.bin/0: label 1, expected below 1"));
}

TEST_CASE("a pickled batch is parsed as data, one image at a time") {
    const support::scratch_folder folder;
    support::write(folder / "batches.meta", meta);
    support::write(folder / "test_batch", batch(number(1) + number(0), array(2, 3072, pixels)));
    support::write(folder / "data_batch_2", batch(number(1), array(1, 3072, cifar_planes(7, 8, 9))));
    cifar batches(cifar_version::cifar10, {folder / "test_batch", folder / "data_batch_2"});
    CHECK(batches.classes() == std::vector<std::string>{"airplane", "automobile"});
    const std::vector<example> all = support::all_of(batches);
    REQUIRE(all.size() == 3);
    CHECK(all[0].labels == std::vector<std::size_t>{1});
    CHECK(support::pixels_at(all[1], 4) == std::vector<int>{4, 5, 6, 4});
    CHECK(all[2].name == "data_batch_2/0");
    CHECK(support::pixels_at(all[2], 3) == std::vector<int>{7, 8, 9});
}

TEST_CASE("a pickle that would call another function is refused") {
    CHECK(has(pickle_refusal(whole("cos\nsystem\n" + text("true") + "\x85R")),
              "the value is an object of 'os system', not executed"));
}

TEST_CASE("a pickled batch of another structure is refused with the reason") {
    const std::string labels = number(1) + number(0);
    CHECK(has(pickle_refusal(whole(list(labels))), "the value is a list, expected a dictionary"));
    CHECK(has(pickle_refusal(whole(dictionary(text("data") + number(1)))), "key 'labels' is missing"));
    CHECK(has(pickle_refusal(batch(labels + number(2), array(2, 3072, pixels))), "label 2, expected below 2"));
    CHECK(has(pickle_refusal(batch(number(1), array(2, 3072, pixels))),
              "unsigned bytes [1, 3072], a row for each label"));
    CHECK(has(pickle_refusal(batch(labels, array(2, 3072, pixels, "f4"))),
              "the array of images has another shape or type"));
    CHECK(has(pickle_refusal(batch(labels, array(2, 3072, pixels.substr(1)))),
              "the array of images has another shape or type"));
    CHECK(has(pickle_refusal(batch(labels, number(1))), "the value is an integer, expected a NumPy array"));
    CHECK(has(pickle_refusal(batch(labels, array(2, 3072, pixels)).substr(0, 3000)), "FORMAT "));
}
