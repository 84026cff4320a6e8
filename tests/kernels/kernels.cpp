#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include <zeroshot/kernels/kernels.hpp>

#include "tests/catch.hpp"
#include "tests/scoped_variable.hpp"

using namespace zeroshot::kernels;

TEST_CASE("the portable table runs everywhere and the active one runs here") {
    CHECK(tables().back()->set == instruction_set::portable);
    CHECK(tables().back()->is_available());
    CHECK(active().is_available());
}

TEST_CASE("every table has a name and an instruction set of its own, and needs what the next of its family needs") {
    std::set<std::string_view> names;
    std::set<instruction_set> sets, available;
    for (const table* each : tables()) {
        names.insert(each->name);
        sets.insert(each->set);
        if (each->is_available()) available.insert(each->set);
    }
    CHECK(names.size() == tables().size());
    CHECK(sets.size() == tables().size());
    if (available.contains(instruction_set::amx)) CHECK(available.contains(instruction_set::avx512_bf16));
    if (available.contains(instruction_set::avx512)) CHECK(available.contains(instruction_set::avx2));
    if (available.contains(instruction_set::neon_bf16)) CHECK(available.contains(instruction_set::neon_dot));
}

TEST_CASE("ZEROSHOT_KERNELS chooses among the tables of this machine, and other names change nothing") {
    const table& best = choose(nullptr);
    for (const table* each : tables())
        CHECK(&choose(std::string(each->name).c_str()) == (each->is_available() ? each : &best));
    CHECK(&choose("abacus") == &best);
    CHECK(&choose("") == &best);
}

TEST_CASE("the table in use stays the same when ZEROSHOT_KERNELS changes after the first call") {
    const table& chosen = active();
    CHECK(&chosen == &choose(std::getenv("ZEROSHOT_KERNELS")));
    const scoped_variable other("ZEROSHOT_KERNELS", chosen.set == instruction_set::portable ? "avx2" : "portable");
    CHECK(&active() == &chosen);
}
