#include <string>

#include <zeroshot/version.hpp>

#include "tests/catch.hpp"

TEST_CASE("the version is what its three numbers say, and names the namespace") {
    const std::string number = std::to_string(ZEROSHOT_VERSION_MAJOR) + "." + std::to_string(ZEROSHOT_VERSION_MINOR) +
                               "." + std::to_string(ZEROSHOT_VERSION_PATCH);
    CHECK(zeroshot::version == number);
    CHECK(number == ZEROSHOT_CMAKE_VERSION);
    CHECK(&zeroshot::version == &zeroshot::ZEROSHOT_ABI::version);
}
