#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include <zeroshot/datasets/image_list.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::thrown;

namespace {

/// "a.png:cat b.png:dog,cat", or numbers where the classes have no names.
std::string listed(const std::string& text, const list_columns& columns = {}, const std::string& split = "") {
    const support::scratch_folder folder;
    support::write(folder / "list.csv", text);
    image_list list(folder / "list.csv", columns, split);
    std::string all;
    for (const example& one : support::all_of(list)) {
        all += (all.empty() ? "" : " ") + one.name + ":";
        for (std::size_t i = 0; i < one.labels.size(); ++i) {
            const std::size_t label = one.labels[i];
            all += (i == 0 ? "" : ",") + (list.classes().empty() ? std::to_string(label) : list.classes().at(label));
        }
    }
    return all;
}

std::string list_refusal(const std::string& text) {
    return thrown([&] { listed(text); });
}

std::string note_of(const std::string& text) {
    const support::scratch_folder folder;
    support::write(folder / "list.csv", text);
    const image_list list(folder / "list.csv");
    return list.notes().empty() ? "" : list.notes().front();
}

const std::string both = "red.png:red circle blue.png:blue circle";

}  // namespace

TEST_CASE("a line of CSV is a path and its labels") {
    CHECK(listed("path,label\na.png,dog\nb.png,cat\n") == "a.png:dog b.png:cat");
    CHECK(listed("\xef\xbb\xbf"
                 "a.png,dog\r\n\r\nb.png,cat,dog\r\nc.png,\r\n") == "a.png:dog b.png:cat,dog c.png:");
    CHECK(listed("\"a,\"\"1\"\".png\",\"new\nline\"\n") == "a,\"1\".png:new\nline");
    CHECK(listed("image,class\nx.png,b") == "x.png:b");
    CHECK(listed("a.png,dog,dog") == "a.png:dog");
}

TEST_CASE("headers, index columns and other columns are no classes") {
    CHECK(listed("file_name,label\nred.png,red circle\nblue.png,blue circle\n") == both);
    CHECK(listed("image_path,label\nred.png,red circle\nblue.png,blue circle\n") == both);
    CHECK(listed("path,label,split,width\nred.png,red circle,test,32\nblue.png,blue circle,test,32\n") == both);
    CHECK(listed("id,path,label\n0,red.png,red circle\n1,blue.png,blue circle\n") == both);
    CHECK(listed(",path,label\n0,red.png,red circle\n1,blue.png,blue circle\n") == both);
    CHECK(listed("label;id;Image Name\nred circle;4;red.png\nblue circle;9;blue.png\n") == both);
    CHECK(listed("filepath\ttitle\nred.png\tred circle\nblue.png\tblue circle\n") == both);
    CHECK(listed("path | label\nred.png | red circle\nblue.png | blue circle\n") == both);
    CHECK(listed("red.png red circle\nblue.png blue circle\n") == both);
    CHECK(listed("sep=;\r\npath;label\r\nred.png;red circle\r\nblue.png;blue circle\r\n") == both);
    CHECK(listed("path,label,\nred.png,red circle,\nblue.png,blue circle,\n") == both);
    CHECK(listed("path,label\nred.png,\"a circle, red\"\nblue.png,\"a circle, blue\"\n") ==
          "red.png:a circle, red blue.png:a circle, blue");
}

TEST_CASE("JSON may be lines, an array, or objects by image, by label or around the list") {
    CHECK(
        listed(
            "{\"file_name\": \"red.png\", \"label\": \"red circle\"}\n{\"file_name\": \"blue.png\", \"label\": \"blue "
            "circle\"}\n") == both);
    CHECK(listed("[{\"label\": \"red circle\", \"image\": \"red.png\"},\n {\"label\": \"blue circle\", \"image\": "
                 "\"blue.png\"}]") == both);
    CHECK(listed("{\"red.png\": \"red circle\", \"blue.png\": \"blue circle\"}") == both);
    CHECK(listed("{\"red circle\": [\"red.png\"], \"blue circle\": [\"blue.png\"]}") == both);
    CHECK(
        listed("{\"info\": {\"year\": 2020}, \"data\": [{\"path\": \"red.png\", \"label\": \"red circle\"}, {\"path\": "
               "\"blue.png\", \"label\": \"blue circle\"}]}") == both);
    CHECK(listed("[[\"red.png\", \"red circle\"], [\"blue.png\", \"blue circle\"]]") == both);
    CHECK(listed("[[\"path\", \"label\"], [\"red.png\", \"red circle\"], [\"blue.png\", \"blue circle\"]]") == both);
    CHECK(listed(
              "{\"image\": {\"path\": \"red.png\", \"width\": 32}, \"annotation\": {\"label\": \"red circle\"}}\n"
              "{\"image\": {\"path\": \"blue.png\", \"width\": 32}, \"annotation\": {\"label\": \"blue circle\"}}\n") ==
          both);
    CHECK(
        listed("{\"red.png\": {\"label\": \"red circle\", \"size\": 9}, \"blue.png\": {\"label\": \"blue circle\"}}") ==
        both);
}

TEST_CASE("JSON of pandas, and of several splits") {
    CHECK(listed("{\"columns\": [\"path\", \"label\"], \"index\": [0, 1], \"data\": [[\"red.png\", \"red circle\"], "
                 "[\"blue.png\", \"blue circle\"]]}") == both);
    CHECK(has(list_refusal("{\"path\": {\"0\": \"red.png\"}, \"label\": {\"0\": \"red circle\"}}"),
              "an object with the keys 'path', 'label', expected"));
    const std::string splits =
        "{\"train\": [{\"image\": \"a.png\", \"label\": \"cat\"}], \"val\": [{\"image\": \"b.png\", \"label\": "
        "\"dog\"}]}";
    CHECK(listed(splits) == "b.png:dog");
    CHECK(listed(splits, {}, "train") == "a.png:cat");
    CHECK(has(list_refusal("{\"images\": [\"a.png\", \"b.png\"], \"labels\": [\"cat\", \"dog\"]}"),
              "an object with the keys 'images', 'labels'"));
}

TEST_CASE("labels of COCO are the categories of the objects in an image") {
    const std::string coco =
        "{\"info\": {}, \"images\": [{\"id\": 7, \"file_name\": \"a.png\"}, {\"id\": 9, \"file_name\": \"b.png\"}], "
        "\"annotations\": [{\"id\": 1, \"image_id\": 9, \"category_id\": 3, \"bbox\": [1, 2, 3, 4]}, {\"id\": 2, "
        "\"image_id\": 9, \"category_id\": 5}, {\"id\": 3, \"image_id\": 7, \"category_id\": 3}], ";
    CHECK(listed(coco + "\"categories\": [{\"id\": 3, \"name\": \"dog\"}, {\"id\": 5, \"name\": \"cat\"}]}") ==
          "a.png:dog b.png:cat,dog");
    CHECK(has(list_refusal(coco + "\"categories\": [{\"id\": 3, \"name\": \"dog\"}]}"),
              "/annotations/1: no category has its category_id"));
}

TEST_CASE("an image has several labels in an array, in cells of its own, or in a list in one cell") {
    CHECK(listed("{\"path\": \"a.png\", \"label\": \"dog\"}\n\n{\"path\": \"b.png\", \"labels\": [\"dog\", "
                 "\"cat\"]}\n") != "");
    CHECK(listed("{\"path\": \"a.png\", \"labels\": [\"dog\"]}\n{\"path\": \"b.png\", \"labels\": [\"dog\", \"cat\"]}\n"
                 "{\"path\": \"c.png\", \"labels\": null}\n") == "a.png:dog b.png:cat,dog c.png:");
    CHECK(listed("path,labels\na.png,\"['dog', 'cat']\"\nb.png,\"[\"\"dog\"\"]\"\n") == "a.png:cat,dog b.png:dog");
    CHECK(listed("path,labels\na.png,dog,cat\nb.png,dog\n") == "a.png:cat,dog b.png:dog");
    CHECK(listed("path,tags\na.png,dog|cat\nb.png,dog\n") == "a.png:cat,dog b.png:dog");
    CHECK(listed("path,labels\na.png,dog; cat\nb.png,\n") == "a.png:cat,dog b.png:");
    CHECK(listed("path,label\na.png,dog|cat\nb.png,dog\n") == "a.png:dog|cat b.png:dog");
    CHECK(listed("{\"path\": \"a.png\", \"objects\": [{\"label\": \"dog\"}, {\"label\": \"cat\"}]}\n") ==
          "a.png:cat,dog");
}

TEST_CASE("labels that are whole numbers are indices of classes without names, and -1 is none") {
    CHECK(listed("a.png,2\nb.png,10\n") == "a.png:2 b.png:10");
    CHECK(listed("{\"path\": \"a.png\", \"label\": 1}") == "a.png:1");
    CHECK(listed("path,label\na.png,cat\nb.png,nan\n") == "a.png:cat b.png:");  // pandas' name for none
    CHECK(listed("path,label\na.png,2.0\nb.png,-1\nc.png,0\n") == "a.png:2 b.png: c.png:0");
    CHECK(listed("val/a.JPEG 65\nval/b.JPEG 970\n") == "val/a.JPEG:65 val/b.JPEG:970");
    const support::scratch_folder folder;
    support::write(folder / "list.csv", "a.png,2\n");
    CHECK(image_list(folder / "list.csv").classes().empty());
}

TEST_CASE("numbers among names, fractions and names of files are no classes") {
    CHECK(has(list_refusal("path,label\na.png,cat\nb.png,3\n"), "labels are names, as 'cat', and numbers, as '3'"));
    CHECK(has(list_refusal("path,label\na.png,cat\nb.png,-1\n"), "numbers, as '-1'"));
    CHECK(has(list_refusal("path,label\na.png,0.5\nb.png,1\n"), "label '0.5'"));
    CHECK(has(list_refusal("path,label\na.png,-2\nb.png,1\n"), "label '-2'"));
    CHECK(has(list_refusal("path,label\na.png,20200101\n"), "label '20200101'"));
    CHECK(has(list_refusal("path,label\na.png,\"{\"\"type\"\":\"\"cat\"\"}\"\nb.png,\n"), "is an object"));
    CHECK(has(list_refusal("image,target\na.png,am.png\nb.png,bm.png\n"), "label 'am.png' is the name of a file"));
}

TEST_CASE("of the splits that a column names one is read") {
    const std::string list = "path,label,split\na.png,cat,train\nb.png,dog,test\nc.png,cat,val\n";
    CHECK(listed(list) == "b.png:dog");
    CHECK(listed(list, {}, "train") == "a.png:cat");
    CHECK(listed(list, {}, "validation") == "c.png:cat");
    CHECK(has(thrown([&] { listed("path,label,split\na.png,cat,train\nb.png,dog,val\n", {}, "test"); }),
              "it has no split 'test' but train and val"));
    CHECK(listed("path,label,split\na.png,cat,train\n") == "a.png:cat");
    CHECK(listed("path,label,split\na.png,cat,train\n", {}, "train") == "a.png:cat");
    CHECK(has(thrown([&] { listed("path,label,split\na.png,cat,train\n", {}, "val"); }), "no split 'val' but train"));
}

TEST_CASE("a sentence says how the list was understood") {
    CHECK(has(note_of("id,path,label\n0,a.png,cat\n1,b.png,dog\n"),
              "list.csv: commas, images in column 'path', labels in column 'label'; not read: 'id'"));
    CHECK(has(note_of("a.png\tcat\n"), "list.csv: tabs, no header, images in column 1, labels in column 2"));
    CHECK(
        has(note_of("{\"file_name\": \"a.png\", \"label\": \"cat\"}\n{\"file_name\": \"b.png\", \"label\": \"cat\"}\n"),
            "list.csv: JSON lines, images in column 'file_name', labels in column 'label'"));
}

TEST_CASE("paths are relative to the list, and the number of images is known") {
    const support::scratch_folder folder;
    support::write(folder / "list.csv", "a/b.png,dog\n");
    image_list list(folder / "list.csv");
    CHECK(list.count() == 1);
    CHECK(std::get<std::filesystem::path>(list.next()->image) == folder / "a/b.png");
    support::write(folder / "images/0001", "x");  // files without extensions, beside the list
    support::write(folder / "bare.csv", "images/0001,dog\nimages/0002,cat\n");
    image_list bare(folder / "bare.csv");
    CHECK(support::listed(bare) == "images/0001:1 images/0002:0");
}

TEST_CASE("paths are relative to the only folder beside the list that has the first image") {
    const support::scratch_folder folder;
    const auto path_of_first = [&] {
        image_list list(folder / "list.csv");
        const bool is_noted = has(list.notes().back(), "paths are relative to " + path_text(folder / "images"));
        const std::filesystem::path path = std::get<std::filesystem::path>(list.next()->image);
        CHECK(is_noted == (path != folder / "a/1.png"));
        return path;
    };
    support::write(folder / "list.csv", "a/1.png,dog\na/2.png,cat\n");
    CHECK(path_of_first() == folder / "a/1.png");
    support::write(folder / "images/a/1.png", "x");
    CHECK(path_of_first() == folder / "images/a/1.png");
    support::write(folder / "masks/a/1.png", "x");
    CHECK(path_of_first() == folder / "a/1.png");
}

TEST_CASE("a damaged list is refused with the line number") {
    CHECK(has(list_refusal(""), "no images in it"));
    CHECK(has(list_refusal("path,label\n"), "no images in it"));
    CHECK(has(list_refusal("a.png,dog\nb.png\n"), "list.csv: line 2: one cell, expected a path and a label"));
    CHECK(has(list_refusal("a.png,dog\n\"b.png,dog\n"), "line 2: a quotation mark is not closed"));
    CHECK(has(list_refusal("\"a\"b,dog\n"), "line 1: text follows a closing quotation mark"));
    CHECK(has(list_refusal("a.png,dog\n,cat\n"), "line 2: an empty path"));
    CHECK(has(list_refusal("path,label\na.png,a dog, running\n"), "line 2: 3 cells, expected 2, as in the header"));
    CHECK(has(list_refusal("{\"path\": \"a.png\"}\n{\"path\": \"b.png\"}\n"), "among the columns 'path'"));
    CHECK(has(list_refusal("{\"path\": \"a.png\", \"label\": 1}\n{\"path\"\n"), "line 2"));
    CHECK(has(list_refusal("{\"images\": [{\"file_name\": \"a.png\"}], \"annotations\": [{\"id\": 1}]}"),
              "an object with the keys 'images', 'annotations', expected"));
    CHECK(has(list_refusal("[\"a.png\", \"b.png\"]"), "/0 is a string, expected an object"));
    CHECK(has(list_refusal("a.png\nb.png\n"), "line 1: one cell"));
}

TEST_CASE("splits of CoOp are arrays of an image, the number and the name of its class") {
    const std::string train = R"("train": [["c.png", 0, "cat"], ["d.png", 1, "dog"], ["e.png", 0, "cat"]])";
    const std::string val = R"("val": [["b.png", 1, "dog"]])", test = R"("test": [["a.png", 0, "cat"]])";
    const auto joined = [](const std::string& first, const std::string& second) {
        return "{" + first + ",\n " + second + "}";
    };
    CHECK(listed(joined(train, val + ", " + test)) == "a.png:cat");
    CHECK(listed(joined(train, val)) == "b.png:dog");
    CHECK(listed(joined(train, test), {}, "train") == "c.png:cat d.png:dog e.png:cat");
    CHECK(listed("{" + train + "}") == "c.png:cat d.png:dog e.png:cat");
    CHECK(listed(R"([["a.png", 7, "cat"], ["b.png", 9, "dog"]])") == "a.png:cat b.png:dog");
    CHECK(has(note_of("{" + train + "}"), "images in column 'path', labels in column 'classname'; not read: 'label'"));
    for (const char* other : {R"({"test": [["a.png", 0, "Ann"], ["b.png", 0, "Bo"]]})",
                              R"({"test": [["a.png", "cat", "Ann"], ["b.png", "dog", "Bo"]]})",
                              R"({"test": [["a.png", 0, "cat"], ["b.png", 0]]})"})
        CHECK(has(list_refusal(other), "no header says which of the columns holds labels"));
}

TEST_CASE("numbers in a row are no class") {
    for (const char* label : {"0 1 0", "[0 1 0]", "0;1", "1e-3", "\"1, 2\"", "[0. 1.]"})
        CHECK(has(list_refusal("path,label\na.png," + std::string(label) + "\n"), "is numbers and no name"));
    CHECK(has(list_refusal("a.png 0 1 0\nb.png 1 0 0\n"), "is numbers and no name"));
    CHECK(has(list_refusal("path,label\na.png,\"[0, 1, 0]\"\n"), "label '0' twice"));
    CHECK(has(list_refusal("a.png red_circle 0\nb.png blue_circle 1\n"), "names with their indices"));
    CHECK(listed("path,label\na.png,747-400\nb.png,20-29\n") == "a.png:747-400 b.png:20-29");
    CHECK(listed("path,label\na.png,digit 0\nb.png,digit 1\n") == "a.png:digit 0 b.png:digit 1");
    CHECK(listed("path,label\na.png,Boeing 737\nb.png,Airbus 320\n") == "a.png:Boeing 737 b.png:Airbus 320");
}

TEST_CASE("labels of words may end in numbers, with a warning where these count them") {
    const auto is_warned = [](const std::string& text) {
        const support::scratch_folder folder;
        support::write(folder / "list.csv", text);
        return has(image_list(folder / "list.csv").notes().back(), "warning: labels end with numbers that count them");
    };
    CHECK(listed("a.png,Formula 1\nb.png,Area 2\n") == "a.png:Formula 1 b.png:Area 2");
    CHECK(is_warned("a.png,Formula 1\nb.png,Area 2\n"));
    CHECK(is_warned("path,label\na.png,red_circle 0\nb.png,blue_circle 1\n"));
    CHECK_FALSE(is_warned("path,label\na.png,Formula 1\nb.png,Channel 4\n"));
    CHECK_FALSE(is_warned("path,label\na.png,class 1\nb.png,class 2\n"));
}

TEST_CASE("splits are no classes, and one of them is read") {
    CHECK(has(list_refusal(R"({"train": ["a.png", "b.png"], "test": ["c.png"]})"), "images in splits, without labels"));
    for (const char* column : {"dataset", "data_split", "stage", "data set", "part of it"}) {
        const std::string name(column);
        CHECK(listed("path,label," + name + "\na.png,cat,train\nb.png,dog,test\n") == "b.png:dog");
        CHECK(has(list_refusal("path," + name + "\na.png,train\nb.png,test\nc.png,test\n"), "no column is recognised"));
        CHECK(listed("path,label," + name + "\na.png,cat,train\nb.png,dog,test\n", {"", name}) ==
              "a.png:train b.png:test");
    }
    CHECK(listed("path,label,uid\na.png,cat,train_1\nb.png,dog,train_2\nc.png,cat,train_3\n") ==
          "a.png:cat b.png:dog c.png:cat");
    CHECK(listed("path,label,set\na.png,cat,train\nb.png,dog,extra\nc.png,cat,test\n") == "c.png:cat");
}

TEST_CASE("columns that are empty in all lines hold no labels") {
    CHECK(listed("red.png,red circle,\nblue.png,blue circle,\n") == both);
    std::string late = "a.png,cat,\n";
    for (int i = 0; i < 300; ++i) late += "b.png,dog,\n";
    CHECK(has(list_refusal(late + "c.png,cat,dog\n"), "line 302: 3 cells, expected 2"));
}

TEST_CASE("a list of MXNet has a number, a label and a path") {
    const support::scratch_folder folder;
    support::write(folder / "list.lst", "4\t1.000000\ta.png\n1\t0.000000\tb.png\n7\t1.000000\tc.png\n");
    image_list list(folder / "list.lst");
    const std::vector<example> images = support::all_of(list);
    REQUIRE(images.size() == 3);
    CHECK(images[0].name == "a.png");
    CHECK(images[0].labels == std::vector<std::size_t>{1});
    CHECK(images[1].labels == std::vector<std::size_t>{0});
}

TEST_CASE("members of nested objects are read where no outer one has the name") {
    CHECK(listed(R"({"file_name": "a.png", "thumbnail": {"path": "t.png"}, "label": "cat"})") == "a.png:cat");
    CHECK(listed(R"([{"image": {"path": "a.png", "name": "one"}, "label": {"name": "cat"}},
                     {"image": {"path": "b.png", "name": "two"}, "label": {"name": "dog"}}])") ==
          "a.png:cat b.png:dog");
    CHECK(listed(R"({"image": "a.png", "label": "cat", "meta": {"class_name": "x"}})") == "a.png:cat");
    CHECK(has(list_refusal("image,title,text\na.png,a,d\nb.png,b,e\nc.png,c,f\n"), "the columns 'title' and 'text'"));
}

TEST_CASE("long lists of columns and keys are cut, and too many refused") {
    std::string header = "filename", objects = "[";
    for (int i = 0; i < 1200; ++i) {
        header += ",column" + std::to_string(i);
        const std::string key = "\"k" + std::to_string(i) + "\"";
        objects += (i == 0 ? "" : ",") + std::string(R"({"image": "a.png", "label": "x", )") + key + ": 1}";
    }
    CHECK(list_refusal(header + "\na.png,0\n").size() < 500);
    CHECK(has(list_refusal(objects + "]"), "more than 1,000 different keys"));
    CHECK(has(list_refusal("{}"), "an empty object"));
}
