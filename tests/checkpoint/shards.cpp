#include <zeroshot/checkpoint/safetensors.hpp>
#include <zeroshot/checkpoint/shards.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using support::file_builder;
using support::has;
using support::raw;
using support::thrown;

namespace {

/// A folder with shards "1" (tensor a) and "2" (tensor b), and whatever index.
class sharded {
   public:
    sharded() {
        write("1", file_builder().add("a", "[1]", raw<float>({1})).bytes());
        write("2", file_builder().add("b", "[2]", raw<float>({2, 3})).bytes());
    }
    void write(const std::string& name, const std::vector<std::byte>& bytes) const {
        write_file(folder_ / name, bytes);
    }
    std::filesystem::path path(const std::string& name) const { return folder_ / name; }

    shard_list open(const std::string& index, const shard_limits& limits = {}) const {
        write_file(path("model.safetensors.index.json"), index);
        return open_shards(path("model.safetensors.index.json"), largest_file, limits,
                           [this](const std::shared_ptr<const byte_source>& source) {
                               ++opened;
                               return parse_safetensors(source);
                           });
    }
    std::string refusal(const std::string& index, const shard_limits& limits = {}) const {
        return thrown([&] { open(index, limits); });
    }

    mutable int opened = 0;

   private:
    support::scratch_folder folder_;
};

const std::string sound = R"({"metadata":{"total_size":12},"weight_map":{"a":"1","b":"2"}})";

}  // namespace

TEST_CASE("the tensors of all shards are one list") {
    const sharded files;
    const shard_list all = files.open(sound);
    REQUIRE(all.tensors.tensors.size() == 2);
    CHECK(support::text_of(all.tensors.find("a")->bytes.bytes()) == raw<float>({1}));
    CHECK(support::text_of(all.tensors.find("b")->bytes.bytes()) == raw<float>({2, 3}));
    CHECK(all.files.size() == 2);
}

TEST_CASE("a shard that is not a plain file name is refused before any file is opened") {
    const sharded files;
    for (const char* name : {"../../etc/passwd", "/etc/passwd", "C:\\\\x", "\\\\\\\\host\\\\x", "a/../../b", "file://x",
                             "", ".", "..", "a/b", "x\\u0000"}) {
        const std::string sentence = files.refusal(R"({"weight_map":{"a":"1","b":")" + std::string(name) + "\"}}");
        CHECK(has(sentence, "FORMAT"));
        CHECK(has(sentence, "expected the plain name"));
    }
    CHECK(files.opened == 0);
}

TEST_CASE("a shard may be a symbolic link unless that is not allowed, and never a folder") {
    const sharded files;
    std::filesystem::rename(files.path("2"), files.path("elsewhere"));
    std::filesystem::create_symlink(files.path("elsewhere"), files.path("2"));
    CHECK(files.refusal(sound) == "nothing");
    shard_limits strict;
    strict.allow_links = false;
    CHECK(has(files.refusal(sound, strict), "UNSUPPORTED"));
    std::filesystem::remove(files.path("2"));
    std::filesystem::create_directory(files.path("2"));
    CHECK(has(files.refusal(sound), "this is a folder"));
}

TEST_CASE("all missing shards are named at once; one that is damaged is named") {
    const sharded files;
    const std::string sentence = files.refusal(R"({"weight_map":{"a":"1","b":"3","c":"4"}})");
    CHECK(has(sentence, "IO"));
    CHECK(has(sentence, "shards are missing: '3', '4'"));
    CHECK(files.opened == 0);
    files.write("2", {});
    CHECK(has(files.refusal(sound), "/2: empty file"));
    files.write("2", file_builder().add("other", "[1]", raw<float>({1})).bytes());
    CHECK(has(files.refusal(sound), "/2: tensor 'b' is missing"));
}

TEST_CASE("shards hold what the index says, and nothing else") {
    const sharded files;
    CHECK(has(files.refusal(R"({"weight_map":{"a":"1","b":"2","c":"2"}})"), "/2: tensor 'c' is missing"));
    files.write("2", file_builder().add("b", "[1]", raw<float>({1})).add("c", "[1]", raw<float>({1})).bytes());
    CHECK(has(files.refusal(sound), "/2: tensor 'c' is not in the index"));
    files.write("2", file_builder().add("b", "[1]", raw<float>({1})).add("a", "[1]", raw<float>({1})).bytes());
    CHECK(has(files.refusal(sound), "/2: tensor 'a' is in this shard too, expected it in '1' alone"));
}

TEST_CASE("a weight_map that is not an object, is empty or names too many shards is refused") {
    const sharded files;
    for (const char* index : {"{}", R"({"weight_map":{}})", R"({"weight_map":[]})", R"({"weight_map":null})",
                              R"({"weight_map":{"a":1}})", "[]", ""})
        CHECK(has(files.refusal(index), "FORMAT"));
    shard_limits few;
    few.shards = 1;
    CHECK(has(files.refusal(sound, few), "2 shards in the index, expected at most 1"));
    std::string entries;
    for (int i = 0; i < 200'000; ++i) entries += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"1\"";
    CHECK(has(files.refusal("{\"weight_map\":{" + entries + "}}"), "LIMIT"));
    CHECK(files.opened == 0);
}

TEST_CASE("a stated total_size is not used to allocate") {
    const sharded files;
    for (const char* size : {"-1", "1e30", "\"many\"", "999999999999"})
        CHECK(files.refusal(R"({"metadata":{"total_size":)" + std::string(size) +
                            R"(},"weight_map":{"a":"1","b":"2"}})") == "nothing");
}

TEST_CASE("a wrong total_size is a warning") {
    const sharded files;
    const auto remarks = [&](const std::string& metadata) {
        return files.open("{\"metadata\":" + metadata + R"(,"weight_map":{"a":"1","b":"2"}})").remarks;
    };
    for (const char* metadata :
         {R"({"total_size":12})", R"({"total_size":12.0})", R"({"total_size":null})", "{}", "null", "7"})
        CHECK(remarks(metadata).empty());
    for (const char* size : {"11", "-1", "1e30", "\"12\"", "[12]", "true"}) {
        const auto warnings = remarks("{\"total_size\":" + std::string(size) + "}");
        REQUIRE(warnings.size() == 1);
        CHECK(has(warnings.front(), "model.safetensors.index.json"));
        CHECK(has(warnings.front(), "total_size: it is not 12, the bytes of the tensors in the shards"));
    }
}

TEST_CASE("an index that names an index is refused") {
    const sharded files;
    CHECK(has(files.refusal(R"({"weight_map":{"a":"model.safetensors.index.json"}})"), "expected the plain name"));
}

TEST_CASE("a duplicate tensor in the index is refused") {
    const sharded files;
    CHECK(has(files.refusal(R"({"weight_map":{"a":"1","a":"2"}})"), "duplicate key '/weight_map/a'"));
}
