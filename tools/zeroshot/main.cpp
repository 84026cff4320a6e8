/// \file The program zeroshot: CLIP for a shell.

#include <exception>
#include <new>
#include <string>

#if __has_include(<malloc.h>)
#include <malloc.h>
#endif

#include <zeroshot/error.hpp>

#include "call.hpp"
#include "console.hpp"
#include "interrupt.hpp"
#include "session.hpp"

namespace program {

namespace {

// What scripts see.
constexpr int all_done = 0, some_input_was_bad = 1, call_was_wrong = 2;

/// glibc gives memory of this size back as soon as it is free, and the system clears every page before it lends it again:
/// of a photo's decoding, that was a quarter.
void keep_freed_memory() {
#if defined(__GLIBC__)
    constexpr int largest_kept = 32 << 20, most_kept = 256 << 20;  // bytes: of one block, and free at the end of the heap
    mallopt(M_MMAP_THRESHOLD, largest_kept);
    mallopt(M_TRIM_THRESHOLD, most_kept);
#endif
}

int refuse(const call& asked, console& out, const std::string& why) {
    out.complain(why + "; see zeroshot " + asked.name + (asked.name.empty() ? "" : " ") + "--help");
    return call_was_wrong;
}

/// Runs what was asked for; every way it can end has its status here.
int run(const call& asked, console& out, std::stop_token stop) {
    try {
        session with{out, stop};
        asked.chosen(with);
        return out.failed() ? some_input_was_bad : all_done;
    } catch (const usage_error& fault) {
        return refuse(asked, out, fault.what());
    } catch (const zeroshot::cancelled_error&) {
        return interrupted_status().value_or(some_input_was_bad);
    } catch (const zeroshot::error& fault) {
        out.complain(fault.what());
    } catch (const output_error& fault) {
        if (fault.hung_up()) return out.failed() ? some_input_was_bad : all_done;
        out.complain(fault.what());
    } catch (const std::bad_alloc&) {
        out.complain("not enough memory");
    } catch (const std::exception& fault) {  // a file system or threads that refuse
        out.complain(fault.what());
    }
    return some_input_was_bad;
}

}  // namespace

}  // namespace program

int main(int count, char** words) {
    program::keep_freed_memory();
    const std::stop_token stop = program::watch_signals();
    program::console out;
    const program::call asked = program::read_call(count, words);
    if (!asked.chosen) return program::refuse(asked, out, asked.complaint);
    const int status = program::run(asked, out, stop);
    out.end_progress();
    return program::interrupted_status().value_or(status);
}
