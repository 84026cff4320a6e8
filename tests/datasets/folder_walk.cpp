#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <zeroshot/datasets/folder_walk.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;

namespace {

/// The images found, as paths below a folder, sorted; and the report.
std::pair<std::vector<std::string>, walk_report> walked(const std::filesystem::path& folder,
                                                        const std::vector<std::string>& roots = {"."}) {
    std::vector<std::string> names;
    std::vector<std::filesystem::path> places;
    for (const std::string& root : roots) places.push_back(root == "." ? folder : folder / root);
    folder_walk walk([&](std::size_t, const std::filesystem::path&, const std::vector<std::filesystem::path>& images) {
        for (const std::filesystem::path& image : images)
            names.push_back(image.lexically_relative(folder).generic_string());
    });
    walk_report report = walk(places);
    std::ranges::sort(names);
    return {names, report};
}

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("images of all subfolders are found; hidden folders and other files are left out") {
    const support::scratch_folder folder;
    for (const char* name : {"b.png", "a/c.JPG", "a/b/c/d.webp", "a/notes.txt", ".git/x.png", "a/.thumbnails/y.png",
                             "__MACOSX/z.png", "a/.hidden.png", "caf\xc3\xa9 \xe7\x8c\xab/1.png"})
        support::write(folder / name, "x");
    const auto [found, report] = walked(folder.path());
    CHECK(found == names{"a/b/c/d.webp", "a/c.JPG", "b.png", "caf\xc3\xa9 \xe7\x8c\xab/1.png"});
    CHECK(report.failures.empty());
    CHECK(report.notes.empty());
    CHECK(walked(folder.path(), {"a/.thumbnails"}).first == names{"a/.thumbnails/y.png"});  // a root is read
}

TEST_CASE("links to folders are followed, each folder once, from the place that is no link") {
    const support::scratch_folder folder;
    support::write(folder / "photos/a.png", "x");
    support::write(folder / "photos/z/b.png", "x");
    support::write(folder / "disk/album/c.png", "x");
    std::filesystem::create_directory_symlink("../disk/album", folder / "photos/album");
    std::filesystem::create_directory_symlink("../disk/album", folder / "photos/same");
    std::filesystem::create_directory_symlink("z", folder / "photos/earlier");  // before z by name
    const auto [found, report] = walked(folder / "photos");
    CHECK(found == names{"a.png", "album/c.png", "z/b.png"});
    REQUIRE(report.notes.size() == 2);
    CHECK(has(report.notes[0], "photos/earlier leads to a folder that is read in another place"));
    CHECK(has(report.notes[1], "photos/same leads to"));
}

TEST_CASE("a circle of links ends, whatever leads back") {
    const support::scratch_folder folder;
    support::write(folder / "top/a/1.png", "x");
    support::write(folder / "elsewhere/2.png", "x");
    std::filesystem::create_directory_symlink("..", folder / "top/a/up");
    std::filesystem::create_directory_symlink(".", folder / "top/self");
    std::filesystem::create_directory_symlink("../..", folder / "top/a/above");       // above the root
    std::filesystem::create_directory_symlink("../elsewhere", folder / "top/there");  // and from there
    std::filesystem::create_directory_symlink("../top", folder / "elsewhere/back");   // back again
    std::filesystem::create_symlink("nowhere", folder / "top/dangling");
    const auto [found, report] = walked(folder / "top");
    CHECK(found == names{"a/1.png", "there/2.png"});
    CHECK(report.notes.size() == 4);
    CHECK(report.failures.empty());
    for (const std::string& note : report.notes) {
        INFO(note);
        CHECK((has(note, "is a link to a folder above it") || has(note, "is read in another place")));
    }
}

TEST_CASE("a link that leads from one root to another is read in the other one") {
    const support::scratch_folder folder;
    support::write(folder / "cat/1.png", "x");
    support::write(folder / "dog/2.png", "x");
    std::filesystem::create_directory_symlink("../dog", folder / "cat/friends");
    std::filesystem::create_directory_symlink("cat", folder / "kitten");
    const auto [found, report] = walked(folder.path(), {"cat", "dog", "kitten"});
    CHECK(found == names{"cat/1.png", "dog/2.png"});
    CHECK(report.notes.size() == 2);
    CHECK(walked(folder.path(), {"kitten", "cat", "dog"}).first == names{"cat/1.png", "dog/2.png"});
}

TEST_CASE("a folder that cannot be listed is named, and what is beside it is found") {
    const support::scratch_folder folder;
    for (const char* name : {"a/1.png", "b/2.png", "b/c/3.png", "d/4.png"}) support::write(folder / name, "x");
    const auto [missing, no_root] = walked(folder.path(), {"a", "gone", "d"});
    CHECK(missing == names{"a/1.png", "d/4.png"});
    REQUIRE(no_root.failures.size() == 1);
    CHECK(has(no_root.failures[0].what(), "gone: cannot list the folder: No such file or directory"));
    if (::geteuid() == 0) return;  // root reads everything
    std::filesystem::permissions(folder / "b", std::filesystem::perms::none);
    const auto [found, report] = walked(folder.path());
    std::filesystem::permissions(folder / "b", std::filesystem::perms::owner_all);
    CHECK(found == names{"a/1.png", "d/4.png"});
    REQUIRE(report.failures.size() == 1);
    CHECK(has(report.failures[0].what(), "/b: cannot list the folder: Permission denied"));
}

TEST_CASE("images are recognised by their extensions, those without a decoder included") {
    CHECK(has_image_extension("photos/a.JPEG"));
    CHECK(has_image_extension("a.heic"));
    CHECK(has_image_extension("a.ppm"));
    CHECK_FALSE(has_image_extension("a.txt"));
    CHECK_FALSE(has_image_extension(".a.png"));
    CHECK_FALSE(has_image_extension("png"));
}
