#include <zeroshot/datasets/class_folders.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::thrown;

TEST_CASE("folders are classes in sorted order; images come by folder and name, other files are skipped") {
    const support::scratch_folder home;
    for (const char* name :
         {"dog/b.png", "dog/a.JPG", "dog/z/0.png", "dog/notes.txt", "dog/.hidden.png", "cat/1.webp", ".git/x.png"})
        support::write(home / name, "x");
    std::filesystem::create_directories(home / "empty");
    support::write(home / "top.png", "x");
    class_folders photos(home.path());
    CHECK(photos.classes() == std::vector<std::string>{"cat", "dog", "empty"});
    CHECK(photos.count() == 4);
    CHECK(support::listed(photos) == "cat/1.webp:0 dog/a.JPG:1 dog/b.png:1 dog/z/0.png:1");
}

TEST_CASE("a folder without folders, or without images, is refused") {
    const support::scratch_folder home;
    CHECK(has(thrown<data_set_error>([&] { class_folders{home.path()}; }),
              "contains no folders, expected a folder for each class"));
    std::filesystem::create_directories(home / "cat");
    CHECK(has(thrown<data_set_error>([&] { class_folders{home.path()}; }), "no images in its 1 folders"));
    CHECK(has(thrown<file_error>([&] { class_folders{home / "none"}; }), "IO "));
}

TEST_CASE("images are recognised by their extensions, those without a decoder included") {
    CHECK(has_image_extension("photos/a.JPEG"));
    CHECK(has_image_extension("a.heic"));
    CHECK(has_image_extension("a.ppm"));
    CHECK_FALSE(has_image_extension("a.txt"));
    CHECK_FALSE(has_image_extension(".a.png"));
    CHECK_FALSE(has_image_extension("png"));
}
