#include <zeroshot/datasets/open_data_set.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::thrown;

TEST_CASE("the format of a data set is detected from its files") {
    const support::scratch_folder folder;
    support::write(folder / "folders/cat/a.png", "x");
    support::write(folder / "lists/list.csv", "a.png,cat\n");
    support::write(folder / "mnist/t10k-images-idx3-ubyte", support::idx_head({1, 1, 1}) + "x");
    support::write(folder / "mnist/t10k-labels-idx1-ubyte", support::idx_head({1}) + std::string(1, '\0'));
    support::write(folder / "cifar/batches.meta.txt", "cat\n");
    support::write(folder / "cifar/test_batch.bin", std::string(1, '\0') + support::cifar_planes(1, 2, 3));
    support::write(folder / "cifar100/fine_label_names.txt", "cat\n");
    support::write(folder / "cifar100/train.bin", std::string(2, '\0') + support::cifar_planes(1, 2, 3));
    support::write(folder / "web/test/0.tar",
                   support::tar_entry("a.cls", "0") + support::tar_entry("a.jpg", "x") + support::tar_end);
    const auto kind = [&](const char* name) { return name_of(detect_format(folder / name)); };
    CHECK(kind("folders") == "folders");
    CHECK(kind("lists/list.csv") == "manifest");
    CHECK(kind("mnist") == "idx");
    CHECK(kind("mnist/t10k-images-idx3-ubyte") == "idx");
    CHECK(kind("cifar") == "cifar10");
    CHECK(kind("cifar/test_batch.bin") == "cifar10");
    CHECK(kind("cifar100") == "cifar100");
    CHECK(kind("web") == "webdataset");
    for (const char* name : {"folders", "lists/list.csv", "mnist", "cifar", "cifar/test_batch.bin", "web"}) {
        INFO(name);
        CHECK(support::all_of(*open_data_set(folder / name)).size() == 1);
    }
    CHECK(support::all_of(*open_data_set(folder / "cifar100", std::nullopt, "train")).size() == 1);
    CHECK(has(thrown<data_set_error>([&] { open_data_set(folder / "cifar100"); }), "no batch of the split 'test'"));
    CHECK(has(thrown<data_set_error>([&] { open_data_set(folder / "mnist", std::nullopt, "train"); }),
              "0 files of images for the split 'train'"));
}

TEST_CASE("a path of unknown format, or without a file, is refused") {
    const support::scratch_folder folder;
    support::write(folder / "x.arrow", "ARROW1");
    CHECK(has(thrown<data_set_error>([&] { open_data_set(folder / "x.arrow"); }), "the name fits no known format"));
    CHECK(has(thrown<file_error>([&] { open_data_set(folder / "none"); }), "no such file or folder"));
    CHECK(data_format_of("idx") == data_format::idx);
    CHECK_FALSE(data_format_of("arrow"));
}

TEST_CASE("Parquet is detected, and opened only with Apache Arrow") {
    const support::scratch_folder folder;
    support::write(folder / "set/data/test-00000-of-00001.parquet", "PAR1");
    CHECK(detect_format(folder / "set") == data_format::parquet);
    CHECK(detect_format(folder / "set/data") == data_format::parquet);
    CHECK(detect_format(folder / "set/data/test-00000-of-00001.parquet") == data_format::parquet);
    CHECK(has(thrown<data_set_error>([&] { open_data_set(folder / "set"); }), "UNSUPPORTED "));
    CHECK(data_format_of("parquet") == data_format::parquet);
}
