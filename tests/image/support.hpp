#pragma once
/// \file What the tests of images share.

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>

#include "tests/catch.hpp"

/// Catch2's matcher under one name: version 3 calls it ContainsSubstring.
inline auto contains(std::string text) {
#if __has_include(<catch2/catch_all.hpp>)
    return Catch::Matchers::ContainsSubstring(std::move(text));
#else
    return Catch::Contains(std::move(text));
#endif
}

/// "accepted", or code and sentence of the refusal: "FORMAT image, byte 8: ...". Any other exception fails the test.
template <class Call>
std::string refusal_of(Call call) {
    try {
        call();
    } catch (const zeroshot::error& fault) {
        return std::string(name_of(fault.code())) + " " + fault.what();
    }
    return "accepted";
}

inline std::vector<std::byte> file_bytes(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    REQUIRE(file.good());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    std::vector<std::byte> bytes;
    for (const char letter : text) bytes.push_back(static_cast<std::byte>(letter));
    return bytes;
}

inline std::filesystem::path golden(const std::string& name) {
    return std::filesystem::path(ZEROSHOT_SOURCE_DIR) / "tests" / "golden" / name;
}
