#include <utility>

#include <zeroshot/datasets/data_set.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::thrown;

namespace {

class two_images final : public data_set {
   public:
    two_images() : data_set("two", {"a", "b"}) {}

    std::optional<example> next() override {
        if (index_ == 2) return std::nullopt;
        const std::string name = std::to_string(index_);
        return example{name, std::filesystem::path(name + ".png"), {index_++}};
    }

   private:
    std::size_t index_ = 0;
};

}  // namespace

TEST_CASE("a data set is read to its end; its size and templates are optional") {
    two_images photos;
    std::size_t seen = 0;
    while (const std::optional<example> one = photos.next()) {
        CHECK(one->labels == std::vector{seen});
        CHECK(std::get<std::filesystem::path>(one->image) == std::to_string(seen) + ".png");
        ++seen;
    }
    CHECK(seen == 2);
    CHECK_FALSE(photos.count());
    CHECK(photos.templates().empty());
    CHECK(photos.location() == "two");
    CHECK(photos.classes().size() == 2);
}

TEST_CASE("class names are the lines of a file that are not empty, with any line ending") {
    const support::scratch_folder folder;
    support::write(folder / "names.txt", "cat\r\n\r\nbig dog\n\nlast");
    CHECK(datasets::detail::read_lines(folder / "names.txt") == std::vector<std::string>{"cat", "big dog", "last"});
}

TEST_CASE("a label without a class is refused with the number of classes") {
    CHECK(has(thrown<data_set_error>([] { datasets::detail::check_label("x", 7, 3); }),
              "FORMAT x: label 7, expected below 3, the number of classes"));
}
