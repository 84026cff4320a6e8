#include <zeroshot/datasets/image_list.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::thrown;

namespace {

std::string listed(const std::string& text) {
    const support::scratch_folder folder;
    support::write(folder / "list.csv", text);
    image_list list(folder / "list.csv");
    return support::listed(list);
}

std::string list_refusal(const std::string& text) {
    return thrown([&] { listed(text); });
}

}  // namespace

TEST_CASE("a line of CSV is a path and its labels") {
    CHECK(listed("path,label\na.png,dog\nb.png,cat\n") == "a.png:1 b.png:0");
    CHECK(listed("\xef\xbb\xbf"
                 "a.png,dog\r\n\r\nb.png,cat,dog\r\nc.png,\r\n") == "a.png:1 b.png:0,1 c.png:");
    CHECK(listed("\"a,\"\"1\"\".png\",\"new\nline\"\n") == "a,\"1\".png:0");
    CHECK(listed("image,class\nx.png,b") == "x.png:0");
    CHECK(listed("a.png,dog,dog") == "a.png:0");
}

TEST_CASE("a line may be a JSON object") {
    CHECK(listed("{\"path\": \"a.png\", \"label\": \"dog\"}\n\n{\"path\": \"b.png\", \"labels\": [\"dog\", "
                 "\"cat\"]}\n{\"path\": \"c.png\", \"label\": null}\n") == "a.png:1 b.png:0,1 c.png:");
}

TEST_CASE("labels that are whole numbers are indices of classes named after them") {
    CHECK(listed("a.png,2\nb.png,10\n") == "a.png:2 b.png:10");
    CHECK(listed("{\"path\": \"a.png\", \"label\": 1}") == "a.png:1");
    const support::scratch_folder folder;
    support::write(folder / "list.csv", "a.png,2\n");
    CHECK(image_list(folder / "list.csv").classes() == std::vector<std::string>{"0", "1", "2"});
}

TEST_CASE("paths are relative to the list, and the number of images is known") {
    const support::scratch_folder folder;
    support::write(folder / "list.csv", "a/b.png,dog\n");
    image_list list(folder / "list.csv");
    CHECK(list.count() == 1);
    CHECK(std::get<std::filesystem::path>(list.next()->image) == folder / "a/b.png");
}

TEST_CASE("a damaged list is refused with the line number") {
    CHECK(has(list_refusal(""), "no images in it"));
    CHECK(has(list_refusal("path,label\n"), "no images in it"));
    CHECK(has(list_refusal("a.png,dog\nb.png\n"), "list.csv: line 2: one cell, expected a path and a label"));
    CHECK(has(list_refusal("a.png,dog\n\"b.png,dog\n"), "line 2: a quotation mark is not closed"));
    CHECK(has(list_refusal("\"a\"b,dog\n"), "line 1: text follows a closing quotation mark"));
    CHECK(has(list_refusal("a.png,dog\n,cat\n"), "line 2: an empty path"));
    CHECK(has(list_refusal("{\"path\": \"a.png\"}\n"), "line 1: /label is missing"));
    CHECK(has(list_refusal("{\"path\": \"a.png\", \"label\": 1}\n{\"path\"\n"), "line 2"));
    CHECK(has(list_refusal("{\"path\": \"a.png\", \"label\": 1.5}\n"), "an unsigned integer"));
}

TEST_CASE("folders are classes in sorted order; images come by folder and name, other files are skipped") {
    const support::scratch_folder folder;
    for (const char* name :
         {"dog/b.png", "dog/a.JPG", "dog/z/0.png", "dog/notes.txt", "dog/.hidden.png", "cat/1.webp", ".git/x.png"})
        support::write(folder / name, "x");
    std::filesystem::create_directories(folder / "empty");
    support::write(folder / "top.png", "x");
    class_folders photos(folder.path());
    CHECK(photos.classes() == std::vector<std::string>{"cat", "dog", "empty"});
    CHECK(photos.count() == 4);
    CHECK(support::listed(photos) == "cat/1.webp:0 dog/a.JPG:1 dog/b.png:1 dog/z/0.png:1");
}

TEST_CASE("a folder without folders, or without images, is refused") {
    const support::scratch_folder folder;
    CHECK(has(thrown<data_set_error>([&] { class_folders{folder.path()}; }),
              "contains no folders, expected a folder for each class"));
    std::filesystem::create_directories(folder / "cat");
    CHECK(has(thrown<data_set_error>([&] { class_folders{folder.path()}; }), "no images in its 1 folders"));
    CHECK(has(thrown<file_error>([&] { class_folders{folder / "none"}; }), "IO "));
}

TEST_CASE("images are recognised by their extensions, those without a decoder included") {
    CHECK(has_image_extension("photos/a.JPEG"));
    CHECK(has_image_extension("a.heic"));
    CHECK(has_image_extension("a.ppm"));
    CHECK_FALSE(has_image_extension("a.txt"));
    CHECK_FALSE(has_image_extension(".a.png"));
    CHECK_FALSE(has_image_extension("png"));
}
