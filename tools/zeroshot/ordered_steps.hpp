#pragma once
/// \file What several threads hand in, taken in order.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

namespace program {

/// Runs numbered steps in their order, one at a time, whichever thread comes with them. A thread too far ahead waits.
class ordered_steps {
   public:
    explicit ordered_steps(std::size_t most_ahead) : most_ahead_(most_ahead) {}

    void add(std::size_t number, std::function<void()> step) {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return failed_ || number < next_ + most_ahead_; });
        if (failed_) return;
        waiting_.emplace(number, std::move(step));
        for (auto due = waiting_.find(next_); due != waiting_.end(); due = waiting_.find(next_)) {
            due->second();
            waiting_.erase(due);
            ++next_;
        }
        room_.notify_all();
    }

    /// There will be no more of them.
    void give_up() {
        const std::lock_guard lock(mutex_);
        failed_ = true;
        room_.notify_all();
    }
    bool gave_up() const noexcept { return failed_; }

   private:
    std::size_t most_ahead_;
    std::mutex mutex_;
    std::condition_variable room_;
    std::map<std::size_t, std::function<void()>> waiting_;
    std::size_t next_ = 0;
    std::atomic<bool> failed_{false};  // changed by those who hold the mutex
};

}  // namespace program
