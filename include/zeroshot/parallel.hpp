#pragma once
/// \file Who does the work: the executor a caller may replace, the serial one, a thread pool, and how long calls are
/// stopped.

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <ctime>  // <chrono> would take a twentieth of the time that the library takes to compile
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

#include <zeroshot/error.hpp>
#include <zeroshot/support/cpu_quota.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// A callable by reference, to be used during one call only: two pointers, no allocation.
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

/// Runs independent pieces of work. Derive from it to bring your own thread pool; results never depend on the executor.
class executor {
   public:
    virtual ~executor() = default;

    /// How many pieces may run at the same time, at least 1.
    virtual std::size_t concurrency() const noexcept = 0;

    /// Calls task(0) ... task(count - 1), each once, in any order, and returns when all are done. The first exception
    /// of a piece is thrown again here; pieces not yet begun are then left out.
    virtual void parallel_for(std::size_t count, index_task task) = 0;
};

/// The calling thread does it all, in order.
class serial_executor final : public executor {
   public:
    std::size_t concurrency() const noexcept override { return 1; }
    void parallel_for(std::size_t count, index_task task) override {
        for (std::size_t index = 0; index < count; ++index) task(index);
    }
};

/// Runs the pieces on an executor; where there is none, or one piece only, in the calling thread.
inline void parallel_for(executor* threads, std::size_t count, index_task task) {
    if (threads != nullptr && count > 1) return threads->parallel_for(count, task);
    for (std::size_t index = 0; index < count; ++index) task(index);
}

/// How many pieces may run at the same time: 1 where there is no executor.
inline std::size_t concurrency_of(const executor* threads) noexcept {
    return threads == nullptr ? 1 : threads->concurrency();
}

/// make(0), make(1), ... in order, each made on any thread.
template <class Make>
auto made_in_parallel(executor* threads, std::size_t count, const Make& make) {
    using made = std::invoke_result_t<const Make&, std::size_t>;
    std::vector<std::optional<made>> parts(count);
    parallel_for(threads, count, [&](std::size_t index) { parts[index].emplace(make(index)); });
    std::vector<made> all;
    all.reserve(count);
    for (std::optional<made>& part : parts) all.push_back(*std::move(part));
    return all;
}

/// How many threads this process may use: its CPU affinity where that can be asked, the machine's cores otherwise; on
/// Linux no more than what its control groups grant.
inline std::size_t available_threads() {
    std::size_t cores = std::max(std::thread::hardware_concurrency(), 1u);
#if defined(__linux__)
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        const int count = CPU_COUNT(&allowed);
        if (count > 0) cores = static_cast<std::size_t>(count);
    }
    const std::size_t granted = granted_processors();
    if (granted != 0) cores = std::min(cores, granted);
#endif
    return cores;
}

/// A fixed number of threads, the caller being one of them. A call that finds the pool busy (from another thread, or
/// from within a piece of work) runs in its own thread instead of waiting, so nesting cannot deadlock.
class thread_pool final : public executor {
   public:
    explicit thread_pool(std::size_t threads = available_threads()) {
        for (std::size_t worker = 1; worker < threads; ++worker) {
            workers_.emplace_back([this](std::stop_token stop) { work(stop); });
        }
    }
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;
    ~thread_pool() override {
        for (std::jthread& worker : workers_) worker.request_stop();
        wake_.notify_all();
    }

    std::size_t concurrency() const noexcept override { return workers_.size() + 1; }

    void parallel_for(std::size_t count, index_task task) override {
        const auto current = std::make_shared<job>(task, count);
        if (workers_.empty() || count < 2 || busy_.test_and_set()) {
            serial_executor().parallel_for(count, task);
            return;
        }
        {
            std::lock_guard lock(mutex_);
            job_ = current;
            ++generation_;
        }
        wake_.notify_all();
        current->run();
        {
            std::lock_guard lock(mutex_);
            job_.reset();  // nobody begins any more
        }
        const auto all_left = [&] { return current->running == 0; };
        if (!soon(all_left)) {
            std::unique_lock lock(mutex_);
            idle_.wait(lock, all_left);
        }
        busy_.clear();
        if (current->failure) std::rethrow_exception(current->failure);
    }

   private:
    struct job {
        job(index_task work, std::size_t pieces) : task(work), count(pieces) {}

        void run() noexcept {
            for (std::size_t index = next++; index < count && !failed; index = next++) {
                try {
                    task(index);
                } catch (...) {
                    if (!failed.exchange(true)) failure = std::current_exception();
                }
            }
        }

        index_task task;
        std::size_t count;
        std::atomic<std::size_t> running{0};  // workers inside run(); changed by those who hold the pool's mutex
        std::atomic<std::size_t> next{0};
        std::atomic<bool> failed{false};
        std::exception_ptr failure;
    };

    /// Whether something comes true within the time that it takes to wake a thread, about. The products of one image
    /// follow each other closely: who slept in between would come late to each.
    template <class Condition>
    static bool soon(const Condition& is_true) {
        constexpr double patience = 50e-6;
        std::timespec begin{}, now{};
        double passed = 0;
        std::timespec_get(&begin, TIME_UTC);
        do {
            for (int i = 0; i < 64; ++i) {
                if (is_true()) return true;
            }
            std::timespec_get(&now, TIME_UTC);
            passed = std::difftime(now.tv_sec, begin.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec - begin.tv_nsec);
        } while (passed >= 0 && passed < patience);  // a clock that was set back ends the wait too
        return false;
    }

    void work(const std::stop_token& stop) {
        for (std::size_t seen = 0;;) {
            soon([&] { return generation_ != seen; });
            std::unique_lock lock(mutex_);
            if (!wake_.wait(lock, stop, [&] { return job_ != nullptr && generation_ != seen; })) return;
            seen = generation_;
            const std::shared_ptr<job> current = job_;
            ++current->running;
            lock.unlock();
            current->run();
            lock.lock();
            if (--current->running == 0) idle_.notify_all();
        }
    }

    std::atomic_flag busy_;  // set while some caller's job runs; a mutex would be undefined when that caller nests
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::condition_variable idle_;
    std::shared_ptr<job> job_;
    std::atomic<std::size_t> generation_{0};  // changed by those who hold the mutex
    std::vector<std::jthread> workers_;       // last: joined before what they use goes
};

/// How far a long call has come.
struct progress {
    std::size_t done = 0;
    std::size_t total = 0;
};

/// How a long call runs: on which threads, until when, and who is told.
struct run_options {
    executor* threads = nullptr;                ///< null: the calling thread alone
    std::stop_token stop{};                     ///< asked before each piece of work
    std::function<void(progress)> report = {};  ///< called after each piece, by one thread at a time
};

/// Runs task(0) ... task(count - 1) as the options ask.
/// \throws cancelled_error once options.stop was requested; whatever a piece or the report throws
inline void run_pieces(std::size_t count, index_task task, const run_options& options) {
    std::mutex telling;
    std::size_t done = 0;
    const auto piece = [&](std::size_t index) {
        if (options.stop.stop_requested())
            throw cancelled_error(error_code::cancelled, {"", "stopped on request", "", ""});
        task(index);
        if (options.report) {
            std::lock_guard lock(telling);
            options.report({++done, count});
        }
    };
    parallel_for(options.threads, count, piece);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
