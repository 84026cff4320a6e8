#pragma once
/// \file Signal handling: SIGINT, SIGTERM and SIGHUP stop the running command without leaving partial files.

#include <atomic>
#include <optional>

namespace program {

/// Handles SIGINT, SIGTERM and SIGHUP from now on, and ignores SIGPIPE, so that writing to a closed pipe is an error
/// like any other. Call it once, before any thread starts.
/// \return set when a signal arrives
const std::atomic<bool>& watch_signals();

/// The exit status of the signal that arrived, 130 for SIGINT; nothing if none did.
std::optional<int> interrupted_status();

/// Defers the end of the process during its lifetime: a file is being written.
class defer_interrupts {
   public:
    defer_interrupts();
    ~defer_interrupts();
    defer_interrupts(const defer_interrupts&) = delete;
    defer_interrupts& operator=(const defer_interrupts&) = delete;
};

}  // namespace program
