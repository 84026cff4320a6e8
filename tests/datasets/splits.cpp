#include <filesystem>
#include <string>
#include <vector>

#include <zeroshot/datasets/splits.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::thrown;

namespace {

/// The folder that is chosen, relative to the data set, and the first note; or the refusal.
struct choice {
    std::string folder, note;
};

choice chosen(const std::vector<std::string>& images, const std::string& request = "") {
    const support::scratch_folder folder;
    for (const std::string& name : images) support::write(folder / name, "x");
    choice result;
    const std::string refusal = thrown<data_set_error>([&] {
        const auto found = datasets::detail::find_class_folders(folder.path(), request);
        result = {found.path.lexically_relative(folder.path()).generic_string(),
                  found.notes.empty() ? "" : found.notes.front()};
    });
    return refusal == "nothing" ? result : choice{"", refusal};
}

}  // namespace

TEST_CASE("splits are known by the names that data sets give them") {
    for (const char* name :
         {"test", "Test", "TEST", "testing", "test_set", "test-images", "seg_test", "testset", "test2017"})
        CHECK(split_kind_of(name) == split_kind::test);
    for (const char* name : {"val", "valid", "validation", "Validation_Set", "val2017", "dev", "ILSVRC2012_val"})
        CHECK(split_kind_of(name) == split_kind::validation);
    for (const char* name :
         {"train", "training", "Train", "train_data", "train2014", "seg_train", "training-set", "trainset"})
        CHECK(split_kind_of(name) == split_kind::train);
    for (const char* name : {"", "trains", "train station", "cat", "testing ground", "tester", "train_test", "set",
                             "2017", "protest", "valley", "images", "strain"}) {
        INFO(name);
        CHECK_FALSE(split_kind_of(name));
    }
}

TEST_CASE("of folders of splits the test split is taken, else the validation split") {
    const choice both = chosen({"train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/dog/1.png"});
    CHECK(both.folder == "test");
    CHECK(has(both.note, "of the splits test and train, test is read; --split NAME takes another"));
    CHECK(chosen({"train/cat/1.png", "val/cat/1.png", "train/dog/1.png", "val/dog/1.png"}).folder == "val");
    CHECK(chosen({"train/cat/1.png", "valid/cat/1.png", "test/cat/1.png"}).folder == "test");
    CHECK(chosen({"Training/cat/1.png", "Validation/cat/1.png"}).folder == "Validation");
    CHECK(chosen({"train/cat/1.png", "val/cat/1.png"}, "train").folder == "train");
    CHECK(chosen({"train/cat/1.png", "valid/cat/1.png"}, "validation").folder == "valid");
    CHECK(has(chosen({"train/cat/1.png", "val/cat/1.png"}, "test").note, "it has no split 'test' but train and val"));
    CHECK(has(chosen({"val/cat/1.png", "val/dog/1.png"}).note, "the split val is read"));
}

TEST_CASE("splits may lie deeper, and class folders deeper than splits") {
    CHECK(chosen({"root/images/train/cat/1.png", "root/images/val/cat/1.png"}).folder == "root/images/val");
    CHECK(chosen({"seg_train/seg_train/cat/1.png", "seg_train/seg_train/dog/1.png", "seg_test/seg_test/cat/1.png",
                  "seg_test/seg_test/dog/1.png", "seg_pred/seg_pred/1.png"})
              .folder == "seg_test/seg_test");
    CHECK(chosen({"train/images/cat/1.png", "train/images/dog/1.png", "val/images/cat/1.png", "val/images/dog/1.png"})
              .folder == "val/images");
    const choice wrapped = chosen({"archive/cat/1.png", "archive/dog/1.png"});
    CHECK(wrapped.folder == "archive");
    CHECK(has(wrapped.note, "the class folders are those in "));
    CHECK(chosen({"only/1.png"}).folder == ".");
    CHECK(chosen({"only/2020/1.png"}).folder == ".");
}

TEST_CASE("a test split without class folders, as competitions have it, gives way to the validation split") {
    CHECK(chosen({"train/cat/1.png", "train/dog/1.png", "val/cat/1.png", "test/1.png", "test/2.png"}).folder == "val");
    const choice only_train = chosen({"train/cat/1.png", "train/dog/1.png", "test/1.png"});
    CHECK(has(only_train.note, "only train has class folders; --split train takes it"));
    CHECK(chosen({"train/cat/1.png", "train/dog/1.png", "test/1.png"}, "train").folder == "train");
}

TEST_CASE("classes that happen to be called like splits stay classes, or are a question") {
    CHECK(chosen({"train/1.png", "car/1.png", "plane/1.png"}).folder == ".");
    const choice two = chosen({"train/1.png", "test/1.png", "car/1.png"});
    CHECK(two.folder == ".");
    CHECK(has(two.note, "warning: "));
    CHECK(has(chosen({"train/images/1.png", "valid/images/1.png"}).note, "and hold images without class folders"));
    CHECK(has(chosen({"images/1.png", "images/2.png"}).note, "its only folder 'images' holds images without class"));
    CHECK(has(chosen({"train/1.png", "test/1.png"}).note, "--format folders takes them as classes"));
    CHECK(has(chosen({"train/steam/1.png", "test/urine/1.png"}).note, "have no class in common"));
    CHECK(has(chosen({"train/cat/1.png", "cat/1.png", "dog/1.png"}).note, "holds folders of the names beside it"));
    CHECK(chosen({"train/steam/1.png", "car/1.png"}).folder == ".");
    const choice inside = chosen({"cat/train/1.png", "cat/test/1.png", "dog/train/1.png", "dog/test/1.png"});
    CHECK(inside.folder == ".");
    CHECK(has(inside.note, "class 'cat' has the folders test and train; images of all of them are read"));
}

TEST_CASE("a split may be any folder that is named") {
    CHECK(chosen({"fold1/cat/1.png", "fold2/cat/1.png"}, "fold2").folder == "fold2");
    CHECK(has(chosen({"cat/1.png", "dog/1.png"}, "fold3").note, "no folder 'fold3' in it"));
    CHECK(chosen({"cat/1.png", "dog/1.png"}, "train").folder == ".");
}

TEST_CASE("files whose names begin with splits are those of one split") {
    std::vector<std::string> notes;
    const auto files = [&](const std::vector<std::string>& names, const std::string& request = "") {
        std::string text;
        for (const auto& file : datasets::detail::files_of_split({names.begin(), names.end()}, "set", request, notes))
            text += file.string() + " ";
        return text;
    };
    CHECK(files({"test-0.parquet", "train-0.parquet", "train-1.parquet"}) == "test-0.parquet ");
    CHECK(notes.size() == 1);
    CHECK(files({"validation-0.parquet", "train-0.parquet"}) == "validation-0.parquet ");
    CHECK(files({"validation-0.parquet", "train-0.parquet", "train-1.parquet"}, "train") ==
          "train-0.parquet train-1.parquet ");
    CHECK(files({"0000.parquet", "0001.parquet"}) == "0000.parquet 0001.parquet ");
    CHECK(files({"test-0.parquet", "other.parquet"}) == "test-0.parquet ");
    CHECK(has(thrown<data_set_error>([&] {
                  files({"train-0.parquet", "val-0.parquet"}, "test");
              }),
              "it has no split 'test' but train and val"));
}
