#pragma once
/// \file Serial execution of numbered steps that arrive from several threads in any order.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

namespace program {

/// Runs numbered steps in order, one at a time, on the threads that add them. A thread that is too far ahead waits.
class ordered_steps {
   public:
    /// \param window number of steps that may wait for the next one
    explicit ordered_steps(std::size_t window) : window_(window) {}

    void add(std::size_t number, std::function<void()> step) {
        std::unique_lock lock(mutex_);
        advanced_.wait(lock, [&] { return cancelled_ || number < next_ + window_; });
        if (cancelled_) return;
        waiting_.emplace(number, std::move(step));
        for (auto due = waiting_.find(next_); due != waiting_.end(); due = waiting_.find(next_)) {
            due->second();
            waiting_.erase(due);
            ++next_;
        }
        advanced_.notify_all();
    }

    /// Discards all further steps.
    void cancel() {
        const std::lock_guard lock(mutex_);
        cancelled_ = true;
        advanced_.notify_all();
    }
    bool cancelled() const noexcept { return cancelled_; }

   private:
    std::size_t window_;
    std::mutex mutex_;
    std::condition_variable advanced_;
    std::map<std::size_t, std::function<void()>> waiting_;
    std::size_t next_ = 0;
    std::atomic<bool> cancelled_{false};  // written under the mutex
};

}  // namespace program
