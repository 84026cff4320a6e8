#pragma once
/// \file Catch2, version 2 or 3, under one name, and skipped tests.

#if __has_include(<catch2/catch_all.hpp>)
#include <string>

#include <catch2/catch_all.hpp>
using Catch::Approx;

// Version 2's names.
namespace Catch {
inline auto Contains(const std::string& part) {
    return Matchers::ContainsSubstring(part);
}
using Matchers::StartsWith;
}  // namespace Catch
#else
#include <catch2/catch.hpp>
#endif

namespace support {

/// Whether the running test case was skipped. When all test cases that ran were, the program exits with
/// exit_code_of_skipped (tests/main.cpp), which CTest reports as skipped; a failed check exits with Catch2's own code.
inline bool& test_case_is_skipped() {
    static bool skipped = false;
    return skipped;
}
inline constexpr int exit_code_of_skipped = 77;

}  // namespace support

/// Marks the test case as skipped and says why; the caller then returns. Why not SKIP()? Catch2 has it from 3.3 on.
#define ZEROSHOT_SKIP_TEST(reason)              \
    do {                                        \
        WARN("skipped: " << reason);            \
        support::test_case_is_skipped() = true; \
    } while (false)
