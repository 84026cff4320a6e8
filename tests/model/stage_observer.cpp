#include <zeroshot/model/stage_observer.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("an observer is empty unless somebody looks") {
    const stage_observer<float> nobody;
    CHECK_FALSE(nobody);
    std::size_t rows = 0;
    const stage_observer<float> somebody = [&](std::string_view, const matrix<float>& x) { rows = x.rows(); };
    somebody("ln_final", matrix<float>(3, 2));
    CHECK(rows == 3);
}
