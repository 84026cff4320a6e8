#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include <zeroshot/kernels/instruction_set.hpp>

#include "tests/catch.hpp"

using namespace zeroshot::kernels;

TEST_CASE("the portable kernels run everywhere and the active ones run here") {
    CHECK(is_available(instruction_set::portable));
    CHECK(is_available(active()));
    CHECK(all_instruction_sets.back() == instruction_set::portable);
}

TEST_CASE("every instruction set has a name of its own, and is there only where those it needs are") {
    std::set<std::string_view> names;
    for (const instruction_set set : all_instruction_sets) names.insert(name_of(set));
    CHECK(names.size() == all_instruction_sets.size());
    if (is_available(instruction_set::amx)) CHECK(is_available(instruction_set::avx512_bf16));
    if (is_available(instruction_set::avx512)) CHECK(is_available(instruction_set::avx2));
}

TEST_CASE("ZEROSHOT_KERNELS chooses among the instruction sets of this machine, and other names change nothing") {
    const instruction_set best = active();
    for (const instruction_set set : all_instruction_sets) {
        ::setenv("ZEROSHOT_KERNELS", std::string(name_of(set)).c_str(), 1);
        CHECK(active() == (is_available(set) ? set : best));
    }
    ::setenv("ZEROSHOT_KERNELS", "portable", 1);
    CHECK(active() == instruction_set::portable);
    ::setenv("ZEROSHOT_KERNELS", "abacus", 1);
    CHECK(active() == best);
    ::unsetenv("ZEROSHOT_KERNELS");
}
