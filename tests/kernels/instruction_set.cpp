#include <cstdlib>
#include <string>

#include <zeroshot/kernels/instruction_set.hpp>

#include "tests/catch.hpp"

using namespace zeroshot::kernels;

TEST_CASE("the portable kernels run everywhere and the active ones run here") {
    CHECK(is_available(instruction_set::portable));
    CHECK(is_available(active()));
}

TEST_CASE("ZEROSHOT_KERNELS chooses among the instruction sets of this machine, and unknown names change nothing") {
    const instruction_set best = active();
    ::setenv("ZEROSHOT_KERNELS", "portable", 1);
    CHECK(active() == instruction_set::portable);
    ::setenv("ZEROSHOT_KERNELS", "abacus", 1);
    CHECK(active() == best);
    ::unsetenv("ZEROSHOT_KERNELS");
}
