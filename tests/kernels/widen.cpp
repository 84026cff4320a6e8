#include <cstring>
#include <vector>

#include <zeroshot/kernels/kernels.hpp>

#include "tests/catch.hpp"
#include "tests/kernels/support.hpp"

using namespace zeroshot;
using namespace zeroshot::kernels;
using namespace zeroshot_tests;

namespace {

/// All 65,536 numbers, at an odd address and in an odd number, by every instruction set: the same bits as one by one.
template <class Stored, class Scalar>
void check_all() {
    std::vector<Stored> stored;
    for (unsigned bits = 0; bits < 0x10000; ++bits) stored.push_back({static_cast<std::uint16_t>(bits)});
    for (const table& set : available_tables()) {
        INFO(set.name);
        std::vector<Scalar> widened_all(stored.size());
        widen(stored.data() + 1, stored.size() - 2, widened_all.data() + 1, set);
        std::size_t wrong = 0;
        for (std::size_t i = 1; i + 1 < stored.size(); ++i) {
            const auto expected = static_cast<Scalar>(widened(stored[i]));
            const bool is_nan = expected != expected;  // the processor makes signalling ones quiet
            const bool same = is_nan ? widened_all[i] != widened_all[i]
                                     : std::memcmp(&expected, &widened_all[i], sizeof expected) == 0;
            wrong += same ? 0 : 1;
        }
        CHECK(wrong == 0);
        CHECK(widened_all.front() == 0);
        CHECK(widened_all.back() == 0);
    }
}

}  // namespace

TEST_CASE("every half and bfloat16 widens exactly") {
    check_all<half, float>();
    check_all<bfloat16, float>();
    check_all<half, double>();
    check_all<bfloat16, double>();
}
