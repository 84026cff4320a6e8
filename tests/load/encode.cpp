#include <cstddef>
#include <vector>

#include <zeroshot/load/encode.hpp>
#include <zeroshot/memory.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

/// An executor of eight threads in name, which runs all tasks in order.
class eight_threads final : public executor {
   public:
    std::size_t concurrency() const noexcept override { return 8; }
    void parallel_for(std::size_t count, index_task task) override { serial_executor().parallel_for(count, task); }
};

/// The sizes of the batches, negative where the threads share one.
std::vector<int> batches_of(std::size_t total, std::size_t largest, executor* threads) {
    std::vector<int> sizes;
    activation_memory memory;
    loading::in_batches<float>(
        total, 1, largest, memory, {.threads = threads}, [&](std::size_t, std::size_t count, executor* shared) {
            sizes.push_back(shared == nullptr ? static_cast<int>(count) : -static_cast<int>(count));
            return matrix<float>(count, 1);
        });
    return sizes;
}

}  // namespace

TEST_CASE("threads share the products of few inputs, and of many each thread has as many batches") {
    eight_threads eight;
    CHECK(batches_of(0, 3, &eight).empty());
    CHECK(batches_of(2, 3, &eight) == std::vector{-2});
    CHECK(batches_of(7, 3, &eight) == std::vector{-2, -2, -3});
    CHECK(batches_of(2, 1, &eight) == std::vector{-1, -1});
    CHECK(batches_of(8, 3, &eight) == std::vector(8, 1));
    CHECK(batches_of(25, 3, &eight) == std::vector{1, 2, 1, 2, 1, 2, 1, 2, 2, 1, 2, 1, 2, 1, 2, 2});
    CHECK(batches_of(7, 3, nullptr) == std::vector{2, 2, 3});
}
