#include <zeroshot/datasets/class_names.hpp>

#include "tests/metrics/support.hpp"

using namespace zeroshot;
using support::has;
using support::thrown;

TEST_CASE("names are the lines that are not empty, whatever ends them") {
    const support::scratch_folder home;
    support::write(home / "names.txt", "cat\r\n\r\nbig dog\n\nlast");
    CHECK(detail::lines_of(home / "names.txt") == std::vector<std::string>{"cat", "big dog", "last"});
}

TEST_CASE("a label without a class says how many there are") {
    CHECK(has(thrown<data_set_error>([] { detail::throw_no_such_label("x", 7, 3); }),
              "FORMAT x: label 7, expected below 3, the number of classes"));
}
