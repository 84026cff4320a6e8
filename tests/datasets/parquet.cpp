#include "tests/catch.hpp"

#if !defined(ZEROSHOT_TEST_PARQUET)

TEST_CASE("Parquet files are read with Apache Arrow") {
    ZEROSHOT_SKIP_TEST("reading Parquet needs Apache Arrow, which was not found when this was configured");
}

#else

#include <zeroshot/datasets/parquet.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::thrown;

namespace {

const std::filesystem::path records(ZEROSHOT_SOURCE_DIR "/tests/golden/parquet");  // by record_parquet.py

std::string refusal(const std::filesystem::path& place) {
    return thrown<data_set_error>([&] {
        parquet_files files(place);
        support::all_of(files);
    });
}

}  // namespace

TEST_CASE("the files of a split are read in order; images are bytes or names of files") {
    parquet_files both(records);
    CHECK(both.classes() == std::vector<std::string>{"cat", "dog", "owl"});
    CHECK_FALSE(both.count());
    const std::vector<example> all = support::all_of(both);
    REQUIRE(all.size() == 5);
    CHECK(all[0].name == "test-00000-of-00002.parquet/0");
    CHECK(all[3].name == "test-00001-of-00002.parquet/0");
    CHECK(support::bytes_at(all[1]) == "picture 1");
    CHECK(support::bytes_at(all[3]) == "picture 3");
    CHECK(std::get<std::filesystem::path>(all[4].image) == records / "elsewhere.png");
    CHECK(all[0].labels == std::vector<std::size_t>{2});
    CHECK(all[2].labels.empty());  // out of distribution
    CHECK(all[4].labels == std::vector<std::size_t>{1});
    CHECK(parquet_files(records / "several.parquet").count() == 3);
}

TEST_CASE("an image may have several labels") {
    parquet_files several(records / "several.parquet");
    CHECK(several.classes().size() == 3);
    CHECK(support::listed(several) == "several.parquet/0:0,2 several.parquet/1: several.parquet/2:1");
}

TEST_CASE("damaged Parquet files, and those without labels or images, are refused") {
    CHECK(has(refusal(records / "unlabelled.parquet"), "unlabelled.parquet: no column of labels, expected"));
    const support::scratch_folder folder;
    CHECK(has(refusal(folder.path()), "contains no Parquet files"));
    support::write(folder / "text.parquet", "no Parquet at all, but as long as a file of it might be");
    CHECK(has(refusal(folder / "text.parquet"), "text.parquet: Arrow cannot read it: "));
    const std::string whole = support::text_of(read_file(records / "several.parquet"));
    support::write(folder / "short.parquet", whole.substr(0, whole.size() / 2));
    CHECK(has(refusal(folder / "short.parquet"), "short.parquet: Arrow cannot read it: "));
    std::string broken = whole;
    for (std::size_t i = 4; i < 200; ++i) broken[i] = static_cast<char>(broken[i] ^ 0x55);  // the first pages
    support::write(folder / "broken.parquet", broken);
    CHECK(has(refusal(folder / "broken.parquet"), "broken.parquet: Arrow cannot read it: "));
    CHECK_THROWS_AS(parquet_files(folder / "gone.parquet"), file_error);
}

#endif
