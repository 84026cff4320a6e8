#pragma once
/// \file Control-C: the command in progress is asked to stop, and ended where it does not, but never with a file half
/// written.

#include <atomic>
#include <optional>

namespace program {

/// From now on an interrupt, a hang-up and a request to terminate stop the program in good order. Call it once, before
/// any thread starts. A write to a closed pipe becomes an error like any other.
/// \return true once one of them has come
const std::atomic<bool>& watch_signals();

/// The exit status of the signal that came, 130 for an interrupt; nothing where none came.
std::optional<int> interrupted_status();

/// While one lives, an interrupt waits for the command to come to an end by itself: files are being written.
class uninterrupted {
   public:
    uninterrupted();
    ~uninterrupted();
    uninterrupted(const uninterrupted&) = delete;
    uninterrupted& operator=(const uninterrupted&) = delete;
};

}  // namespace program
