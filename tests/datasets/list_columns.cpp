#include <string>
#include <vector>

#include <zeroshot/datasets/list_columns.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::thrown;

namespace {

using rows = std::vector<std::vector<std::string>>;

/// "header image:label,label", columns from 1; or the refusal.
std::string found(const rows& cells, const list_columns& requested = {}) {
    std::vector<datasets::detail::list_row> list;
    for (const auto& row : cells) {
        list.emplace_back();
        for (const std::string& cell : row) list.back().push_back({cell});
    }
    std::string text;
    const std::filesystem::path folder = "nowhere";
    const std::string location = "list.csv";
    const std::string refusal = thrown<data_set_error>([&] {
        const auto columns = datasets::detail::column_finder(list, {}, requested, folder, location).find();
        text = (columns.has_header ? "header " : "") + std::to_string(columns.image + 1) + ":";
        for (const std::size_t label : columns.labels) text += std::to_string(label + 1);
    });
    return refusal == "nothing" ? text : refusal;
}

}  // namespace

TEST_CASE("names of columns are compared without case, separators and outer objects") {
    for (const char* name : {"image_path", "Image Path", "imagePath", "ImagePath", "image-path", " IMAGE_PATH ",
                             "#image_path", "meta.image_path"})
        CHECK(datasets::detail::plain_name(name) == "image_path");
    CHECK(datasets::detail::plain_name("") == "");
    CHECK(datasets::detail::plain_name("Unnamed: 0") == "unnamed_0");
}

TEST_CASE("columns are known by their usual names, in any order") {
    const std::vector<std::string> a{"a.png", "cat"}, b{"b.png", "dog"};
    for (const char* image :
         {"path", "file_name", "filename", "filepath", "image", "Image Path", "img", "id", "image_id"}) {
        for (const char* label :
             {"label", "Class", "category", "target", "caption", "title", "text", "class_name", "species"}) {
            INFO(image << " " << label);
            CHECK(found({{image, label}, a, b}) == "header 1:2");
            CHECK(found({{label, image}, {"cat", "a.png"}, {"dog", "b.png"}}) == "header 2:1");
            CHECK(found({{"", label, "split", image}, {"0", "cat", "test", "a.png"}, {"1", "dog", "test", "b.png"}}) ==
                  "header 4:2");
        }
    }
}

TEST_CASE("names of classes come before labels, labels before captions, and images by content before names") {
    CHECK(found({{"path", "label", "label_name"}, {"a.png", "0", "cat"}, {"b.png", "1", "dog"}}) == "header 1:3");
    CHECK(found({{"path", "caption", "label"}, {"a.png", "a cat", "cat"}, {"b.png", "a dog", "dog"}}) == "header 1:3");
    CHECK(found({{"id", "image", "file", "label"}, {"7", "x", "a.png", "cat"}, {"9", "y", "b.png", "dog"}}) ==
          "header 3:4");
    CHECK(found({{"image", "name"}, {"a.png", "cat"}, {"b.png", "dog"}}) == "header 1:2");
    CHECK(found({{"label", "class", "path"}, {"0", "cat", "a.png"}, {"1", "dog", "b.png"}}) == "header 3:2");
}

TEST_CASE("a header of other words is one by what stands below it") {
    CHECK(found({{"Foto", "Klasse"}, {"a.png", "Hund"}, {"b.png", "Katze"}}) == "header 1:2");
    CHECK(found({{"Klasse", "Foto"}, {"Hund", "a.png"}, {"Katze", "b.png"}}) == "header 2:1");
    CHECK(has(found({{"Foto", "Klasse", "Ort"}, {"a.png", "Hund", "Ulm"}, {"b.png", "Katze", "Bern"}}),
              "no column is recognised as that of labels among the columns 'Foto', 'Klasse', 'Ort'; --label-column"));
}

TEST_CASE("without a header the column of images is known by its cells, and a count of rows is no label") {
    CHECK(found({{"a.png", "cat"}, {"b.png", "dog"}}) == "1:2");
    CHECK(found({{"cat", "a.png"}, {"dog", "b.png"}}) == "2:1");
    CHECK(found({{"0", "a.png", "cat"}, {"1", "b.png", "dog"}}) == "2:3");
    CHECK(found({{"a.png", "cat", "7"}, {"b.png", "dog", "8"}}) == "1:2");
    CHECK(found({{"a.png", "cat"}, {"b.png", "dog", "cat"}}) == "1:23");
}

TEST_CASE("columns in doubt are a question") {
    CHECK(has(found({{"a.png", "cat", "test"}, {"b.png", "dog", "test"}}), "no header says which of the columns"));
    CHECK(has(found({{"a.png", "cat", "indoors"}, {"b.png", "dog", "outdoors"}}), "among 3 columns, without a header"));
    CHECK(has(found({{"a.png", "m.png", "cat"}, {"b.png", "n.png", "dog"}}), "images in several columns"));
    CHECK(has(found({{"a.png", "train"}, {"b.png", "test"}}), "column 2 holds names of splits"));
    CHECK(has(found({{"x", "cat"}, {"y", "dog"}}), "no column is recognised as that of images among 2 columns"));
    CHECK(has(found({{"path", "split", "width"}, {"a.png", "test", "32"}, {"b.png", "test", "32"}}),
              "among the columns 'path', 'split', 'width'; --label-column names it"));
    CHECK(
        has(found({{"path", "width"}, {"a.png", "32"}, {"b.png", "32"}}), "no column is recognised as that of labels"));
    CHECK(has(found({{"path", "md5x"}, {"a.png", "q"}, {"b.png", "w"}, {"c.png", "e"}}), "that of labels"));
    CHECK(has(found({{"path", "label", "class"}, {"a.png", "cat", "pet"}, {"b.png", "dog", "pet"}}),
              "labels in the columns 'label' and 'class'"));
}

TEST_CASE("a caller names columns by their names, or by their numbers from 1") {
    const rows list{{"path", "split", "kind"}, {"a.png", "test", "cat"}, {"b.png", "test", "dog"}};
    CHECK(found(list, {"", "kind"}) == "header 1:3");
    CHECK(found(list, {"", "Kind"}) == "header 1:3");
    CHECK(found(list, {"1", "3"}) == "header 1:3");
    CHECK(has(found(list, {"", "label"}), "no column 'label' among the columns 'path', 'split', 'kind'"));
    CHECK(has(found(list, {"4", ""}), "no column '4'"));
    CHECK(found({{"a.png", "test", "cat"}, {"b.png", "test", "dog"}}, {"", "3"}) == "1:3");
    CHECK(found({{"mask", "photo", "label"}, {"a.png", "b.png", "cat"}, {"c.png", "d.png", "dog"}}, {"mask", ""}) ==
          "header 1:3");
}
