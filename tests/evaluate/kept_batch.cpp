#include <fstream>

#include <zeroshot/evaluate/kept_batch.hpp>

#include "tests/evaluate/support.hpp"

using namespace zeroshot;
using support::has;
using support::thrown;

TEST_CASE("a batch comes back as it was kept, and only under its own key") {
    const support::scratch_folder home;
    const kept_batch batch{{true, false, true}, {1, 2, 3, 4}};
    write_kept_batch(home / "b", "key", batch);
    const kept_batch found = read_kept_batch(home / "b", "key", 3, 2).value();
    CHECK(found.is_good == batch.is_good);
    CHECK(found.rows == batch.rows);
    CHECK_FALSE(read_kept_batch(home / "none", "key", 3, 2));
    CHECK(has(thrown<data_set_error>([&] { read_kept_batch(home / "b", "other", 3, 2); }),
              "this batch of embeddings is damaged"));
    write_kept_batch(home / "empty", "key", {{false}, {}});
    CHECK(read_kept_batch(home / "empty", "key", 1, 2)->rows.empty());
}

TEST_CASE("a byte too few, too many or changed is seen") {
    const support::scratch_folder home;
    write_kept_batch(home / "b", "key", {{true, true}, {1, 2, 3, 4}});
    const std::string whole = support::text_of(read_file(home / "b"));
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string changed = whole;
        changed[at] ^= 1;
        for (const std::string& bytes : {changed, whole.substr(0, at), whole + whole.substr(at)}) {
            support::write(home / "b", bytes);
            INFO("byte " << at);
            CHECK(has(thrown<data_set_error>([&] { read_kept_batch(home / "b", "key", 2, 2); }), "damaged"));
        }
    }
}
