#include <array>
#include <vector>

#include <zeroshot/nn/token_sequences.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::nn;

namespace {

std::vector<std::size_t> rows_of(const token_sequences& all, std::size_t index) {
    return {all[index].begin(), all[index].end()};
}

}  // namespace

TEST_CASE("consecutive sequences have rows of their own") {
    const token_sequences all(std::array<std::size_t, 2>{2, 3});
    CHECK(all.size() == 2);
    CHECK(all.row_count() == 5);
    CHECK(rows_of(all, 0) == std::vector<std::size_t>{0, 1});
    CHECK(rows_of(all, 1) == std::vector<std::size_t>{2, 3, 4});
    CHECK(all.own(1) == 3);
}

TEST_CASE("a sequence with a shared prefix continues with rows of its own, and so does the next") {
    token_sequences all;
    all.add(0, 4);
    all.add(3, 1);
    all.add(2, 2);
    CHECK(all.row_count() == 7);
    CHECK(rows_of(all, 1) == std::vector<std::size_t>{0, 1, 2, 4});
    CHECK(rows_of(all, 2) == std::vector<std::size_t>{0, 1, 5, 6});
    CHECK(all.own(2) == 2);
}
