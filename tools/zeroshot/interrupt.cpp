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

/// Never destroyed: the signal thread outlives main.
state& shared_state() {
    static state& instance = *new state;
    return instance;
}

constexpr int signal_status_base = 128;  // exit status of a signal in shells: 128 + its number

#if ZEROSHOT_HAS_SIGNALS

/// Time for a command to stop by itself before the process ends.
constexpr std::chrono::milliseconds grace_period{300};

void wait_for_signal(sigset_t signals) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) return;
    state& shared = shared_state();
    shared.signal = number;
    shared.stop = true;
    std::this_thread::sleep_for(grace_period);
    shared.writing.lock();
    _exit(signal_status_base + number);
}

#endif

}  // namespace

const std::atomic<bool>& watch_signals() {
#if ZEROSHOT_HAS_SIGNALS
    signal(SIGPIPE, SIG_IGN);
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // inherited by all threads; the one below waits for them
    std::thread(wait_for_signal, signals).detach();
#endif
    return shared_state().stop;
}

std::optional<int> interrupted_status() {
    const int number = shared_state().signal;
    return number == 0 ? std::nullopt : std::optional(signal_status_base + number);
}

defer_interrupts::defer_interrupts() {
    shared_state().writing.lock();
}
defer_interrupts::~defer_interrupts() {
    shared_state().writing.unlock();
}

}  // namespace program
