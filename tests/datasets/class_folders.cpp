#include <filesystem>
#include <string>
#include <vector>

#include <zeroshot/datasets/class_folders.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::thrown;

TEST_CASE("folders are classes in sorted order; images come by folder and name, other files are skipped") {
    const support::scratch_folder folder;
    for (const char* name :
         {"dog/b.png", "dog/a.JPG", "dog/z/0.png", "dog/notes.txt", "dog/.hidden.png", "cat/1.webp", ".git/x.png"})
        support::write(folder / name, "x");
    std::filesystem::create_directories(folder / "empty");
    class_folders photos(folder.path());
    CHECK(photos.classes() == std::vector<std::string>{"cat", "dog", "empty"});
    CHECK(photos.count() == 4);
    CHECK(support::listed(photos) == "cat/1.webp:0 dog/a.JPG:1 dog/b.png:1 dog/z/0.png:1");
    CHECK(photos.notes().empty());
    CHECK(photos.failures().empty());
}

TEST_CASE("images beside the class folders are mentioned") {
    const support::scratch_folder folder;
    support::write(folder / "cat/1.png", "x");
    support::write(folder / "top.png", "x");
    class_folders photos(folder.path());
    CHECK(support::listed(photos) == "cat/1.png:0");
    REQUIRE(photos.notes().size() == 1);
    CHECK(has(photos.notes()[0], "1 images beside the class folders belong to no class"));
}

TEST_CASE("a linked class folder is a class; a link never gives an image the label of another class") {
    const support::scratch_folder folder;
    support::write(folder / "data/cat/1.png", "x");
    support::write(folder / "data/dog/2.png", "x");
    support::write(folder / "disk/3.png", "x");
    std::filesystem::create_directory_symlink("../disk", folder / "data/horse");
    std::filesystem::create_directory_symlink("../dog", folder / "data/cat/friends");
    std::filesystem::create_directory_symlink("..", folder / "data/cat/up");
    std::filesystem::create_directory_symlink(".", folder / "data/loop");
    class_folders photos(folder / "data");
    CHECK(photos.classes() == std::vector<std::string>{"cat", "dog", "horse"});
    CHECK(support::listed(photos) == "cat/1.png:0 dog/2.png:1 horse/3.png:2");
    CHECK(photos.notes().size() == 3);
}

TEST_CASE("a folder without folders, or without images, is refused") {
    const support::scratch_folder folder;
    CHECK(has(thrown<data_set_error>([&] { class_folders{folder.path()}; }),
              "contains no folders, expected a folder for each class"));
    std::filesystem::create_directories(folder / "cat");
    CHECK(has(thrown<data_set_error>([&] { class_folders{folder.path()}; }), "no images in its 1 folders"));
    CHECK(has(thrown<file_error>([&] { class_folders{folder / "none"}; }), "IO "));
}
