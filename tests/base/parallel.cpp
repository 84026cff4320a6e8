#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <zeroshot/parallel.hpp>
#include <zeroshot/support/atomic_file.hpp>

#include "tests/catch.hpp"
#include "tests/support/files.hpp"

using namespace zeroshot;

namespace {

/// Threads that work on as many tasks at the same time as the executor promises. A task waits until all have begun, so
/// an executor that runs them one after the other fails the check when its patience ends.
void check_that_tasks_run_at_the_same_time(executor& threads) {
    constexpr std::chrono::seconds patience{60};
    const std::size_t count = threads.concurrency();
    std::mutex mutex;
    std::condition_variable all_begun;
    std::set<std::thread::id> ids;
    std::atomic<bool> met{true};
    threads.parallel_for(count, [&](std::size_t) {
        std::unique_lock lock(mutex);
        ids.insert(std::this_thread::get_id());
        all_begun.notify_all();
        if (!all_begun.wait_for(lock, patience, [&] { return ids.size() == count; })) met = false;
    });
    CHECK(met);
    CHECK(ids.size() == count);
}

/// An executor on threads that are started for each job.
struct started_threads {
    std::vector<std::thread> all;
    ~started_threads() {
        for (std::thread& each : all) each.join();
    }
    void submit(std::function<void()> job) { all.emplace_back(std::move(job)); }
};

/// A system of its own: what its files say, by path.
std::size_t granted(std::initializer_list<std::pair<const char*, const char*>> files) {
    const support::scratch_folder root;
    for (const auto& [path, text] : files) {
        const std::filesystem::path file = root / path;
        std::filesystem::create_directories(file.parent_path());
        write_file(file, std::string_view(text));
    }
    return granted_processors((root / "").string());
}

constexpr const char* groups = "proc/self/cgroup";

}  // namespace

TEST_CASE("a thread pool runs as many tasks at the same time as it has threads", "[threads]") {
    for (const std::size_t count : {2u, 3u, 5u}) {
        thread_pool pool(count);
        CHECK(pool.concurrency() == count);
        check_that_tasks_run_at_the_same_time(pool);
    }
    CHECK(thread_pool(1).concurrency() == 1);
    CHECK(thread_pool(0).concurrency() == 1);
}

TEST_CASE("an executor made of a submit function runs tasks at the same time on the threads it is given", "[threads]") {
    started_threads threads;
    task_executor own(3, [&](std::function<void()> job) { threads.submit(std::move(job)); });
    check_that_tasks_run_at_the_same_time(own);
    std::vector<std::atomic<int>> counts(50);
    own.parallel_for(counts.size(), [&](std::size_t index) { ++counts[index]; });
    for (const auto& count : counts) CHECK(count == 1);
    const auto fails = [](std::size_t index) {
        if (index == 5) throw std::runtime_error("task 5");
    };
    CHECK_THROWS_WITH(own.parallel_for(100, fails), "task 5");
}

TEST_CASE("a call returns although a job it submitted never begins, and the job does nothing when it does") {
    std::vector<std::function<void()>> queue;
    task_executor own(4, [&](std::function<void()> job) { queue.push_back(std::move(job)); });
    int done = 0;
    own.parallel_for(10, [&](std::size_t) { ++done; });
    CHECK(done == 10);
    REQUIRE(queue.size() == 3);
    for (const auto& late : queue) late();
    CHECK(done == 10);
}

TEST_CASE("a thread pool runs every task once", "[threads]") {
    thread_pool pool(4);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::atomic<int>> counts(97);
        pool.parallel_for(counts.size(), [&](std::size_t index) { ++counts[index]; });
        for (const auto& count : counts) REQUIRE(count == 1);
    }
}

TEST_CASE("an exception of a task reaches the caller, and the pool stays usable", "[threads]") {
    thread_pool pool(3);
    const auto fails = [](std::size_t index) {
        if (index == 5) throw std::runtime_error("task 5");
    };
    REQUIRE_THROWS_WITH(pool.parallel_for(100, fails), "task 5");
    std::atomic<int> done{0};
    pool.parallel_for(10, [&](std::size_t) { ++done; });
    CHECK(done == 10);
}

TEST_CASE("results made in parallel are in order, and need not be copyable", "[threads]") {
    thread_pool pool(3);
    const auto made = parallel_map(&pool, 50, [](std::size_t index) { return std::make_unique<std::size_t>(index); });
    REQUIRE(made.size() == 50);
    for (std::size_t i = 0; i < made.size(); ++i) CHECK(*made[i] == i);
    CHECK(parallel_map(nullptr, 0, [](std::size_t index) { return index; }).empty());
}

TEST_CASE("a task may use the pool it runs on", "[threads]") {
    thread_pool pool(2);
    std::atomic<int> done{0};
    pool.parallel_for(4, [&](std::size_t) { pool.parallel_for(4, [&](std::size_t) { ++done; }); });
    CHECK(done == 16);
}

TEST_CASE("many threads can share a pool", "[threads]") {
    thread_pool pool(2);
    std::atomic<int> done{0};
    {
        std::vector<std::thread> callers;
        for (int caller = 0; caller < 8; ++caller) {
            callers.emplace_back([&] {
                for (int round = 0; round < 50; ++round) pool.parallel_for(7, [&](std::size_t) { ++done; });
            });
        }
        for (std::thread& caller : callers) caller.join();
    }
    CHECK(done == 8 * 50 * 7);
}

TEST_CASE("a long call stops on request and reports its progress") {
    std::atomic<bool> stop{false};
    std::vector<std::size_t> reported;
    run_options options;
    options.stop = &stop;
    options.report = [&](progress now) {
        reported.push_back(now.done);
        if (now.done == 3) stop = true;
    };
    CHECK_THROWS_AS(run_tasks(
                        10, [](std::size_t) {}, options),
                    cancelled_error);
    CHECK(reported == std::vector<std::size_t>{1, 2, 3});
}

TEST_CASE("the processors that a control group grants are its quota over its period, rounded up") {
    CHECK(granted({{groups, "0::/\n"}, {"sys/fs/cgroup/cpu.max", "200000 100000\n"}}) == 2);
    CHECK(granted({{groups, "0::/\n"}, {"sys/fs/cgroup/cpu.max", "150000 100000\n"}}) == 2);
    CHECK(granted({{groups, "0::/\n"}, {"sys/fs/cgroup/cpu.max", "1000 100000\n"}}) == 1);
    CHECK(granted({{groups, "9:memory:/\n4:cpu,cpuacct:/\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}) == 3);
}

TEST_CASE("the groups above grant no more than they have, and a container may see its own as the root") {
    CHECK(granted({{groups, "0::/a/b\n"},
                   {"sys/fs/cgroup/a/b/cpu.max", "800000 100000\n"},
                   {"sys/fs/cgroup/a/cpu.max", "400000 100000\n"},
                   {"sys/fs/cgroup/cpu.max", "max 100000\n"}}) == 4);
    CHECK(granted({{groups, "1:cpu:/docker/0123\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "500000\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}) == 5);
}

TEST_CASE("without a readable limit there is none") {
    CHECK(granted({}) == 0);
    CHECK(granted({{groups, "0::/\n"}}) == 0);
    CHECK(granted({{groups, "0::/\n"}, {"sys/fs/cgroup/cpu.max", "max 100000\n"}}) == 0);
    CHECK(granted({{groups, "3:cpuset:/\n2:cpu:/\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}) == 0);
    for (const char* text : {"", "\n", "200000", "200000 0", "two 100000", "200000 -1", " "})
        CHECK(granted({{groups, "0::/\n"}, {"sys/fs/cgroup/cpu.max", text}}) == 0);
    for (const char* text : {"", ":", "::", "0", "\n\n:\n0:\n", "cpu", "1:cpu"}) granted({{groups, text}});
}

TEST_CASE("no more threads are available than control groups grant") {
    CHECK(available_threads() >= 1);
    const std::size_t granted_here = granted_processors();
    if (granted_here != 0) CHECK(available_threads() <= granted_here);
}
