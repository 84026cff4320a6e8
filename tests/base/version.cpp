#include <string>
#include <string_view>

#include <zeroshot/version.hpp>

#include "tests/catch.hpp"

#define TEXT_OF(x) #x
#define TEXT_OF_EXPANDED(x) TEXT_OF(x)

TEST_CASE("version, CMake's project version and the ABI tag are the three numbers") {
    const std::string major = std::to_string(ZEROSHOT_VERSION_MAJOR), minor = std::to_string(ZEROSHOT_VERSION_MINOR),
                      patch = std::to_string(ZEROSHOT_VERSION_PATCH);
    CHECK(std::string(zeroshot::version) == major + "." + minor + "." + patch);
    CHECK(std::string(zeroshot::version) == ZEROSHOT_CMAKE_VERSION);
    CHECK(std::string_view(TEXT_OF_EXPANDED(ZEROSHOT_ABI)).starts_with("v" + major + "_" + minor + "_" + patch));
}

TEST_CASE("every name lives in the namespace of the ABI tag") {
    CHECK(&zeroshot::version == &zeroshot::ZEROSHOT_ABI::version);
}
