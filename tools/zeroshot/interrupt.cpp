#include "interrupt.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <signal.h>
#include <unistd.h>
#define ZEROSHOT_HAS_SIGNALS 1
#else
#define ZEROSHOT_HAS_SIGNALS 0
#endif

namespace program {

namespace {

struct state {
    std::atomic<bool> stop{false};
    std::atomic<int> signal{0};
    std::recursive_mutex writing;
};

/// Never destroyed: the watching thread outlives main.
state& the_state() {
    static state& one = *new state;
    return one;
}

constexpr int status_of_signals = 128;  // as shells count

#if ZEROSHOT_HAS_SIGNALS

/// How long a command may take to stop by itself before it is ended.
constexpr std::chrono::milliseconds patience{300};

void watch(sigset_t signals) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) return;
    state& shared = the_state();
    shared.signal = number;
    shared.stop = true;
    std::this_thread::sleep_for(patience);
    shared.writing.lock();
    _exit(status_of_signals + number);
}

#endif

}  // namespace

const std::atomic<bool>& watch_signals() {
#if ZEROSHOT_HAS_SIGNALS
    signal(SIGPIPE, SIG_IGN);
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // in all threads; the one below takes them
    std::thread(watch, signals).detach();
#endif
    return the_state().stop;
}

std::optional<int> interrupted_status() {
    const int number = the_state().signal;
    return number == 0 ? std::nullopt : std::optional(status_of_signals + number);
}

uninterrupted::uninterrupted() {
    the_state().writing.lock();
}
uninterrupted::~uninterrupted() {
    the_state().writing.unlock();
}

}  // namespace program
