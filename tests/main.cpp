// The unit that holds main: Catch2's session, and an exit code of its own for tests that were skipped.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_RUNNER
#endif
#include "tests/catch.hpp"

namespace {

int test_cases_run = 0, test_cases_skipped = 0;

#if __has_include(<catch2/catch_all.hpp>)
using listener_base = Catch::EventListenerBase;
#else
using listener_base = Catch::TestEventListenerBase;
#endif

struct test_case_counter : listener_base {
    using listener_base::listener_base;
    void testCaseStarting(const Catch::TestCaseInfo&) override { support::test_case_is_skipped() = false; }
    void testCaseEnded(const Catch::TestCaseStats&) override {
        ++test_cases_run;
        if (support::test_case_is_skipped()) ++test_cases_skipped;
    }
};
CATCH_REGISTER_LISTENER(test_case_counter)

}  // namespace

int main(int count, char** arguments) {
    const int status = Catch::Session().run(count, arguments);
    const bool all_skipped = test_cases_skipped > 0 && test_cases_skipped == test_cases_run;
    return status == 0 && all_skipped ? support::exit_code_of_skipped : status;
}
