#include <fstream>

#include <zeroshot/checkpoint/cache_file.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using support::has;

namespace {

void overwrite(const std::filesystem::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

const std::string data = support::raw<float>({1, 2, 3, 4});

std::vector<named_tensor> two_tensors() {
    const auto bytes = support::bytes_of(data);
    static const std::vector<std::byte> memory(bytes);
    return {{"a", {dtype::f32, {4}, memory}}, {"b", {dtype::u8, {2}, std::span(memory).first(2)}}};
}

constexpr std::size_t enough = 1000;

}  // namespace

TEST_CASE("cached tensors are read back under their key, and under no other") {
    const support::scratch_folder home;
    for (const cache_access access : {cache_access::checked, cache_access::mapped}) {
        const cache_file cache(home / "new folder" / "c", "key", access);
        cache_report report;
        std::filesystem::remove(cache.path());
        CHECK_FALSE(cache.read(enough, report));
        cache.write(two_tensors(), report);
        const tensor_list read = cache.read(enough, report).value();
        CHECK(support::text_of(read.find("a")->bytes.bytes()) == data);
        CHECK(read.find("b")->bytes.size() == 2);
        CHECK_FALSE(cache_file(cache.path(), "other", access).read(enough, report));
        CHECK(report.warning.empty());
    }
}

TEST_CASE("a cache file with a byte changed, missing or added is a miss and is replaced") {
    const support::scratch_folder home;
    const cache_file cache(home / "c", "key");
    cache_report report;
    cache.write(two_tensors(), report);
    const std::string whole = support::text_of(read_file(cache.path()));
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string changed = whole;
        changed[at] ^= 1;
        for (const std::string& bytes : {changed, whole.substr(0, at), whole + whole.substr(at)}) {
            overwrite(cache.path(), bytes);
            INFO("byte " << at);
            CHECK_FALSE(cache.read(enough, report));
        }
    }
    CHECK(has(report.warning, "the cache file is damaged; computed again"));
    cache.write(two_tensors(), report);
    CHECK(support::text_of(read_file(cache.path())) == whole);
}

TEST_CASE("a checked cache file larger than its limit is a miss") {
    const support::scratch_folder home;
    const cache_file cache(home / "c", "key");
    overwrite(cache.path(), std::string(2'000'000, ' '));
    cache_report report;
    CHECK_FALSE(cache.read(enough, report));
    CHECK(has(report.warning, "computed again"));
}

TEST_CASE("a cache that cannot be written is a warning, and the present file stays") {
    const support::scratch_folder home;
    overwrite(home / "file", "text");
    cache_report report;
    cache_file(home / "file" / "c", "key").write(two_tensors(), report);
    CHECK(has(report.warning, "; not cached"));
    CHECK(support::text_of(read_file(home / "file")) == "text");
}
