#include <zeroshot/datasets/webdataset.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using support::has;
using support::tar_end;
using support::tar_entry;
using support::thrown;

namespace {

std::string sample(const std::string& key, const std::string& label, const std::string& extension = "jpg") {
    return tar_entry(key + ".cls", label) + tar_entry(key + "." + extension, "image " + key);
}

std::string shard_refusal(const std::string& members) {
    const support::scratch_folder home;
    support::write(home / "0.tar", members + tar_end);
    support::write(home / "classnames.txt", "cat\ndog\n");
    return thrown<data_set_error>([&] {
        web_shards shards(home.path());
        support::all_of(shards);
    });
}

}  // namespace

TEST_CASE("shards come by number, samples by key, with the names and templates that lie above") {
    const support::scratch_folder home;
    support::write(home / "test/0.tar", sample("s0", "1") + sample("d/s1", "0", "PNG") + tar_end);
    support::write(home / "test/10.tar", sample("s3", "0\n", "webp") + tar_end);
    support::write(home / "test/9.tar", sample("s2", "1") + tar_end);
    support::write(home / "classnames.txt", "cat\ndog\n");
    support::write(home / "zeroshot_classification_templates.txt", "a photo of a {c}.\nthe {}\n");
    for (const std::filesystem::path& place : {home.path(), home / "test"}) {
        web_shards shards(place);
        CHECK(shards.classes() == std::vector<std::string>{"cat", "dog"});
        CHECK(shards.templates() == std::vector<std::string>{"a photo of a {}.", "the {}"});
        const std::vector<example> all = support::all_of(shards);
        REQUIRE(all.size() == 4);
        CHECK(all[0].name == "0.tar/s0");
        CHECK(all[1].name == "0.tar/d/s1");
        CHECK(all[2].name == "9.tar/s2");
        CHECK(all[3].labels == std::vector<std::size_t>{0});
        CHECK(support::bytes_at(all[3]) == "image s3");
    }
}

TEST_CASE("a sample may have several labels, as an array with a 1 for each") {
    const std::string head = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n";
    const auto array = [&](const std::string& numbers) {
        return "\x93NUMPY\x01" + std::string(1, '\0') + static_cast<char>(head.size()) + '\0' + head + numbers;
    };
    const support::scratch_folder home;
    support::write(home / "0.tar", tar_entry("a.npy", array({1, 0, 1})) + tar_entry("a.jpg", "x") +
                                       tar_entry("b.npy", array({0, 0, 0})) + tar_entry("b.jpg", "x") + tar_end);
    web_shards shards(home.path());
    CHECK(support::listed(shards) == "0.tar/a:0,2 0.tar/b:");
    support::write(home / "classnames.txt", "cat\ndog\n");
    web_shards fewer(home.path());
    CHECK(has(thrown<data_set_error>([&] { support::all_of(fewer); }), "0.tar/a.npy: label 2, expected below 2"));
}

TEST_CASE("without classnames.txt labels are numbers") {
    const support::scratch_folder home;
    support::write(home / "000000.tar", sample("a", "41") + tar_end);
    web_shards shards(home.path());
    CHECK(shards.classes().empty());
    CHECK(support::listed(shards) == "000000.tar/a:41");
}

TEST_CASE("a sample that lacks something is told by its key") {
    CHECK(has(shard_refusal(tar_entry("a.jpg", "x")), "0.tar/a: there is no class"));
    CHECK(has(shard_refusal(tar_entry("a.cls", "1")), "0.tar/a: there is no image"));
    CHECK(has(shard_refusal(sample("a", "dog")), "0.tar/a.cls: the class is 'dog', expected a number"));
    CHECK(has(shard_refusal(sample("a", "2")), "0.tar/a: label 2, expected below 2"));
    CHECK(has(shard_refusal(tar_entry("a.npy", "x") + tar_entry("a.jpg", "x")), "a.npy: this is no array of NumPy"));
    CHECK(has(shard_refusal("").substr(0, 7), "nothing"));
}

TEST_CASE("a folder without shards is told") {
    const support::scratch_folder home;
    CHECK(
        has(thrown<data_set_error>([&] { web_shards{home.path()}; }), "no shards in it, nor in a folder 'test' of it"));
}
