#include <zeroshot/datasets/cifar.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using support::cifar_planes;
using support::has;
using support::thrown;

TEST_CASE("a binary batch of CIFAR-10 is a label and planes, and batches follow each other") {
    const support::scratch_folder home;
    support::write(home / "batches.meta.txt", "airplane\nautomobile\n\n");
    support::write(home / "data_batch_1.bin",
                   "\x01" + cifar_planes(1, 2, 3) + std::string(1, '\0') + cifar_planes(4, 5, 6));
    support::write(home / "data_batch_2.bin", "\x01" + cifar_planes(7, 8, 9));
    cifar_batches batches(cifar::ten, {home / "data_batch_1.bin", home / "data_batch_2.bin"});
    CHECK(batches.count() == 3);
    CHECK(batches.classes() == std::vector<std::string>{"airplane", "automobile"});
    const std::vector<example> all = support::all_of(batches);
    REQUIRE(all.size() == 3);
    CHECK(all[1].labels == std::vector<std::size_t>{0});
    CHECK(support::pixels_at(all[1], 4) == std::vector<int>{4, 5, 6, 4});
    CHECK(all[2].name == "data_batch_2.bin/0");
}

TEST_CASE("of CIFAR-100's labels the fine one counts") {
    const support::scratch_folder home;
    support::write(home / "fine_label_names.txt", "apple\naquarium_fish\n");
    support::write(home / "test.bin", std::string("\x07\x01", 2) + cifar_planes(1, 2, 3));
    cifar_batches batches(cifar::hundred, {home / "test.bin"});
    CHECK(support::listed(batches) == "test.bin/0:1");
}

TEST_CASE("a batch that is cut off, and a label without a class, are told") {
    const support::scratch_folder home;
    support::write(home / "batches.meta.txt", "airplane\n");
    support::write(home / "a.bin", "\x01" + cifar_planes(1, 2, 3));
    support::write(home / "b.bin", "\x01");
    CHECK(has(thrown<data_set_error>([&] { cifar_batches(cifar::ten, {home / "b.bin"}); }),
              "b.bin: 1 bytes, expected a multiple of 3073"));
    cifar_batches batches(cifar::ten, {home / "a.bin"});
    CHECK(has(thrown<data_set_error>([&] { batches.next(); }), "a.bin/0: label 1, expected below 1"));
}
