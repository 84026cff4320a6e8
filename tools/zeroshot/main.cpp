/// \file The program zeroshot: CLIP on the command line.

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <limits>
#include <new>
#include <string>

#if defined(__GLIBC__)
#define ZEROSHOT_PROGRAM_HAS_HEAP
#include <malloc.h>
#endif

#include <zeroshot/error.hpp>

#include "command_context.hpp"
#include "command_line.hpp"
#include "console.hpp"
#include "interrupt.hpp"

namespace program { namespace {

// Exit statuses that scripts rely on.
constexpr int success = 0, input_error = 1, command_line_error = 2;

/// Configures glibc's allocator: one arena that never returns memory, so that the pages of activations are not faulted
/// in anew in every layer. Only blocks of 32 MiB and more, the memory of weights, are mapped.
void configure_heap() {
#if defined(ZEROSHOT_PROGRAM_HAS_HEAP)
    constexpr int growth = 1 << 26, mapped = 1 << 25;  // bytes
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, mapped);
    mallopt(M_TRIM_THRESHOLD, (std::numeric_limits<int>::max)());
    mallopt(M_TOP_PAD, growth);
#endif
}

int report_usage_error(const parsed_command& parsed, console& out, const std::string& message) {
    out.error(message + "; see zeroshot " + parsed.name + (parsed.name.empty() ? "" : " ") + "--help");
    return command_line_error;
}

/// Runs the command; maps every way it can end to an exit status.
int run(const parsed_command& parsed, console& out, const std::atomic<bool>& stop) {
    try {
        command_context context{out, stop};
        parsed.run(context);
        return out.failed() ? input_error : success;
    } catch (const usage_error& fault) {
        return report_usage_error(parsed, out, fault.what());
    } catch (const zeroshot::cancelled_error&) {
        return interrupted_status().value_or(input_error);
    } catch (const zeroshot::error& fault) {
        out.error(fault.what());
    } catch (const output_error& fault) {
        if (fault.pipe_closed()) return out.failed() ? input_error : success;
        out.error(fault.what());
    } catch (const std::bad_alloc&) {
        out.error("not enough memory");
    } catch (const std::exception& fault) {  // of the file system or the thread library
        out.error(fault.what());
    }
    return input_error;
}

}}  // namespace program

int main(int count, char** arguments) {
    program::configure_heap();
    const std::atomic<bool>& stop = program::watch_signals();
    program::console out;
    const program::parsed_command parsed = program::parse_command_line(count, arguments);
    if (!parsed.run) return program::report_usage_error(parsed, out, parsed.error);
    const int status = program::run(parsed, out, stop);
    out.end_progress();
    return program::interrupted_status().value_or(status);
}
