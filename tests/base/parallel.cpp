#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include <zeroshot/parallel.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("a thread pool runs every piece once", "[threads]") {
    thread_pool pool(4);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::atomic<int>> counts(97);
        pool.parallel_for(counts.size(), [&](std::size_t index) { ++counts[index]; });
        for (const auto& count : counts) REQUIRE(count == 1);
    }
}

TEST_CASE("an exception in a piece reaches the caller and the pool stays usable", "[threads]") {
    thread_pool pool(3);
    const auto fails = [](std::size_t index) {
        if (index == 5) throw std::runtime_error("piece 5");
    };
    REQUIRE_THROWS_WITH(pool.parallel_for(100, fails), "piece 5");
    std::atomic<int> done{0};
    pool.parallel_for(10, [&](std::size_t) { ++done; });
    CHECK(done == 10);
}

TEST_CASE("what is made in parallel stands in order, and need not be copied", "[threads]") {
    thread_pool pool(3);
    const auto made =
        made_in_parallel(&pool, 50, [](std::size_t index) { return std::make_unique<std::size_t>(index); });
    REQUIRE(made.size() == 50);
    for (std::size_t i = 0; i < made.size(); ++i) CHECK(*made[i] == i);
    CHECK(made_in_parallel(nullptr, 0, [](std::size_t index) { return index; }).empty());
}

TEST_CASE("a piece may use the pool it runs on", "[threads]") {
    thread_pool pool(2);
    std::atomic<int> done{0};
    pool.parallel_for(4, [&](std::size_t) { pool.parallel_for(4, [&](std::size_t) { ++done; }); });
    CHECK(done == 16);
}

TEST_CASE("many threads may share a pool", "[threads]") {
    thread_pool pool(2);
    std::atomic<int> done{0};
    {
        std::vector<std::jthread> callers;
        for (int caller = 0; caller < 8; ++caller) {
            callers.emplace_back([&] {
                for (int round = 0; round < 50; ++round) pool.parallel_for(7, [&](std::size_t) { ++done; });
            });
        }
    }
    CHECK(done == 8 * 50 * 7);
}

TEST_CASE("a long call stops when asked and tells how far it came") {
    std::stop_source source;
    std::vector<std::size_t> told;
    run_options options;
    options.stop = source.get_token();
    options.report = [&](progress now) {
        told.push_back(now.done);
        if (now.done == 3) source.request_stop();
    };
    CHECK_THROWS_AS(run_pieces(
                        10, [](std::size_t) {}, options),
                    cancelled_error);
    CHECK(told == std::vector<std::size_t>{1, 2, 3});
}
