#include <fstream>

#include <zeroshot/support/batch_cache.hpp>
#include <zeroshot/support/file.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using support::has;
using support::thrown;

namespace {

/// Whatever is there already.
void put(const std::filesystem::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace

TEST_CASE("a batch comes back as it was kept, and only under its own key") {
    const support::scratch_folder home;
    const kept_batch batch{{true, false, true}, {1, 2, 3, 4}};
    write_kept_batch(home / "b", "key", batch);
    const kept_batch found = read_kept_batch(home / "b", "key", 3, 2).value();
    CHECK(found.is_good == batch.is_good);
    CHECK(found.rows == batch.rows);
    CHECK_FALSE(read_kept_batch(home / "none", "key", 3, 2));
    CHECK(has(thrown<file_error>([&] { read_kept_batch(home / "b", "other", 3, 2); }),
              "this batch of embeddings is damaged"));
    write_kept_batch(home / "empty", "key", {{false}, {}});
    CHECK(read_kept_batch(home / "empty", "key", 1, 2)->rows.empty());
    write_kept_batch(home / "double", "key", basic_kept_batch<double>{{true}, {0.1, 0.2}});
    CHECK(read_kept_batch<double>(home / "double", "key", 1, 2)->rows == std::vector{0.1, 0.2});
}

TEST_CASE("a byte too few, too many or changed is seen") {
    const support::scratch_folder home;
    write_kept_batch(home / "b", "key", {{true, true}, {1, 2, 3, 4}});
    const std::string whole = support::text_of(read_file(home / "b"));
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string changed = whole;
        changed[at] ^= 1;
        for (const std::string& bytes : {changed, whole.substr(0, at), whole + whole.substr(at)}) {
            put(home / "b", bytes);
            INFO("byte " << at);
            const std::string said = thrown<file_error>([&] { read_kept_batch(home / "b", "key", 2, 2); });
            CHECK((has(said, "damaged") || has(said, "LIMIT")));
        }
    }
}
