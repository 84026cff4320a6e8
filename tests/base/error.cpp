#include <string>

#include <zeroshot/error.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("an error is one sentence: place, finding, expectation, remedy") {
    const checkpoint_error full(error_code::shape,
                                {"a.safetensors", "tensor w is [2, 3]", "[3, 2]", "is it transposed?"});
    CHECK(std::string(full.what()) == "a.safetensors: tensor w is [2, 3], expected [3, 2]; is it transposed?");
    CHECK(full.code() == error_code::shape);
    CHECK(name_of(full.code()) == "SHAPE");
    const argument_error brief(error_code::argument, {"labels", "there are none", "", ""});
    CHECK(std::string(brief.what()) == "labels: there are none");
}

TEST_CASE("untrusted text is escaped and cut") {
    CHECK(quoted("a\x1b[31m\n\xff") == "'a\\x1b[31m\\x0a\\xff'");
    CHECK(quoted(std::string(1000, 'x')) == "'" + std::string(200, 'x') + "'...");
}
