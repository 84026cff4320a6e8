/// \file The program zeroshot: CLIP for a shell.

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <limits>
#include <new>
#include <string>

#if defined(__GLIBC__) && __has_include(<sys/mman.h>)
#define ZEROSHOT_PROGRAM_HAS_HEAP
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <zeroshot/error.hpp>

#include "command_context.hpp"
#include "command_line.hpp"
#include "console.hpp"
#include "interrupt.hpp"

namespace program { namespace {

// What scripts see.
constexpr int all_done = 0, some_input_was_bad = 1, call_was_wrong = 2;

/// One heap for all threads, which keeps what is free, and whose beginning, room for the bundled model, is in large
/// pages where the system has them: getting it in small ones takes longer than reading the weights. Nothing of it is
/// taken before it is used. Why not all of it in large pages? A virtual machine may have to get each from its host:
/// with ViT-B/32 that took three times as long.
void prepare_heap() {
#if defined(ZEROSHOT_PROGRAM_HAS_HEAP)
    constexpr int grows_by = 1 << 26, first_block = 1 << 21;  // bytes
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
    mallopt(M_TOP_PAD, grows_by);
    char* const begin = static_cast<char*>(sbrk(0));
    void* const volatile block = std::malloc(first_block);  // the heap grows
    std::free(block);
    madvise(begin, static_cast<std::size_t>(static_cast<char*>(sbrk(0)) - begin), MADV_HUGEPAGE);  // if not, then not
#endif
}

int refuse(const call& asked, console& out, const std::string& why) {
    out.complain(why + "; see zeroshot " + asked.name + (asked.name.empty() ? "" : " ") + "--help");
    return call_was_wrong;
}

/// Runs what was asked for; every way it can end has its status here.
int run(const call& asked, console& out, const std::atomic<bool>& stop) {
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

}}  // namespace program

int main(int count, char** words) {
    program::prepare_heap();
    const std::atomic<bool>& stop = program::watch_signals();
    program::console out;
    const program::call asked = program::read_call(count, words);
    if (!asked.chosen) return program::refuse(asked, out, asked.complaint);
    const int status = program::run(asked, out, stop);
    out.end_progress();
    return program::interrupted_status().value_or(status);
}
