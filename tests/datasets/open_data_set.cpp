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

TEST_CASE("a split is chosen where a data set has several, and a sentence says so") {
    const support::scratch_folder folder;
    for (const char* name :
         {"data/train/cat/1.png", "data/train/dog/1.png", "data/val/cat/1.png", "data/val/dog/1.png"})
        support::write(folder / name, "x");
    const auto images = open_data_set(folder / "data");
    CHECK(support::listed(*images) == "cat/1.png:0 dog/1.png:1");
    CHECK(images->classes() == std::vector<std::string>{"cat", "dog"});
    REQUIRE(images->notes().size() == 1);
    CHECK(has(images->notes()[0], "of the splits train and val, val is read"));
    CHECK(images->location() == path_text(folder / "data/val"));
    CHECK(open_data_set(folder / "data", std::nullopt, "train")->location() == path_text(folder / "data/train"));
    CHECK(has(thrown<data_set_error>([&] { open_data_set(folder / "data", std::nullopt, "test"); }),
              "it has no split 'test' but train and val"));
    CHECK(open_data_set(folder / "data", data_format::folders)->classes() == std::vector<std::string>{"train", "val"});

    const std::string shard = support::tar_entry("a.cls", "0") + support::tar_entry("a.jpg", "x") + support::tar_end;
    support::write(folder / "web/validation/0.tar", shard);
    support::write(folder / "web/train/0.tar", shard);
    support::write(folder / "web/train/1.tar", shard);
    CHECK(name_of(detect_format(folder / "web")) == "webdataset");
    const auto shards = open_data_set(folder / "web");
    CHECK(support::all_of(*shards).size() == 1);
    CHECK(shards->notes().size() == 1);
}

TEST_CASE("a list beside images is the data set, where the folders are no classes") {
    const support::scratch_folder folder;
    for (const char* name :
         {"hub/1.png", "hub/2.png", "kaggle/images/1.png", "splits/train/1.png", "splits/test/2.png"})
        support::write(folder / name, "x");
    support::write(folder / "hub/metadata.jsonl", "{\"file_name\": \"1.png\", \"label\": \"cat\"}\n");
    CHECK(name_of(detect_format(folder / "hub")) == "manifest");
    CHECK(support::listed(*open_data_set(folder / "hub")) == "1.png:0");
    support::write(folder / "splits/train/metadata.csv", "file_name,label\n1.png,cat\n");
    support::write(folder / "splits/test/metadata.csv", "file_name,label\n2.png,dog\n");
    CHECK(open_data_set(folder / "splits")->classes() == std::vector<std::string>{"dog"});
    CHECK(open_data_set(folder / "splits", std::nullopt, "train")->classes() == std::vector<std::string>{"cat"});
    support::write(folder / "folders/cat/1.png", "x");
    support::write(folder / "folders/dog/2.png", "x");
    support::write(folder / "folders/metadata.csv", "filename,width,height\ncat/1.png,64,64\n");
    CHECK(has(thrown<data_set_error>([&] { open_data_set(folder / "folders"); }),
              "; --format folders reads the class folders"));
    CHECK(open_data_set(folder / "folders", data_format::folders)->count() == 2);
    support::write(folder / "kaggle/train.csv", "image,label\nimages/1.png,cat\n");
    CHECK(has(thrown<data_set_error>([&] { open_data_set(folder / "kaggle"); }), "name the list: "));
    CHECK(open_data_set(folder / "kaggle", data_format::folders)->count() == 1);
    support::write(folder / "list.tsv", "a.png\tb.png\tcat\nc.png\td.png\tdog\n");
    CHECK(has(thrown<data_set_error>([&] { open_data_set(folder / "list.tsv"); }), "--image-column names one"));
    CHECK(open_data_set(folder / "list.tsv", std::nullopt, "", open_plain, {"1", "3"})->classes() ==
          std::vector<std::string>{"cat", "dog"});
}
