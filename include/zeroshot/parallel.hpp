#pragma once
/// \file Executor interface, thread pool, number of available threads, progress and cancellation.

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// A reference to a callable, valid during one call: two pointers, no allocation.
class index_task {
   public:
    template <class Callable>
    requires(!std::is_same_v<std::remove_cvref_t<Callable>, index_task>) index_task(const Callable& callable)
        : callable_(&callable),
          call_([](const void* self, std::size_t index) { (*static_cast<const Callable*>(self))(index); }) {}

    void operator()(std::size_t index) const { call_(callable_, index); }

   private:
    const void* callable_;
    void (*call_)(const void*, std::size_t);
};

/// Runs independent tasks. Derive from it to bring your own threads, or hand a function to task_executor; results never
/// depend on the executor.
class executor {
   public:
    virtual ~executor() = default;

    /// Largest number of tasks that run at the same time, at least 1.
    virtual std::size_t concurrency() const noexcept = 0;

    /// Calls task(0) ... task(count - 1), each once, in any order, and returns when all are done. The first exception
    /// of a task is thrown again here; tasks not yet begun are then left out.
    virtual void parallel_for(std::size_t count, index_task task) = 0;
};

/// Runs every task in the calling thread, in order.
class serial_executor final : public executor {
   public:
    std::size_t concurrency() const noexcept override { return 1; }
    void parallel_for(std::size_t count, index_task task) override {
        for (std::size_t index = 0; index < count; ++index) task(index);
    }
};

/// Runs the tasks on an executor; without one, or for a single task, in the calling thread.
inline void parallel_for(executor* threads, std::size_t count, index_task task) {
    if (threads != nullptr && count > 1) return threads->parallel_for(count, task);
    serial_executor().parallel_for(count, task);
}

/// The concurrency of an executor; 1 without one.
inline std::size_t concurrency_of(const executor* threads) noexcept {
    return threads == nullptr ? 1 : threads->concurrency();
}

/// make(0), make(1), ... in order, each made on any thread.
template <class Make>
auto parallel_map(executor* threads, std::size_t count, const Make& make) {
    using made = std::invoke_result_t<const Make&, std::size_t>;
    std::vector<std::optional<made>> parts(count);
    parallel_for(threads, count, [&](std::size_t index) { parts[index].emplace(make(index)); });
    std::vector<made> all;
    all.reserve(count);
    for (std::optional<made>& part : parts) all.push_back(*std::move(part));
    return all;
}

namespace detail {

/// The text of a small system file; empty where it cannot be read.
inline std::string system_text(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "r"), std::fclose);
    std::array<char, 4096> text;
    return file ? std::string(text.data(), std::fread(text.data(), 1, text.size(), file.get())) : std::string();
}

/// Removes and returns the text before a separator.
inline std::string_view cut_off(std::string_view& text, char separator) {
    const std::size_t end = (std::min)(text.find(separator), text.size());
    const std::string_view before = text.substr(0, end);
    text.remove_prefix((std::min)(end + 1, text.size()));
    return before;
}

/// A number of microseconds; 0 for "max", -1 and anything else.
inline std::uint64_t microseconds(std::string_view text) {
    std::uint64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    return read.ec == std::errc() ? number : 0;
}

/// The processors that one group grants; 0 for no limit. Version 2 has quota and period in one file.
inline std::size_t granted_by_group(const std::string& folder, bool second_version) {
    const std::string quota = system_text(folder + (second_version ? "/cpu.max" : "/cpu.cfs_quota_us"));
    std::string_view rest = quota;
    const std::uint64_t granted = microseconds(cut_off(rest, ' '));
    if (granted == 0) return 0;
    const std::string period = second_version ? std::string(rest) : system_text(folder + "/cpu.cfs_period_us");
    const std::uint64_t of = microseconds(period);
    return of == 0 ? 0 : static_cast<std::size_t>(granted / of + (granted % of == 0 ? 0 : 1));
}

}  // namespace detail

/// The processors that the control groups (version 1 or 2) of this process and their ancestors grant, rounded up; 0 for
/// no limit. Follows cgroups(7) and Linux' Documentation/admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst.
/// \param root prefix of /proc and /sys, for tests
inline std::size_t granted_processors(const std::string& root = "") {
    std::size_t least = 0;
    const std::string groups = detail::system_text(root + "/proc/self/cgroup");
    for (std::string_view lines = groups; !lines.empty();) {
        std::string_view line = detail::cut_off(lines, '\n');  // "4:cpu,cpuacct:/path", or "0::/path" in version 2
        const bool second_version = detail::cut_off(line, ':') == "0";
        std::string controllers(",");
        controllers.append(detail::cut_off(line, ':')).append(",");
        if (!second_version && controllers.find(",cpu,") == std::string::npos) continue;
        const std::string mount = root + "/sys/fs/cgroup" + (second_version ? "" : "/cpu");
        // A container may see its own group as the root, whatever the path says.
        for (std::string_view path = line == "/" ? "" : line;; path = path.substr(0, path.rfind('/'))) {
            const std::size_t granted = detail::granted_by_group(mount + std::string(path), second_version);
            if (granted != 0 && (least == 0 || granted < least)) least = granted;
            if (path.find('/') == std::string_view::npos) break;
        }
    }
    return least;
}

/// The number of threads this process may use: its CPU affinity where the system tells it, the machine's cores
/// otherwise; on Linux at most the quota of its control groups.
inline std::size_t available_threads() {
    std::size_t cores = (std::max)(std::thread::hardware_concurrency(), 1u);
#if defined(__linux__)
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        const int count = CPU_COUNT(&allowed);
        if (count > 0) cores = static_cast<std::size_t>(count);
    }
    const std::size_t granted = granted_processors();
    if (granted != 0) cores = (std::min)(cores, granted);
#endif
    return cores;
}

namespace detail {

/// The tasks of one call of parallel_for, worked off by its caller and by helpers. A helper that begins after the
/// caller has finished finds no task left, and touches nothing but this object.
class shared_tasks {
   public:
    shared_tasks(index_task task, std::size_t count) : task_(task), count_(count) {}

    /// Runs tasks until none is left or one has failed.
    void run() noexcept {
        for (std::size_t index = next_++; index < count_ && !failed_; index = next_++) {
            try {
                task_(index);
            } catch (...) {
                if (!failed_.exchange(true)) failure_ = std::current_exception();
            }
        }
    }

    void enter() noexcept { ++helpers_; }
    void leave() noexcept {
        if (--helpers_ == 0) helpers_.notify_all();
    }
    bool is_idle() const noexcept { return helpers_ == 0; }
    void wait_until_idle() const noexcept {
        for (std::size_t running = helpers_; running != 0; running = helpers_) helpers_.wait(running);
    }
    void rethrow_failure() const {
        if (failure_) std::rethrow_exception(failure_);
    }

   private:
    index_task task_;
    std::size_t count_;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::size_t> helpers_{0};  // inside run(), the caller not counted
    std::atomic<bool> failed_{false};
    std::exception_ptr failure_;
};

}  // namespace detail

/// An executor on threads you have already, given a function that hands a job to one of them.
///
///     const auto submit = [&](std::function<void()> job) { pool.submit(std::move(job)); };
///     zeroshot::task_executor threads(pool.size() + 1, submit);
///     clip.encode_image(images, {.threads = &threads});
///
/// The calling thread works too and never waits for a job that has not begun, so a busy pool delays nobody and calls
/// may nest.
class task_executor final : public executor {
   public:
    using submit_function = std::function<void(std::function<void()>)>;

    /// \param concurrency threads that work on one call, the calling one included
    /// \param submit queues a job, which must not throw and may run after the call has returned
    task_executor(std::size_t concurrency, submit_function submit)
        : concurrency_((std::max)(concurrency, std::size_t{1})), submit_(std::move(submit)) {}

    std::size_t concurrency() const noexcept override { return concurrency_; }

    void parallel_for(std::size_t count, index_task task) override {
        const auto tasks = std::make_shared<detail::shared_tasks>(task, count);
        for (std::size_t helper = 1; helper < (std::min)(count, concurrency_); ++helper) {
            submit_([tasks] {
                tasks->enter();
                tasks->run();
                tasks->leave();
            });
        }
        tasks->run();
        tasks->wait_until_idle();
        tasks->rethrow_failure();
    }

   private:
    std::size_t concurrency_;
    submit_function submit_;
};

/// A fixed number of threads, the calling one included. A call that finds the pool busy (from another thread, or from
/// within a task) runs in its own thread instead of waiting, so nested calls cannot deadlock.
class thread_pool final : public executor {
   public:
    /// \throws std::system_error where a thread cannot be started
    explicit thread_pool(std::size_t threads = available_threads()) {
        try {
            for (std::size_t worker = 1; worker < threads; ++worker) workers_.emplace_back([this] { work(); });
        } catch (...) {
            join();
            throw;
        }
    }
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;
    ~thread_pool() override { join(); }

    std::size_t concurrency() const noexcept override { return workers_.size() + 1; }

    void parallel_for(std::size_t count, index_task task) override {
        if (workers_.empty() || count < 2 || busy_.test_and_set()) {
            serial_executor().parallel_for(count, task);
            return;
        }
        const auto clear = [](std::atomic_flag* busy) { busy->clear(); };
        const std::unique_ptr<std::atomic_flag, decltype(clear)> clear_at_end(&busy_, clear);
        const auto tasks = std::make_shared<detail::shared_tasks>(task, count);
        publish(tasks);
        tasks->run();
        publish(nullptr);
        if (!becomes_true_soon([&] { return tasks->is_idle(); })) tasks->wait_until_idle();
        tasks->rethrow_failure();
    }

   private:
    /// Polls for about as long as waking a thread takes: the products of one image follow each other closely, and a
    /// sleeping worker would start late on the next product.
    template <class Condition>
    static bool becomes_true_soon(const Condition& condition) {
        constexpr std::chrono::microseconds patience{50};
        const auto end = std::chrono::steady_clock::now() + patience;
        do {
            for (int i = 0; i < 64; ++i) {
                if (condition()) return true;
            }
        } while (std::chrono::steady_clock::now() < end);
        return false;
    }

    /// Gives the workers tasks; null: none are left to begin.
    void publish(std::shared_ptr<detail::shared_tasks> tasks) {
        {
            const std::lock_guard lock(mutex_);
            tasks_ = std::move(tasks);
            if (tasks_ == nullptr) return;
            ++generation_;
        }
        wake_.notify_all();
    }

    void work() {
        for (std::size_t seen = 0;;) {
            becomes_true_soon([&] { return generation_ != seen; });
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] { return closing_ || (tasks_ != nullptr && generation_ != seen); });
            if (closing_) return;
            seen = generation_;
            const std::shared_ptr<detail::shared_tasks> tasks = tasks_;
            tasks->enter();
            lock.unlock();
            tasks->run();
            tasks->leave();
        }
    }

    void join() noexcept {
        {
            const std::lock_guard lock(mutex_);
            closing_ = true;
        }
        wake_.notify_all();
        for (std::thread& worker : workers_) worker.join();
    }

    std::atomic_flag busy_;  // set during a call; locking a mutex twice in a nested call would be undefined
    std::mutex mutex_;
    std::condition_variable wake_;
    std::shared_ptr<detail::shared_tasks> tasks_;
    std::atomic<std::size_t> generation_{0};  // changed under the mutex
    bool closing_ = false;
    std::vector<std::thread> workers_;
};

/// Progress of a long call.
struct progress {
    std::size_t done = 0;   ///< tasks
    std::size_t total = 0;  ///< tasks
};

/// How a long call runs: threads, cancellation, progress.
///
///     std::atomic<bool> stop{false};  // another thread sets it
///     clip.encode_image(images, {.threads = &pool, .stop = &stop, .report = [](zeroshot::progress now) { ... }});
struct run_options {
    executor* threads = nullptr;                ///< null: the calling thread alone
    const std::atomic<bool>* stop = nullptr;    ///< read before each task; true ends the call; null: never
    std::function<void(progress)> report = {};  ///< called after each task, by one thread at a time
};

/// Runs task(0) ... task(count - 1) with the options.
/// \throws cancelled_error after *options.stop became true
/// \throws what a task or the report throws
inline void run_tasks(std::size_t count, index_task task, const run_options& options) {
    std::mutex reporting;
    std::size_t done = 0;
    const auto checked_task = [&](std::size_t index) {
        if (options.stop != nullptr && *options.stop)
            throw cancelled_error(error_code::cancelled, {"", "stopped on request"});
        task(index);
        if (options.report) {
            const std::lock_guard lock(reporting);
            options.report({++done, count});
        }
    };
    parallel_for(options.threads, count, checked_task);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
